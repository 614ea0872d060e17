"""Live tickets: those that somebody of this process watches are looked at twice a second.

Looking at the store misses nothing, whoever changed a ticket and however: a mutation, a
letter, a job, another machine, or time that sends an answer. All watchers of a process
cost one query together, and none while nobody watches.
"""

import asyncio
import weakref
from collections.abc import Callable
from typing import Final, Self

import structlog

from models.store_failures import is_store_failure
from resolvers.ports import Clock
from resolvers.ticket_marks import TicketMark, ticket_marks

_LOOK_S: Final = 0.5
_log = structlog.stdlib.get_logger("linkyard.tickets")


class Watcher:
    """TicketWatcher of one ticket. Changes that nobody waited for are told as one."""

    def __init__(self, ticket_id: int, leave: Callable[["Watcher"], None]) -> None:
        self.ticket_id = ticket_id
        self._leave = leave
        self._mark: TicketMark | None = None
        self._changed = asyncio.Event()
        self._failure: Exception | None = None

    def offer(self, mark: TicketMark) -> None:
        """Wake the reader if the ticket is not what it was; the first look always does."""
        if mark != self._mark:
            self._mark = mark
            self._changed.set()

    def fail(self, failure: Exception) -> None:
        """Let the reader have the reason why nothing will come any more."""
        self._failure = failure
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> None:
        await self._changed.wait()
        self._changed.clear()
        if self._failure is not None:
            raise self._failure

    async def aclose(self) -> None:
        """See TicketWatcher.aclose."""
        self._leave(self)


class TicketWatchers:
    """TicketFeed of one process. A watcher that is dropped unclosed ends, too."""

    def __init__(self, clock: Clock, *, look_s: float = _LOOK_S) -> None:
        """Args: `look_s`: seconds between two looks."""
        self._clock = clock
        self._look_s = look_s
        self._watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()
        self._task: asyncio.Task[None] | None = None

    def watch(self, ticket_id: int) -> Watcher:
        """See TicketFeed.watch."""
        watcher = Watcher(ticket_id, self._leave)
        self._watchers.add(watcher)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_on())
        return watcher

    def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _leave(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        if not self._watchers:
            self.close()

    async def _look_on(self) -> None:
        is_away = False
        while self._watchers:
            await asyncio.sleep(self._look_s)
            try:
                await self._look()
                is_away = False
            except Exception as error:  # noqa: BLE001 - the readers get it
                if not is_store_failure(error):
                    for watcher in list(self._watchers):
                        watcher.fail(error)
                    return
                if not is_away:
                    _log.warning("live tickets stand still", exc_info=error)
                is_away = True

    async def _look(self) -> None:
        watchers = list(self._watchers)
        marks = await ticket_marks(
            {watcher.ticket_id for watcher in watchers}, now=self._clock.now()
        )
        for watcher in watchers:
            watcher.offer(marks.get(watcher.ticket_id, ()))
