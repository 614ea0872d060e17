"""A forked child: how it starts, what it obeys, how it tells that it is ready.

The supervisor blocks its signals before it forks, so a child is born with them
blocked: what is sent to it too early waits until `obey` has set the handlers.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

import structlog

_log = structlog.stdlib.get_logger("linkyard.process")

STOP: Final = signal.SIGTERM  # the service ends: answer what was accepted, then exit
RETIRE: Final = signal.SIGUSR1  # a successor accepts already: finish open connections, then exit
READY: Final = signal.SIGRTMIN  # child to supervisor; real-time signals queue and name their sender
SUPERVISED: Final = frozenset(
    {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, RETIRE, READY}
)
EXIT_CRASHED: Final = 70  # EX_SOFTWARE of sysexits.h
EXIT_REFUSED: Final = 78  # EX_CONFIG: starting again cannot help

Run = Callable[[Callable[[], None]], int]  # gets `announce`, returns the exit code

_supervisor_pid = 0  # of the process that spawned this one

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_libc: Final = ctypes.CDLL(None, use_errno=True)


def spawn(run: Run) -> int:
    """Fork and return the child's process id; the child never returns.

    Must be called from a process without threads and event loops. The child
    ignores Ctrl-C, which the terminal sends to every process of the group, and
    is told to stop when its parent dies.

    Args:
        run: called in the child. Its argument tells the supervisor that the
            child is ready; its result is the exit code.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    supervisor = os.getpid()
    child = os.fork()
    if child:
        return child
    global _supervisor_pid  # noqa: PLW0603 - a child has one, and it never changes
    _supervisor_pid = supervisor
    code = EXIT_CRASHED
    try:
        _libc.prctl(_PR_SET_PDEATHSIG, STOP)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if os.getppid() == supervisor:  # else it died before prctl
            code = run(lambda: os.kill(supervisor, READY))
    except BaseException:  # noqa: BLE001 - the child's last word, whatever happened
        _log.critical("a process failed", exc_info=True)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def is_orphan() -> bool:
    """Tell whether the supervisor died: then a new service waits for this process to go."""
    return os.getppid() != _supervisor_pid


def obey(
    loop: asyncio.AbstractEventLoop, *, stop: Callable[[], None], retire: Callable[[], None]
) -> None:
    """Handle the supervisor's signals on this loop, also those that came before."""
    loop.add_signal_handler(STOP, stop)
    loop.add_signal_handler(RETIRE, retire)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SUPERVISED)
