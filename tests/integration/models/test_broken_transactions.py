"""A transaction that breaks leaves nothing behind in its task and in the pool.

The rules hold on both engines; only PostgreSQL can lose a connection.
"""

import asyncio
import os
from contextlib import suppress

import asyncpg
import pytest
from tortoise.exceptions import OperationalError
from tortoise.transactions import in_transaction

from models.orm import writer

_LOSES_CONNECTIONS = "TEST_POSTGRES_SERVER" in os.environ
_BREAK = "SELECT pg_terminate_backend(pg_backend_pid())" if _LOSES_CONNECTIONS else "SELECT broken"
_BROKEN = (OperationalError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


def lose_idle_connections() -> None:
    """Break what lies in the pool in such a way that the pool does not know it yet."""
    for holder in writer()._pool._holders if _LOSES_CONNECTIONS else ():
        if holder._con is not None:
            holder._con._transport.abort()


async def one() -> int:
    rows = await writer().execute_query_dict("SELECT 1 AS one")
    return int(rows[0]["one"])


async def test_after_a_transaction_that_broke_the_task_has_a_working_connection(
    database: None,
) -> None:
    for _ in range(3):
        with pytest.raises(_BROKEN):
            async with in_transaction("default") as connection:
                await connection.execute_query(_BREAK)

    assert await one() == 1
    async with in_transaction("default") as connection:
        assert await connection.execute_query_dict("SELECT 2 AS two") == [{"two": 2}]


async def test_a_transaction_that_could_not_begin_is_not_the_tasks_connection(
    database: None,
) -> None:
    for _ in range(30):  # more often than the pool has connections
        assert await one() == 1
        lose_idle_connections()
        with suppress(*_BROKEN):
            async with in_transaction("default") as connection:
                await connection.execute_query_dict("SELECT 2 AS two")

    async with asyncio.timeout(5):
        assert await one() == 1


async def test_transactions_cancelled_while_they_begin_cost_no_connection(
    database: None,
) -> None:
    async def begin() -> None:
        async with in_transaction("default"):
            await asyncio.sleep(10)

    for turns in range(40):
        task = asyncio.create_task(begin())
        for _ in range(turns % 8):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async with asyncio.timeout(5):
        assert await one() == 1
        async with in_transaction("default") as connection:
            assert await connection.execute_query_dict("SELECT 2 AS two") == [{"two": 2}]
