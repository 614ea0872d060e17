"""How many bytes of clicks wait in a folder of spools: what they hold, less what is stored.

The bound of the spool, /readyz and /metrics all ask here, so that they agree.
"""

import os
from pathlib import Path
from typing import Protocol

from models.rules.spool_format import HEADER_BYTES


class Reading(Protocol):
    """How far the worker of this machine is, see api.worker_status."""

    def stored_bytes(self) -> int:
        """Return how many bytes of records of the files that are there are stored."""
        ...

    def caught_up_at(self) -> float:
        """Return since when, at the earliest, a click can wait, in seconds since 1970; 0: ever."""
        ...


class NoReading:
    """Nobody has told of a worker: all that lies in the files waits."""

    def stored_bytes(self) -> int:
        """See Reading."""
        return 0

    def caught_up_at(self) -> float:
        """See Reading."""
        return 0.0


def waiting_bytes(folder: Path, reading: Reading) -> int:
    """Return how many bytes of records in a folder are not stored. Blocking.

    While files are deleted it may return too little, for a moment, but never too much:
    clicks are given up because of it.

    Raises:
        OSError: there is no such folder.
    """
    stored = reading.stored_bytes()  # first: a file that goes meanwhile was stored to its end
    return max(0, record_bytes(folder) - stored)


def record_bytes(folder: Path) -> int:
    """Return how many bytes of records, stored or not, lie in a folder. Blocking.

    Raises:
        OSError: there is no such folder.
    """
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".spool"):
                try:
                    total += max(0, entry.stat().st_size - HEADER_BYTES)
                except FileNotFoundError:  # read to its end and deleted
                    continue
    return total
