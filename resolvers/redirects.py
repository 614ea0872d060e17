"""Where a slug leads by the tables, for requests that no replica can answer."""

import asyncio
from collections.abc import Sequence
from typing import Final

from models.errors import DomainUnknownError
from models.orm import placeholders, reader
from models.raw_sql import SqlRow, fetch
from models.replica_rows import COLUMNS, entry_of
from models.rules.replica_format import Entry
from resolvers.ports import StoreUnavailableError

_TIMEOUT_S: Final = 3.0
_MAX_WAITING: Final = 200  # requests of this process; more would only wait longer
_FIND: Final = f"""
SELECT d.host, h.id AS hold_id, l.password_hash, {COLUMNS}
FROM domain d
LEFT JOIN link_slug h ON h.domain_id = d.id AND h.slug = {{slug}} AND h.released_at IS NULL
LEFT JOIN link l ON l.id = h.link_id
WHERE d.host IN ({{hosts}})
"""


class StoredLinks:
    """LinkFallback on the tables, bounded in time and number. One for each process."""

    def __init__(self) -> None:
        self._waiting = 0

    async def __call__(self, hosts: Sequence[str], slug: str, /) -> Entry | None:
        """See LinkFallback."""
        if self._waiting >= _MAX_WAITING:
            raise StoreUnavailableError
        self._waiting += 1
        try:
            row = await stored_link(hosts, slug)
        finally:
            self._waiting -= 1
        return None if row is None else entry_of(row)


async def stored_link(hosts: Sequence[str], slug: str) -> SqlRow | None:
    """Return a slug's link with models.replica_rows.COLUMNS and its password_hash.

    Args:
        hosts: as of LinkFallback, which says what is raised.
        slug: as there.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            rows = await _find(hosts, slug)
    except Exception as error:
        raise StoreUnavailableError from error
    by_host = {row["host"]: row for row in rows}
    for host in hosts:
        if (row := by_host.get(host)) is not None:
            return None if row["hold_id"] is None else row
    raise DomainUnknownError(host=hosts[0] if hosts else "")


async def _find(hosts: Sequence[str], slug: str) -> list[SqlRow]:
    connection = reader()
    sql = _FIND.format(
        slug=placeholders(connection, 1),
        hosts=placeholders(connection, len(hosts), start=2),
    )
    return await fetch(connection, sql, [slug, *hosts])
