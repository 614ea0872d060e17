"""The GraphQL endpoint through HTTP, on SQLite and PostgreSQL.

`python -m benchmarks.graphql` prints its part of the table. The web process is that of
`serve --role api`, with rate limits that count and never refuse, and the audit log. It
shares one core with PostgreSQL, the load has the other. Every kind of request is sent
once and its answer looked at before it is measured; what linkCreate says it made
is counted afterwards.
"""

import argparse
import asyncio
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg
import psutil

from api.migrate import migrate
from benchmarks.graphql_server import LINKS
from benchmarks.report import Figure, at_least, table
from tests.servers import database_url, private_postgres

CONNECTIONS: Final = 16
ENGINES: Final = ("SQLite", "PostgreSQL")
_ROUND_S: Final = 2
_START_TIMEOUT_S: Final = 20.0
_OK: Final = 200
_PAGE: Final = """{ links(first: 100) { nodes {
  id slug domain shortUrl url title state createdAt clickCount revision
} } }"""
_CREATE: Final = """mutation ($input: LinkCreateInput!) { linkCreate(input: $input) {
  __typename ... on LinkCreateSuccess { link { id slug shortUrl url clickCount } }
  ... on Problem { code message path }
} }"""
_COUNT: Final = {"query": "{ links(first: 1) { totalCount } }"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One kind of request.

    Attributes:
        measure: as the table names it.
        body: sent over and over.
        expected: must be in the answer.
        floor: requests a second that are asked for.
        is_anonymous: sent without a key.
        note: what the figure includes.
    """

    measure: str
    body: Mapping[str, Any]
    expected: str
    floor: float
    is_anonymous: bool = False
    note: str = ""


QUESTIONS: Final = (
    Question(
        measure="`{ portal { name } }`",
        body={"query": "{ portal { name } }"},
        expected='"name":"Linkyard"',
        floor=1500,
        is_anonymous=True,
        note="It is the web process of `serve --role api`: requests are counted by address and "
        "by key, as the rate limits want it, against numbers that none of them reaches.",
    ),
    Question(
        measure="`links` page of 100 with 10 fields each",
        body={"query": _PAGE},
        expected='"shortUrl"',
        floor=150,
    ),
    Question(
        measure=f"`linkCreate`, {CONNECTIONS} connections",
        body={"query": _CREATE, "variables": {"input": {"url": "https://example.org/a?b=c"}}},
        expected='"LinkCreateSuccess"',
        floor=300,
        note="The audit entry is part of it, and so is the wake-up of a worker, though none "
        "runs here.",
    ),
)


@dataclass(frozen=True, slots=True)
class Server:
    """A web process that answers, and the key for it."""

    port: int
    pid: int
    key: str

    def headers(self, *, is_anonymous: bool = False) -> dict[str, str]:
        """Return what a program sends."""
        content = {"Content-Type": "application/json"}
        return content if is_anonymous else {**content, "Authorization": f"Bearer {self.key}"}

    def ask(self, body: Mapping[str, Any], *, is_anonymous: bool = False) -> str:
        """Return the text of one answer, which must be 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = self.headers(is_anonymous=is_anonymous)
        connection.request("POST", "/graphql", json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        if response.status != _OK:
            raise RuntimeError(text)
        return text

    def count(self) -> int:
        """Return how many links the key's owner has."""
        total: int = json.loads(self.ask(_COUNT))["data"]["links"]["totalCount"]
        return total


@dataclass(frozen=True, slots=True)
class Sample:
    """One round: requests a second, and the web process's CPU for each."""

    per_second: float
    cpu_us: float
    requests: int


def figures(rounds: int) -> list[Figure]:
    """Measure every question on both engines in alternation."""
    found: dict[tuple[str, str], list[Sample]] = {}
    with tempfile.TemporaryDirectory(prefix="lkygq") as name, _servers(Path(name)) as servers:
        for server in servers.values():
            _check(server)
        for _ in range(rounds):
            for engine, server in servers.items():
                for question in QUESTIONS:
                    sample = _load(server, question, Path(name))
                    found.setdefault((engine, question.measure), []).append(sample)
    return [
        _told(engine, question, found[engine, question.measure])
        for question in QUESTIONS
        for engine in ENGINES
    ]


def _told(engine: str, question: Question, samples: list[Sample]) -> Figure:
    cpu_us = median(sample.cpu_us for sample in samples)
    return at_least(
        f"{question.measure}, {engine}",
        median(sample.per_second for sample in samples),
        question.floor,
        unit=" requests/s",
        note=f"{cpu_us:,.0f} µs of the web process's CPU for each. {question.note}".rstrip(),
    )


def _check(server: Server) -> None:
    """Look at one answer of each kind."""
    for question in QUESTIONS:
        answer = server.ask(question.body, is_anonymous=question.is_anonymous)
        if question.expected not in answer or '"errors"' in answer:
            raise RuntimeError(answer)


def _load(server: Server, question: Question, folder: Path) -> Sample:
    """Send one question for some seconds.

    Raises:
        RuntimeError: a connection failed, an answer was not 200, or links are missing.
    """
    script = folder / "question.lua"
    script.write_text(_lua(server, question), encoding="utf-8")
    process, links = psutil.Process(server.pid), server.count()
    before = process.cpu_times()
    done = subprocess.run(
        [
            *_on_core(1),
            *("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{_ROUND_S}s", "-s", os.fspath(script)),
            f"http://127.0.0.1:{server.port}/graphql",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    after = process.cpu_times()
    told = done.stdout
    rate = re.search(r"Requests/sec:\s*([\d.]+)", told)
    count = re.search(r"(\d+) requests in", told)
    if rate is None or count is None or "Socket errors" in told or "Non-2xx" in told:
        raise RuntimeError(told)
    requests = int(count[1])
    if "mutation" in question.body["query"] and server.count() < links + requests:
        raise RuntimeError(f"{requests} links were created, {server.count() - links} are there")
    cpu_s = after.user + after.system - before.user - before.system
    return Sample(float(rate[1]), cpu_s / requests * 1e6, requests)


def _lua(server: Server, question: Question) -> str:
    headers = server.headers(is_anonymous=question.is_anonymous)
    lines = ['wrk.method = "POST"', f"wrk.body = [==[{json.dumps(question.body)}]==]"]
    lines += [f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items()]
    return "\n".join(lines)


@contextmanager
def _servers(folder: Path) -> Generator[dict[str, Server]]:
    """Run a web process on each engine, with LINKS links; PostgreSQL shares their core."""
    all_cores = os.sched_getaffinity(0)
    with ExitStack() as stack:
        os.sched_setaffinity(0, {min(all_cores)})
        try:
            postgres = stack.enter_context(private_postgres())
        finally:
            os.sched_setaffinity(0, all_cores)
        asyncio.run(_create_database(postgres))
        urls = {
            "SQLite": f"sqlite://{folder / 'links.sqlite3'}",
            "PostgreSQL": database_url(postgres, "links"),
        }
        yield {engine: stack.enter_context(_running(urls[engine])) for engine in ENGINES}


async def _create_database(server: str) -> None:
    connection = await asyncpg.connect(database_url(server, "postgres"))
    try:
        await connection.execute("CREATE DATABASE links")
    finally:
        await connection.close()


@contextmanager
def _running(url: str) -> Iterator[Server]:
    module = [sys.executable, "-m", "benchmarks.graphql_server"]
    migrate(url)
    key = subprocess.run([*module, "links", url], capture_output=True, text=True, check=True).stdout
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with subprocess.Popen([*_on_core(0), *module, "serve", url, str(port)]) as process:
        try:
            _wait(port, process)
            yield Server(port, process.pid, key)
        finally:
            process.terminate()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"no server on port {port}")


def _on_core(number: int) -> list[str]:
    return ["taskset", "-c", str(sorted(os.sched_getaffinity(0))[number])]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    print(f"{LINKS:,} links at the start")
    print(table(figures(parser.parse_args().rounds)))
