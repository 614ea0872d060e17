"""The loop that keeps this machine's replica at what the store has committed."""

import asyncio
import time
from typing import Final

import structlog

from api.adapters.link_replica import LmdbLinkReplica
from api.metrics import Metrics
from api.worker_status import WorkerStatus
from api.workers.pacing import keep_doing
from resolvers.ports import Clock
from resolvers.replica import follow_log

_log = structlog.stdlib.get_logger("linkyard.replica")

_HOUSEKEEPING_S: Final = 10.0


class ReplicaWorker:
    """Follows the change log; one per machine."""

    def __init__(
        self, replica: LmdbLinkReplica, *, clock: Clock, status: WorkerStatus, metrics: Metrics
    ) -> None:
        self._replica = replica
        self._clock = clock
        self._status = status
        self._builds = metrics.counter("linkyard_replica_builds_total")
        self._applied_at = metrics.gauge("linkyard_replica_applied_timestamp_seconds")
        self._cleaned_at = time.monotonic()

    async def run(self, *, wake: asyncio.Event) -> None:
        """Step for ever, at once when `wake` is set; cancelling it at any moment is safe."""
        await keep_doing("replica", self.step, wake=wake)

    async def step(self) -> bool:
        """Apply what is new, or build anew; return whether there is more to do at once."""
        done = await follow_log(self._replica, clock=self._clock)
        if done.rebuilt is not None:
            self._builds.inc()
            _log.info("replica built", reason=done.rebuilt)
        if not done.has_more:
            self._status.succeeded("replica")
            self._applied_at.set_to_current_time()
        if time.monotonic() - self._cleaned_at > _HOUSEKEEPING_S:
            self._cleaned_at = time.monotonic()
            self._replica.forget_dead_readers()
        return done.has_more
