"""What the service counts, over all of its processes.

prometheus-client keeps the numbers of each process in memory-mapped files, which
outlive a kill -9; `render` adds up the files of the living and the dead. Nothing
needs to be set before an import: `Metrics` chooses the files when it is made.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_multiprocess: Final = cast("Any", multiprocess)  # prometheus-client 0.26 leaves it untyped
_EMPTY_BYTES: Final = 8  # a file of a process that was killed while it made it


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
    "linkyard_spool_bytes": _Spec("Bytes of clicks that wait for the store.", (), "mostrecent"),
    "linkyard_replica_retired_total": _Spec("Replicas taken out of service as damaged."),
    "linkyard_replica_builds_total": _Spec("Replicas built anew from the store."),
    "linkyard_replica_applied_timestamp_seconds": _Spec(
        "When the replica was last known to have every change.", (), "mostrecent"
    ),
}


class Metrics:
    """One process's share of every metric of the table."""

    def __init__(self, folder: Path) -> None:
        """Open the files of this process in `folder`. Make it once, after the fork."""
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = os.fspath(folder)
        self._files: Any = cast("Any", values).MultiProcessValue()
        values.ValueClass = self._files
        registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
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
        """Close the files; what was counted stays in them."""
        self._files.close_all_files()


class _AllProcesses(Collector):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        files = [os.fspath(f) for f in self._folder.glob("*.db") if f.stat().st_size > _EMPTY_BYTES]
        found: Iterable[Metric] = _multiprocess.MultiProcessCollector.merge(files, accumulate=True)
        return found


def render(folder: Path) -> bytes:
    """Return the sums over every process, living and dead, in CONTENT_TYPE. Blocking, some ms."""
    registry = CollectorRegistry()
    registry.register(_AllProcesses(folder))
    return generate_latest(registry)


def forget_process(folder: Path, pid: int) -> None:
    """Drop what only a living process has; its counters stay. Call it when a child died."""
    _multiprocess.mark_process_dead(pid, os.fspath(folder))


def start_over(folder: Path) -> None:
    """Delete all files. Only while no process of the service runs: sums begin at 0 again."""
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)
