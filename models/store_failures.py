"""Tells a store that is away from a statement that is wrong."""

import sqlite3
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
_MAX_DEPTH: Final = 8


def is_store_failure(error: BaseException) -> bool:
    """Tell whether the same request may succeed later, with nothing changed but the store.

    Drivers' errors come bare, as the cause, or as the first argument of one of
    Tortoise's: all three are looked at.
    """
    found: object = error
    for _ in range(_MAX_DEPTH):
        if isinstance(found, _AWAY):
            return True
        if isinstance(found, sqlite3.Error):
            code: int | None = getattr(found, "sqlite_errorcode", None)
            if code is None:  # a file that cannot be opened has no code: it was no connection yet
                return isinstance(found, sqlite3.OperationalError)
            return code & 0xFF in _SQLITE_AWAY
        if not isinstance(found, BaseException):
            return False
        inner = found.args[0] if found.args and isinstance(found.args[0], Exception) else None
        found = inner or found.__cause__
    return False
