"""Salts that only this process knows: for days whose shared salt is gone, or never was."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from models.rules.visitors import SALT_BYTES

SALT_LIFE: Final = timedelta(hours=48)
_MAX_DAYS: Final = 4_000  # a history of more years, out of order, counts some people twice


class ProcessSalts:
    """VisitorSalts in memory."""

    def __init__(self) -> None:
        self._salts: dict[int, tuple[datetime, bytes]] = {}

    async def salt_of(self, day: int, *, now: datetime) -> bytes:
        """See VisitorSalts.salt_of."""
        await self.forget_old(now=now)
        if day not in self._salts:
            if len(self._salts) >= _MAX_DAYS:
                del self._salts[next(iter(self._salts))]
            self._salts[day] = now, secrets.token_bytes(SALT_BYTES)
        return self._salts[day][1]

    async def forget_old(self, *, now: datetime) -> None:
        """See VisitorSalts.forget_old."""
        for day, (made_at, _) in list(self._salts.items()):
            if now - made_at < SALT_LIFE:
                break  # the others were made later
            del self._salts[day]
