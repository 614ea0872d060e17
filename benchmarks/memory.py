"""What a million links cost: the build of the replica, a start on it, and private memory.

`python -m benchmarks.memory` prints its part of the table.
"""

import argparse
import http.client
import json
import shutil
import sqlite3
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Final, Self

import psutil

from benchmarks.report import Figure, at_most, demand_tools, on_core, stated, table
from benchmarks.service import Service, service

LINKS: Final = 1_000_000
_BUILD_TIMEOUT_S: Final = 180.0
_START_TIMEOUT_S: Final = 30.0
_BURST_S: Final = 10
_MIB: Final = float(1 << 20)
_MOST_MIB: Final = 120
_FIRST_ID: Final = 1 << 40  # below every id that the clock gives today
# Each request asks for the next slug; wrk starts the script once for each burst.
_EVERY_SLUG: Final = """
local number = {start} - 1
request = function()
  number = (number + 1) % {links}
  return wrk.format("GET", string.format("/%07d", number))
end
done = function(summary)
  io.write(string.format("%d %d\\n", summary.requests, summary.errors.status))
end
"""
_LINKS: Final = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})
INSERT INTO link (id, created_at, updated_at, domain_id, owner_id, slug, target)
SELECT {first} + i, d.created_at, d.created_at, d.id, u.id, printf('%07d', i),
       printf('https://shop.example/catalogue/2026/spring/item-%07d?utm_source=mail', i)
FROM n, domain d, app_user u
"""
_SLUGS: Final = """
INSERT INTO link_slug (id, domain_id, slug, link_id) SELECT id, domain_id, slug, id FROM link
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Private memory of a web process, in bytes.

    Attributes:
        uss: pages that no other process has mapped.
        replica: those of them that are clean pages of the replica's file: page cache,
            which Linux calls private while only one process has the file open.
        own: private pages of everything but the replica's file, clean and dirty.
    """

    uss: int
    replica: int
    own: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Measure a process now."""
        process = psutil.Process(pid)
        maps = process.memory_maps()  # /proc/PID/smaps, summed up by file
        replicas = [found for found in maps if found.path.endswith(".mdb")]
        others = [found for found in maps if not found.path.endswith(".mdb")]
        return cls(
            uss=process.memory_full_info().uss,
            replica=sum(found.private_clean for found in replicas),
            own=sum(found.private_clean + found.private_dirty for found in others),
        )


def figures(rounds: int) -> list[Figure]:
    """Measure; a start is repeated `rounds` times, the build and the memory are taken once."""
    demand_tools("wrk", "taskset")
    with service({"PROCESSES": "1"}, prefix=on_core(0)) as running:
        running.stop()
        fill(running.data / "linkyard.sqlite3", LINKS)
        shutil.rmtree(running.data / "replica")
        running.start(wait=False)
        running.wait_ready(_BUILD_TIMEOUT_S)
        build_s = _build_s(running)
        size = sum(file.stat().st_size for file in (running.data / "replica").glob("*.mdb"))
        running.stop()
        starts_s = [_start_s(running) for _ in range(rounds)]
        running.start()
        before = Memory.of(running.web_pids()[0])
        sent = _follow_every_slug(running)
        alone = Memory.of(running.web_pids()[0])
        running.stop()
        running.settings = {**running.settings, "PROCESSES": "2"}
        running.start()
        _follow_every_slug(running)
        shared = max((Memory.of(pid) for pid in running.web_pids()), key=lambda memory: memory.uss)
    return [
        at_most(
            "private memory (USS) of a web process after 1,000,000 distinct slugs",
            shared.uss / _MIB,
            _MOST_MIB,
            unit=" MiB",
            note="The larger of two web processes.",
        ),
        at_most(
            "a web process alone, private memory less clean pages of the replica's file",
            alone.own / _MIB,
            _MOST_MIB,
            unit=" MiB",
            note=f"After {sent:,} redirects. Its whole USS is {alone.uss / _MIB:.0f} MiB then, "
            f"{before.uss / _MIB:.0f} MiB before: {alone.replica / _MIB:.0f} MiB are clean pages "
            "of the replica's file, page cache that Linux books on the only process that has it "
            "mapped.",
        ),
        stated(
            "replica of 1,000,000 links, full build by the worker",
            f"{build_s:.1f} s, {size / _MIB:.0f} MiB",
            note="From SQLite, on one core, which a web process shares.",
        ),
        at_most(
            "start of `serve` on it, to the first redirect",
            median(starts_s),
            4,
            unit=" s",
            note=f"Median of {rounds}, the slowest {max(starts_s):.2f} s. Supervisor, check of the "
            "tables, worker and web process start on one core.",
        ),
    ]


def fill(database: Path, count: int) -> None:
    """Write links straight into a database that nobody has open; slugs are 7 digits."""
    connection = sqlite3.connect(database)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        with connection:
            connection.execute(_LINKS.format(count=count, first=_FIRST_ID))
            connection.execute(_SLUGS)
    finally:
        connection.close()


def _build_s(running: Service) -> float:
    """Return the time from the worker's start to the new replica, from its own log."""
    times: dict[str, datetime] = {}
    for line in (running.folder / "serve.log").read_text("utf-8").splitlines():
        if line.startswith("{"):
            entry = json.loads(line)
            times[entry["event"]] = datetime.fromisoformat(entry["timestamp"])
    return (times["replica built"] - times["working"]).total_seconds()


def _start_s(running: Service) -> float:
    """Start, wait for the first redirect, stop; return the time from the start to that answer."""
    started = time.monotonic()
    running.start(wait=False)
    while time.monotonic() - started < _START_TIMEOUT_S:
        try:
            status = running.get("/0000000").status
        except (OSError, http.client.HTTPException):
            time.sleep(0.005)
            continue
        if status == http.HTTPStatus.FOUND:
            break
    took_s = time.monotonic() - started
    running.wait_ready()
    running.stop()
    return took_s


def _follow_every_slug(running: Service) -> int:
    """Follow every link at least once; return how many redirects that took."""
    sent = 0
    while sent < LINKS:
        requests, wrong = _burst(running, start=sent)
        if wrong:
            raise RuntimeError(f"{wrong} of {requests} answers were no redirects")
        sent += requests
    return sent


def _burst(running: Service, *, start: int) -> tuple[int, int]:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_EVERY_SLUG.format(start=start, links=LINKS))
        script.flush()
        done = subprocess.run(
            [
                *on_core(1),
                *("wrk", "-t1", "-c64", f"-d{_BURST_S}s"),
                *("-H", f"Host: {running.host}", "-s", script.name),
                f"http://127.0.0.1:{running.port}",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    requests, wrong = done.stdout.splitlines()[-1].split()
    return int(requests), int(wrong)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    print(table(figures(parser.parse_args().rounds)))
