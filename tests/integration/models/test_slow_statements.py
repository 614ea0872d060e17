"""A slow statement is given up, and does not hold up what others ask meanwhile."""

import asyncio
import os
from collections.abc import AsyncIterator

import asyncpg
import pytest
from tortoise.exceptions import OperationalError

from models.engines.turns import begin_turn
from models.orm import open_database, reader
from models.raw_sql import fetch
from models.store_failures import is_too_slow

_ON_POSTGRES = "TEST_POSTGRES_SERVER" in os.environ
# Runs for minutes, and gives way at once when it is interrupted.
ENDLESS = (
    "SELECT pg_sleep(300)"
    if _ON_POSTGRES
    else "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000000)"
    " SELECT COUNT(*) AS n FROM n"
)
LIMIT_S = 20.0


async def endless() -> None:
    await fetch(reader(), ENDLESS)


async def one() -> int:
    async with asyncio.timeout(LIMIT_S):
        rows = await fetch(reader(), "SELECT 1 AS one")
    return int(rows[0]["one"])


@pytest.fixture
def prepared_url(migrated_database_url: str) -> str:
    return migrated_database_url


@pytest.fixture
async def slow_store(prepared_url: str) -> AsyncIterator[None]:
    """No statement is given up before a test ends."""
    async with open_database(prepared_url):
        yield


async def in_own_operation(count: int) -> None:
    """Send statements without end, as the parts of one operation."""
    begin_turn()
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(endless())


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    async with asyncio.timeout(LIMIT_S):
        await asyncio.wait([task])


async def test_a_statement_is_given_up_at_its_deadline(prepared_url: str) -> None:
    async with open_database(prepared_url, statement_timeout_s=0.2):
        for _ in range(6):  # more often than there are connections
            async with asyncio.timeout(LIMIT_S):
                with pytest.raises((OperationalError, asyncpg.QueryCanceledError)) as error:
                    await endless()
            assert is_too_slow(error.value)

        assert await one() == 1


async def test_many_slow_statements_of_one_operation_leave_connections_to_others(
    slow_store: None,
) -> None:
    greedy = asyncio.create_task(in_own_operation(30))
    for _ in range(3):
        await asyncio.sleep(0)

    assert [await one() for _ in range(20)] == [1] * 20
    assert not greedy.done()
    await ended(greedy)


async def test_a_statement_that_nobody_waits_for_gives_its_connection_back(
    slow_store: None,
) -> None:
    for _ in range(6):
        task = asyncio.create_task(endless())
        await asyncio.sleep(0.05)
        await ended(task)

    assert await one() == 1


async def test_one_operation_still_gets_all_its_answers(slow_store: None) -> None:
    begin_turn()

    assert await asyncio.gather(*(one() for _ in range(50))) == [1] * 50
