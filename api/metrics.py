"""What the service counts, over all of its processes.

prometheus-client keeps the numbers of each process in memory-mapped files, which
outlive a kill -9; `render` adds up the files of the living and what the dead counted
(api.ended_counters). Nothing needs to be set before an import: `Metrics` chooses the
files when it is made.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

import orjson
import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.ended_counters import Ended, forget_ended, read_ended

_log = structlog.stdlib.get_logger("linkyard.metrics")
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_multiprocess: Final = cast("Any", multiprocess)  # prometheus-client 0.26 leaves it untyped
_FILE_BYTES: Final = 1 << 16  # what prometheus-client begins with
_EMPTY_BYTES: Final = 8  # a file of a process that was killed while it made it
_TRIES: Final = 50  # until a sum stands still


class _Spec(NamedTuple):
    """One metric. `mode` says how the gauges of several processes become one number."""

    help: str
    labels: tuple[str, ...] = ()
    mode: Literal["livesum", "max", "mostrecent"] | None = None


TABLE: Final[dict[str, _Spec]] = {
    "linkyard_redirects_total": _Spec(
        "Answered requests for a slug, by status code and by the way they took.", ("status", "way")
    ),
    "linkyard_clicks_spooled_total": _Spec("Clicks written to a spool."),
    "linkyard_clicks_lost_total": _Spec("Clicks that no spool took: disk full or bound reached."),
    "linkyard_clicks_stored_total": _Spec("Clicks that a worker committed."),
    "linkyard_spool_damaged_total": _Spec("Stretches of spools that were set aside as damaged."),
    "linkyard_spool_failing": _Spec("Processes whose last write to a spool failed.", (), "livesum"),
    "linkyard_spool_sync_failures_total": _Spec("Syncs of a spool that the disk refused."),
    "linkyard_spool_sync_failing": _Spec(
        "Processes whose last sync of a spool failed.", (), "livesum"
    ),
    "linkyard_spool_too_new": _Spec(
        "Spools that go on with what only a newer version can read.", (), "livesum"
    ),
    "linkyard_mails_sent_total": _Spec("Letters that a mail server, or the folder, took."),
    "linkyard_mails_deferred_total": _Spec("Tries to send a letter that will be repeated."),
    "linkyard_mails_failed_total": _Spec("Letters given up."),
    "linkyard_mails_waiting": _Spec("Letters that wait to be sent.", (), "mostrecent"),
    "linkyard_mails_read_total": _Spec(
        "Mails of mailboxes, by what came of them (stored, too_large, failed).", ("outcome",)
    ),
    "linkyard_mails_taken_total": _Spec(
        "Mails that were read, by what came of them (done, parked, failed).", ("outcome",)
    ),
    "linkyard_mailboxes_failing": _Spec(
        "Mailboxes that cannot be read at the moment.", (), "livesum"
    ),
    "linkyard_connections_ended_total": _Spec(
        "Connections turned away (full, address) or cut off as too slow, by the reason.",
        ("reason",),
    ),
    "linkyard_titles_total": _Spec(
        "Titles of pages that were asked for, by what came of it.", ("outcome",)
    ),
    "linkyard_file_scans_total": _Spec(
        "Looks of the virus scanner at a file, by what came of it.", ("outcome",)
    ),
    "linkyard_replica_retired_total": _Spec("Replicas taken out of service as damaged."),
    "linkyard_replica_builds_total": _Spec("Replicas built anew from the store."),
    "linkyard_replica_applied_timestamp_seconds": _Spec(
        "When the replica was last known to have every change.", (), "mostrecent"
    ),
}


class Metrics:
    """One process's share of every metric of the table."""

    def __init__(self, folder: Path) -> None:
        """Open the files of this process in `folder`. Make it once, after the fork.

        Without room for them it counts for itself alone: redirects go on.
        """
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = os.fspath(folder)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"  # numbers of processes come again
        self._files: Any = cast("Any", values).MultiProcessValue(lambda: name)
        self._locks: list[int] = []
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        try:
            self._locks = _reserve(folder, name)
        except OSError as error:
            self._make(values.MutexValue)
            with contextlib.suppress(OSError):  # the log may lie on the same full disk
                _log.warning("metrics of this process are not kept", error=str(error))
        else:
            self._make(self._files)

    def _make(self, value_class: Any) -> None:  # noqa: ANN401 - prometheus-client has no name for it
        values.ValueClass = value_class
        registry = CollectorRegistry()
        for name, (text, labels, mode) in TABLE.items():
            if mode is None:
                self._counters[name] = Counter(name, text, labels, registry=registry)
            else:
                self._gauges[name] = Gauge(
                    name, text, labels, registry=registry, multiprocess_mode=mode
                )

    def counter(self, name: str, *labels: str) -> Counter:
        """Return a counter of the table for some values of its labels; keep it where it is hot."""
        found = self._counters[name]
        return found.labels(*labels) if labels else found

    def gauge(self, name: str) -> Gauge:
        """Return a gauge of the table."""
        return self._gauges[name]

    def close(self) -> None:
        """Close the files; what was counted stays in the sums."""
        self._files.close_all_files()
        while self._locks:
            os.close(self._locks.pop())


def _reserve(folder: Path, name: str) -> list[int]:
    """Make the files of this process, take their disk space, and lock them for its life.

    prometheus-client would leave a hole, and writing into a hole that no block is left
    for kills the process.
    """
    modes = {spec.mode for spec in TABLE.values()}
    locks: list[int] = []
    try:
        for kind in sorted("counter" if mode is None else f"gauge_{mode}" for mode in modes):
            file = folder / f"{kind}_{name}.db"
            draft = file.with_suffix(".new")
            locks.append(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            try:
                fcntl.flock(locks[-1], fcntl.LOCK_SH)
                os.posix_fallocate(locks[-1], 0, _FILE_BYTES)
                draft.rename(file)  # nobody sees it without its lock and takes it for a dead one's
            except OSError:
                draft.unlink(missing_ok=True)
                raise
    except OSError:
        for lock in locks:
            os.close(lock)
        raise
    return locks


# Not counted by a process, but looked up by the one that is asked: they must be right
# while the worker, of all processes, does not answer.
LOOKED_UP: Final[dict[str, str]] = {
    "linkyard_spool_bytes": "Bytes of clicks that wait for the store.",
    "linkyard_spool_oldest_seconds": "For how long the oldest of these clicks waits.",
    "linkyard_audit_waiting": "Entries of the audit log that are not chained yet.",
    "linkyard_audit_oldest_seconds": "For how long the oldest of these entries waits.",
}


class _LookedUp(Collector):
    def __init__(self, found: Mapping[str, float]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        """Say what was found."""
        for name, value in self._found.items():
            yield GaugeMetricFamily(name, LOOKED_UP[name], value)


class _AllProcesses(Collector):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Add up; begin again when the sums of the dead changed meanwhile."""
        found: list[Metric] = []
        for _ in range(_TRIES):
            ended = read_ended(self._folder)
            with contextlib.suppress(FileNotFoundError):
                found = self._add_up(ended)
                if read_ended(self._folder) == ended:
                    break
        return found

    def _add_up(self, ended: Ended) -> list[Metric]:
        files = [
            os.fspath(file)
            for file in self._folder.glob("*.db")
            if file.name not in ended.files and file.stat().st_size > _EMPTY_BYTES
        ]
        metrics: Iterable[Metric] = _multiprocess.MultiProcessCollector.merge(
            files, accumulate=True
        )
        found = {metric.name: metric for metric in metrics}
        for key, value in ended.counters.items():
            metric_name, name, labels, text = orjson.loads(key)
            new = Metric(metric_name, text, "counter")
            metric = found.setdefault(new.name, new)
            living = [s for s in metric.samples if s.name == name and s.labels == labels]
            metric.samples = [s for s in metric.samples if s not in living]
            metric.add_sample(name, labels, value + sum(s.value for s in living))
        return list(found.values())


def render(folder: Path, looked_up: Mapping[str, float] | None = None) -> bytes:
    """Return the sums over every process, living and dead, in CONTENT_TYPE. Blocking, some ms.

    Args:
        folder: of the metrics.
        looked_up: values of LOOKED_UP.
    """
    registry = CollectorRegistry()
    registry.register(_AllProcesses(folder))
    registry.register(_LookedUp(looked_up or {}))
    return generate_latest(registry)


def start_over(folder: Path) -> None:
    """Delete all files. Only while no process of the service runs: sums begin at 0 again."""
    for file in (*folder.glob("*.db"), *folder.glob("*.new")):
        file.unlink(missing_ok=True)
    forget_ended(folder)
