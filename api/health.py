"""For machines that watch us: is the process alive, is the service ready, what did it count.

Ready means that a proxy should send requests. A role that only redirects is
ready while it has a replica or a store, because links go on without the other; a
proxy that sends links to a role that does more asks `/readyz?for=redirect`. A
spool that takes nothing more is shown and does not count: redirects go on.

Whoever asks from outside learns what is not well, by name, and no numbers: api.watchers.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import orjson
from aiohttp import hdrs, web

from api.adapters.spool_backlog import waiting_bytes
from api.auth import CHALLENGE
from api.data_folder import DataFolder
from api.metrics import CONTENT_TYPE, render
from api.watchers import Watchers
from api.worker_status import WorkerStatus
from models.store_failures import is_store_failure
from resolvers.health import audit_waiting, mail_waiting, store_answers
from resolvers.ports import Clock

_CACHED_S: Final = 1.0  # anybody may ask, the store need not hear of it every time
_KEY_S: Final = 1.0  # to look a key up
_MAX_LAG_S: Final = 15.0  # of the worker, which looks every half second
_MAX_MAIL_WAIT_S: Final = 600.0  # of a letter; what it offers may expire soon after
_MAX_CHAIN_WAIT_S: Final = 600.0  # of an entry of the audit log; a long transaction may hold it up
# What the spool's report is made of; a text is told while the number is not 0.
_SPOOL_METRICS: Final = {
    "linkyard_clicks_lost_total": "",
    "linkyard_spool_failing": "clicks cannot be written",
    "linkyard_spool_sync_failures_total": "",
    "linkyard_spool_sync_failing": "clicks that are written cannot be synced to the disk",
    "linkyard_spool_too_new": "a newer version wrote clicks that this one cannot read",
}


@dataclass(slots=True, kw_only=True)
class Health:
    """The routes, and what they look at.

    Attributes:
        needs_store: not ready while the store does not answer.
        redirects: this role has a replica and spools; None of them counts otherwise.
        has_replica: whether a replica serves this process now.
        spool_max_bytes: how much may wait in the spools.
        watchers: who may see the numbers.
    """

    folder: DataFolder
    status: WorkerStatus
    clock: Clock
    needs_store: bool
    redirects: bool
    has_replica: Callable[[], bool]
    spool_max_bytes: int
    watchers: Watchers = field(default_factory=Watchers)
    _report: dict[str, Any] = field(default_factory=dict, init=False)
    _reported_at: float = field(default=float("-inf"), init=False)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for an application."""
        return [
            web.get("/healthz", self.healthz),
            web.get("/readyz", self.readyz),
            web.get("/metrics", self.metrics),
        ]

    async def healthz(self, _: web.Request) -> web.Response:
        """200: this process runs its event loop."""
        return web.Response(text="ok\n", headers={hdrs.CACHE_CONTROL: "no-store"})

    async def readyz(self, request: web.Request) -> web.Response:
        """200 or 503, and a JSON object with what was checked, for outsiders without numbers.

        The status is for everything that the role does; with `?for=redirect` it is for
        links alone, which go on while the store is away.
        """
        if time.monotonic() - self._reported_at > _CACHED_S:
            self._report = await self._check()
            self._reported_at = time.monotonic()
        report = self._report
        shown = report if await self._sees_numbers(request) else _verdict(report)
        is_asked_for = report["redirect" if request.query.get("for") == "redirect" else "ready"]
        return web.Response(
            status=HTTPStatus.OK if is_asked_for else HTTPStatus.SERVICE_UNAVAILABLE,
            body=orjson.dumps(shown, option=orjson.OPT_APPEND_NEWLINE),
            content_type="application/json",
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )

    async def metrics(self, request: web.Request) -> web.Response:
        """Counters of all processes of this machine, for whoever may see numbers."""
        if not await self._sees_numbers(request):
            return web.Response(
                status=HTTPStatus.UNAUTHORIZED,
                text="Ask from this machine or a network of LINKYARD_METRICS_NETWORKS,"
                " or with a key that has the scope OPS_READ.\n",
                headers={hdrs.WWW_AUTHENTICATE: CHALLENGE},
            )
        looked_up = await self._chain_metrics() if self.needs_store else {}
        body = await asyncio.to_thread(self._metrics, looked_up)
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})

    async def _sees_numbers(self, request: web.Request) -> bool:
        try:
            async with asyncio.timeout(_KEY_S):
                return await self.watchers.sees_numbers(request, now=self.clock.now())
        except Exception as error:
            if is_store_failure(error):  # nobody can say whose key it is, and the verdict must come
                return False
            raise

    async def _check(self) -> dict[str, Any]:
        is_stored = await store_answers()
        waits: dict[str, Any] = {}
        if is_stored and self.needs_store:
            waits = await _mail(self.clock) | await _audit(self.clock)
        if not self.redirects:
            return {"ready": is_stored, "redirect": False, "store": {"ok": is_stored}, **waits}
        has_replica = self.has_replica()
        replica_age_s, clicks_age_s = self.status.age_s("replica"), self.status.age_s("clicks")
        is_worked = _is_recent(replica_age_s) and _is_recent(clicks_age_s)
        spool = await asyncio.to_thread(self._spool)
        checks = {
            "store": {"ok": is_stored},
            "replica": {"ok": has_replica, "age_s": _rounded(replica_age_s)},
            "worker": {"ok": is_worked, "clicks_age_s": _rounded(clicks_age_s)},
            "spool": spool,
            **waits,
        }
        is_redirecting = has_replica or is_stored
        is_ready = is_stored and has_replica and is_worked if self.needs_store else is_redirecting
        return {"ready": is_ready, "redirect": is_redirecting, **checks}

    async def _chain_metrics(self) -> dict[str, float]:
        waiting = await audit_waiting(self.clock)
        if waiting is None:
            return {}
        return {
            "linkyard_audit_waiting": float(waiting.waiting),
            "linkyard_audit_oldest_seconds": waiting.oldest_s,
        }

    def _metrics(self, looked_up: dict[str, float]) -> bytes:
        if self.redirects:
            size_bytes, oldest_s = self._backlog()
            looked_up["linkyard_spool_bytes"] = float(size_bytes)
            looked_up["linkyard_spool_oldest_seconds"] = oldest_s
        return render(self.folder.metrics, looked_up)

    def _backlog(self) -> tuple[int, float]:
        """Return how many bytes of clicks wait, and for how long the oldest one does."""
        try:
            size_bytes = waiting_bytes(self.folder.spool, self.status)
        except OSError:  # no folder, no clicks: that none can be written is told elsewhere
            size_bytes = 0
        return size_bytes, self.status.oldest_wait_s() if size_bytes else 0.0

    def _spool(self) -> dict[str, Any]:
        """Say how much waits and what was lost. Blocking, some ms."""
        size_bytes, oldest_s = self._backlog()
        sums = dict.fromkeys(_SPOOL_METRICS, 0)
        for line in render(self.folder.metrics).decode().splitlines():
            name, _, value = line.rpartition(" ")
            if name in sums:
                sums[name] = int(float(value))
        trouble = [text for name, text in _SPOOL_METRICS.items() if text and sums[name]]
        return {
            "ok": size_bytes < self.spool_max_bytes and not trouble,
            "bytes": size_bytes,
            "max_bytes": self.spool_max_bytes,
            "oldest_s": _rounded(oldest_s),
            "lost": sums["linkyard_clicks_lost_total"],
            "sync_failures": sums["linkyard_spool_sync_failures_total"],
            "trouble": trouble,
        }


async def _mail(clock: Clock) -> dict[str, Any]:
    """Say how long letters wait. It does not count for ready: nothing else suffers from it."""
    waiting = await mail_waiting(clock)
    if waiting is None:
        return {}
    is_well = waiting.oldest_s < _MAX_MAIL_WAIT_S
    return {
        "mail": {"ok": is_well, "waiting": waiting.waiting, "oldest_s": _rounded(waiting.oldest_s)}
    }


async def _audit(clock: Clock) -> dict[str, Any]:
    """Say how long entries wait for the chain. Nobody but who checks the log suffers from it."""
    waiting = await audit_waiting(clock)
    if waiting is None:
        return {}
    return {
        "audit": {
            "ok": waiting.oldest_s < _MAX_CHAIN_WAIT_S,
            "waiting": waiting.waiting,
            "oldest_s": _rounded(waiting.oldest_s),
        }
    }


def _verdict(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what anybody may know of a report: is it ready, and which parts are not well."""
    failing = [name for name, part in report.items() if isinstance(part, dict) and not part["ok"]]
    return {"ready": report["ready"], "redirect": report["redirect"], "failing": failing}


def _is_recent(age_s: float | None) -> bool:
    return age_s is not None and age_s <= _MAX_LAG_S


def _rounded(age_s: float | None) -> float | None:
    return None if age_s is None else round(age_s, 3)
