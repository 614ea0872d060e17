"""Checks the whole chain of the audit log, page by page, beside a running service."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from models.audit_rows import fields_of, hash_of, place_of, selected
from models.orm import is_sqlite, placeholders, reader
from models.raw_sql import SqlRow, fetch
from models.rules.audit_check import MAX_FINDINGS, ChainCheck, ChainedRow, Finding
from models.rules.audit_heads import Head
from models.rules.scopes import Scope
from resolvers.audit_chain import chain_head
from resolvers.audit_cuts import chain_start
from resolvers.context import RequestContext

PAGE: Final = 2_000  # entries in memory at once
_BEFORE_ALL: Final = -(1 << 63)
_AFTER_ALL: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """What a check found.

    Attributes:
        checked: entries of the chain.
        waiting: entries that were written, and not chained yet.
        last: number of the last entry.
        uncovered: entries at the end that no head covers: cut off, they would not be missed.
        findings: what is wrong, from the start of the chain on.
        more: how many further findings there were.
    """

    checked: int
    waiting: int
    last: int
    uncovered: int
    findings: list[Finding]
    more: int


async def verify_chain(
    context: RequestContext,
    *,
    heads: Iterable[Head] = (),
    secrets: Sequence[bytes] = (),
    progress: Callable[[int, int], None] | None = None,
    page: int = PAGE,
) -> ChainReport:
    """Compare every chained entry with its hash, and the chain with its heads.

    Args:
        context: needs AUDIT_READ, and to see everything.
        heads: whose signatures were checked; read before the call, so that the chain
            cannot be behind them.
        secrets: of the installation; a cut of the old end counts if one of them signed it.
        progress: told after every page: entries checked, and number of the last one.
        page: entries that are read at once.

    Raises:
        NotPermittedError: no AUDIT_READ.
    """
    context.viewer.require(Scope.AUDIT_READ)
    heads = list(heads)
    start = await chain_start(secrets=secrets)
    check = ChainCheck(heads, start_seq=start.seq, start_hash=start.hash)
    last = (await chain_head(reader())).seq
    async for rows in _pages(last, page):
        for row in rows:
            check.take(_chained(row))
        if progress is not None:
            progress(check.checked, last)
    check.finish()
    for row in await _without_number():
        check.take(_chained(row))
    [row] = await fetch(reader(), "SELECT COUNT(*) AS entries FROM audit_entry WHERE seq IS NULL")
    return ChainReport(
        checked=check.checked,
        waiting=int(row["entries"]),
        last=last,
        uncovered=max(0, last - max([start.seq, *(head.seq for head in heads)])),
        findings=check.findings,
        more=check.more,
    )


async def _pages(last: int, page: int) -> AsyncIterator[list[SqlRow]]:
    """Yield the entries that have a number up to the last one, in its order."""
    connection = reader()
    low, high = placeholders(connection, 2).split(", ")
    sql = (
        f"SELECT {selected(sqlite=is_sqlite(connection))} FROM audit_entry"
        f" WHERE seq > {low} AND seq <= {high} ORDER BY seq LIMIT {page:d}"
    )
    after = _BEFORE_ALL
    while rows := await fetch(connection, sql, [after, last]):
        yield rows
        after = rows[-1]["seq"]


async def _without_number() -> list[SqlRow]:
    """Return entries with something else than a number, which SQLite sorts behind all of them."""
    connection = reader()
    return await fetch(
        connection,
        f"SELECT {selected(sqlite=is_sqlite(connection))} FROM audit_entry"
        f" WHERE seq > {_AFTER_ALL} ORDER BY seq LIMIT {MAX_FINDINGS}",
    )


def _chained(row: SqlRow) -> ChainedRow:
    return ChainedRow(row["seq"], hash_of(row), fields_of(row), place_of(row))
