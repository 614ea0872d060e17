"""Tells a store that is away from a statement that is wrong."""

import sqlite3
from collections.abc import Iterator
from typing import Final

import asyncpg  # pyright: ignore[reportMissingTypeStubs] - it has none
from tortoise.exceptions import DBConnectionError

_AWAY: Final = (
    DBConnectionError,
    ConnectionError,
    TimeoutError,
    FileNotFoundError,  # the socket of a PostgreSQL that is down
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down or starting up
    asyncpg.InsufficientResourcesError,  # disk full, too many connections
)
_SQLITE_AWAY: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
    }
)
_DAMAGED: Final = (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError)
_SQLITE_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REFUSING: Final = (
    asyncpg.InvalidCatalogNameError,  # there is no such database
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
)
_SQLITE_REFUSING: Final = frozenset({sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
_MAX_DEPTH: Final = 8


def is_store_failure(error: BaseException) -> bool:
    """Tell whether the same request may succeed later, with nothing changed but the store.

    Drivers' errors come bare, as the cause, or as the first argument of one of
    Tortoise's: all three are looked at.
    """
    for found in _layers(error):
        if isinstance(found, _AWAY):
            return True
        if isinstance(found, sqlite3.Error):
            if _sqlite_code(found) is None:  # a file that cannot be opened: no connection yet
                return isinstance(found, sqlite3.OperationalError)
            return _sqlite_code(found) in _SQLITE_AWAY
    return False


def is_too_slow(error: BaseException) -> bool:
    """Tell whether the engine gave up a statement at its deadline. See models.orm.open_database."""
    return any(
        isinstance(found, asyncpg.QueryCanceledError)
        or _sqlite_code(found) == sqlite3.SQLITE_INTERRUPT
        for found in _layers(error)
    )


def is_store_damaged(error: BaseException) -> bool:
    """Tell whether the store is no database, or not a whole one any more."""
    return any(
        isinstance(found, _DAMAGED) or _sqlite_code(found) in _SQLITE_DAMAGED
        for found in _layers(error)
    )


def complaint_of_store(error: BaseException) -> str | None:
    """Return in one sentence why the store cannot be used, None if the error is not about that.

    For people at a terminal: it is what the driver itself said, without the
    statement and the layers around it.
    """
    layers = list(_layers(error))
    said = " ".join(str(layers[-1]).split())
    if is_store_damaged(error):
        return f"The database is damaged, or no database: {said}."
    if any(
        isinstance(found, _REFUSING) or _sqlite_code(found) in _SQLITE_REFUSING for found in layers
    ):
        return f"The database refuses: {said}."
    return f"The database does not answer: {said}." if is_store_failure(error) else None


def _layers(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(_MAX_DEPTH):
        if found is None:
            return
        yield found
        inner = found.args[0] if found.args and isinstance(found.args[0], Exception) else None
        found = inner or found.__cause__


def _sqlite_code(error: BaseException) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
