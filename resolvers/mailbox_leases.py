"""One reader for a mailbox at a time, among all machines.

A lease is a limit of one reader for a while, so it is a row of the table of limits: `hits`
says whose it is, and it is free again when it expires. Two readers would lose nothing, since
whoever takes mail in knows what came already, but they would fetch everything twice.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from models.orm import mark
from models.raw_sql import execute, fetch
from models.rules.moments import microseconds_of
from resolvers.context import RequestContext
from resolvers.rate_store import own_connection

LEASE: Final = timedelta(minutes=2)


class MailboxLease:
    """ReadingRight: the lease of one reader; each object is another one."""

    def __init__(self, context: RequestContext, *, mailbox: str) -> None:
        """Hold nothing yet.

        Args:
            context: of the worker.
            mailbox: Mailbox.name.
        """
        self._clock = context.ports.clock
        self._key = hashlib.sha256(b"mailbox lease\0" + mailbox.encode()).hexdigest()
        self._holder = secrets.randbits(62) + 1
        self._until: datetime | None = None

    async def hold(self) -> bool:
        """See ReadingRight.hold; the store is asked when half of the lease is over."""
        now = self._clock.now()
        if self._until is not None and now < self._until - LEASE / 2:
            return True
        is_ours = await self._prolong(now)
        self._until = now + LEASE if is_ours else None
        return is_ours

    async def release(self) -> None:
        """See ReadingRight.release."""
        if self._until is None:
            return
        self._until = None
        connection = own_connection()
        one, two = mark(connection, 1), mark(connection, 2)
        await execute(
            connection,
            f"DELETE FROM throttle WHERE key = {one} AND hits = {two}",
            [self._key, self._holder],
        )

    async def _prolong(self, now: datetime) -> bool:
        connection = own_connection()
        one, two, three, four = (mark(connection, number) for number in (1, 2, 3, 4))
        rows = await fetch(
            connection,
            f"INSERT INTO throttle (key, hits, expires_at_us) VALUES ({one}, {two}, {three})"
            " ON CONFLICT (key) DO UPDATE SET hits = excluded.hits,"
            " expires_at_us = excluded.expires_at_us"
            f" WHERE throttle.hits = excluded.hits OR throttle.expires_at_us <= {four}"
            " RETURNING hits",
            [self._key, self._holder, microseconds_of(now + LEASE), microseconds_of(now)],
        )
        return bool(rows)
