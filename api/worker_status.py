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
_SLOTS: Final = {"replica": 0, "clicks": 1}  # numbers of 8 bytes each, 0: never
_SLOT: Final = struct.Struct("<Q")
_SIZE: Final = 64


class WorkerStatus:
    """Moments of the last success of each loop. One process notes, any number ask."""

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

    def _put(self, name: str, value: int) -> None:
        _SLOT.pack_into(self._file, _SLOTS[name] * _SLOT.size, value)

    def _get(self, name: str) -> int:
        number: int = _SLOT.unpack_from(self._file, _SLOTS[name] * _SLOT.size)[0]
        return number
