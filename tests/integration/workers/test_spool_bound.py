"""The two ends of the spool together: what waits has a bound, and what is stored goes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from api.adapters.file_spool import FileSpool, SpoolLimits
from api.metrics import Metrics
from api.worker_status import WorkerStatus
from api.workers.noted_clicks import NotedClickWorker
from models.orm import reader
from models.raw_sql import fetch
from models.rules.click_record import RawClick, encode_click
from models.rules.spool_format import HEADER_BYTES, encode_frame
from resolvers.click_audit import audit_clicks
from resolvers.ingestion import Ingestion
from resolvers.ports import Ports
from tests.factories import as_command

pytestmark = pytest.mark.usefixtures("database")

NOON_US = 1_767_355_200_000_000
BOUND = 1 << 16
TURN = 50  # clicks; some 7 kB


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("spool", "run", "metrics"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def worker(ports: Ports, folder: Path) -> Iterator[NotedClickWorker]:
    made = NotedClickWorker(as_command(ports), folder=folder / "spool", ingestion=Ingestion())
    metrics = Metrics(folder / "metrics")
    made.note_in(WorkerStatus(folder / "run"), metrics)
    yield made
    made.close()
    metrics.close()


def spool_in(folder: Path, limits: SpoolLimits) -> FileSpool:
    return FileSpool(folder / "spool", limits, reading=WorkerStatus(folder / "run"))


def frames(first: int, count: int, *, peer: bytes = b"192.0.2.1") -> list[bytes]:
    return [
        encode_frame(encode_click(RawClick(1, NOON_US + n, peer=peer, user_agent=b"x" * 80)))
        for n in range(first, first + count)
    ]


def bytes_in(folder: Path) -> Sequence[bytes]:
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]


def spool_sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in (folder / "spool").glob("*.spool")]


async def stored_moments() -> list[int]:
    rows = await fetch(reader(), "SELECT at_us FROM click ORDER BY at_us")
    return [row["at_us"] - NOON_US for row in rows]


@pytest.mark.parametrize("file_bytes", [64 << 20, BOUND // 4])
async def test_nothing_is_lost_while_the_worker_keeps_up_however_much_comes(
    folder: Path, worker: NotedClickWorker, file_bytes: int
) -> None:
    spool = spool_in(folder, SpoolLimits(waiting_bytes=BOUND, file_bytes=file_bytes))
    size = sum(map(len, frames(0, TURN)))

    for turn in range(48):
        assert spool.write(frames(turn * TURN, TURN)) == 0
        if turn % 4 == 3:
            await spool.synced()
            await worker.step()

    assert 48 * size > 4 * BOUND
    assert (spool.lost, spool.waiting_bytes()) == (0, 0)
    assert await stored_moments() == list(range(48 * TURN))
    await spool.close()


async def test_without_the_worker_the_bound_holds_and_every_lost_click_is_counted(
    folder: Path, worker: NotedClickWorker
) -> None:
    spool = spool_in(folder, SpoolLimits(waiting_bytes=BOUND, look_again_s=0.0))
    spool.write(frames(0, TURN))
    await worker.step()
    already = spool_sizes(folder)
    kept = list(range(TURN))

    for turn in range(1, 21):
        if not spool.write(frames(turn * TURN, TURN)):
            kept += range(turn * TURN, (turn + 1) * TURN)

    assert spool.lost == 21 * TURN - len(kept) > 0
    room = BOUND - spool.waiting_bytes()
    assert 0 <= room < sum(map(len, frames(1000, TURN)))
    assert sum(spool_sizes(folder)) <= sum(already) + BOUND + HEADER_BYTES
    await worker.drain()
    assert spool.write(frames(21 * TURN, TURN)) == 0
    await worker.drain()
    assert await stored_moments() == [*kept, *range(21 * TURN, 22 * TURN)]
    audit = await audit_clicks(dict)
    assert (audit.differences, audit.stored) == ([], len(kept) + TURN)
    await spool.close()


async def test_an_address_is_gone_once_the_file_of_its_click_is_of_age_while_clicks_go_on(
    folder: Path, worker: NotedClickWorker
) -> None:
    spool = spool_in(folder, SpoolLimits(read_file_age_s=0.0))
    spool.write(frames(0, 1, peer=b"203.0.113.77"))
    assert any(b"203.0.113.77" in content for content in bytes_in(folder))

    await worker.step()
    spool.look(spool.waiting_bytes())
    spool.write(frames(1, 1, peer=b"198.51.100.1"))
    await spool.synced()
    await worker.step()

    assert not any(b"203.0.113.77" in content for content in bytes_in(folder))
    assert len(spool_sizes(folder)) == 1
    assert (spool.lost, await stored_moments()) == (0, [0, 1])
    await spool.close()


async def test_a_new_worker_goes_on_from_what_the_one_before_it_noted(
    folder: Path, ports: Ports, worker: NotedClickWorker
) -> None:
    spool = spool_in(folder, SpoolLimits(waiting_bytes=BOUND))
    spool.write(frames(0, TURN))
    await worker.step()
    worker.close()
    assert spool.waiting_bytes() == 0

    after = NotedClickWorker(as_command(ports), folder=folder / "spool", ingestion=Ingestion())
    metrics = Metrics(folder / "metrics")
    after.note_in(WorkerStatus(folder / "run"), metrics)

    assert spool.waiting_bytes() == 0
    spool.write(frames(TURN, 1))
    assert spool.waiting_bytes() == len(frames(TURN, 1)[0])
    await after.step()
    assert (spool.waiting_bytes(), await stored_moments()) == (0, list(range(TURN + 1)))
    after.close()
    metrics.close()
    await spool.close()
