"""Starts the processes of the service, and starts again what dies.

Plain code without threads, event loop, database or replica, so that forking is
safe at any time. Signals are its only input: they are blocked and taken one by
one, so there are no handlers and no races with them.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from api.child_process import EXIT_REFUSED, READY, RETIRE, STOP, SUPERVISED, Run, spawn
from api.listeners import refuse_new_connections

_log = structlog.stdlib.get_logger("linkyard.supervisor")

_BACK_OFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)  # waits after early deaths in a row
_EARLY_S: Final = 2.0  # a child that lived longer is started again at once
_READY_TIMEOUT_S: Final = 20.0  # a successor that takes longer is given up
_SI_KERNEL: Final = 0x80  # siginfo code: the terminal hung up, nobody asked for a replacement


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A process to keep running.

    Attributes:
        name: for the log.
        run: what the child does, see api.child_process.spawn.
        is_web: accepts connections: stopped first, and replaced on SIGHUP.
    """

    name: str
    run: Run
    is_web: bool


@dataclass(slots=True, kw_only=True)
class Plan:
    """What to supervise.

    Attributes:
        setup: run once to its end (exit code 0) before anything else; exit code
            EXIT_REFUSED ends the service, any other is tried again.
        services: started after the setup.
        listeners: held open for the web processes as long as the service runs.
        setup_grace_s: web processes start after this time even if the setup is
            not through, because links go on redirecting while the store is down.
        stop_timeout_s: what has not stopped after it is killed.
        ended: called with the process id and exit code (-N: by signal N) of a child.
        ready: called once, when every web process has announced itself; without any, every service.
    """

    setup: Run
    services: Sequence[Service]
    listeners: Sequence[socket.socket]
    setup_grace_s: float
    stop_timeout_s: float
    ended: Callable[[int, int], None]
    ready: Callable[[], None]


@dataclass(slots=True, kw_only=True)
class _Child:
    pid: int
    since: float
    is_ready: bool = False


@dataclass(slots=True, kw_only=True)
class _Slot:
    service: Service
    is_once: bool = False
    child: _Child | None = None
    successor: _Child | None = None
    failures: int = 0  # early deaths in a row
    start_at: float | None = None  # None: not to be started


@dataclass(slots=True)
class Supervisor:
    """Runs one plan until it is told to stop."""

    plan: Plan
    _setup: _Slot = field(init=False)
    _slots: list[_Slot] = field(init=False)
    _to_replace: list[_Slot] = field(init=False, default_factory=list)
    _retiring: dict[int, float] = field(init=False, default_factory=dict)  # pid: since
    _stopping_since: float | None = field(init=False, default=None)
    _announced: bool = field(init=False, default=False)
    _code: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        setup = Service(name="setup", run=self.plan.setup, is_web=False)
        self._setup = _Slot(service=setup, is_once=True, start_at=0.0)
        self._slots = [_Slot(service=service) for service in self.plan.services]

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT and return the exit code.

        SIGHUP replaces every web process, one after the other, and loses no
        connection. A second SIGTERM or SIGINT kills what is still running.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SUPERVISED)
        try:
            web_may_start_at = time.monotonic() + self.plan.setup_grace_s
            while self._stopping_since is None or self._pids():
                now = time.monotonic()
                if self._setup.start_at is not None and now >= web_may_start_at:
                    self._release([slot for slot in self._slots if slot.service.is_web])
                self._start_what_is_due(now)
                self._give_up_what_is_late(now)
                taken = signal.sigtimedwait(SUPERVISED, 0.1 if self._is_busy() else 1.0)
                if taken is not None:
                    self._take(taken)
                self._reap()
        finally:
            for pid in self._pids():
                _kill(pid, signal.SIGKILL)
            _forget_signals()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self._code

    # Signals

    def _take(self, taken: signal.struct_siginfo) -> None:
        number = taken.si_signo
        if number == READY:
            self._mark_ready(taken.si_pid)
        elif number in {signal.SIGTERM, signal.SIGINT} or (
            number == signal.SIGHUP and taken.si_code == _SI_KERNEL
        ):
            self._stop()
        elif number == signal.SIGHUP and self._stopping_since is None:
            _log.info("replacing the web processes")
            self._to_replace = [slot for slot in self._slots if slot.service.is_web]

    def _stop(self) -> None:
        if self._stopping_since is not None:
            for pid in self._pids():
                _kill(pid, signal.SIGKILL)
            return
        self._stopping_since = time.monotonic()
        refuse_new_connections(self.plan.listeners)
        self._to_replace = []
        for slot in self._slots:
            for child in (slot.child, slot.successor):
                if child is not None and slot.service.is_web:
                    _kill(child.pid, STOP)
        if self._setup.child is not None:
            _kill(self._setup.child.pid, STOP)
        _log.info("stopping")
        self._stop_the_rest()

    def _stop_the_rest(self) -> None:
        """The worker goes last: it takes in what the web processes wrote at their end."""
        web = [
            slot for slot in self._slots if slot.service.is_web and (slot.child or slot.successor)
        ]
        if not web and not self._retiring:
            for slot in self._slots:
                if slot.child is not None:
                    _kill(slot.child.pid, STOP)

    def _mark_ready(self, pid: int) -> None:
        for slot in self._slots:
            if slot.child is not None and slot.child.pid == pid:
                slot.child.is_ready = True
            elif slot.successor is not None and slot.successor.pid == pid:
                slot.successor.is_ready = True
                if slot.child is not None:
                    self._retiring[slot.child.pid] = time.monotonic()
                    _kill(slot.child.pid, RETIRE)
                slot.child, slot.successor = slot.successor, None
        # The worker waits for the setup, and so for the store. Links do without both.
        awaited = [slot for slot in self._slots if slot.service.is_web] or self._slots
        if not self._announced and all(s.child is not None and s.child.is_ready for s in awaited):
            self._announced = True
            self.plan.ready()

    # Deaths

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._bury(pid, os.waitstatus_to_exitcode(status))

    def _bury(self, pid: int, code: int) -> None:
        self.plan.ended(pid, code)
        if self._retiring.pop(pid, None) is None:
            for slot in (self._setup, *self._slots):
                if slot.child is not None and slot.child.pid == pid:
                    self._bury_child(slot, slot.child, code)
                elif slot.successor is not None and slot.successor.pid == pid:
                    _log.error("a successor died, the replacement ends", name=slot.service.name)
                    slot.successor, self._to_replace = None, []
        if self._stopping_since is not None:
            self._stop_the_rest()

    def _bury_child(self, slot: _Slot, dead: _Child, code: int) -> None:
        slot.child, slot.successor = slot.successor, None
        if self._stopping_since is not None:
            slot.start_at = None
        elif slot.is_once and code in {0, EXIT_REFUSED}:
            slot.start_at = None
            if code == 0:
                self._release(self._slots)
            else:
                self._code = 1
                self._stop()
        elif slot.child is None:
            now = time.monotonic()
            is_early = now - dead.since < _EARLY_S
            slot.failures = slot.failures + 1 if is_early else 0
            wait_s = _BACK_OFF_S[min(slot.failures, len(_BACK_OFF_S)) - 1] if slot.failures else 0.0
            slot.start_at = now + wait_s
            _log.warning("a process ended", name=slot.service.name, pid=dead.pid, code=code)

    # Starts

    def _release(self, slots: Sequence[_Slot]) -> None:
        for slot in slots:
            if slot.child is None and slot.start_at is None and self._stopping_since is None:
                slot.start_at = time.monotonic()

    def _start_what_is_due(self, now: float) -> None:
        if self._stopping_since is not None:
            return
        for slot in (self._setup, *self._slots):
            if slot.child is None and slot.start_at is not None and now >= slot.start_at:
                slot.child = _Child(pid=spawn(slot.service.run), since=now)
        if self._to_replace and not any(slot.successor for slot in self._slots):
            slot = self._to_replace.pop(0)
            if slot.child is not None and slot.child.is_ready:  # else it is new anyway
                slot.successor = _Child(pid=spawn(slot.service.run), since=now)

    def _give_up_what_is_late(self, now: float) -> None:
        for slot in self._slots:
            if slot.successor is not None and now - slot.successor.since > _READY_TIMEOUT_S:
                _kill(slot.successor.pid, signal.SIGKILL)
        for pid, since in self._retiring.items():
            if now - since > self.plan.stop_timeout_s:
                _kill(pid, signal.SIGKILL)
        if (
            self._stopping_since is not None
            and now - self._stopping_since > self.plan.stop_timeout_s
        ):
            for pid in self._pids():
                _kill(pid, signal.SIGKILL)

    def _is_busy(self) -> bool:
        """Something has to happen soon, so look again soon."""
        waiting = any(slot.child is None for slot in self._slots)
        return waiting or bool(self._to_replace) or self._stopping_since is not None

    def _pids(self) -> list[int]:
        children = [c for s in (self._setup, *self._slots) for c in (s.child, s.successor) if c]
        return [*(child.pid for child in children), *self._retiring]


def _forget_signals() -> None:
    """Take what still waits: the word of a child that was ready too late would end us."""
    while signal.sigtimedwait(SUPERVISED, 0) is not None:
        pass


def _kill(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
