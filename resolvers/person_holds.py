"""Hold people as they are until a transaction ends: before tickets are locked, never after."""

from collections.abc import Sequence

from tortoise.backends.base.client import BaseDBAsyncClient

from models.orm import is_sqlite, placeholders
from models.raw_sql import fetch


async def hold_people(connection: BaseDBAsyncClient, ids: Sequence[int]) -> None:
    """Let nobody deactivate or move these people meanwhile; others may hold them, too.

    Who deactivates somebody has the person's lock first and then that of the tickets, so
    whoever gives tickets to somebody comes in the same order. SQLite has one writer.
    """
    if is_sqlite(connection) or not ids:
        return
    await fetch(
        connection,
        f"SELECT id FROM app_user WHERE id IN ({placeholders(connection, len(ids))})"
        " ORDER BY id FOR SHARE",
        list(ids),
    )
