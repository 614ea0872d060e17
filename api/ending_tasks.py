"""Background tasks are told to end, and told again."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

_AGAIN_S: Final = 2.0


async def end_tasks(tasks: Iterable[asyncio.Task[Any]], *, again_s: float = _AGAIN_S) -> None:
    """Cancel tasks and return when all have ended; what they raised stays in them.

    One cancellation is not enough: `asyncio.wait_for` before Python 3.12 swallows one that
    comes in the very turn in which what it waits for is done, and the clients of our stores
    are built on it. Such a task goes on as if nothing had been said.

    Args:
        tasks: of this loop; those that have ended already count.
        again_s: how long a task may clean up until it is cancelled once more.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=again_s)
