"""What a visitor feels while the portal is under attack.

`python -m benchmarks.attack` prints its part of the table. Visitors come at a steady
pace, far below what the redirect can do, and the slowest of a hundred waits is what
counts. The service has one core to itself, load and attack share the other; quiet and
attacked seconds take turns.
"""

import argparse
import http.client
import itertools
import json
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.hostile_documents import hostile_documents
from benchmarks.report import Figure, at_most, ratio, stated, table
from benchmarks.service import Service, free_port, service

_SECONDS: Final = 3
_CONNECTIONS: Final = 16
_ATTACKERS: Final = 4
_LINKS: Final = 1_000
_START_TIMEOUT_S: Final = 20.0
_UNITS: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3}  # to milliseconds
_SCRIPT: Final = """
math.randomseed(7)
local random, format = math.random, string.format
function delay() return random(5, 15) end
request = function()
  return format("GET /s%d HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n", random(0, {links} - 1))
end
"""


def figures(rounds: int) -> list[Figure]:
    """Measure the wait for a redirect, quiet and under each attack."""
    return [*_split(rounds), *_single(rounds)]


def _split(rounds: int) -> list[Figure]:
    """Roles in supervisors of their own, as behind a proxy: the one redirects, the other talks."""
    with one_service(["--role", "redirect"]) as redirecting, _beside(redirecting) as talking:
        fill(redirecting)
        quiet, attacked = _turns(rounds, redirecting, talking, _documents())
    return [
        at_most(
            "redirect p99 under hostile documents, roles split, against its own p99",
            ratio(attacked, quiet),
            2.0,
            note=f"{median(attacked):.1f} ms against {median(quiet):.1f} ms; {_ATTACKERS} "
            "connections send every hostile document of benchmarks/hostile_documents.py in turn.",
        )
    ]


def _single(rounds: int) -> list[Figure]:
    """One web process does it all."""
    with one_service([]) as alone:
        fill(alone)
        quiet, documents = _turns(rounds, alone, alone, _documents())
        _, flooded = _turns(rounds, alone, alone, _sign_ins())
    return [
        at_most(
            "redirect p99 under hostile documents, one process",
            median(documents),
            100.0,
            unit=" ms",
            note=f"{median(quiet):.1f} ms when it is quiet.",
        ),
        stated(
            "redirect p99 under a flood of sign-ins, one process",
            f"{median(flooded):.1f} ms",
            note=f"{_ATTACKERS} connections try passwords as fast as they are answered.",
        ),
    ]


def _turns(
    rounds: int, redirecting: Service, attacked: Service, bodies: Sequence[bytes]
) -> tuple[list[float], list[float]]:
    """Return the p99 of each round in milliseconds, quiet and under attack."""
    quiet: list[float] = []
    busy: list[float] = []
    with tempfile.TemporaryDirectory(prefix="lky") as folder:
        script = visitors(Path(folder), redirecting)
        p99(redirecting, script)
        for _ in range(rounds):
            quiet.append(p99(redirecting, script))
            with _attack(attacked, bodies):
                busy.append(p99(redirecting, script))
    return quiet, busy


def visitors(folder: Path, visited: Service) -> Path:
    """Write what wrk sends for visitors of a service that fill has filled."""
    script = folder / "visitors.lua"
    script.write_text(_SCRIPT.format(host=visited.host, links=_LINKS))
    return script


@contextmanager
def one_service(arguments: Sequence[str]) -> Iterator[Service]:
    """Run a service of one web process on the first core."""
    port = free_port()
    settings = {
        "PROCESSES": "1",
        "LOG_LEVEL": "ERROR",
        "PUBLIC_URL": f"http://localhost:{port}",
        "ANONYMOUS_PER_MINUTE": "0",  # as if they came from thousands of addresses
    }
    with service(settings, prefix=_on_core(0), start=False) as made:
        made.port, made.arguments = port, arguments
        made.start()
        yield made


@contextmanager
def _beside(other: Service) -> Iterator[Service]:
    """Run what answers GraphQL for the same installation, on the same core."""
    folder = other.folder / "beside"
    folder.mkdir()
    (folder / "data").symlink_to(other.data)
    beside = Service(
        folder=folder,
        port=free_port(),
        settings=other.settings,
        prefix=other.prefix,
        arguments=["--role", "api"],
    )
    try:
        beside.start()
        yield beside
    finally:
        beside.kill()


def fill(made: Service) -> None:
    """Give a service links, and wait until it redirects."""
    made.import_links({f"s{number}": "https://example.org/" for number in range(_LINKS)})
    deadline = time.monotonic() + _START_TIMEOUT_S
    while made.get(f"/s{_LINKS - 1}").status != http.HTTPStatus.FOUND:
        if time.monotonic() > deadline:
            raise RuntimeError("the links do not arrive")
        time.sleep(0.05)


def _documents() -> list[bytes]:
    return [json.dumps({"query": text}).encode() for _, text in hostile_documents()]


def _sign_ins() -> list[bytes]:
    document = (
        'mutation { sessionCreate(input: {email: "somebody@example.org", password: "%d"}) '
        "{ __typename } }"
    )
    return [json.dumps({"query": document % number}).encode() for number in range(1_000)]


@contextmanager
def _attack(attacked: Service, bodies: Sequence[bytes]) -> Iterator[None]:
    """Send bodies to /graphql, again and again, until the block is left."""
    over = threading.Event()

    def send(first: int) -> None:
        os.sched_setaffinity(0, {_core(1)})  # of this thread
        connection = http.client.HTTPConnection(*attacked.address, timeout=30)
        headers = {
            "Host": attacked.host,
            "Content-Type": "application/json",
            "X-Forwarded-For": f"198.51.100.{first}",
        }
        for body in itertools.islice(itertools.cycle(bodies), first, None):
            if over.is_set():
                break
            connection.request("POST", "/graphql", body=body, headers=headers)
            connection.getresponse().read()
        connection.close()

    attackers = [
        threading.Thread(target=send, args=[number * len(bodies) // _ATTACKERS])
        for number in range(_ATTACKERS)
    ]
    for each in attackers:
        each.start()
    try:
        yield
    finally:
        over.set()
        for each in attackers:
            each.join()


def p99(visited: Service, script: Path) -> float:
    """Return the longest wait of 99 of 100 visitors in milliseconds.

    Raises:
        RuntimeError: a connection failed, or an answer was no redirect.
    """
    done = subprocess.run(
        [
            *_on_core(1),
            *("wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", "--latency"),
            *("-s", os.fspath(script), f"http://127.0.0.1:{visited.port}/"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    if "Socket errors" in done.stdout or "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    value, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)[0]
    return float(value) * _UNITS[unit]


def _on_core(number: int) -> list[str]:
    return ["taskset", "-c", str(_core(number))]


def _core(number: int) -> int:
    return sorted(os.sched_getaffinity(0))[number]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    print(table(figures(parser.parse_args().rounds)))
