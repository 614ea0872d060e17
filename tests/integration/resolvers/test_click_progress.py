"""The moment that statistics are complete to."""

import asyncio
from contextvars import copy_context
from datetime import UTC, datetime, timedelta

from tortoise.transactions import in_transaction

from models.clicks import ClickProgress
from models.installation import Installation
from resolvers.click_progress import forget_source, note_progress, stats_as_of

NOON = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


async def test_statistics_are_complete_to_the_moment_of_the_slowest_machine(
    database: None,
) -> None:
    await note_progress(source="a", complete_to=NOON)
    await note_progress(source="b", complete_to=NOON - MINUTE)
    assert await stats_as_of() == NOON - MINUTE

    await note_progress(source="b", complete_to=NOON + MINUTE)
    assert await stats_as_of() == NOON


async def test_the_moment_never_goes_back(database: None) -> None:
    await note_progress(source="a", complete_to=NOON)
    await note_progress(source="a", complete_to=NOON - MINUTE)

    assert await stats_as_of() == NOON


async def test_a_machine_that_is_gone_is_no_longer_waited_for(database: None) -> None:
    await note_progress(source="a", complete_to=NOON)
    await note_progress(source="gone", complete_to=NOON - MINUTE)
    await forget_source("gone")

    assert await stats_as_of() == NOON
    assert [row.source for row in await ClickProgress.all()] == ["a"]


async def test_before_any_worker_ran_they_are_complete_to_the_beginning(database: None) -> None:
    assert await stats_as_of() == datetime(1970, 1, 1, tzinfo=UTC)

    installation = await Installation.create(store_id="x")

    assert await stats_as_of() == installation.created_at


async def test_progress_is_undone_with_the_transaction_of_its_clicks(database: None) -> None:
    async with in_transaction("default") as transaction:
        await note_progress(source="a", complete_to=NOON)
        await transaction.rollback()

    assert await ClickProgress.all().count() == 0


async def test_asking_does_not_wait_for_a_transaction_of_the_same_process(database: None) -> None:
    await note_progress(source="a", complete_to=NOON)
    outside = copy_context()

    async with in_transaction("default"), asyncio.timeout(10):
        await note_progress(source="a", complete_to=NOON + MINUTE)
        asked = await asyncio.create_task(stats_as_of(), context=outside)

    assert asked == NOON
    assert await stats_as_of() == NOON + MINUTE
