"""Whether the database is there, and what it looks like when it is not."""

from typing import Final

import asyncpg
from tortoise.exceptions import BaseORMException, OperationalError

from models.orm import reader

# A connection cut in the middle of a query is asyncpg's own error (research: stack.md 2.3).
STORE_ERRORS: Final = (BaseORMException, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


async def is_prepared() -> bool:
    """Tell whether the tables are there and hold an installation.

    Raises:
        Exception: one of STORE_ERRORS when the database does not answer.
    """
    try:
        rows = await reader().execute_query_dict("SELECT id FROM installation")
    except OperationalError:
        await reader().execute_query_dict("SELECT 1")  # raises if nothing works at all
        return False
    return bool(rows)
