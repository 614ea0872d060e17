"""Links by raw SQL: the ORM costs nine times the CPU for a row (research: stack.md 2.5)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.link_changes import log_change
from models.links import Link
from models.orm import is_sqlite, placeholders
from models.raw_sql import execute
from models.rules.moments import from_sql, to_sql

_COLUMNS: Final = [
    "id",
    "created_at",
    "updated_at",
    "domain_id",
    "slug",
    "target",
    "title",
    "owner_id",
    "organization_id",
    "revision",
    "starts_at",
    "expires_at",
    "disabled_at",
    "password_hash",
    "deleted_at",
    "clicks_human",
    "clicks_preview",
    "clicks_prefetch",
    "clicks_scanner",
    "clicks_monitor",
    "clicks_bot",
    "last_clicked_at",
]
_MOMENTS: Final = tuple(name for name in _COLUMNS if name.endswith("_at"))
SELECTED: Final = ", ".join(f"link.{name}" for name in _COLUMNS)  # of `FROM link`
_CHANGED: Final = [
    "slug",
    "target",
    "title",
    "revision",
    "updated_at",
    "starts_at",
    "expires_at",
    "disabled_at",
    "password_hash",
    "deleted_at",
]
_INSERT: Final = f"INSERT INTO link ({', '.join(_COLUMNS)}) VALUES "


def link_of(row: Mapping[str, Any]) -> Link:
    """Return the link of a row that `SELECT {SELECTED} FROM link` gave.

    The same as the ORM makes, with the bookkeeping of tortoise-orm 1.1.9
    (Model._init_from_db), at a tenth of its cost; a test compares the two.
    """
    link = Link.__new__(Link)
    state = vars(link)
    state.update(_partial=False, _saved_in_db=True, _custom_generated_pk=True, _await_when_save={})
    state.update(row)
    if isinstance(row["created_at"], str):  # SQLite
        for name in _MOMENTS:
            state[name] = from_sql(state[name])
    return link


def insert_row(link: Link, *, sqlite: bool) -> list[object]:
    """Return the values of a link's columns, in the order of insert_sql."""
    values = (getattr(link, name) for name in _COLUMNS)
    return [to_sql(v, sqlite=sqlite) if isinstance(v, datetime) else v for v in values]


def insert_sql(connection: BaseDBAsyncClient) -> str:
    """Return the statement that inserts one insert_row."""
    return f"{_INSERT}({placeholders(connection, len(_COLUMNS))})"


async def insert_link(connection: BaseDBAsyncClient, link: Link) -> None:
    """Insert a new link and its line in the change log, in the caller's transaction."""
    await execute(
        connection, insert_sql(connection), insert_row(link, sqlite=is_sqlite(connection))
    )
    await log_change(connection, link_id=link.id, revision=link.revision)


async def update_link_row(connection: BaseDBAsyncClient, link: Link) -> None:
    """Write what an edit may change, and the line in the log, in the caller's transaction."""
    sqlite = is_sqlite(connection)
    values: list[object] = [getattr(link, name) for name in _CHANGED]
    marks = placeholders(connection, len(_CHANGED) + 1).split(", ")
    pairs = ", ".join(f"{name} = {mark}" for name, mark in zip(_CHANGED, marks, strict=False))
    await execute(
        connection,
        f"UPDATE link SET {pairs} WHERE id = {marks[-1]}",
        [*(to_sql(v, sqlite=sqlite) if isinstance(v, datetime) else v for v in values), link.id],
    )
    await log_change(connection, link_id=link.id, revision=link.revision)
