"""Whatever is interrupted, and wherever: every click is stored, and none twice."""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from api.workers.clicks import ClickWorker
from models.clicks import Click
from models.orm import reader
from models.raw_sql import fetch
from models.rules.click_record import RawClick, encode_click
from models.rules.spool_format import SpoolHeader, encode_frames, encode_header
from resolvers.click_audit import audit_clicks
from resolvers.ingestion import Ingestion, PositionMovedError, SpoolSlice, positions
from resolvers.ports import Ports
from tests.factories import as_command

pytestmark = pytest.mark.usefixtures("database")

_AGENTS = (b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", b"curl/8.5.0")


def clicks_of(file_number: int, count: int) -> list[RawClick]:
    return [
        RawClick(
            link_id=1 + number % 7,
            at_us=1_767_355_200_000_000 + number * 60_000_000,
            user_agent=_AGENTS[number % 2],
            referer=b"https://site%d.test/" % (number % 11),
            request_id=b"%d-%d" % (file_number, number),
        )
        for number in range(count)
    ]


def write_spools(folder: Path, *, files: int, clicks: int) -> Counter[str]:
    """Write spools; return the request ids that must be found, each once."""
    folder.mkdir(exist_ok=True)
    ids: Counter[str] = Counter()
    for number in range(files):
        file_id = f"{number:032x}"
        made = clicks_of(number, clicks)
        ids.update(click.request_id.decode() for click in made)
        frames = encode_frames(map(encode_click, made))
        header = encode_header(SpoolHeader(file_id=file_id, created_us=1))
        (folder / f"{file_id}.spool").write_bytes(header + frames)
    return ids


async def assert_each_once(expected: Counter[str]) -> None:
    found = await fetch(reader(), "SELECT request_id FROM click")
    assert Counter(row["request_id"] for row in found) == expected
    audit = await audit_clicks(dict)
    assert audit.differences == []
    assert (audit.spooled, audit.stored, audit.counted) == (expected.total(),) * 3


@pytest.mark.parametrize("seed", range(4))
async def test_a_worker_cancelled_at_any_moment(ports: Ports, tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "spool"
    expected = write_spools(folder, files=3, clicks=200)
    chance = random.Random(seed)  # noqa: S311 - repeatable
    worker = ClickWorker(as_command(ports), folder=folder, ingestion=Ingestion(), batch_records=20)
    interrupted = 0
    for _ in range(25):
        step = asyncio.create_task(worker.step())
        for _ in range(chance.randrange(40)):
            await asyncio.sleep(0)
        interrupted += not step.done()
        step.cancel()
        await asyncio.wait([step])

    await worker.drain()

    assert interrupted > 10
    await assert_each_once(expected)


@pytest.mark.parametrize("seed", range(2))
async def test_a_transaction_broken_off_at_any_moment(ports: Ports, seed: int) -> None:
    """Each try ends in the middle of a statement, before the commit or just after it.

    How many turns of the loop a whole try takes depends on the engine, so the time a
    try gets grows until one comes through, and is halved then.
    """
    context, ingestion, clicks = as_command(ports), Ingestion(), clicks_of(0, 200)
    await ingestion.store(context, [])  # opens the connection, which must not be broken off
    chance, position, broken, turns = random.Random(seed), 0, 0, 60  # noqa: S311 - repeatable
    while position < len(clicks):
        end = min(position + 10, len(clicks))
        part = SpoolSlice(file_id="a" * 32, start=position, end=end, clicks=clicks[position:end])
        storing = asyncio.create_task(ingestion.store(context, [part]))
        for _ in range(chance.randrange(turns)):
            await asyncio.sleep(0)
        storing.cancel()
        await asyncio.wait([storing])
        broken += storing.cancelled()
        before, position = position, (await positions(["a" * 32]))["a" * 32]
        turns = turns * 2 if position == before else max(turns // 2, 60)

    assert broken > 5
    await assert_each_once(Counter(click.request_id.decode() for click in clicks))


async def test_two_readers_of_one_folder(ports: Ports, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    expected = write_spools(folder, files=2, clicks=200)
    workers = [
        ClickWorker(as_command(ports), folder=folder, ingestion=Ingestion(), batch_records=30)
        for _ in range(2)
    ]

    async def work(worker: ClickWorker) -> int:
        refused = 0
        while list(folder.glob("*.spool")):
            try:
                await worker.step()
            except PositionMovedError:
                refused += 1
        worker.close()
        return refused

    refused = await asyncio.gather(*map(work, workers))

    assert sum(refused) > 0
    await assert_each_once(expected)


async def test_a_slice_that_does_not_go_on_is_refused_and_changes_nothing(ports: Ports) -> None:
    context, ingestion, clicks = as_command(ports), Ingestion(), clicks_of(0, 6)
    first = SpoolSlice(file_id="a" * 32, start=0, end=100, clicks=clicks[:3])
    other = SpoolSlice(file_id="b" * 32, start=0, end=100, clicks=clicks[3:])
    gap = SpoolSlice(file_id="a" * 32, start=101, end=200, clicks=clicks[3:])
    unknown = SpoolSlice(file_id="c" * 32, start=32, end=200, clicks=clicks[3:])
    await ingestion.store(context, [first])

    for slices in ([first], [gap], [unknown], [other, first], [other, gap]):
        with pytest.raises(PositionMovedError):
            await ingestion.store(context, slices)

    assert await Click.all().count() == 3
    assert (await audit_clicks(dict)).differences == []
    assert (await audit_clicks(dict)).spooled == 3


_WORKER = """
import asyncio, sys
from pathlib import Path
from api.adapters.clock import SystemClock
from api.adapters.quiet import QuietClickFeed, QuietLinkSignal
from api.workers.clicks import ClickWorker
from models.orm import open_database
from resolvers.context import RequestContext, Viewer
from resolvers.ingestion import Ingestion
from resolvers.ports import Ports
from resolvers.rate_counters import RateCounters
from tests.factories import PASSWORDS, SEALER

async def main():
    ports = Ports(clock=SystemClock(), link_signal=QuietLinkSignal(), click_feed=QuietClickFeed(),
                  sealer=SEALER, passwords=PASSWORDS, rates=RateCounters(bytes(32)))
    async with open_database(sys.argv[1]):
        worker = ClickWorker(RequestContext(Viewer(), ports), folder=Path(sys.argv[2]),
                             ingestion=Ingestion(), batch_records=25)
        print("ready", flush=True)
        await worker.drain()

asyncio.run(main())
"""


async def test_killed_at_any_moment(ports: Ports, database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    expected = write_spools(folder, files=3, clicks=500)
    chance = random.Random(7)  # noqa: S311 - repeatable
    killed = 0
    while list(folder.glob("*.spool")):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _WORKER,
            database_url,
            os.fspath(folder),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        try:
            await asyncio.wait_for(process.wait(), chance.random() * 0.12 if killed < 4 else 60)
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
            killed += 1
            await process.wait()

    assert killed >= 2
    await assert_each_once(expected)
