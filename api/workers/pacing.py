"""How the worker's loops wait: for a wake-up or for the clock, and longer after failures."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

_log = structlog.stdlib.get_logger("linkyard.worker")

LOOK_S: Final = 0.5  # seconds between looks when nobody wakes us
_RETRY_S: Final = (0.25, 0.5, 1.0, 2.0)  # waits after failures in a row


async def keep_doing(
    name: str, step: Callable[[], Awaitable[bool]], *, wake: asyncio.Event, every_s: float = LOOK_S
) -> None:
    """Repeat a step for ever; a step that fails is logged once and tried again.

    Args:
        name: for the log.
        step: returns whether there is more to do at once.
        wake: set by whoever wants the next step now.
        every_s: longest wait between two steps.
    """
    failures = 0
    while True:
        wake.clear()
        wait_s = every_s
        try:
            if await step():
                wait_s = 0.0
            if failures:
                _log.info("works again", loop=name, failures=failures)
            failures = 0
        except Exception as error:  # noqa: BLE001 - whatever it is, the loop must go on
            failures += 1
            wait_s = _RETRY_S[min(failures, len(_RETRY_S)) - 1]
            if failures == 1:
                _log.warning("failed, tried again until it works", loop=name, exc_info=error)
        await wait_for(wake, wait_s)


async def wait_for(wake: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after some seconds."""
    if seconds <= 0:
        await asyncio.sleep(0)
        return
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        pass
