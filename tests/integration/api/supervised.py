"""A toy service under the real supervisor: `python -m ...supervised FOLDER WHAT`.

Each process writes its events as files `<pid>.<event>` into the folder.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from api.child_process import EXIT_CRASHED, EXIT_REFUSED, READY, RETIRE, STOP, SUPERVISED, Run
from api.supervisor import Plan, Service, Supervisor


@dataclass(frozen=True)
class Toy:
    """One web process and one worker; `what` is what befalls them."""

    folder: Path
    what: str

    def plan(self) -> Plan:
        """Return what the supervisor shall run."""
        return Plan(
            setup=_blocking(self.setup),
            services=[
                Service(name="web", run=_blocking(self.web), is_web=True),
                Service(name="worker", run=_blocking(self.worker), is_web=False),
            ],
            listeners=[],
            setup_grace_s=0.2,
            stop_timeout_s=60.0 if self.what.endswith("for long") else 1.0,
            ended=self.ended,
            ready=lambda: self.note("ready"),
        )

    def note(self, event: str) -> None:
        """Write an event of this process down."""
        file = self.folder / f"{os.getpid()}.{event}"
        file.touch()
        now = time.time_ns()  # a file system's own clock ticks every 4 ms, which hides the order
        os.utime(file, ns=(now, now))

    def web(self, announce: Callable[[], None]) -> int:
        """Serve, after a fashion."""
        self.note("web")
        if self.what == "web crashes":
            return EXIT_CRASHED
        if self.what == "successor crashes" and (self.folder / "break").exists():
            return EXIT_CRASHED
        announce()
        taken = signal.sigwait({STOP, RETIRE})
        self.note("retired" if taken == RETIRE else "stopped")
        if self.what.startswith("web hangs"):
            signal.sigwait({RETIRE})
        return 0

    def worker(self, announce: Callable[[], None]) -> int:
        """Work until told to stop."""
        self.note("worker")
        announce()
        signal.sigwait({STOP})
        self.note("stopped")
        return 0

    def setup(self, _: Callable[[], None]) -> int:
        """Prepare, once."""
        self.note("setup")
        if self.what == "setup refuses":
            return EXIT_REFUSED
        is_late = self.what == "setup fails" and not (self.folder / "store").exists()
        return EXIT_CRASHED if is_late else 0

    def ended(self, pid: int, code: int) -> None:
        """Write an end down; as the supervisor, which may get a word from the dead."""
        (self.folder / f"{pid}.ended.{code}").touch()
        if self.what == "a word comes late":
            os.kill(os.getpid(), READY)


def _blocking(run: Run) -> Run:
    """Signals stay blocked, as a child is born, so that sigwait takes them one by one."""

    def child(announce: Callable[[], None]) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, SUPERVISED)
        return run(announce)

    return child


if __name__ == "__main__":
    sys.exit(Supervisor(Toy(Path(sys.argv[1]), sys.argv[2]).plan()).run())
