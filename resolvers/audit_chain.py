"""Gives each entry of the audit log its place in the chain, after its commit.

Who writes an entry never waits for that. The order is the log's own: on PostgreSQL by
transaction, taking none that an older one still running could precede, see
docs/decisions/0006; on SQLite, where writers take turns, by id. What has no place yet
is simply what has no `seq`, so no entry can be passed over, whatever the order.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.audit_rows import fields_of, hash_of, selected
from models.orm import is_sqlite, placeholders, reader
from models.raw_sql import SqlRow, execute, fetch
from models.rules.audit_chain import GENESIS, entry_hash

_BATCH_SQLITE: Final = 500  # the one write lock is held for some 10 ms
_BATCH_POSTGRES: Final = 5_000
_ADVISORY_LOCK: Final = 0x4C4B_5941
# Not "IS NOT NULL": SQLite takes text into a column of numbers, and sorts it behind them.
_HEAD: Final = (
    "SELECT seq, chain_hash FROM audit_entry WHERE seq <= 9223372036854775807"
    " ORDER BY seq DESC LIMIT 1"
)
# A transaction number that this server has not reached yet came with the rows from
# another one, by a dump: nothing can precede them either.
_SETTLED: Final = (
    " AND (position IS NULL OR position < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    " OR position >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint)"
)
# The plus keeps SQLite from walking through everything that has no number for each entry.
_STORE_SQLITE: Final = (
    "UPDATE audit_entry SET seq = n.seq, chain_hash = n.hash FROM"
    " (SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS seq,"
    " json_extract(value, '$[2]') AS hash FROM json_each(?)) AS n"
    " WHERE audit_entry.id = n.id AND +audit_entry.seq IS NULL"
)
_STORE_POSTGRES: Final = (
    "UPDATE audit_entry SET seq = n.seq, chain_hash = n.hash"
    " FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS n (id, seq, hash)"
    " WHERE audit_entry.id = n.id AND audit_entry.seq IS NULL"
)


class ChainMovedError(Exception):
    """Entries changed while they were chained. Nothing was stored; try again."""


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last entry of the chain; 0 and GENESIS while there is none."""

    seq: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Chained:
    """What one call did.

    Attributes:
        entries: how many were chained.
        head: of the chain now.
        base: of the chain before, which these entries were chained to.
        has_more: others wait; call again at once.
    """

    entries: int
    head: ChainHead
    base: ChainHead
    has_more: bool = False


async def chain_entries(*, batch: int | None = None) -> Chained:
    """Chain a batch of entries that have no place yet.

    Any number of machines may call it at once: a lock lets one at a time through, and
    the unique index on `seq` stands behind it. A call that is killed did all or nothing.

    Args:
        batch: entries of one transaction; None is what suits the engine.

    Raises:
        ChainMovedError: see there.
    """
    connection = reader()
    size = batch or (_BATCH_SQLITE if is_sqlite(connection) else _BATCH_POSTGRES)
    head = await chain_head(connection)
    rows = await _waiting(connection, size)
    if not rows:
        return Chained(0, head, head)
    links = _linked(rows, head)
    async with in_transaction("default") as connection:
        if not await _is_our_turn(connection):
            return Chained(0, head, head)
        if await chain_head(connection) != head:
            return Chained(0, head, head, has_more=True)
        if await _store(connection, links) != len(links):
            raise ChainMovedError
    _, seq, hash_ = links[-1]
    return Chained(len(links), ChainHead(seq, hash_), head, has_more=len(rows) == size)


async def chain_head(connection: BaseDBAsyncClient) -> ChainHead:
    """Return the last entry of the chain, as the connection sees it."""
    rows = await fetch(connection, _HEAD)
    return ChainHead(rows[0]["seq"], hash_of(rows[0])) if rows else ChainHead()


async def goes_on(known: ChainHead, base: ChainHead) -> bool:
    """Tell whether a chain whose head is `base` still has the entry that was its head once.

    What the signed cut of the old end took away counts as there: audit_verify judges that.
    """
    if base.seq <= known.seq:
        return base == known
    connection = reader()
    rows = await fetch(
        connection,
        f"SELECT seq, chain_hash FROM audit_entry WHERE seq <= {placeholders(connection, 1)}"
        " ORDER BY seq DESC LIMIT 1",
        [known.seq],
    )
    return not rows or ChainHead(rows[0]["seq"], hash_of(rows[0])) == known


async def _waiting(connection: BaseDBAsyncClient, limit: int) -> list[SqlRow]:
    sqlite = is_sqlite(connection)
    settled, order = ("", "id") if sqlite else (_SETTLED, "position, id")
    return await fetch(
        connection,
        f"SELECT {selected(sqlite=sqlite)} FROM audit_entry WHERE seq IS NULL{settled}"
        f" ORDER BY {order} LIMIT {limit:d}",
    )


def _linked(rows: Sequence[SqlRow], head: ChainHead) -> list[tuple[int, int, str]]:
    """Return id, number and hash of each entry behind the head."""
    links: list[tuple[int, int, str]] = []
    previous = head.hash
    for seq, row in enumerate(rows, head.seq + 1):
        previous = entry_hash(previous, seq, fields_of(row))
        links.append((row["id"], seq, previous))
    return links


async def _is_our_turn(connection: BaseDBAsyncClient) -> bool:
    """Hold the chain to the end of the transaction; on SQLite the transaction does."""
    if is_sqlite(connection):
        return True
    [row] = await fetch(
        connection, f"SELECT pg_try_advisory_xact_lock({_ADVISORY_LOCK:d}) AS is_ours"
    )
    return bool(row["is_ours"])


async def _store(connection: BaseDBAsyncClient, links: Sequence[tuple[int, int, str]]) -> int:
    if is_sqlite(connection):
        return await execute(connection, _STORE_SQLITE, [json.dumps(links)])
    return await execute(
        connection, _STORE_POSTGRES, [list(each) for each in zip(*links, strict=True)]
    )
