"""The loop that lets the virus scanner look at files: a few at once."""

import asyncio
from typing import Final

import structlog

from api.metrics import Metrics
from api.workers.pacing import keep_doing
from resolvers.context import RequestContext
from resolvers.file_ports import VirusScanner
from resolvers.file_scans import (
    ClaimedScan,
    ScanOutcome,
    claim_scans,
    claim_unscanned,
    is_scan_due,
    scan_content,
)

_log = structlog.stdlib.get_logger("linkyard.files")

AT_ONCE: Final = 2
_LOOK_S: Final = 1.0
_END_S: Final = 5.0  # that scans under way get at the end


class ScanWorker:
    """One per machine. Several machines share the contents: claims keep them apart."""

    def __init__(
        self, context: RequestContext, *, scanner: VirusScanner, metrics: Metrics | None = None
    ) -> None:
        """Scan nothing yet; `metrics` of the process count what comes of it."""
        self._context = context
        self._scanner = scanner
        self._metrics = metrics
        self._scanning: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._is_away = False
        self._is_begun = False

    async def run(self) -> None:
        """Step for ever; cancelling it at any moment is safe."""
        try:
            await keep_doing("scans", self.step, wake=self._wake, every_s=_LOOK_S)
        finally:
            if self._scanning:
                await asyncio.wait(self._scanning, timeout=_END_S)
            late = [task for task in self._scanning if task.cancel()]
            await asyncio.gather(*late, return_exceptions=True)

    async def step(self) -> bool:
        """Begin what is due and has room; False, because the end of a scan wakes us."""
        if not self._is_begun:
            self._is_begun = True
            if count := await claim_unscanned(self._context):
                _log.info("files that came before the scanner are scanned", count=count)
        room = (1 if self._is_away else AT_ONCE) - len(self._scanning)
        if room > 0 and await is_scan_due(self._context):
            for claim in await claim_scans(self._context, limit=room):
                task = asyncio.create_task(self._scan(claim))
                self._scanning.add(task)
                task.add_done_callback(self._done)
        return False

    async def finish(self) -> None:
        """Wait until the scans under way have come to an end."""
        while self._scanning:
            await asyncio.wait(self._scanning)

    async def _scan(self, claim: ClaimedScan) -> None:
        outcome = await scan_content(self._context, claim, scanner=self._scanner)
        is_away = outcome is ScanOutcome.AWAY
        if is_away and not self._is_away:
            _log.warning("the virus scanner is away; files wait for it")
        self._is_away = is_away
        if self._metrics is not None:
            self._metrics.counter("linkyard_file_scans_total", outcome.value).inc()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._scanning.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("a file is scanned again when its claim is over", exc_info=error)
        if not self._is_away:
            self._wake.set()
