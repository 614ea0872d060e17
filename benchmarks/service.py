"""A real service in a folder of its own: `python -m api serve` and its commands.

For benchmarks, fault scenarios, the demo and tests with real processes. Only
what one of these services started is ever signalled.
"""

import asyncio
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import psutil

_ROOT: Final = Path(__file__).resolve().parent.parent
_LOOPBACK: Final = "127.0.0.1"
_POLL_S: Final = 0.05
READY_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 40.0


class ServiceError(Exception):
    """The service did not do what every caller relies on; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer of the service."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the decoded body."""
        decoded: dict[str, Any] = json.loads(self.body)
        return decoded


@dataclass(slots=True, kw_only=True)
class Service:
    """One installation. Its folder outlives its processes: it can be started again.

    Attributes:
        folder: holds `data/` (LINKYARD_DATA_DIR) and `serve.log`.
        port: on loopback; the same after every start.
        settings: LINKYARD_ variables, without the prefix.
        prefix: what the serve command is started with, for example taskset.
        arguments: of the serve command, for example a role.
    """

    folder: Path
    port: int
    settings: Mapping[str, str]
    prefix: Sequence[str] = ()
    arguments: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None
    _key: str = field(default="", init=False)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return (_LOOPBACK, self.port)

    @property
    def host(self) -> str:
        """The first domain, as the Host header names it."""
        return self.settings.get("DEFAULT_DOMAIN", f"localhost:{self.port}")

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def database_url(self) -> str:
        """The store."""
        return self.settings.get("DATABASE_URL", f"sqlite://{self.data / 'linkyard.sqlite3'}")

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of its processes: none of the caller's settings."""
        own = {k: v for k, v in os.environ.items() if not k.startswith("LINKYARD_")}
        own["LINKYARD_FETCH_TITLES"] = "false"  # nobody out there is asked, unless it is wanted
        own |= {f"LINKYARD_{name}": value for name, value in self.settings.items()}
        own["LINKYARD_BIND"] = f"{_LOOPBACK}:{self.port}"
        own["LINKYARD_DATA_DIR"] = os.fspath(self.data)
        return own

    # Life

    def start(self, *, wait: bool = True) -> None:
        """Start the supervisor; with `wait` return when the service is ready."""
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "api", "serve", *self.arguments],
                cwd=_ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if wait:
            self.wait_ready()

    def stop(self) -> int:
        """Ask it to end (SIGTERM), wait for it and return its exit code."""
        process = self._running()
        process.terminate()
        try:
            code = process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise ServiceError(f"still there {STOP_TIMEOUT_S:.0f} s after SIGTERM") from None
        self.process = None
        return code

    def destroy(self) -> None:
        """Kill what runs and remove the folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """Kill what runs; the folder stays."""
        if self.process is not None:
            for pid in [self.process.pid, *self.children()]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return when /readyz says 200.

        Raises:
            ServiceError: it ended, or it took too long.
        """
        deadline = time.monotonic() + timeout_s
        last = ""
        while time.monotonic() < deadline:
            if self._running().poll() is not None:
                raise ServiceError(f"serve ended: {self.last_words()}")
            try:
                answer = self.get("/readyz")
            except (OSError, http.client.HTTPException) as error:
                last = str(error)
            else:
                if answer.status == 200:  # noqa: PLR2004 - OK
                    return
                last = f"{answer.status} {answer.body.decode()}"
            time.sleep(_POLL_S)
        raise ServiceError(f"not ready after {timeout_s:.0f} s: {last}; {self.last_words()}")

    def last_words(self) -> str:
        """Return the end of the log."""
        return (self.folder / "serve.log").read_text("utf-8", "replace")[-2000:]

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            raise ServiceError("not started")
        return self.process

    # Processes

    def children(self) -> list[int]:
        """Return the processes that the supervisor started, oldest first."""
        try:
            children = psutil.Process(self._running().pid).children()
            return [child.pid for child in sorted(children, key=psutil.Process.create_time)]
        except psutil.NoSuchProcess:
            return []

    def web_pids(self) -> list[int]:
        """Return the web processes, oldest first: every child but the worker."""
        worker = self.worker_pids()
        return [pid for pid in self.children() if pid not in worker]

    def worker_pids(self) -> list[int]:
        """Return the child that holds the worker's lock, or nothing while none does."""
        with suppress(OSError, ValueError):
            holder = int((self.data / "worker.lock").read_text("ascii"))
            return [pid for pid in self.children() if pid == holder]
        return []

    # Requests

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """Fetch a path of the first domain over a connection of its own."""
        return self.request("GET", path, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float = 15.0,
    ) -> Response:
        """Send one request over a connection of its own and return the whole answer."""
        connection = http.client.HTTPConnection(*self.address, timeout=timeout_s)
        try:
            wanted = {"Host": self.host, "Connection": "close", **(headers or {})}
            connection.request(method, path, body=body, headers=wanted)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, found, answer.read())
        finally:
            connection.close()

    def graphql(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run an operation with an API key that has every scope; return its data.

        Raises:
            ServiceError: the answer has errors.
        """
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        headers = {
            "Authorization": f"Bearer {self.key()}",
            "Content-Type": "application/json",
            "Accept": "application/graphql-response+json",
        }
        answer = self.request("POST", "/graphql", headers=headers, body=body)
        result = answer.json()
        if answer.status != 200 or "errors" in result:  # noqa: PLR2004 - OK
            raise ServiceError(f"{answer.status} {result}")
        data: dict[str, Any] = result["data"]
        return data

    # Commands

    def cli(self, *arguments: str, timeout_s: float = 300.0) -> subprocess.CompletedProcess[str]:
        """Run `python -m api ...` on this installation and return what it printed."""
        return subprocess.run(
            [sys.executable, "-m", "api", *arguments],
            cwd=_ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def key(self) -> str:
        """Return an API key with all scopes of the administrator, made once."""
        if not self._key:
            made = self.cli("keys", "create", "--label", "benchmarks")
            if made.returncode:
                raise ServiceError(f"keys create: {made.stderr}")
            self._key = made.stdout.strip()
        return self._key

    def import_links(self, targets: Mapping[str, str]) -> None:
        """Make links by slug with the import command."""
        file = self.folder / "links.csv"
        rows = "".join(f"{target},{slug}\n" for slug, target in targets.items())
        file.write_text(f"url,slug\n{rows}", "utf-8")
        done = self.cli("links", "import", os.fspath(file))
        if done.returncode:
            raise ServiceError(f"links import: {done.stdout}{done.stderr}")

    # The store and the figures

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Read from the store past all of our own code."""
        if self.database_url.startswith("sqlite://"):
            path = self.database_url.removeprefix("sqlite://")
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            try:
                return connection.execute(statement).fetchall()
            finally:
                connection.close()
        return asyncio.run(_postgres_rows(self.database_url, statement))

    def metrics(self) -> dict[str, float]:
        """Return the sum of every metric over its labels and processes, by sample name."""
        sums: dict[str, float] = {}
        for line in self.get("/metrics").body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                for key in {name, name.partition("{")[0]}:
                    sums[key] = sums.get(key, 0.0) + float(value)
        return sums


async def _postgres_rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row.values()) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def service(
    settings: Mapping[str, str] | None = None, *, prefix: Sequence[str] = (), start: bool = True
) -> Iterator[Service]:
    """Run a service in a new folder; kill it and remove the folder at the end.

    Args:
        settings: LINKYARD_ variables without the prefix; 2 web processes unless they say more.
        prefix: what the serve command is started with, for example taskset.
        start: False leaves the start to the caller.
    """
    folder = Path(tempfile.mkdtemp(prefix="lky", dir="/tmp"))  # short: sockets lie in it
    running = Service(
        folder=folder,
        port=free_port(),
        settings={"PROCESSES": "2", "LOG_FORMAT": "json", **(settings or {})},
        prefix=prefix,
    )
    try:
        if start:
            running.start()
        yield running
    finally:
        running.destroy()
