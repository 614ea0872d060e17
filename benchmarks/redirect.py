"""The redirect against plain aiohttp and against nginx, each alone on the same core.

`python -m benchmarks.redirect` prints its part of the table. Ours is measured twice: as
the web process alone, and as that of a whole `python -m api serve`, portal and worker
included. Every server runs all the time and waits; one at a time is loaded, in turn,
round after round. wrk, one
thread on another core, is the limit above some 90,000 requests a second: then the
server's CPU time for each request is the figure to compare.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from benchmarks.redirect_server import HOST, TARGET, build
from benchmarks.report import Figure, at_least, at_most, demand_tools, ratio, stated, table
from benchmarks.service import Service, free_port, service

CONNECTIONS: Final = 64
FEW, MANY = 10_000, 1_000_000  # links
_BURST_S: Final = 1
_BURSTS: Final = 3  # of a round: short turns see the same weather
_START_TIMEOUT_S: Final = 20.0
_LOWEST: Final = 19  # priority
_UNITS: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3}  # to milliseconds
_SCRIPT: Final = """
math.randomseed({seed})
local random, format = math.random, string.format
request = function()
  return format("GET /s%07d{ending} HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n", random(0, {links} - 1))
end
"""
# What a proxy passes on: a browser's headers, two of them different in every request. They
# are made beforehand, because wrk would be the limit if it formatted them meanwhile.
_BROWSERS: Final = """
math.randomseed({seed})
local random, format = math.random, string.format
local heads, next_head = {{}}, 0
for number = 0, 16383 do
  heads[number] = format("GET /s%07d HTTP/1.1\\r\\nHost: {host}\\r\\n"
    .. "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"
    .. " (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\\r\\n"
    .. "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\\r\\n"
    .. "Accept-Language: ru-RU,ru;q=0.9,en;q=0.8\\r\\nAccept-Encoding: gzip, deflate, br\\r\\n"
    .. "Referer: https://example.net/a/page\\r\\nSec-Fetch-Mode: navigate\\r\\n"
    .. "X-Forwarded-For: 203.0.%d.%d\\r\\nX-Request-Id: %016x\\r\\n\\r\\n",
    random(0, {links} - 1), random(0, 255), random(1, 254), random(0, 2147483647))
end
request = function()
  next_head = (next_head + 1) % 16384
  return heads[next_head]
end
"""
_NGINX: Final = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      add_header Cache-Control "private, no-store" always;
      return 302 {target};
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one burst of load saw."""

    per_second: float
    cpu_us: float  # of the server, for each request
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A running server and the load that it gets."""

    port: int
    pid: int
    script: Path
    is_missing: bool = False  # every answer is a 404


def figures(rounds: int) -> list[Figure]:
    """Measure everything that is asked of the redirect."""
    demand_tools("wrk", "nginx", "taskset")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lky")))
        targets = _start(stack, folder)
        samples: dict[str, list[Sample]] = {name: [] for name in targets}
        for _ in range(rounds * _BURSTS):
            for name, target in targets.items():
                samples[name].append(load(target))
    return _told(samples)


def _told(samples: Mapping[str, Sequence[Sample]]) -> list[Figure]:
    rates = {name: [one.per_second for one in seen] for name, seen in samples.items()}
    costs = {name: [one.cpu_us for one in seen] for name, seen in samples.items()}
    waits = {name: [one.p99_ms for one in seen] for name, seen in samples.items()}
    kernel = (
        "nginx, which does nothing but the system calls, takes "
        f"{median(costs['nginx']):.1f} µs of CPU for each request, ours "
        f"{median(costs['ours']):.1f} µs, plain aiohttp {median(costs['bare']):.1f} µs"
    )
    return [
        at_least(
            "redirects/s with recording, against a bare aiohttp route",
            ratio(rates["ours"], rates["bare"]),
            3.0,
            note=f"{_per_second(rates['ours'])} against {_per_second(rates['bare'])}; {kernel}. "
            "Ours is the web process of `serve --role redirect` with its default settings "
            "(limits of connections, slow clients, security headers, metrics, spool), without "
            "supervisor and worker.",
        ),
        at_least("the same, server CPU for each request", ratio(costs["bare"], costs["ours"]), 3.0),
        at_most("the same, p99 against its p99", ratio(waits["ours"], waits["bare"]), 1.0),
        at_least(
            "redirects/s of a whole `serve`, against a bare aiohttp route",
            ratio(rates["serve"], rates["bare"]),
            3.0,
            note=f"{_per_second(rates['serve'])}, and {median(costs['serve']):.1f} µs of the web "
            f"process's CPU for each request. `python -m api serve` with {FEW:,} links in its "
            "store and one web process, which answers GraphQL as well; every click is recorded. "
            "Its worker takes the clicks in meanwhile, with the lowest priority on the load's "
            "core: what that costs is a section of its own.",
        ),
        at_least(
            "the same, the web process's CPU for each request",
            ratio(costs["bare"], costs["serve"]),
            3.0,
        ),
        at_least(
            "redirects/s against bare aiohttp, browsers' heads, each one different",
            ratio(rates["ours, browsers"], rates["bare, browsers"]),
            3.0,
            note="wrk repeats its two-line head, which is read once for each connection. Here "
            "eight headers come with each request and two of them differ every time, as "
            f"behind a proxy: {_per_second(rates['ours, browsers'])} against "
            f"{_per_second(rates['bare, browsers'])}.",
        ),
        at_least(
            "the same, server CPU for each request",
            ratio(costs["bare, browsers"], costs["ours, browsers"]),
            3.0,
        ),
        at_least(
            "redirects/s against nginx `return 302`", ratio(rates["ours"], rates["nginx"]), 0.5
        ),
        stated(
            "the same, server CPU for each request",
            f"{ratio(costs['nginx'], costs['ours']):.2f}",
        ),
        at_least(
            "1,000,000 links, CPU for each request, against 10,000",
            ratio(costs["ours"], costs["many"]),
            0.90,
        ),
        at_least(
            "recording on against off, CPU for each request",
            ratio(costs["forgetful"], costs["recording"]),
            0.80,
            note="Both are put together by hand, alike but for the spool.",
        ),
        at_least(
            "404 flood on unknown slugs, against the redirect rate",
            ratio(rates["unknown"], rates["ours"]),
            0.8,
            note="The measured server's database has no tables: a query would have failed.",
        ),
    ]


def _per_second(rates: Sequence[float]) -> str:
    return f"{median(rates):,.0f}/s"


def _start(stack: ExitStack, folder: Path) -> dict[str, Target]:
    few, many = folder / "few", folder / "many"
    build(few, links=FEW)
    build(many, links=MANY)
    module = [sys.executable, "-m", "benchmarks.redirect_server"]
    random_few = _script(folder, "few", links=FEW)
    browsers = folder / "browsers.lua"
    browsers.write_text(_BROWSERS.format(seed=7, host=HOST, links=FEW))

    def serve(*arguments: str) -> tuple[int, int]:
        port = free_port()
        return port, stack.enter_context(_running([*module, str(port), *arguments], port))

    bare, ours, recording, forgetful, large = (
        serve(),
        serve("--folder", os.fspath(few)),
        serve("--folder", os.fspath(few), "--parts", "record"),
        serve("--folder", os.fspath(few), "--parts", "forget"),
        serve("--folder", os.fspath(many)),
    )
    whole = stack.enter_context(_whole())
    nginx_port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(_NGINX.format(folder=folder, port=nginx_port, target=TARGET.format(0)))
    command = ["nginx", "-c", os.fspath(conf), "-p", os.fspath(folder), "-e", f"{folder}/nginx.log"]
    nginx = nginx_port, stack.enter_context(_running(command, nginx_port))
    return {
        "bare": Target(port=bare[0], pid=bare[1], script=random_few),
        "ours": Target(port=ours[0], pid=ours[1], script=random_few),
        "serve": Target(port=whole.port, pid=whole.web_pids()[0], script=random_few),
        "bare, browsers": Target(port=bare[0], pid=bare[1], script=browsers),
        "ours, browsers": Target(port=ours[0], pid=ours[1], script=browsers),
        "nginx": Target(port=nginx[0], pid=nginx[1], script=random_few),
        "recording": Target(port=recording[0], pid=recording[1], script=random_few),
        "forgetful": Target(port=forgetful[0], pid=forgetful[1], script=random_few),
        "many": Target(port=large[0], pid=large[1], script=_script(folder, "many", links=MANY)),
        "unknown": Target(
            port=ours[0],
            pid=ours[1],
            script=_script(folder, "unknown", links=FEW, ending="x"),
            is_missing=True,
        ),
    }


def load(target: Target, *, seconds: int = _BURST_S) -> Sample:
    """Load one server for some seconds.

    Raises:
        RuntimeError: a connection failed, or an answer had another status than expected.
    """
    process = psutil.Process(target.pid)
    before = process.cpu_times()
    done = subprocess.run(
        [
            *_on_core(1),
            *("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"),
            *("-s", os.fspath(target.script), f"http://127.0.0.1:{target.port}/"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    after = process.cpu_times()
    told = done.stdout
    requests = int(_found(r"(\d+) requests in", told))
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    wrong = int(failed[1]) if failed else 0
    expected = requests if target.is_missing else 0
    if requests == 0 or "Socket errors" in told or wrong != expected:
        raise RuntimeError(told)
    value, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", told)[0]
    cpu_s = after.user + after.system - before.user - before.system
    return Sample(
        per_second=float(_found(r"Requests/sec:\s*([\d.]+)", told)),
        cpu_us=cpu_s / requests * 1e6,
        p99_ms=float(value) * _UNITS[unit],
    )


def _found(pattern: str, told: str) -> str:
    found = re.search(pattern, told)
    if found is None:
        raise RuntimeError(told)
    return found[1]


def _script(folder: Path, name: str, *, links: int, ending: str = "") -> Path:
    path = folder / f"{name}.lua"
    path.write_text(_SCRIPT.format(seed=7, ending=ending, host=HOST, links=links))
    return path


@contextmanager
def _whole() -> Iterator[Service]:
    """Run `serve` with FEW links; its web process has the first core, its worker keeps off."""
    settings = {"PROCESSES": "1", "LOG_LEVEL": "ERROR", "DEFAULT_DOMAIN": HOST}
    with service(settings, prefix=_on_core(0)) as running:
        running.import_links({f"s{number:07d}": TARGET.format(number) for number in range(FEW)})
        deadline = time.monotonic() + _START_TIMEOUT_S
        while running.get(f"/s{FEW - 1:07d}").status != HTTPStatus.FOUND:
            if time.monotonic() > deadline:
                raise RuntimeError("the links do not arrive")
            time.sleep(0.05)
        [worker] = running.worker_pids()
        load_core = sorted(os.sched_getaffinity(0))[1]
        for task in Path(f"/proc/{worker}/task").iterdir():  # each thread for itself
            os.sched_setaffinity(int(task.name), {load_core})
            os.setpriority(os.PRIO_PROCESS, int(task.name), _LOWEST)
        yield running


@contextmanager
def _running(command: Sequence[str], port: int) -> Iterator[int]:
    """Run a server on the first core; return its process id once it accepts connections."""
    with subprocess.Popen([*_on_core(0), *command]) as process:
        try:
            _wait(port, process)
            yield process.pid
        finally:
            process.kill()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
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
    print(table(figures(parser.parse_args().rounds)))
