"""The log that carries changes of links to every replica."""

from collections.abc import Iterable
from datetime import UTC, datetime

from tortoise.backends.base.client import BaseDBAsyncClient

from models.orm import is_sqlite, placeholders
from models.raw_sql import execute, execute_many
from models.rules.moments import to_sql


async def log_change(connection: BaseDBAsyncClient, *, link_id: int, revision: int) -> None:
    """Note, in the caller's transaction, that a link now has a revision; 0, 0: the domains."""
    await log_changes(connection, [(link_id, revision)])


async def log_changes(connection: BaseDBAsyncClient, changes: Iterable[tuple[int, int]]) -> None:
    """Note many (link id, revision) pairs in the caller's transaction.

    `id` and `position` are the engine's to fill: they place the row among the
    others (models.links.LinkChange).
    """
    at = to_sql(datetime.now(UTC), sqlite=is_sqlite(connection))
    rows = [[link_id, revision, at] for link_id, revision in changes]
    values = placeholders(connection, 3)
    sql = f"INSERT INTO link_change (link_id, revision, at) VALUES ({values})"
    if len(rows) == 1:
        await execute(connection, sql, rows[0])
    elif rows:
        await execute_many(connection, sql, rows)
