"""Tasks that do not hear a cancellation the first time."""

import asyncio

from api.ending_tasks import end_tasks


async def deaf(times: int, *, begun: asyncio.Event) -> None:
    """Swallow as many cancellations as said, as wait_for of Python 3.11 may."""
    begun.set()
    for _ in range(times):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue
    await asyncio.Event().wait()


async def begin(times: int) -> "asyncio.Task[None]":
    begun = asyncio.Event()
    task = asyncio.create_task(deaf(times, begun=begun))
    await begun.wait()
    return task


async def test_a_swallowed_cancellation_is_said_again() -> None:
    tasks = [await begin(times) for times in (0, 1, 3)]

    async with asyncio.timeout(10):
        await end_tasks(tasks, again_s=0.001)

    assert [task.cancelled() for task in tasks] == [True] * 3


async def test_what_has_ended_already_is_left_alone() -> None:
    task = asyncio.create_task(asyncio.sleep(0, "done"))
    await task

    await end_tasks([task])
    await end_tasks([])

    assert task.result() == "done"


async def test_a_task_may_clean_up_before_it_ends() -> None:
    cleaned = asyncio.Event()

    async def tidy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    task = asyncio.create_task(tidy())
    await asyncio.sleep(0)

    await end_tasks([task])

    assert cleaned.is_set()
    assert task.cancelled()
