"""The writing end of the spool, on a real file system."""

import asyncio
import errno
import fcntl
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.adapters.file_spool import FileSpool, SpoolLimits
from api.worker_status import WorkerStatus
from models.rules.spool_format import HEADER_BYTES, decode_header, encode_frame, scan
from tests.limits import file_size_limit

FRAMES = [encode_frame(b"click %d" % number) for number in range(4)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def status(tmp_path: Path) -> WorkerStatus:
    return WorkerStatus(tmp_path)


def note(status: WorkerStatus, *, stored: Sequence[bytes]) -> None:
    """Say, as the worker does, that it has stored these records and that no others wait."""
    status.note_spools(
        stored_bytes=sum(map(len, stored)), oldest_us=0, caught_up_us=time.time_ns() // 1000
    )


def clicks_in(folder: Path) -> list[object]:
    """Return everything that the files hold, oldest file first; only whole records."""
    files = sorted(folder.glob("*.spool"), key=lambda file: decode_header(file.read_bytes())[1])
    found: list[object] = []
    for file in files:
        content = file.read_bytes()
        assert decode_header(content).file_id == file.stem
        items = list(scan(content, HEADER_BYTES, is_final=True))
        assert (items[-1][1] if items else HEADER_BYTES) == len(content)
        found += [item for item, _ in items]
    return found


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def spools_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


def content_of(file: Path) -> bytes:
    return file.read_bytes()


def mode_of(file: Path) -> int:
    return file.stat().st_mode & 0o777


def delete(path: Path) -> None:
    path.rmdir() if path.is_dir() else path.unlink()


def make(folder: Path) -> None:
    folder.mkdir()


def move(path: Path, where: Path) -> None:
    path.rename(where)


def descriptors() -> list[Path]:
    return list(Path("/proc/self/fd").iterdir())


def is_locked(file: Path) -> bool:
    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


async def test_nothing_is_opened_before_the_first_click(folder: Path) -> None:
    spool = FileSpool(folder, SpoolLimits())

    await spool.close()

    assert files_in(folder) == []


async def test_clicks_are_in_the_file_when_write_returns(folder: Path) -> None:
    spool = FileSpool(folder, SpoolLimits())

    assert spool.write(FRAMES[:1]) == 0
    assert clicks_in(folder) == [b"click 0"]
    assert spool.write(FRAMES[1:3]) == 0
    assert clicks_in(folder) == [b"click 0", b"click 1", b"click 2"]
    assert (spool.lost, spool.trouble) == (0, "")
    await spool.close()


async def test_the_file_is_locked_until_it_is_synced_and_closed(folder: Path) -> None:
    spool = FileSpool(folder, SpoolLimits())
    spool.write(FRAMES)
    (file,) = files_in(folder)

    assert is_locked(file)
    await spool.synced()
    assert is_locked(file)
    await spool.close()
    assert not is_locked(file)
    assert mode_of(file) == 0o600


async def test_a_full_file_is_followed_by_another(folder: Path) -> None:
    spool = FileSpool(folder, SpoolLimits(file_bytes=HEADER_BYTES + 2 * len(FRAMES[0])))

    for frame in FRAMES:
        assert spool.write([frame]) == 0
    files = files_in(folder)
    assert len(files) == 2
    assert all(is_locked(file) for file in files)
    await spool.synced()

    assert not any(is_locked(file) for file in files)
    assert clicks_in(folder) == [b"click 0", b"click 1", b"click 2", b"click 3"]
    await spool.close()


async def test_an_old_file_is_finished_so_that_it_can_be_deleted(folder: Path) -> None:
    spool = FileSpool(folder, SpoolLimits(file_age_s=0.0))
    spool.write(FRAMES[:1])
    (file,) = files_in(folder)

    spool.look(spool.waiting_bytes())
    await spool.synced()

    assert not is_locked(file)
    spool.write(FRAMES[1:2])
    assert len(files_in(folder)) == 2
    await spool.close()


async def test_a_file_that_the_worker_keeps_up_with_is_finished_soon_and_no_other(
    folder: Path, status: WorkerStatus
) -> None:
    spool = FileSpool(folder, SpoolLimits(read_file_age_s=0.0), reading=status)
    spool.write(FRAMES[:1])
    (file,) = files_in(folder)
    spool.look(spool.waiting_bytes())
    await spool.synced()
    assert is_locked(file)  # the worker is behind or away

    note(status, stored=FRAMES[:1])
    spool.look(spool.waiting_bytes())
    await spool.synced()

    assert not is_locked(file)
    spool.write(FRAMES[1:2])
    spool.look(spool.waiting_bytes())
    await spool.synced()
    assert [is_locked(path) for path in files_in(folder) if path != file] == [True]
    await spool.close()


async def test_a_file_without_clicks_is_not_finished(folder: Path) -> None:
    spool = FileSpool(folder, SpoolLimits(file_age_s=0.0, retry_s=0.0))
    with file_size_limit(HEADER_BYTES):
        spool.write(FRAMES[:1])
    (file,) = files_in(folder)

    spool.look(spool.waiting_bytes())
    await spool.synced()

    assert is_locked(file)
    await spool.close()


async def test_syncing_in_the_background_finishes_old_files(folder: Path) -> None:
    spool = FileSpool(folder, SpoolLimits(file_age_s=0.0))
    spool.write(FRAMES[:1])
    (file,) = files_in(folder)
    syncing = asyncio.create_task(spool.keep_synced(every_ms=1))

    async with asyncio.timeout(10):
        while is_locked(file):  # noqa: ASYNC110 - the lock tells nobody
            await asyncio.sleep(0)

    assert file in files_in(folder)  # finished, and left for the worker
    syncing.cancel()
    await asyncio.wait([syncing])
    await spool.close()


async def test_the_next_file_is_made_in_the_background(folder: Path) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))  # one after the other
    spool = FileSpool(folder, SpoolLimits())
    syncing = asyncio.create_task(spool.keep_synced(every_ms=1))
    async with asyncio.timeout(10):
        while not spools_in(folder):  # noqa: ASYNC110 - the file system tells nobody
            await asyncio.sleep(0.001)
    (file,) = spools_in(folder)
    assert is_locked(file)
    await asyncio.to_thread(int)  # behind the file's own thread: the spool has it in hand now

    assert spool.write(FRAMES[:1]) == 0

    assert content_of(file)[HEADER_BYTES:] == FRAMES[0]
    async with asyncio.timeout(10):
        while len(spools_in(folder)) < 2:  # noqa: ASYNC110 - the file system tells nobody
            await asyncio.sleep(0.001)
    syncing.cancel()
    await asyncio.wait([syncing])
    await spool.close()
    assert not any(is_locked(file) for file in files_in(folder))
    assert clicks_in(folder) == [b"click 0"]


async def test_beyond_the_bound_clicks_are_lost_and_counted_until_there_is_room(
    folder: Path,
) -> None:
    size = len(FRAMES[0])
    spool = FileSpool(folder, SpoolLimits(waiting_bytes=2 * size))
    assert spool.write(FRAMES[:2]) == 0

    assert spool.write(FRAMES[2:]) == 2

    assert (spool.lost, spool.trouble) == (2, "the spool has reached its bound")
    assert clicks_in(folder) == [b"click 0", b"click 1"]
    await spool.synced()
    (file,) = files_in(folder)
    assert not is_locked(file)  # a reader may now make room
    delete(file)
    spool.look(spool.waiting_bytes())
    assert spool.write(FRAMES[2:]) == 0
    assert (spool.lost, spool.trouble) == (2, "")
    assert clicks_in(folder) == [b"click 2", b"click 3"]
    await spool.close()


async def test_what_is_stored_does_not_count_for_the_bound(
    folder: Path, status: WorkerStatus
) -> None:
    limits = SpoolLimits(waiting_bytes=2 * len(FRAMES[0]))
    spool = FileSpool(folder, limits, reading=status)
    assert spool.write(FRAMES[:2]) == 0
    note(status, stored=FRAMES[:2])

    assert spool.write(FRAMES[2:]) == 0

    assert (spool.lost, len(files_in(folder))) == (0, 1)
    assert spool.waiting_bytes() == 2 * len(FRAMES[0])
    assert spool.write(FRAMES[:1]) == 1
    await spool.close()


async def test_at_the_bound_the_backlog_is_looked_at_now_and_then(
    folder: Path, status: WorkerStatus
) -> None:
    limits = SpoolLimits(waiting_bytes=2 * len(FRAMES[0]), look_again_s=3600.0)
    spool = FileSpool(folder, limits, reading=status)
    spool.write(FRAMES[:2])
    assert spool.write(FRAMES[2:]) == 2
    note(status, stored=FRAMES[:2])

    assert spool.write(FRAMES[2:]) == 2

    spool.look(spool.waiting_bytes())
    assert spool.write(FRAMES[2:]) == 0
    await spool.close()


async def test_a_write_that_breaks_off_keeps_whole_records_and_recovers(folder: Path) -> None:
    spool = FileSpool(folder, SpoolLimits(retry_s=0.0))
    with file_size_limit(HEADER_BYTES + 2 * len(FRAMES[0]) + 5):
        assert spool.write(FRAMES) == 2

    assert clicks_in(folder) == [b"click 0", b"click 1"]
    assert (spool.lost, spool.trouble) == (2, os.strerror(errno.ENOSPC))
    assert spool.write(FRAMES[2:]) == 0
    assert (spool.lost, spool.trouble) == (2, "")
    assert clicks_in(folder) == [b"click 0", b"click 1", b"click 2", b"click 3"]
    await spool.close()


@pytest.mark.parametrize("limit", [0, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 8])
async def test_without_any_room_every_click_is_lost_until_there_is_some(
    folder: Path, limit: int
) -> None:
    spool = FileSpool(folder, SpoolLimits(retry_s=0.0))
    with file_size_limit(limit):
        assert spool.write(FRAMES) == 4
        assert spool.write(FRAMES) == 4

    assert spool.lost == 8
    assert spool.trouble in {os.strerror(errno.EFBIG), os.strerror(errno.ENOSPC)}
    assert clicks_in(folder) == []
    assert spool.write(FRAMES) == 0
    assert clicks_in(folder) == [b"click 0", b"click 1", b"click 2", b"click 3"]
    await spool.close()


@pytest.mark.parametrize("limit", [HEADER_BYTES, HEADER_BYTES + 8, HEADER_BYTES + 30])
async def test_a_full_disk_costs_neither_files_nor_descriptors(folder: Path, limit: int) -> None:
    spool = FileSpool(folder, SpoolLimits(retry_s=3600.0))
    before = len(descriptors())
    with file_size_limit(limit):
        lost = sum(spool.write(FRAMES) for _ in range(500))

    whole = (limit - HEADER_BYTES) // len(FRAMES[0])
    assert (lost, spool.lost) == (2000 - whole, 2000 - whole)
    assert spool.trouble in {os.strerror(errno.EFBIG), os.strerror(errno.ENOSPC)}
    assert len(files_in(folder)) == 1
    assert len(descriptors()) == before + 1
    assert clicks_in(folder) == [b"click 0"][:whole]
    await spool.close()
    assert len(descriptors()) == before


async def test_files_that_wait_for_a_slow_disk_are_few(folder: Path) -> None:
    spool = FileSpool(folder, SpoolLimits(file_bytes=HEADER_BYTES + 1))
    before = len(descriptors())

    assert sum(spool.write(FRAMES[:1]) for _ in range(50)) == 0

    assert len(descriptors()) == before + 9
    assert clicks_in(folder) == [b"click 0"] * 50
    await spool.close()
    assert len(descriptors()) == before


async def test_a_sync_that_fails_is_told_until_one_goes_well(folder: Path) -> None:
    told: list[bool] = []
    spool = FileSpool(folder, SpoolLimits(), note_sync=told.append)
    away = folder.with_name("away")
    spool.write(FRAMES[:1])
    move(folder, away)

    await spool.synced()

    assert (told, spool.sync_trouble) == ([False], os.strerror(errno.ENOENT))
    assert spool.write(FRAMES[1:2]) == 0  # a write that goes well says nothing of the disk
    assert spool.sync_trouble == os.strerror(errno.ENOENT)
    move(away, folder)
    await spool.synced()
    assert (told, spool.sync_trouble) == ([False, True], "")
    await spool.close()
    assert clicks_in(folder) == [b"click 0", b"click 1"]


async def test_trouble_ends_without_a_click_when_there_is_room_again(folder: Path) -> None:
    spool = FileSpool(folder, SpoolLimits())
    with file_size_limit(0):
        assert spool.write(FRAMES) == 4
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            await spool.found_room()
        assert spool.trouble == os.strerror(errno.EFBIG)

    assert await spool.found_room()

    assert (spool.lost, spool.trouble) == (4, "")
    assert not await spool.found_room()
    assert files_in(folder) == []
    await spool.close()


async def test_trouble_with_the_bound_ends_when_the_worker_has_made_room(
    folder: Path, status: WorkerStatus
) -> None:
    frames = [encode_frame(bytes(1 << 14))] * 2
    spool = FileSpool(folder, SpoolLimits(waiting_bytes=len(frames[0])), reading=status)
    assert spool.write(frames[:1]) == 0
    assert spool.write(frames[1:]) == 1
    spool.look(spool.waiting_bytes())
    assert not await spool.found_room()
    assert spool.trouble == "the spool has reached its bound"

    note(status, stored=frames[:1])
    spool.look(spool.waiting_bytes())

    assert await spool.found_room()
    assert (spool.lost, spool.trouble) == (1, "")
    await spool.close()


async def test_the_end_of_trouble_is_found_in_the_background(folder: Path) -> None:
    spool = FileSpool(folder, SpoolLimits())
    with file_size_limit(0):
        assert spool.write(FRAMES) == 4
    found = asyncio.Event()

    syncing = asyncio.create_task(spool.keep_synced(every_ms=1, note_room=found.set))

    async with asyncio.timeout(10):
        await found.wait()
    assert spool.trouble == ""
    syncing.cancel()
    await asyncio.wait([syncing])
    await spool.close()


async def test_a_folder_that_is_gone_costs_clicks_but_no_exception(folder: Path) -> None:
    spool = FileSpool(folder, SpoolLimits(retry_s=0.0))
    delete(folder)

    assert spool.write(FRAMES) == 4

    assert spool.trouble == os.strerror(errno.ENOENT)
    make(folder)
    assert spool.write(FRAMES) == 0
    assert clicks_in(folder) == [b"click 0", b"click 1", b"click 2", b"click 3"]
    await spool.close()
