"""The writing end of the spool: clicks on disk before their redirects leave.

One `FileSpool` for each process, made after the fork; nothing is opened before
the first click. All clicks of an event-loop turn go down in one write. A process
that is killed loses nothing; a power cut loses what was not synced yet.
"""

import asyncio
import errno
import fcntl
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.rules.spool_format import HEADER_BYTES, SpoolHeader, encode_header

_SUFFIX: Final = ".spool"
_DRAFT: Final = ".new"  # not a spool yet: its writer does not hold the lock
_LOOK_S: Final = 1.0  # how often the size of the folder and the age of the file are looked at
_CLOSED: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolLimits:
    """When a file is closed, and when clicks are given up.

    Attributes:
        file_bytes: a longer file is closed and another one begun.
        folder_bytes: what all files together may hold; with several processes it can
            be passed by what they write in a second.
        file_age_s: an older file is closed, so that it can be read to its end and deleted.
    """

    file_bytes: int = 64 << 20
    folder_bytes: int = 4 << 30
    file_age_s: float = 3600.0


class FileSpool:
    """Appends records to this process's file.

    Attributes:
        lost: clicks that could not be written since the start.
        trouble: why the last write failed, "" if it did not.
    """

    def __init__(self, folder: Path, limits: SpoolLimits) -> None:
        self.lost = 0
        self.trouble = ""
        self._folder = folder
        self._limits = limits
        self._descriptor = _CLOSED
        self._path = folder
        self._bytes = 0  # in the file, all of them whole records
        self._opened_at = 0.0
        self._left = limits.folder_bytes
        self._is_dirty = False
        self._is_folder_dirty = False
        self._full: list[int] = []  # closed for writing; synced and let go by `sync`

    def write(self, frames: Sequence[bytes]) -> int:
        """Append records, all of one event-loop turn, and return how many were lost.

        Never raises. After a failure the file ends with a whole record, and the
        next call tries again.
        """
        data = b"".join(frames)
        if len(data) > self._left:
            return self._lose(len(frames), "the spool has reached its bound")
        try:
            if self._descriptor == _CLOSED:
                self._open()
            written = os.write(self._descriptor, data)
        except OSError as error:
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

    def sync(self) -> None:
        """Bring everything written so far to the disk. Blocking: for a thread, one at a time.

        Raises:
            OSError: the disk refused; what is synced is not known.
        """
        full, self._full = self._full, []
        is_dirty, self._is_dirty = self._is_dirty, False
        if self._is_folder_dirty:
            self._is_folder_dirty = False
            _sync_folder(self._folder)
        for descriptor in full:
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)  # lets go of the lock: a reader may delete the file
        if is_dirty and self._descriptor != _CLOSED:
            os.fdatasync(self._descriptor)

    def look(self, folder_bytes: int) -> None:
        """Take note of the folder's size, and finish a file that is old."""
        self._left = self._limits.folder_bytes - folder_bytes
        is_old = time.monotonic() - self._opened_at >= self._limits.file_age_s
        if self._descriptor != _CLOSED and is_old:
            self._finish_file()

    def folder_bytes(self) -> int:
        """Return the size of all spools. Blocking."""
        total = 0
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(_SUFFIX):
                    try:
                        total += entry.stat().st_size
                    except FileNotFoundError:  # read to its end and deleted
                        continue
        return total

    async def keep_synced(self, *, every_ms: int) -> None:
        """Sync in a thread, again and again, until cancelled."""
        looked_at = 0.0
        while True:
            if time.monotonic() - looked_at >= _LOOK_S:
                looked_at = time.monotonic()
                self.look(await asyncio.to_thread(self.folder_bytes))
            if self._is_dirty or self._full or self._is_folder_dirty:
                try:
                    await asyncio.to_thread(self.sync)
                except OSError as error:
                    self.trouble = os.strerror(error.errno or errno.EIO)
            await asyncio.sleep(every_ms / 1000)

    def close(self) -> None:
        """Sync and close; the reader may then finish the file. Not while `sync` runs."""
        if self._descriptor != _CLOSED:
            self._finish_file()
        self.sync()

    def _open(self) -> None:
        file_id = secrets.token_hex(16)
        header = encode_header(SpoolHeader(file_id, time.time_ns() // 1000))
        path = self._folder / f"{file_id}{_SUFFIX}"
        draft = path.with_suffix(_DRAFT)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.write(descriptor, header) != HEADER_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            draft.rename(path)  # only now a reader sees it, and finds it locked
        except OSError:
            os.close(descriptor)
            draft.unlink(missing_ok=True)
            raise
        self._descriptor, self._path, self._bytes = descriptor, path, HEADER_BYTES
        self._opened_at = time.monotonic()
        self._is_folder_dirty = True

    def _finish_file(self) -> None:
        self._full.append(self._descriptor)
        self._descriptor = _CLOSED
        self._is_dirty = True

    def _keep_whole_records(self, frames: Sequence[bytes], written: int) -> int:
        kept, size = 0, 0
        for frame in frames:
            if size + len(frame) > written:
                break
            size += len(frame)
            kept += 1
        self._bytes += size
        self._left -= size
        try:
            os.ftruncate(self._descriptor, self._bytes)
        except OSError:  # half a record stays: the reader sets it aside
            self._finish_file()
        return self._lose(len(frames) - kept, os.strerror(errno.ENOSPC))

    def _lose(self, count: int, why: str) -> int:
        self.lost += count
        self.trouble = why
        return count


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
