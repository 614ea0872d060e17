"""Contents on a disk: whole or not there, whatever happens when."""

import asyncio
import errno
import hashlib
import os
import secrets
import time
from datetime import timedelta
from pathlib import Path

import pytest

from api.adapters.disk_blobs import PART_BYTES, DiskBlobs
from models.file_errors import StorageFullError
from models.rules.media_types import HEAD_BYTES, TAIL_BYTES
from resolvers.file_ports import BlobDraft, BlobMissingError

CONTENT = os.urandom(3 * PART_BYTES + 17)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HOUR = timedelta(hours=1)


@pytest.fixture
def blobs(tmp_path: Path) -> DiskBlobs:
    return DiskBlobs(tmp_path / "files")


async def save(draft: BlobDraft, content: bytes) -> None:
    await draft.write(content)
    await draft.finish()
    await draft.keep()


async def put(blobs: DiskBlobs, content: bytes = CONTENT, *, step: int = 100_000) -> str:
    draft = await blobs.draft(expected_bytes=len(content))
    for start in range(0, len(content), step):
        await draft.write(content[start : start + step])
    written = await draft.finish()
    await draft.keep()
    await draft.drop()
    return written.sha256


def files(blobs: DiskBlobs) -> list[str]:
    return sorted(
        str(path.relative_to(blobs.folder)) for path in blobs.folder.rglob("*") if path.is_file()
    )


def age(path: Path, *, hours: float) -> None:
    at = path.stat().st_mtime - hours * 3600
    os.utime(path, (at, at))


@pytest.mark.parametrize("step", [7_001, 100_000, len(CONTENT)])
async def test_what_is_put_in_comes_out(blobs: DiskBlobs, step: int) -> None:
    assert await put(blobs, step=step) == SHA256

    assert files(blobs) == [f"{SHA256[:2]}/{SHA256[2:]}"]
    assert b"".join([part async for part in blobs.read(SHA256)]) == CONTENT
    assert await blobs.has(SHA256)
    assert blobs.path_of(SHA256).stat().st_mode & 0o777 == 0o600
    assert blobs.folder.stat().st_mode & 0o777 == 0o700
    assert blobs.path_of(SHA256).stat().st_nlink == 1


@pytest.mark.parametrize("size", [0, 1, HEAD_BYTES, HEAD_BYTES + 1, len(CONTENT)])
@pytest.mark.parametrize("step", [4_099, 300_000])
async def test_the_sample_is_both_ends_of_the_content(
    blobs: DiskBlobs, size: int, step: int
) -> None:
    draft = await blobs.draft(expected_bytes=0)
    for start in range(0, size, step):
        await draft.write(CONTENT[:size][start : start + step])

    written = await draft.finish()

    await draft.drop()
    assert written.bytes == size
    assert written.sample.head == CONTENT[:size][:HEAD_BYTES]
    assert written.sample.tail == CONTENT[:size][-TAIL_BYTES:]
    assert files(blobs) == []


async def test_the_same_content_at_once_lies_there_once(blobs: DiskBlobs) -> None:
    found = await asyncio.gather(*(put(blobs) for _ in range(4)))

    assert set(found) == {SHA256}
    assert files(blobs) == [f"{SHA256[:2]}/{SHA256[2:]}"]


async def test_nothing_of_a_content_on_the_disk_tells_when_it_first_came(tmp_path: Path) -> None:
    before, now = (DiskBlobs(tmp_path / name) for name in ("before", "now"))
    for blobs in (before, now):
        await put(blobs)
        await put(blobs, b"other")

    found = [
        [blobs.path_of(each).stat().st_mtime_ns for each in (SHA256, await put(blobs, b"other"))]
        for blobs in (before, now)
    ]

    assert found[0] == found[1]
    assert len(set(found[0])) == 2
    assert max(found[0]) < 2**30 * 10**9


async def test_what_is_not_kept_leaves_nothing(blobs: DiskBlobs) -> None:
    draft = await blobs.draft(expected_bytes=3)
    await draft.write(b"abc")
    await draft.drop()
    await draft.drop()

    assert files(blobs) == []
    assert not await blobs.has(SHA256)
    with pytest.raises(BlobMissingError):
        await anext(blobs.read(SHA256))
    await blobs.remove(SHA256)


async def test_a_draft_of_the_dead_is_swept_and_one_that_grows_is_not(blobs: DiskBlobs) -> None:
    dead = await blobs.draft(expected_bytes=0)
    await dead.write(b"half of a fi")
    [path] = (blobs.folder / "drafts").iterdir()
    age(path, hours=2)
    living = await blobs.draft(expected_bytes=0)
    await living.write(b"abc")
    await put(blobs)

    assert await blobs.forget_drafts(older_than=HOUR) == 1
    assert await blobs.forget_drafts(older_than=HOUR) == 0

    assert len(files(blobs)) == 2
    await living.drop()
    await dead.drop()
    assert files(blobs) == [f"{SHA256[:2]}/{SHA256[2:]}"]


async def test_old_contents_are_found_by_and_by(
    blobs: DiskBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = await put(blobs)
    monkeypatch.setattr(secrets, "token_hex", lambda _: sha256[:2])

    assert await blobs.aged(older_than=HOUR, limit=10) == []
    later = time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: later)
    assert await blobs.aged(older_than=HOUR, limit=10) == [sha256]
    assert await blobs.aged(older_than=HOUR, limit=0) == []
    monkeypatch.setattr(secrets, "token_hex", lambda _: "zz")
    assert await blobs.aged(older_than=HOUR, limit=10) == []


async def test_files_leave_the_reserve_of_the_disk_to_others(tmp_path: Path) -> None:
    full = DiskBlobs(tmp_path / "files", reserve_bytes=1 << 60)

    with pytest.raises(StorageFullError):
        await full.check_room(expected_bytes=0)
    with pytest.raises(StorageFullError):
        await full.draft(expected_bytes=0)
    assert not full.folder.exists()


@pytest.mark.parametrize("failing", ["write", "fsync", "link"])
async def test_a_full_disk_is_told_and_leaves_nothing(
    blobs: DiskBlobs, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """The disk says so in a system call: what is replaced is the system, not our code."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    kept = await put(blobs, b"before")
    draft = await blobs.draft(expected_bytes=3)
    monkeypatch.setattr(os, failing, full)

    with pytest.raises(StorageFullError):
        await save(draft, b"abc")
    await draft.drop()

    assert files(blobs) == [f"{kept[:2]}/{kept[2:]}"]


async def test_a_cancelled_writer_writes_into_no_other_file(blobs: DiskBlobs) -> None:
    draft = await blobs.draft(expected_bytes=0)
    task = asyncio.create_task(draft.write(CONTENT))
    await asyncio.sleep(0)
    task.cancel()
    await draft.drop()
    other = await put(blobs, b"other")

    await draft.write(b"late")  # what a thread that was left behind would do

    assert files(blobs) == [f"{other[:2]}/{other[2:]}"]
    assert blobs.path_of(other).read_bytes() == b"other"
