"""The loop that asks pages for their titles: few at once, and each server slowly."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from api.metrics import Metrics
from api.workers.pacing import keep_doing
from resolvers.context import RequestContext
from resolvers.link_title_jobs import TitleJob, claim_titles
from resolvers.link_titles import fetch_title
from resolvers.ports import HttpFetch

_log = structlog.stdlib.get_logger("linkyard.titles")

AT_ONCE: Final = 8
PER_SECOND: Final = 10  # requests that begin, in all
HOST_PAUSE_S: Final = 1.0  # between the beginnings of two requests to one host
_LOOK_S: Final = 1.0
_END_S: Final = 5.0  # that requests on their way get at the end


class TitleWorker:
    """One per machine. Several machines share the jobs: claims keep them apart."""

    def __init__(
        self,
        context: RequestContext,
        *,
        http: HttpFetch,
        metrics: Metrics | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask nobody yet.

        Args:
            context: of the worker.
            http: the way out.
            metrics: of the process; None counts nothing.
            monotonic: seconds, for the pace.
        """
        self._context = context
        self._http = http
        self._metrics = metrics
        self._monotonic = monotonic
        self._running: dict[asyncio.Task[None], str] = {}
        self._asked: dict[str, float] = {}  # hosts that have to wait, and since when
        self._begun: deque[float] = deque()  # moments of the last second
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Step for ever; cancelling it at any moment is safe.

        A request that does not come to its end is repeated when its claim is over.
        """
        try:
            await keep_doing("titles", self.step, wake=self._wake, every_s=_LOOK_S)
        finally:
            if self._running:
                await asyncio.wait(self._running, timeout=_END_S)
            for task in self._running:
                task.cancel()

    async def step(self) -> bool:
        """Begin what is due and has room; False, because the end of a request wakes us."""
        room = self._room()
        if room > 0:
            busy = {*self._asked, *self._running.values()}
            for job in await claim_titles(self._context, limit=room, but=busy):
                self._asked[job.host] = self._monotonic()
                self._begun.append(self._monotonic())
                task = asyncio.create_task(self._fetch(job))
                self._running[task] = job.host
                task.add_done_callback(self._done)
        return False

    async def finish(self) -> None:
        """Wait until all requests on their way have come to an end."""
        while self._running:
            await asyncio.wait(list(self._running))

    def _room(self) -> int:
        now = self._monotonic()
        while self._begun and self._begun[0] <= now - 1.0:
            self._begun.popleft()
        for host, at in list(self._asked.items()):
            if at <= now - HOST_PAUSE_S:
                del self._asked[host]
        return min(AT_ONCE - len(self._running), PER_SECOND - len(self._begun))

    async def _fetch(self, job: TitleJob) -> None:
        outcome = await fetch_title(self._context, job, http=self._http)
        if self._metrics is not None:
            self._metrics.counter("linkyard_titles_total", outcome.value).inc()

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("a title is fetched again when its claim is over", exc_info=error)
        self._wake.set()
