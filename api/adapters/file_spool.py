"""The writing end of the spool: clicks on disk before their redirects leave.

One `FileSpool` for each process, made after the fork. All clicks of an event-loop
turn go down in one write. A process that is killed loses nothing; a power cut loses
what was not synced yet.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.adapters.spool_backlog import NoReading, Reading, waiting_bytes
from api.durable_files import sync_folder
from models.rules.spool_format import (
    FRAME_BYTES,
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    SpoolHeader,
    encode_header,
)

_SUFFIX: Final = ".spool"
_DRAFT: Final = ".new"  # not a spool yet: its writer does not hold the lock
_MAX_FULL: Final = 8  # files that wait for their last sync, each with a descriptor
_LOOK_S: Final = 1.0  # how often the backlog and the age of the file are looked at
_LARGEST_BYTES: Final = (
    FRAME_BYTES + MAX_PAYLOAD_BYTES
)  # of one record: what there must be room for
_CLOSED: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolLimits:
    """When a file is closed, and when clicks are given up.

    Attributes:
        file_bytes: a longer file is closed and another one begun.
        waiting_bytes: what may wait for the store in all files together; with several
            processes it can be passed by what they write in a second.
        file_age_s: an older file is closed, so that it can be read to its end and deleted.
        read_file_age_s: the same for a file that the worker keeps up with. While it does
            not, files are few: each costs it a descriptor.
        retry_s: how long after a failed write no other file is begun.
        look_again_s: how long after clicks were given up for the bound it is not looked at
            again in the event loop.
    """

    file_bytes: int = 64 << 20
    waiting_bytes: int = 4 << 30
    file_age_s: float = 3600.0
    read_file_age_s: float = 5.0
    retry_s: float = 0.1
    look_again_s: float = 0.05


class FileSpool:
    """Appends records to this process's file.

    Attributes:
        lost: clicks that could not be written since the start.
        trouble: why the last write failed, "" if it did not.
        sync_trouble: why the last sync failed, "" if it did not.
    """

    def __init__(
        self,
        folder: Path,
        limits: SpoolLimits,
        *,
        reading: Reading | None = None,
        note_sync: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """Open nothing yet.

        Args:
            folder: of all spools of this machine.
            limits: see SpoolLimits.
            reading: how far the worker is; without it all that lies in the files waits.
            note_sync: told in the event loop after each sync whether it went well.
        """
        self.lost = 0
        self.trouble = ""
        self.sync_trouble = ""
        self._folder = folder
        self._note_sync = note_sync
        self._limits = limits
        self._reading = NoReading() if reading is None else reading
        self._descriptor = _CLOSED
        self._bytes = 0  # in the file: the header and whole records
        self._opened_at = 0.0  # by the clock that only goes on
        self._began_at = 0.0  # the same moment in seconds since 1970
        self._open_again_at = 0.0
        self._is_torn = False  # half a record stands behind `_bytes`
        self._left = limits.waiting_bytes
        self._look_again_at = 0.0
        self._is_dirty = False
        self._is_folder_dirty = False
        self._spare = _CLOSED  # the next file, made by keep_synced
        self._full: list[int] = []  # closed for writing; synced and let go by `_sync`
        self._making: asyncio.Task[None] | None = None  # of the next file
        self._syncing = asyncio.Lock()

    def write(self, frames: Sequence[bytes]) -> int:
        """Append records, all of one event-loop turn, and return how many were lost.

        Never raises. After a failure the file ends with a whole record. One that holds
        records is finished, so that it can be read and deleted and there is room again;
        an empty one is kept and tried again. Another file is begun after a pause only:
        a full disk must not cost a file and a descriptor for every turn.
        """
        data = b"".join(frames)
        if len(data) > self._left and not self._is_there_room(len(data)):
            self._finish_file()
            return self._lose(len(frames), "the spool has reached its bound")
        if self._descriptor == _CLOSED and time.monotonic() < self._open_again_at:
            return self._lose(len(frames), self.trouble)
        try:
            if self._descriptor == _CLOSED:
                self._open()
            elif self._is_torn:
                self._cut()
            written = os.write(self._descriptor, data)
        except OSError as error:
            self._fail()
            return self._lose(len(frames), os.strerror(error.errno or errno.EIO))
        self._is_dirty = True
        if written == len(data):
            self._bytes += written
            self._left -= written
            self.trouble = ""
            if self._bytes >= self._limits.file_bytes:
                self._finish_file()
            return 0
        return self._keep_whole_records(frames, written)

    async def synced(self) -> None:
        """Return when everything that was written before the call is on the disk, or refused."""
        async with self._syncing:
            if not (self._is_dirty or self._full or self._is_folder_dirty):
                return
            try:
                await asyncio.to_thread(self._sync)
            except OSError as error:
                self.sync_trouble = os.strerror(error.errno or errno.EIO)
            else:
                self.sync_trouble = ""
            self._note_sync(not self.sync_trouble)

    def look(self, waiting_bytes: int) -> None:
        """Take note of how much waits, and finish a file that is old."""
        self._left = self._limits.waiting_bytes - waiting_bytes
        if self._descriptor != _CLOSED and self._bytes > HEADER_BYTES and self._is_old():
            self._finish_file()

    def waiting_bytes(self) -> int:
        """Return how many bytes wait in all spools. Blocking."""
        return waiting_bytes(self._folder, self._reading)

    async def keep_synced(
        self, *, every_ms: int, note_room: Callable[[], None] = lambda: None
    ) -> None:
        """Sync in a thread, again and again, until cancelled, and keep the next file ready.

        To make a file can take as long as the file system is busy with its journal, and
        the event loop must not wait for that.

        Args:
            every_ms: milliseconds from one sync to the next.
            note_room: told in the event loop when clicks can be written again after some
                were lost, also if none came since.
        """
        looked_at = 0.0
        while True:
            with contextlib.suppress(OSError):  # full: `write` will meet it and say so
                if self._spare == _CLOSED:
                    self._making = asyncio.create_task(self._make_spare())
                    await asyncio.shield(self._making)  # a thread cannot be cancelled
            if time.monotonic() - looked_at >= _LOOK_S:
                looked_at = time.monotonic()
                with contextlib.suppress(OSError):
                    self.look(await asyncio.to_thread(self.waiting_bytes))
                    if await self.found_room():
                        note_room()
            await asyncio.shield(self.synced())
            await asyncio.sleep(every_ms / 1000)

    async def found_room(self) -> bool:
        """Say whether the trouble is over, found out by writing something else than clicks.

        Raises:
            OSError: it is not.
        """
        lost = self.lost
        if not self.trouble or self._left < _LARGEST_BYTES:
            return False
        await asyncio.to_thread(self._try_to_write)
        if not self.trouble or self.lost > lost:  # a write was faster and knows better
            return False
        self.trouble = ""
        return True

    async def close(self) -> None:
        """Sync and close: the reader may then take in the rest and delete the file."""
        if self._making is not None:
            with contextlib.suppress(OSError):
                await self._making
        self._let_go()
        if self._spare != _CLOSED:  # nothing but a header, which the reader deletes
            self._full.append(self._spare)
            self._spare = _CLOSED
        await self.synced()

    def _sync(self) -> None:
        # Before the descriptor: should the file change in between, the flag is set again.
        is_dirty, self._is_dirty = self._is_dirty, False
        descriptor = self._descriptor  # stays open: only this method closes
        if is_dirty and descriptor != _CLOSED:
            os.fdatasync(descriptor)
        while self._full:
            finished = self._full.pop()
            try:
                os.fdatasync(finished)
            finally:
                os.close(finished)  # lets go of the lock: a reader may delete the file
        if self._is_folder_dirty:
            self._is_folder_dirty = False
            try:
                sync_folder(self._folder)
            except OSError:
                self._is_folder_dirty = True
                raise

    def _try_to_write(self) -> None:
        draft = self._folder / f"{secrets.token_hex(16)}{_DRAFT}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write_whole(descriptor, bytes(HEADER_BYTES + _LARGEST_BYTES))
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
            draft.unlink(missing_ok=True)

    async def _make_spare(self) -> None:
        self._spare = await asyncio.to_thread(self._make_file)

    def _open(self) -> None:
        spare, self._spare = self._spare, _CLOSED
        self._descriptor = self._make_file() if spare == _CLOSED else spare
        self._bytes = HEADER_BYTES
        self._is_torn = False
        self._opened_at = time.monotonic()
        self._began_at = time.time()

    def _make_file(self) -> int:
        """Make a file with nothing but a header, locked, and return its descriptor."""
        file_id = secrets.token_hex(16)
        header = encode_header(SpoolHeader(file_id, time.time_ns() // 1000))
        path = self._folder / f"{file_id}{_SUFFIX}"
        draft = path.with_suffix(_DRAFT)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_whole(descriptor, header)
            draft.rename(path)  # only now a reader sees it, and finds it locked
        except OSError:
            os.close(descriptor)
            draft.unlink(missing_ok=True)
            raise
        self._is_folder_dirty = True
        return descriptor

    def _is_there_room(self, size: int) -> bool:
        """Look at the backlog once more before clicks are given up: the worker may be ahead."""
        now = time.monotonic()
        if now >= self._look_again_at:
            with contextlib.suppress(OSError):
                self._left = self._limits.waiting_bytes - self.waiting_bytes()
            if size > self._left:
                self._look_again_at = now + self._limits.look_again_s
        return size <= self._left

    def _is_old(self) -> bool:
        age_s = time.monotonic() - self._opened_at
        if self._reading.caught_up_at() >= self._began_at:
            return age_s >= self._limits.read_file_age_s
        return age_s >= self._limits.file_age_s

    def _finish_file(self) -> None:
        """Let the file go, unless so many wait for the disk that this one rather grows."""
        if len(self._full) < _MAX_FULL:
            self._let_go()

    def _let_go(self) -> None:
        if self._descriptor != _CLOSED:
            self._full.append(self._descriptor)
            self._descriptor = _CLOSED

    def _fail(self) -> None:
        self._open_again_at = time.monotonic() + self._limits.retry_s
        if self._bytes > HEADER_BYTES:
            self._finish_file()

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self._bytes)
        self._is_torn = False

    def _keep_whole_records(self, frames: Sequence[bytes], written: int) -> int:
        kept, size = 0, 0
        for frame in frames:
            if size + len(frame) > written:
                break
            size += len(frame)
            kept += 1
        self._bytes += size
        self._left -= size
        self._is_torn = True
        with contextlib.suppress(OSError):  # else the next write tries, or it is set aside later
            self._cut()
        self._fail()
        return self._lose(len(frames) - kept, os.strerror(errno.ENOSPC))

    def _lose(self, count: int, why: str) -> int:
        self.lost += count
        self.trouble = why
        return count


def _write_whole(descriptor: int, data: bytes) -> None:
    if os.write(descriptor, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
