"""How Tortoise finds our tables. The only list of model modules."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlsplit

from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.base.config_generator import expand_db_url  # pyright: ignore[reportUnknownVariableType] - a bare dict
from tortoise.connection import get_connection

APP_LABEL: Final = "models"  # first half of every ForeignKeyField reference
MODEL_MODULES: Final = (
    "models.organizations",
    "models.users",
    "models.api_keys",
    "models.sessions",
    "models.one_time_tokens",
    "models.invitations",
    "models.second_factors",
    "models.mails",
    "models.letter_orders",
    "models.audit_entries",
    "models.throttles",
    "models.domains",
    "models.links",
    "models.link_titles",
    "models.clicks",
    "models.files",
    "models.replays",
    "models.installation",
    "models.search_documents",
    "models.articles",
    "models.ticket_categories",
    "models.ticket_queues",
    "models.tickets",
    "models.ticket_fields",
    "models.ticket_messages",
    "models.service_calendars",
    "models.service_policies",
    "models.service_clocks",
    "models.raw_mails",
)
READERS: Final = 3  # SQLite's connections for reading, of each process
# FULL syncs at every commit: what we acknowledged survives a power cut too.
_SQLITE_PRAGMAS: Final[dict[str, Any]] = {
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "busy_timeout": 15_000,
    "cache_size": -65_536,  # KiB
    "mmap_size": 268_435_456,
    "journal_size_limit": 67_108_864,
    "foreign_keys": "ON",
}


def sqlite_url(path: Path) -> str:
    """Return the URL of an SQLite file, whatever characters its path has."""
    return f"sqlite://{quote(os.fsencode(path))}"


def sqlite_path(database_url: str) -> str | None:
    """Return the file of a `sqlite://` URL, None for another engine. `%23` means `#` there."""
    if not database_url.startswith("sqlite://"):
        return None
    parts = urlsplit(database_url)
    path = (parts.netloc + parts.path).replace("//", "/", 1)  # sqlite:////path is common, too
    return os.fsdecode(unquote_to_bytes(path))


def connection_config(database_url: str, *, reader: bool = False) -> dict[str, Any]:
    """Return one Tortoise connection.

    Args:
        database_url: `sqlite://path?pragma=value` or
            `postgres://user:password@host:port/name`.
        reader: READERS connections that refuse writes (SQLite only), so that reads
            never wait for the process's own open transaction, and seldom for each other.
    """
    path = sqlite_path(database_url)
    if path is None:
        expanded = cast("dict[str, Any]", expand_db_url(database_url))
        return {**expanded, "engine": "models.engines.postgres"}
    pragmas = dict(parse_qsl(urlsplit(database_url).query))
    credentials = {"file_path": os.fspath(path), **_SQLITE_PRAGMAS, **pragmas}
    if reader:
        several = {"query_only": "ON", "readers": READERS, "deadline_s": None}
        return {"engine": "models.engines.sqlite_readers", "credentials": credentials | several}
    return {"engine": "models.engines.sqlite", "credentials": credentials}


def orm_config(database_url: str) -> dict[str, Any]:
    """Return the Tortoise configuration for one database, see connection_config."""
    connections = {"default": connection_config(database_url)}
    if sqlite_path(database_url) is not None:
        connections["reader"] = connection_config(database_url, reader=True)
    return {
        "connections": connections,
        "apps": {APP_LABEL: {"models": list(MODEL_MODULES), "default_connection": "default"}},
        "use_tz": True,
        "timezone": "UTC",
    }


@asynccontextmanager
async def open_database(
    database_url: str,
    *,
    command_timeout_s: float | None = None,
    statement_timeout_s: float | None = None,
) -> AsyncGenerator[None]:
    """Make the database usable by every task of this process; one at a time.

    Nothing is connected yet: the first query does that, and a later one does it
    again when the server was away.

    Args:
        database_url: see connection_config.
        command_timeout_s: after it PostgreSQL is not waited for any longer, and the
            statement fails with a TimeoutError; None waits for ever.
        statement_timeout_s: after it the engine gives up a statement, on SQLite one of
            the reader, and models.store_failures.is_too_slow knows the error; None never.
    """
    config = orm_config(database_url)
    connections = config["connections"]
    if sqlite_path(database_url) is None:
        credentials = connections["default"]["credentials"]
        credentials["command_timeout"] = command_timeout_s
        if statement_timeout_s is not None:
            limit = {"statement_timeout": f"{statement_timeout_s * 1000:.0f}"}  # milliseconds
            credentials["server_settings"] = limit
    else:
        connections["reader"]["credentials"]["deadline_s"] = statement_timeout_s
    await Tortoise.init(config=config, _enable_global_fallback=True)
    try:
        yield
    finally:
        await Tortoise.close_connections()


def writer() -> BaseDBAsyncClient:
    """Return the raw connection for writes: the open transaction of this task, if any."""
    return get_connection("default")


def reader() -> BaseDBAsyncClient:
    """Return the raw connection for reads that need no open transaction.

    SQLite: the read-only alias, which sees what was committed. PostgreSQL: the pool.
    """
    connection = writer()
    return get_connection("reader") if is_sqlite(connection) else connection


def is_sqlite(connection: BaseDBAsyncClient) -> bool:
    """Tell the dialect of a raw connection; the other one is PostgreSQL."""
    return connection.capabilities.dialect == "sqlite"


def mark(connection: BaseDBAsyncClient, number: int) -> str:
    """Return `?3` or `$3`: an argument by its number, which a statement may name twice."""
    return f"{'?' if is_sqlite(connection) else '$'}{number}"


def placeholders(connection: BaseDBAsyncClient, count: int, *, start: int = 1) -> str:
    """Return `?, ?` or `$1, $2`, whichever the connection's engine reads."""
    if is_sqlite(connection):
        return ", ".join("?" * count)
    return ", ".join(f"${number}" for number in range(start, start + count))
