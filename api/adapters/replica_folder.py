"""Which generation of the replica is served, and how everyone learns that it changed.

The folder holds `<generation>.mdb` files, `current` with the name of the served
one, and `epoch`, a number of 8 bytes that every process has mapped: whoever
changes `current` adds 1 to it, and readers compare it once per event-loop turn.
"""

import contextlib
import fcntl
import mmap
import os
import secrets
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Final

from api.durable_files import sync_folder

_EPOCH_BYTES: Final = 8
_SUFFIX: Final = ".mdb"

# How a process dies that reads a memory-mapped file which was cut short or overwritten.
DAMAGE_SIGNALS: Final = frozenset({signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT})


class ReplicaFolder:
    """The folder as one process sees it. Make one in each process, after the fork."""

    def __init__(self, path: Path) -> None:
        """Make the folder and its epoch if they are missing."""
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path / "epoch", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size != _EPOCH_BYTES:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, bytes(_EPOCH_BYTES), 0)  # no hole: a full disk would kill us
            self._epoch = mmap.mmap(descriptor, _EPOCH_BYTES)
        finally:
            os.close(descriptor)

    def epoch(self) -> bytes:
        """Return a mark that differs after every change of what is served. Costs nothing."""
        return self._epoch[:]

    def current(self) -> str | None:
        """Return the served generation, None while there is none.

        Raises:
            OSError: no descriptors, or the like: nobody knows.
        """
        try:
            name = (self.path / "current").read_text("ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        return name or None

    def file_of(self, generation: str) -> Path:
        """Return where the database of a generation lies."""
        return self.path / f"{generation}{_SUFFIX}"

    def new_generation(self) -> str:
        """Return a name that was never used."""
        return secrets.token_hex(8)

    def serve(self, generation: str) -> None:
        """Make a generation, complete and synced, the served one, and drop all others.

        Readers that still have an older one open keep reading its deleted file.
        """
        with self._changing():
            draft = self.path / "current.new"
            draft.write_text(generation, "ascii")
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(self.path / "current")
            sync_folder(self.path)
        self.drop_others(keep={generation})

    def retire(self, generation: str | None = None) -> bool:
        """Stop serving a generation that is damaged; None means whichever is served.

        Returns:
            False if another one is served by now, or none: nothing was changed.
        """
        with self._changing():
            served = self.current()
            if served is None or generation not in {None, served}:
                return False
            (self.path / "current").unlink(missing_ok=True)
            sync_folder(self.path)
        return True

    def recover(self) -> None:
        """Finish what somebody began who was killed while `current` changed.

        Whoever is to write calls it first. Readers open again what is served, and the
        files of other generations are deleted.
        """
        with self._changing():
            served = self.current()
        self.drop_others(keep=set() if served is None else {served})

    def drop_others(self, *, keep: set[str]) -> None:
        """Delete the files of all generations but those."""
        for file in [*self.path.glob(f"*{_SUFFIX}"), *self.path.glob(f"*{_SUFFIX}-lock")]:
            if file.name.partition(_SUFFIX)[0] not in keep:
                file.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the epoch."""
        self._epoch.close()

    @contextlib.contextmanager
    def _changing(self) -> Generator[None]:
        """Hold the right to change `current`; afterwards the epoch is another one.

        Also after a failure, which may have come when `current` was changed already.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:
                number = int.from_bytes(self._epoch[:], "little") + 1
                self._epoch[:] = (number % (1 << 64)).to_bytes(_EPOCH_BYTES, "little")
        finally:
            os.close(descriptor)


def died_of_damage(exit_code: int) -> bool:
    """Tell whether a child died as readers of a damaged replica do (-N: by signal N)."""
    return -exit_code in DAMAGE_SIGNALS
