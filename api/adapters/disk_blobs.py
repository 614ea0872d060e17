"""Contents of files in a folder: `ab/cdef...` by their SHA-256, and drafts beside them.

A draft has a name of its own, is hashed while it is written and synced before it is linked
into place: a name that is a SHA-256 always has that content, whatever was killed when. All
work with the disk is done in threads.

The time of a content's last change is made of its hash. Servers of files tell that time, and
whoever sends what another organization sent before would read from it that it was there.
"""

import asyncio
import errno
import hashlib
import itertools
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from api.durable_files import sync_folder
from models.file_errors import StorageFullError
from models.rules.media_types import HEAD_BYTES, TAIL_BYTES, FileSample
from resolvers.file_ports import BlobMissingError, WrittenContent

PART_BYTES: Final = 256 << 10  # read and written at once
DRAFTS: Final = "drafts"
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LOOK_BYTES: Final = 1 << 20  # between two looks at what is free
_PREFIX: Final = 2  # characters of the hash that name a folder
_MOMENTS_S: Final = 1 << 30  # from 1970 to 2004


class DiskBlobs:
    """BlobStore on a disk that all processes of the machine share, or all machines."""

    def __init__(self, folder: Path, *, reserve_bytes: int = 0) -> None:
        """Make nothing yet.

        Args:
            folder: of all contents; made with the first one.
            reserve_bytes: of the disk that files leave to everything else.
        """
        self.folder = folder
        self._reserve_bytes = reserve_bytes

    async def draft(self, *, expected_bytes: int) -> "DiskDraft":
        """See BlobStore.draft."""
        return await asyncio.to_thread(self._draft, expected_bytes)

    async def check_room(self, *, expected_bytes: int) -> None:
        """See BlobStore.check_room."""
        await asyncio.to_thread(self.check_free, expected_bytes)

    def path_of(self, sha256: str) -> Path:
        """See BlobStore.path_of."""
        return self.folder / sha256[:_PREFIX] / sha256[_PREFIX:]

    async def has(self, sha256: str) -> bool:
        """See BlobStore.has."""
        return await asyncio.to_thread(self.path_of(sha256).is_file)

    async def read(self, sha256: str) -> AsyncGenerator[bytes]:
        """See BlobStore.read."""
        try:
            file = await asyncio.to_thread(self.path_of(sha256).open, "rb")
        except FileNotFoundError:
            raise BlobMissingError(sha256) from None
        try:
            while part := await asyncio.to_thread(file.read, PART_BYTES):
                yield part
        finally:
            file.close()

    async def remove(self, sha256: str) -> None:
        """See BlobStore.remove."""
        await asyncio.to_thread(self.path_of(sha256).unlink, missing_ok=True)

    async def aged(self, *, older_than: timedelta, limit: int) -> list[str]:
        """See BlobStore.aged: looks through one folder of 256, by chance."""
        return await asyncio.to_thread(self._aged, older_than.total_seconds(), limit)

    async def forget_drafts(self, *, older_than: timedelta) -> int:
        """See BlobStore.forget_drafts."""
        return await asyncio.to_thread(self._forget_drafts, older_than.total_seconds())

    def check_free(self, wanted_bytes: int) -> None:
        """Raise StorageFullError unless the disk has so many bytes beside the reserve."""
        folder = self.folder
        while not folder.exists():
            folder = folder.parent
        found = os.statvfs(folder)
        if found.f_bavail * found.f_frsize < wanted_bytes + self._reserve_bytes:
            raise StorageFullError

    def _draft(self, expected_bytes: int) -> "DiskDraft":
        self.check_free(expected_bytes)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.folder / DRAFTS).mkdir(mode=0o700, exist_ok=True)
            path = self.folder / DRAFTS / secrets.token_hex(16)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            return DiskDraft(self, path, os.open(path, flags, 0o600))
        except OSError as error:
            raise _told(error) from error

    def _aged(self, older_than_s: float, limit: int) -> list[str]:
        prefix = secrets.token_hex(1)
        old = _older(self.folder / prefix, than=time.time() - older_than_s, is_kept=True)
        return [prefix + path.name for path in itertools.islice(old, limit)]

    def _forget_drafts(self, older_than_s: float) -> int:
        old = list(_older(self.folder / DRAFTS, than=time.time() - older_than_s, is_kept=False))
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)


class DiskDraft:
    """BlobDraft in a file of its own. Made by DiskBlobs."""

    def __init__(self, store: DiskBlobs, path: Path, descriptor: int) -> None:
        self._store = store
        self._path = path
        self._descriptor = descriptor
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._checked_bytes = 0
        self._head = b""
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._is_open = True
        # A cancelled task leaves its thread behind, which must not write into a descriptor
        # that was closed and is another file's by then.
        self._lock = threading.Lock()

    async def write(self, data: bytes) -> None:
        """See BlobDraft.write."""
        await asyncio.to_thread(self._write, data)

    async def finish(self) -> WrittenContent:
        """See BlobDraft.finish."""
        await asyncio.to_thread(self._sync)
        tail = b"".join(self._tail)[-TAIL_BYTES:]
        sample = FileSample(head=self._head, tail=tail)
        return WrittenContent(sha256=self._hash.hexdigest(), bytes=self._bytes, sample=sample)

    async def keep(self) -> None:
        """See BlobDraft.keep."""
        await asyncio.to_thread(self._keep)

    async def drop(self) -> None:
        """See BlobDraft.drop."""
        await asyncio.shield(asyncio.to_thread(self._drop))

    def _write(self, data: bytes) -> None:
        if self._bytes + len(data) > self._checked_bytes:
            self._checked_bytes = self._bytes + len(data) + _LOOK_BYTES
            self._store.check_free(self._checked_bytes - self._bytes)
        with self._lock:
            self._put(data)
        self._hash.update(data)
        self._bytes += len(data)
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        self._remember(data[-TAIL_BYTES:])

    def _put(self, data: bytes) -> None:
        left = memoryview(data) if self._is_open else memoryview(b"")
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            raise _told(error) from error

    def _remember(self, end: bytes) -> None:
        self._tail.append(end)
        self._tail_bytes += len(end)
        while self._tail_bytes - len(self._tail[0]) >= TAIL_BYTES:
            self._tail_bytes -= len(self._tail.popleft())

    def _sync(self) -> None:
        with self._lock:
            try:
                if self._is_open:
                    os.fsync(self._descriptor)
            except OSError as error:
                raise _told(error) from error

    def _keep(self) -> None:
        target = self._store.path_of(self._hash.hexdigest())
        try:
            if not target.parent.is_dir():
                target.parent.mkdir(mode=0o700, exist_ok=True)
                sync_folder(target.parent.parent)
            with suppress(FileExistsError):  # whoever had the same content linked the same bytes
                os.link(self._path, target)
            moment = int.from_bytes(self._hash.digest()[:8]) % _MOMENTS_S
            os.utime(target, (moment, moment))  # no sooner: old drafts are deleted
            sync_folder(target.parent)
        except OSError as error:
            raise _told(error) from error

    def _drop(self) -> None:
        with self._lock, suppress(OSError):
            if self._is_open:
                self._is_open = False
                os.close(self._descriptor)
        with suppress(OSError):
            self._path.unlink()


def _older(folder: Path, *, than: float, is_kept: bool) -> Iterator[Path]:
    """Yield files by when they were written to or, of contents that are kept, linked here."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                found = os.lstat(entry.path)
                if (found.st_ctime if is_kept else found.st_mtime) < than:
                    yield Path(entry.path)


def _told(error: OSError) -> Exception:
    """Return what a failure of the disk is: full, or something that nobody expected."""
    return StorageFullError() if error.errno in _NO_ROOM else error
