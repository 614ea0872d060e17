"""Finds out whether processes die of the replica, and retires it only then.

Reading a memory-mapped file that was cut short or overwritten kills the reader,
but so does many a bug. So after such a death a child reads the whole replica: what
it finds, or its own death, is the proof.
"""

import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from api.adapters.replica_folder import ReplicaFolder, died_of_damage
from api.adapters.replica_scan import scan
from api.child_process import EXIT_CRASHED, SUPERVISED, spawn
from models.rules.replica_format import ReplicaDamagedError

_log = structlog.stdlib.get_logger("linkyard.replica")

_EXIT_DAMAGED: Final = 65  # EX_DATAERR of sysexits.h
_DEATHS: Final = 3  # within a minute are proof as well: not all damage is seen by reading
_MINUTE_S: Final = 60.0


@dataclass(slots=True)
class ReplicaWarden:
    """Belongs to the supervisor, which tells it of every child that ended."""

    folder: ReplicaFolder
    _suspect: str | None = field(default=None, init=False)
    _scan: int | None = field(default=None, init=False)
    _deaths: list[float] = field(default_factory=list, init=False)

    def ended(self, pid: int, code: int) -> None:
        """Take note of the end of a process, with its exit code (-N: by signal N)."""
        try:
            self._consider(pid, code)
        except OSError as error:  # the supervisor must go on; the next death is looked into
            _log.warning("nobody looks into the death of a process", pid=pid, error=repr(error))

    def _consider(self, pid: int, code: int) -> None:
        if pid == self._scan:
            self._scan = None
            self._judge(code)
        elif died_of_damage(code):
            now = time.monotonic()
            self._deaths = [at for at in self._deaths if now - at < _MINUTE_S] + [now]
            if len(self._deaths) >= _DEATHS:
                self._retire(self.folder.current(), "processes go on dying")
            elif self._scan is None:
                self._examine(pid, code)

    def _examine(self, pid: int, code: int) -> None:
        self._suspect = self.folder.current()
        if self._suspect is not None:
            _log.warning("a process died as of a damaged replica", pid=pid, code=code)
            self._scan = spawn(_Scan(self.folder.file_of(self._suspect)))

    def _judge(self, code: int) -> None:
        if code == _EXIT_DAMAGED or died_of_damage(code):
            self._retire(self._suspect, "it is damaged")
        elif code == 0:
            _log.info("the replica is sound", generation=self._suspect)

    def _retire(self, generation: str | None, reason: str) -> None:
        self._deaths = []
        if generation is not None and self.folder.retire(generation):
            _log.error("the replica was retired", reason=reason, generation=generation)


@dataclass(frozen=True, slots=True)
class _Scan:
    """What the reading child runs, see api.child_process.Run."""

    file: Path

    def __call__(self, _announce: object) -> int:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SUPERVISED)
        try:
            scan(self.file)
        except ReplicaDamagedError:
            return _EXIT_DAMAGED
        except OSError:  # short of something, or another one is served by now: nothing is proved
            return EXIT_CRASHED
        return 0
