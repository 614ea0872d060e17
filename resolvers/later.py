"""Work that nobody waits for, so that the time of an answer tells nothing of it.

Whether an address has an account must not show in how long a request takes. So what
is done for an account alone is done after the answer. It is lost if the process dies
at once: the person asks again.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from models.store_failures import is_store_failure

_MAX_TASKS: Final = 1_000  # beyond that many the limits of who asks have failed; drop the rest
_tasks: Final[set[asyncio.Task[None]]] = set()
_log = structlog.get_logger(__name__)


def do_later(work: Coroutine[Any, Any, None]) -> None:
    """Start the work beside the answer; must not be called inside a transaction."""
    if len(_tasks) >= _MAX_TASKS:
        work.close()
        _log.warning("too_much_is_put_off", tasks=_MAX_TASKS)
        return
    task = asyncio.get_running_loop().create_task(_tried(work))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def all_done() -> None:
    """Wait until nothing is under way: before the connections close."""
    while _tasks:
        await asyncio.wait(_tasks)


async def _tried(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception as error:
        if not is_store_failure(error):
            raise
        _log.warning("store_unavailable", exc_info=error)
