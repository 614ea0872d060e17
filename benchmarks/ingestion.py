"""Clicks from the spool to committed rows and rollups, on SQLite and PostgreSQL.

`python -m benchmarks.ingestion` prints its part of the table. Worker and
PostgreSQL share one core, and the rate is by the processor time of both: what one
core takes in that does all of it and nothing else. The rate by the clock, which
waits for the disk and for whatever else the machine does, is in the note.
"""

import argparse
import asyncio
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

import asyncpg
import psutil

from api.adapters.clock import SystemClock
from api.adapters.quiet import QuietClickFeed, QuietLinkSignal
from api.migrate import migrate
from api.workers.clicks import ClickWorker, spare_the_collector
from benchmarks.report import Figure, at_least, stated, table
from models.domains import Domain
from models.ids import new_ids
from models.orm import open_database, placeholders, reader, writer
from models.raw_sql import execute_many, fetch
from models.rules.click_record import RawClick, encode_click
from models.rules.spool_format import SpoolHeader, encode_frames, encode_header
from resolvers.click_audit import audit_clicks
from resolvers.context import RequestContext, Viewer
from resolvers.ingestion import Ingestion
from resolvers.ports import Ports
from resolvers.rate_counters import RateCounters
from tests.factories import PASSWORDS, SEALER
from tests.servers import database_url, private_postgres

LINKS: Final = 10_000
CLICKS: Final = 50_000  # of one round, in two spools
FLOOR: Final = 20_000  # clicks a second
ENGINES: Final = ("SQLite", "PostgreSQL")
_AGENTS: Final = Path(__file__).parent.parent / "tests" / "data" / "agents.tsv"
_REFERRERS: Final = (b"",) * 5 + tuple(
    f"https://site{number}.example.org/page?x={number}".encode() for number in range(50)
)
_REAPED_S: Final = 0.5  # until the server has taken note of the time of an ended backend
_LANGUAGES: Final = (b"ru-RU,ru;q=0.9,en;q=0.8", b"en-US,en;q=0.9", b"de", b"")


@dataclass(slots=True)
class _Round:
    """One run of the worker."""

    cpu_s: float
    wall_s: float


def figures(rounds: int) -> list[Figure]:
    """Measure both engines in alternation, links followed evenly and by popularity."""
    core = {min(os.sched_getaffinity(0))}
    found: dict[tuple[str, bool], list[_Round]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="lkyin") as folder,
        _databases(Path(folder), core) as urls,
    ):
        for _ in range(rounds):
            for engine, url in urls.items():
                for is_even in (True, False):
                    spools = Path(folder) / secrets.token_hex(4)
                    _run("spools-even" if is_even else "spools", url, spools)
                    found.setdefault((engine, is_even), []).append(_measure(url, spools, core))
    return [
        _figure(engine, found[engine, is_even], is_even=is_even)
        for engine in ENGINES
        for is_even in (True, False)
    ]


def _figure(engine: str, found: Sequence[_Round], *, is_even: bool) -> Figure:
    rate = CLICKS / median(one.cpu_s for one in found)
    by_clock = f"{CLICKS / median(one.wall_s for one in found):,.0f} clicks/s by the clock"
    if is_even:
        name = f"worker ingestion, {engine}, {LINKS:,} links evenly"
        return at_least(name, rate, FLOOR, unit=" clicks for each second of CPU", note=by_clock)
    return stated(
        f"the same, {engine}, links by popularity (1/n)",
        f"{rate:,.0f} clicks for each second of CPU",
        note=by_clock,
    )


def _measure(url: str, spools: Path, core: set[int]) -> _Round:
    servers = _postgres_cpu_s if url.startswith("postgres") else float
    before = servers()
    own, wall = map(float, _run("work", url, spools, core).split())
    time.sleep(_REAPED_S)
    return _Round(own + servers() - before, wall)


def _postgres_cpu_s() -> float:
    """Return the processor time of our own server so far, ended processes included."""
    postmasters = [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if any("/lkypg" in part for part in process.info["cmdline"] or ())
        and process.info["name"] == "postgres"
    ]
    return sum(_cpu_s(one) for process in postmasters for one in (process, *process.children()))


def _cpu_s(process: psutil.Process) -> float:
    """Return the processor time of a process and of its children that have ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


@contextmanager
def _databases(folder: Path, core: set[int]) -> Generator[dict[str, str]]:
    """Make an empty database with links on each engine; PostgreSQL runs on the core."""
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, core)
    with private_postgres() as server:
        os.sched_setaffinity(0, all_cores)
        asyncio.run(_create_database(server))
        urls = {
            "SQLite": f"sqlite://{folder / 'clicks.sqlite3'}",
            "PostgreSQL": database_url(server, "clicks"),
        }
        for url in urls.values():
            migrate(url)
            _run("links", url, folder)
        yield urls


async def _create_database(server: str) -> None:
    connection = await asyncpg.connect(database_url(server, "postgres"))
    try:
        await connection.execute("CREATE DATABASE clicks")
    finally:
        await connection.close()


async def _make_links(url: str) -> None:
    async with open_database(url):
        domain = await Domain.create(host="go.example.org")
        now = datetime.now(UTC)
        await execute_many(
            writer(),
            "INSERT INTO link (id, created_at, updated_at, domain_id, slug, target)"
            f" VALUES ({placeholders(writer(), 6)})",
            [
                [link_id, now, now, domain.id, f"s{link_id}", "https://example.org/"]
                for link_id in new_ids(LINKS)
            ],
        )
        await writer().execute_script("ANALYZE")  # as autovacuum does in its own time


async def _link_ids(url: str) -> list[int]:
    async with open_database(url):
        rows = await fetch(reader(), "SELECT id FROM link ORDER BY id")
    return [int(row["id"]) for row in rows]


def _write_spools(folder: Path, ids: Sequence[int], *, is_even: bool) -> None:
    agents = [line.split("\t")[2].encode() for line in _AGENTS.read_text().splitlines()[1:]]
    chance = random.Random(len(os.fspath(folder)))  # noqa: S311 - repeatable
    links = chance.choices(ids, None if is_even else [1 / n for n in range(1, LINKS + 1)], k=CLICKS)
    chosen = chance.choices(agents, [1 / n for n in range(1, len(agents) + 1)], k=CLICKS)
    now_us = time.time_ns() // 1000
    clicks = [
        RawClick(
            link_id=link_id,
            at_us=now_us + number * 50,  # 20,000 a second
            peer=b"10.%d.%d.%d" % tuple(chance.randbytes(3)),
            user_agent=agent,
            referer=chance.choice(_REFERRERS),
            accept_language=chance.choice(_LANGUAGES),
            request_id=b"%032x" % number,
        )
        for number, (link_id, agent) in enumerate(zip(links, chosen, strict=True))
    ]
    folder.mkdir()
    for half in (clicks[::2], clicks[1::2]):
        file_id = secrets.token_hex(16)
        header = encode_header(SpoolHeader(file_id=file_id, created_us=now_us))
        path = folder / f"{file_id}.spool"
        path.write_bytes(header + encode_frames(map(encode_click, half)))


def _run(step: str, url: str, folder: Path, core: set[int] | None = None) -> str:
    """Run a step in a process of its own: Tortoise knows one engine in each."""
    pin = ["taskset", "-c", ",".join(map(str, core))] if core else []
    command = [*pin, sys.executable, "-m", "benchmarks.ingestion"]
    done = subprocess.run(
        [*command, "--step", step, url, os.fspath(folder)], check=True, stdout=subprocess.PIPE
    )
    return done.stdout.decode()


async def _work(url: str, folder: Path) -> None:
    """Print the seconds from the first look at the folder to the last commit: CPU, clock."""
    ports = Ports(
        clock=SystemClock(),
        link_signal=QuietLinkSignal(),
        click_feed=QuietClickFeed(),
        sealer=SEALER,
        passwords=PASSWORDS,
        rates=RateCounters(bytes(32)),
    )
    async with open_database(url):
        worker = ClickWorker(RequestContext(Viewer(), ports), folder=folder, ingestion=Ingestion())
        spare_the_collector()
        started, cpu = time.perf_counter(), time.process_time()
        stored = await worker.drain()
        wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
        audit = await audit_clicks(dict)
    if stored != CLICKS or audit.differences:
        sys.exit(f"{stored} of {CLICKS} clicks stored, {audit.differences}")
    print(cpu_s, wall_s)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingestion", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.step is None:
        print(table(figures(options.rounds)))
        return
    step, url, folder = options.step
    if step == "links":
        asyncio.run(_make_links(url))
    elif step == "work":
        asyncio.run(_work(url, Path(folder)))
    else:
        ids = asyncio.run(_link_ids(url))
        _write_spools(Path(folder), ids, is_even=step == "spools-even")


if __name__ == "__main__":
    main()
