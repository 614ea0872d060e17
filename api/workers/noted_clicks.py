"""The loop of clicks as the worker of a machine runs it: everybody can see how far it is."""

import time

from api.metrics import Metrics
from api.worker_status import WorkerStatus
from api.workers.clicks import ClickWorker


class NotedClickWorker(ClickWorker):
    """Tells the other processes of every step that went through."""

    def note_in(self, status: WorkerStatus, metrics: Metrics) -> None:
        """Choose where the steps are noted from now on, before the first one."""
        status.note_start(record_bytes=self.record_bytes())
        self._status = status
        self._stored = metrics.counter("linkyard_clicks_stored_total")
        self._damaged = metrics.counter("linkyard_spool_damaged_total")
        self._too_new = metrics.gauge("linkyard_spool_too_new")

    async def step(self) -> int:
        """See ClickWorker.step."""
        progress = self.progress
        before = progress.stored, progress.damaged
        began_us = time.time_ns() // 1000
        records = await super().step()
        self._stored.inc(progress.stored - before[0])
        self._damaged.inc(progress.damaged - before[1])
        self._too_new.set(progress.too_new_files)
        self._status.note_spools(
            stored_bytes=progress.stored_bytes,
            oldest_us=progress.oldest_us,
            caught_up_us=began_us if progress.is_caught_up else None,
        )
        self._status.succeeded("clicks")
        return records
