"""One reader for a mailbox at a time, among all machines.

A lease is a limit of one reader for a while, so it is a row of the table of limits: `hits`
says whose it is, and it is free again when it expires. Two readers would lose nothing, since
whoever takes mail in knows what came already, but they would fetch everything twice.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from models.orm import mark
from models.raw_sql import execute, fetch
from models.rules.moments import microseconds_of
from resolvers.context import RequestContext
from resolvers.rate_store import own_connection

LEASE: Final = timedelta(minutes=2)


def new_holder() -> int:
    """Return a number that no other reader has."""
    return secrets.randbits(62) + 1


async def hold_mailbox(context: RequestContext, *, mailbox: str, holder: int) -> bool:
    """Take the lease, or prolong it, for LEASE from now; False if somebody else has it.

    Args:
        context: of the worker.
        mailbox: Mailbox.name.
        holder: new_holder of this reader.
    """
    connection = own_connection()
    now = context.ports.clock.now()
    one, two, three, four = (mark(connection, number) for number in (1, 2, 3, 4))
    rows = await fetch(
        connection,
        f"INSERT INTO throttle (key, hits, expires_at_us) VALUES ({one}, {two}, {three})"
        " ON CONFLICT (key) DO UPDATE SET hits = excluded.hits,"
        " expires_at_us = excluded.expires_at_us"
        f" WHERE throttle.hits = excluded.hits OR throttle.expires_at_us <= {four}"
        " RETURNING hits",
        [_key(mailbox), holder, microseconds_of(now + LEASE), microseconds_of(now)],
    )
    return bool(rows)


async def release_mailbox(*, mailbox: str, holder: int) -> None:
    """Let the next reader begin at once; nothing happens if the lease is not this reader's."""
    connection = own_connection()
    one, two = mark(connection, 1), mark(connection, 2)
    await execute(
        connection,
        f"DELETE FROM throttle WHERE key = {one} AND hits = {two}",
        [_key(mailbox), holder],
    )


def _key(mailbox: str) -> str:
    return hashlib.sha256(b"mailbox lease\0" + mailbox.encode()).hexdigest()
