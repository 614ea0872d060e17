"""What the worker last did, in a memory-mapped file that the web processes read.

Asking the store would be no answer: it may be the store that is away.
"""

import mmap
import os
import struct
import time
from pathlib import Path
from typing import Final

_NAME: Final = "worker.status"
# Numbers of 8 bytes each, 0: never.
_SLOTS: Final = {"replica": 0, "clicks": 1, "stored_bytes": 2, "caught_up": 3, "oldest": 4}
_SLOT: Final = struct.Struct("<Q")
_SIZE: Final = 64


class WorkerStatus:
    """How the loops are doing. One process notes, any number ask; it outlives the process.

    Of the spools: how many bytes of records are stored of the files that are there, when
    all that lay in them was stored, and the moment of the first click that is not.
    """

    def __init__(self, folder: Path) -> None:
        """Make the file in the folder if it is missing."""
        descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size < _SIZE:  # written, because a hole on a full disk would kill who writes to it
                os.pwrite(descriptor, bytes(_SIZE - size), size)
            self._file = mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)

    def succeeded(self, loop: str) -> None:
        """Note that a loop ("replica", "clicks") has just done all there was to do."""
        self._put(loop, time.time_ns() // 1000)

    def age_s(self, loop: str) -> float | None:
        """Return the seconds since the loop last succeeded; None if it never did."""
        noted_us = self._get(loop)
        return max(time.time() - noted_us / 1e6, 0.0) if noted_us else None

    def note_spools(self, *, stored_bytes: int, oldest_us: int, caught_up_us: int | None) -> None:
        """Note how far the spools are read, after the files that are done were deleted.

        Args:
            stored_bytes: of records of the files that are there.
            oldest_us: the first click that waits; 0 if there is none.
            caught_up_us: a moment; what was written before it is stored. None: as before.
        """
        self._put("stored_bytes", stored_bytes)
        self._put("oldest", oldest_us)
        if caught_up_us is not None:
            self._put("caught_up", caught_up_us)

    def note_start(self, *, record_bytes: int) -> None:
        """Note that a worker begins, with so many bytes of records in the spools.

        Files may have been deleted while there was none, and no click waits for longer
        than there have been workers.
        """
        self._put("stored_bytes", min(self._get("stored_bytes"), record_bytes))
        if not self._get("caught_up"):
            self._put("caught_up", time.time_ns() // 1000)

    def stored_bytes(self) -> int:
        """See api.adapters.spool_backlog.Reading."""
        return self._get("stored_bytes")

    def caught_up_at(self) -> float:
        """See api.adapters.spool_backlog.Reading."""
        return self._get("caught_up") / 1e6

    def oldest_wait_s(self) -> float:
        """Return for how long a click waits that was not stored by now, at most.

        It is exact for clicks that the worker has seen, and holds for those that came
        since. 0.0 before any worker.
        """
        since_us = self._get("oldest") or self._get("caught_up")
        return max(time.time() - since_us / 1e6, 0.0) if since_us else 0.0

    def _put(self, name: str, value: int) -> None:
        _SLOT.pack_into(self._file, _SLOTS[name] * _SLOT.size, value)

    def _get(self, name: str) -> int:
        number: int = _SLOT.unpack_from(self._file, _SLOTS[name] * _SLOT.size)[0]
        return number
