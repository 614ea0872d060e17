"""A toy service under the real supervisor: `python -m ...supervised FOLDER WHAT`.

Each process writes its events as files `<pid>.<event>` into the folder.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from api.child_process import EXIT_CRASHED, EXIT_REFUSED, READY, RETIRE, STOP, SUPERVISED, Run
from api.supervisor import Plan, Service, Supervisor


def main(folder: Path, what: str) -> int:
    """Supervise one web process and one worker until told to stop."""

    def note(event: str) -> None:
        file = folder / f"{os.getpid()}.{event}"
        file.touch()
        now = time.time_ns()  # a file system's own clock ticks every 4 ms, which hides the order
        os.utime(file, ns=(now, now))

    def web(announce: Callable[[], None]) -> int:
        note("web")
        if what == "web crashes":
            return EXIT_CRASHED
        if what == "successor crashes" and (folder / "break").exists():
            return EXIT_CRASHED
        announce()
        taken = signal.sigwait({STOP, RETIRE})
        note("retired" if taken == RETIRE else "stopped")
        if what.startswith("web hangs"):
            signal.sigwait({RETIRE})
        return 0

    def worker(announce: Callable[[], None]) -> int:
        note("worker")
        announce()
        signal.sigwait({STOP})
        note("stopped")
        return 0

    def setup(_: Callable[[], None]) -> int:
        note("setup")
        if what == "setup refuses":
            return EXIT_REFUSED
        is_late = what == "setup fails" and not (folder / "store").exists()
        return EXIT_CRASHED if is_late else 0

    def ended(pid: int, code: int) -> None:
        (folder / f"{pid}.ended.{code}").touch()
        if what == "a word comes late":
            os.kill(os.getpid(), READY)

    plan = Plan(
        setup=_blocking(setup),
        services=[
            Service(name="web", run=_blocking(web), is_web=True),
            Service(name="worker", run=_blocking(worker), is_web=False),
        ],
        listeners=[],
        setup_grace_s=0.2,
        stop_timeout_s=60.0 if what.endswith("for long") else 1.0,
        ended=ended,
        ready=lambda: note("ready"),
    )
    return Supervisor(plan).run()


def _blocking(run: Run) -> Run:
    """Signals stay blocked, as a child is born, so that sigwait takes them one by one."""

    def child(announce: Callable[[], None]) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, SUPERVISED)
        return run(announce)

    return child


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
