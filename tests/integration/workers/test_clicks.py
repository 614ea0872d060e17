"""From the bytes of a spool to the rows of every table."""

import asyncio
import fcntl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from api.workers.clicks import ClickWorker
from models.clicks import Click, ClickValue, SpoolPosition
from models.ids import new_id
from models.links import Link
from models.orm import reader
from models.rules.click_classes import ClickClass
from models.rules.click_facts import moment_of
from models.rules.click_record import RawClick, encode_click
from models.rules.dimensions import Dimension
from models.rules.spool_format import SpoolHeader, encode_frames, encode_header
from resolvers.click_audit import audit_clicks
from resolvers.click_progress import stats_as_of
from resolvers.ingestion import Ingestion
from resolvers.ports import ClickEvent, Ports
from tests.factories import as_command, make_link
from tests.fakes import FixedClock, MemoryFeed

pytestmark = pytest.mark.usefixtures("database")

FIREFOX = b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
GOOGLEBOT = b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
NOON_US = 1_767_355_200_000_000  # 2026-01-02T12:00:00Z


def spool_bytes(clicks: Sequence[RawClick], *, file_id: str) -> bytes:
    header = encode_header(SpoolHeader(file_id=file_id, created_us=NOON_US))
    return header + encode_frames(encode_click(click) for click in clicks)


def write_spool(folder: Path, clicks: Sequence[RawClick], *, file_id: str = "a" * 32) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{file_id}.spool"
    path.write_bytes(spool_bytes(clicks, file_id=file_id))
    return path


def turn_bits(path: Path, *, at: int, bits: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        value = int.from_bytes(file.read(2), "little") ^ bits
        file.seek(at)
        file.write(value.to_bytes(2, "little"))


async def first_of(feed: MemoryFeed) -> ClickEvent:
    async for event in feed.watch():
        return event
    raise AssertionError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def worker(ports: Ports, folder: Path) -> Iterator[ClickWorker]:
    made = ClickWorker(as_command(ports), folder=folder, ingestion=Ingestion(), batch_records=100)
    yield made
    made.close()


async def rows(table: str) -> list[tuple[object, ...]]:
    found = await reader().execute_query_dict(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
    return [tuple(row.values()) for row in found]


async def assert_audit_is_clean(*, clicks: int) -> None:
    audit = await audit_clicks(dict)
    assert audit.differences == []
    assert (audit.spooled, audit.stored, audit.counted) == (clicks, clicks, clicks)


async def test_a_click_reaches_every_table(ports: Ports, folder: Path, worker: ClickWorker) -> None:
    link = await make_link(as_command(ports))
    click = RawClick(
        link_id=link.id,
        at_us=NOON_US,
        peer=b"192.0.2.77",
        user_agent=FIREFOX,
        referer=b"https://www.Example.org/secret?who=me",
        accept_language=b"ru-RU,ru;q=0.9,en;q=0.8",
        request_id=b"req-1",
    )
    write_spool(folder, [click])

    assert await worker.drain() == 1

    stored = await Click.get()
    value = {row.id: (row.dimension, row.value) for row in await ClickValue.all()}
    assert (stored.link_id, stored.at_us, stored.click_class) == (link.id, NOON_US, 0)
    assert (stored.reason, stored.address, stored.request_id) == ("BROWSER", "192.0.2.0", "req-1")
    assert value[stored.referrer_id] == (Dimension.REFERRER_HOST, "example.org")
    assert value[stored.browser_id] == (Dimension.BROWSER, "Firefox")
    assert value[stored.os_id] == (Dimension.OS, "Linux")
    assert value[stored.device_id] == (Dimension.DEVICE, "DESKTOP")
    assert value[stored.language_id] == (Dimension.LANGUAGE, "ru")
    bucket = NOON_US // 900_000_000
    assert await rows("click_total") == [(link.id, bucket, 0, 1)]
    place = (stored.referrer_id, stored.browser_id, stored.os_id, stored.device_id)
    assert await rows("click_cube") == [(link.id, bucket, 0, *place, 1)]
    link = await Link.get(id=link.id)
    assert (link.clicks_human, link.clicks_bot) == (1, 0)
    assert link.last_clicked_at == moment_of(NOON_US)


async def test_programs_move_their_own_counter_and_not_the_last_click(
    ports: Ports, folder: Path, worker: ClickWorker
) -> None:
    link = await make_link(as_command(ports))
    write_spool(
        folder,
        [
            RawClick(link_id=link.id, at_us=NOON_US + 5, user_agent=GOOGLEBOT),
            RawClick(link_id=link.id, at_us=NOON_US + 4, user_agent=FIREFOX, is_head=True),
            RawClick(link.id, NOON_US + 3, user_agent=FIREFOX, sec_purpose=b"prefetch"),
            RawClick(link_id=link.id, at_us=NOON_US + 2, user_agent=b"Nikto/2.5.0"),
            RawClick(link_id=link.id, at_us=NOON_US + 1, user_agent=b"UptimeRobot/2.0"),
            RawClick(link_id=link.id, at_us=NOON_US, user_agent=FIREFOX),
            RawClick(link_id=link.id, at_us=NOON_US - 9, user_agent=FIREFOX),
        ],
    )

    await worker.drain()

    link = await Link.get(id=link.id)
    assert link.clicks_human == 2
    for name in ("preview", "prefetch", "scanner", "monitor", "bot"):
        assert getattr(link, f"clicks_{name}") == 1
    assert link.last_clicked_at == moment_of(NOON_US)
    assert {row.click_class for row in await Click.all()} == set(ClickClass)
    await assert_audit_is_clean(clicks=7)


async def test_a_click_of_an_unknown_link_is_counted_all_the_same(
    folder: Path, worker: ClickWorker
) -> None:
    write_spool(folder, [RawClick(link_id=(1 << 63) - 1, at_us=NOON_US, user_agent=FIREFOX)])

    assert await worker.drain() == 1

    assert await Click.all().count() == 1
    await assert_audit_is_clean(clicks=1)


async def test_moments_far_away_are_kept(folder: Path, worker: ClickWorker) -> None:
    write_spool(folder, [RawClick(1, 0), RawClick(1, (1 << 64) - 1)])

    assert await worker.drain() == 2

    assert {row.at_us for row in await Click.all()} == {0, 253_402_300_799_999_999}
    await assert_audit_is_clean(clicks=2)


async def test_reading_a_spool_twice_counts_it_once(
    ports: Ports, folder: Path, worker: ClickWorker
) -> None:
    clicks = [RawClick(1, NOON_US + n, user_agent=FIREFOX) for n in range(250)]
    path = write_spool(folder, clicks)
    whole = path.read_bytes()
    assert await worker.drain() == 250
    assert not path.exists()

    path.write_bytes(whole)  # restored from a backup, for example

    assert await worker.drain() == 0
    assert not path.exists()
    await assert_audit_is_clean(clicks=250)


async def test_a_file_whose_writer_lives_is_followed_and_not_deleted(
    folder: Path, worker: ClickWorker
) -> None:
    clicks = [RawClick(1, NOON_US + n, user_agent=FIREFOX) for n in range(3)]
    path = write_spool(folder, clicks[:2])
    with path.open("ab", buffering=0) as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert await worker.drain() == 2
        assert await worker.drain() == 0
        assert path.exists()

        more = encode_frames([encode_click(clicks[2])])
        writer.write(more[:20])
        assert await worker.drain() == 0
        writer.write(more[20:])
        assert await worker.drain() == 1
        assert path.exists()

    assert await worker.drain() == 0
    assert not path.exists()
    row = await SpoolPosition.get()
    assert (row.records, row.damaged, row.finished_at is not None) == (3, 0, True)


async def test_damage_is_set_aside_counted_and_everything_behind_it_is_read(
    folder: Path, worker: ClickWorker
) -> None:
    clicks = [RawClick(1, NOON_US + n, user_agent=FIREFOX) for n in range(5)]
    path = write_spool(folder, clicks)
    whole = bytearray(path.read_bytes())
    frame = (len(whole) - 32) // 5
    whole[32 + frame + 20] ^= 0xFF
    path.write_bytes(bytes(whole[:-3]))  # and the last record is torn

    assert await worker.drain() == 3

    assert {row.at_us - NOON_US for row in await Click.all()} == {0, 2, 3}
    row = await SpoolPosition.get()
    assert (row.records, row.damaged) == (3, 2)
    assert worker.progress.damaged == 2
    names = sorted(path.name for path in (folder / "damaged").iterdir())
    assert names == sorted([f"{'a' * 32}-{32 + frame}.bin", f"{'a' * 32}-{32 + 4 * frame}.bin"])
    assert (folder / "damaged" / f"{'a' * 32}-{32 + frame}.bin").read_bytes() == bytes(
        whole[32 + frame : 32 + 2 * frame]
    )
    assert not path.exists()
    await assert_audit_is_clean(clicks=3)


async def test_a_destroyed_header_costs_no_click(folder: Path, worker: ClickWorker) -> None:
    path = write_spool(folder, [RawClick(1, NOON_US + n) for n in range(2)])
    path.write_bytes(b"\0" * 32 + path.read_bytes()[32:])

    assert await worker.drain() == 2

    row = await SpoolPosition.get()
    assert (row.file_id, row.records, row.damaged) == ("a" * 32, 2, 1)


@pytest.mark.parametrize("bits", [1, 0x8001])
async def test_a_turned_bit_in_the_id_of_a_header_counts_nothing_again(
    folder: Path, worker: ClickWorker, bits: int
) -> None:
    clicks = [RawClick(1, NOON_US + n, user_agent=FIREFOX) for n in range(3)]
    path = write_spool(folder, clicks[:2])
    with path.open("ab", buffering=0) as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert await worker.drain() == 2
        worker.close()  # as a new worker would begin
        turn_bits(path, at=12, bits=bits)
        writer.write(encode_frames([encode_click(clicks[2])]))

        assert await worker.drain() == 1

    row = await SpoolPosition.get()
    assert (row.file_id, row.records) == ("a" * 32, 3)
    await assert_audit_is_clean(clicks=3)


async def test_a_header_that_was_zeroed_has_the_id_of_its_name(
    folder: Path, worker: ClickWorker
) -> None:
    path = write_spool(folder, [RawClick(1, NOON_US)])
    content = path.read_bytes()
    path.write_bytes(content[:8] + bytes(16) + content[24:])

    assert await worker.drain() == 1

    row = await SpoolPosition.get()
    assert (row.file_id, row.records, row.damaged) == ("a" * 32, 1, 1)


async def test_a_copy_under_another_name_is_counted_once(folder: Path, worker: ClickWorker) -> None:
    path = write_spool(folder, [RawClick(1, NOON_US)])
    path.with_name(f"{'5' * 32}.spool").write_bytes(path.read_bytes())

    assert await worker.drain() == 1
    assert await worker.drain() == 0

    await assert_audit_is_clean(clicks=1)


async def test_records_of_a_newer_version_wait_for_it(folder: Path, worker: ClickWorker) -> None:
    clicks = [RawClick(1, NOON_US + n, user_agent=FIREFOX) for n in range(3)]
    newer = encode_frames([b"\x02" + encode_click(clicks[1])[1:] + b"\nmore"])
    content = spool_bytes(clicks[:1], file_id="a" * 32)
    content += newer + encode_frames([encode_click(clicks[2])])
    path = write_spool(folder, clicks, file_id="a" * 32)
    path.write_bytes(content)
    write_spool(folder, clicks, file_id="b" * 32)

    with capture_logs() as logs:
        assert await worker.drain() == 4
        worker.close()  # as a new look would begin
        assert await worker.drain() == 0

    assert path.read_bytes() == content
    row = await SpoolPosition.get(file_id="a" * 32)
    assert (row.position, row.records, row.damaged) == (content.index(newer), 1, 0)
    assert not (folder / "damaged").exists()
    assert (worker.progress.too_new_files, worker.progress.damaged) == (1, 0)
    assert worker.progress.waiting_bytes == len(content) - content.index(newer)
    assert await stats_as_of() == datetime.fromtimestamp(0, UTC)  # they are not complete
    assert [(line["log_level"], line["file"]) for line in logs] == [("error", str(path))]
    await assert_audit_is_clean(clicks=4)


async def test_a_spool_of_a_newer_format_waits_for_it(folder: Path, worker: ClickWorker) -> None:
    path = write_spool(folder, [RawClick(1, NOON_US)])
    content = b"LKYSPL02" + path.read_bytes()[8:]
    path.write_bytes(content)

    assert await worker.drain() == 0

    assert path.read_bytes() == content
    assert await SpoolPosition.all().count() == 0
    assert worker.progress.too_new_files == 1
    assert not (folder / "damaged").exists()


async def test_many_files_are_read_in_turns(folder: Path, worker: ClickWorker) -> None:
    for name in "abc":
        clicks = [RawClick(1, NOON_US + n, user_agent=FIREFOX) for n in range(150)]
        write_spool(folder, clicks, file_id=name * 32)

    for _ in range(3):
        assert await worker.step() == 100

    assert worker.progress.oldest_us == NOON_US + 100
    assert not worker.progress.is_caught_up
    records = {row.file_id[0]: row.records for row in await SpoolPosition.all()}
    assert records == {"a": 100, "b": 100, "c": 100}
    assert await worker.drain() == 150
    assert worker.progress.oldest_us == 0
    assert worker.progress.is_caught_up
    await assert_audit_is_clean(clicks=450)


async def test_statistics_are_complete_to_the_moment_before_an_empty_look(
    clock: FixedClock, folder: Path, worker: ClickWorker
) -> None:
    write_spool(folder, [RawClick(1, NOON_US + n) for n in range(150)])
    await worker.step()
    assert await stats_as_of() == datetime.fromtimestamp(0, UTC)

    await worker.step()

    assert await stats_as_of() == clock.now() - timedelta(seconds=1)


async def test_live_watchers_see_the_newest_clicks_after_the_commit(
    ports: Ports, folder: Path
) -> None:
    feed = ports.click_feed
    assert isinstance(feed, MemoryFeed)
    worker = ClickWorker(as_command(ports), folder=folder, ingestion=Ingestion())
    clicks = [RawClick(new_id(), NOON_US + n, user_agent=FIREFOX) for n in range(201)]
    write_spool(folder, clicks)
    watching = asyncio.create_task(first_of(feed))
    await feed.watched.wait()

    await worker.drain()

    event = await watching
    stored = await Click.get(id=event.click_id)
    assert (event.link_id, event.at) == (clicks[1].link_id, moment_of(NOON_US + 1))
    assert (stored.link_id, event.browser, event.address) == (event.link_id, "Firefox", None)
