"""When something was last used: written beside the requests, never in their way.

A use is written at most once a minute for each thing and process. A use that
cannot be written is forgotten: the next one comes soon enough.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from models.rules.session_ends import is_due
from models.store_failures import is_store_failure

_MAX_THINGS: Final = 10_000  # remembered in a process


class UseNotes:
    """The uses of one kind of thing, by row id."""

    def __init__(self, write: Callable[[int, datetime], Awaitable[None]]) -> None:
        """Take what writes the use of a row at a moment."""
        self._write = write
        self._noted: dict[int, datetime] = {}  # when its use was last noted here
        self._writing: set[asyncio.Task[None]] = set()

    def note(self, row_id: int, *, now: datetime, known: datetime | None) -> None:
        """Have a use written soon, unless one of the last minute is.

        Must not be called inside a transaction: the write outlives the caller.

        Args:
            row_id: of the thing.
            now: moment of the use.
            known: what the store says, None for never used.
        """
        latest = max(filter(None, (known, self._noted.get(row_id))), default=None)
        if not is_due(last_seen_at=latest, now=now):
            return
        if len(self._noted) >= _MAX_THINGS:
            self._noted.clear()
        self._noted[row_id] = now
        task = asyncio.get_running_loop().create_task(self._tried(row_id, now))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def written(self) -> None:
        """Wait for the writes under way: before the connections close."""
        while self._writing:
            await asyncio.wait(self._writing)

    async def _tried(self, row_id: int, now: datetime) -> None:
        try:
            await self._write(row_id, now)
        except Exception as error:
            if not is_store_failure(error):
                raise
