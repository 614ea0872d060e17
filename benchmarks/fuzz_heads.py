"""Compares the fast path with aiohttp's own answers, on generated requests.

Two servers in memory, one with the fast path and one without, get the same bytes
in the same pieces. Replies, open or closed connections and recorded clicks must
be the same to the byte. `python -m benchmarks.fuzz_heads --count 1000000`.
"""

import argparse
import asyncio
import logging
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvloop
from aiohttp import web

from api.adapters.lmdb_replica import LmdbReplicaReader
from api.adapters.lmdb_replica_writer import LmdbReplicaWriter
from api.adapters.replica_folder import ReplicaFolder
from api.fast_path import RedirectProtocol, release
from api.metrics import Metrics
from api.redirect import Redirect
from api.redirect_server import RedirectServer
from api.redirect_turn import RedirectConfig, RedirectTurn
from benchmarks.fuzz_requests import (
    DOMAINS,
    LINKS,
    NOW,
    PASSWORD,
    PROTECTED,
    RESERVED,
    Case,
    Generator,
)
from models.rules.replica_format import Entry, EntryKind

_QUIET_TURNS: Final = 10  # of the event loop without a reply: then none will come
_DATE: Final = re.compile(rb"Date: [^\r]*")


class MemoryTransport(asyncio.Transport):
    """Keeps what is written; closes like a socket's transport, in the next turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("192.0.2.7", 40000)})
        self.written = bytearray()
        self.is_closed = False
        self._loop = loop
        self._protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep the bytes."""
        if not self.is_closed:
            self.written += data

    def close(self) -> None:
        """Tell the protocol once."""
        if not self.is_closed:
            self.is_closed = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """Close at once."""
        self.close()

    def is_closing(self) -> bool:
        """Tell whether close was called."""
        return self.is_closed

    def pause_reading(self) -> None:
        """Reading is not modelled."""

    def resume_reading(self) -> None:
        """Reading is not modelled."""


@dataclass(slots=True)
class MemorySpool:
    """Keeps the records."""

    frames: list[bytes] = field(default_factory=list)

    def write(self, frames: Sequence[bytes]) -> int:
        """Keep them all."""
        self.frames += frames
        return 0

    async def synced(self) -> None:
        """Nothing to sync."""


@dataclass(slots=True, kw_only=True)
class Side:
    """One of the two servers."""

    server: RedirectServer
    spool: MemorySpool
    replica: LmdbReplicaReader
    metrics: Metrics
    taken: int = 0

    @classmethod
    async def make(cls, folder: Path, *, is_fast: bool) -> "Side":
        """Build a replica of LINKS and serve it."""
        files = ReplicaFolder(folder / "replica")
        LmdbReplicaWriter(files).build(
            domains=DOMAINS.items(),
            links=((1, slug.encode(), entry) for slug, entry in sorted(LINKS.items())),
            meta=dict,
        )
        (folder / "metrics").mkdir()
        spool, replica, metrics = (
            MemorySpool(),
            LmdbReplicaReader(files),
            Metrics(folder / "metrics"),
        )
        config = RedirectConfig(reserved=RESERVED, default_host="")
        turn = RedirectTurn(
            config, replica=replica, spool=spool, metrics=metrics, clock=lambda: NOW
        )
        app = web.Application()
        app.router.add_post("/graphql", _echo)
        app.router.add_get("/healthz", _healthy)
        Redirect(turn, fallback=_stored, unlock=_unlocked).add_to(app)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        side = cls(
            server=RedirectServer.of(runner, turn, is_fast=is_fast),
            spool=spool,
            replica=replica,
            metrics=metrics,
        )
        turn.release = side.release
        return side

    def release(self, connections: list[RedirectProtocol], replies: list[bytes]) -> None:
        """Let replies go, and note how many the fast path had."""
        self.taken += len(connections)
        release(connections, replies)

    def connect(self) -> tuple[RedirectProtocol, MemoryTransport]:
        """Open a connection."""
        protocol = self.server()
        transport = MemoryTransport(asyncio.get_running_loop(), protocol)
        protocol.connection_made(transport)
        return protocol, transport

    def close(self) -> None:
        """Let go of the files."""
        self.replica.close()
        self.metrics.close()


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


async def _healthy(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _stored(hosts: Sequence[str], slug: str, /) -> Entry | None:
    entry = LINKS.get(slug) if hosts[0] == "go.test" else None
    if entry is None or slug in PROTECTED:
        return entry
    return entry._replace(kind=EntryKind.LIVE)


async def _unlocked(
    hosts: Sequence[str], slug: str, /, *, password: str, address: str
) -> Entry | None:
    del address
    entry = await _stored(hosts, slug)
    if entry is None or password != PASSWORD:
        return entry
    return entry._replace(kind=EntryKind.LIVE, target=b"https://example.org/" + slug.encode())


@dataclass(slots=True)
class Outcome:
    """What one side did with a case."""

    written: bytes
    is_closed: bool
    clicks: list[bytes]


async def run_case(side: Side, case: Case) -> Outcome:
    """Feed one case to one side and wait until it has answered."""
    side.spool.frames.clear()
    protocol, transport = side.connect()
    if case.pauses_writing:
        protocol.pause_writing()
    for piece, waits in zip(case.pieces, case.waits, strict=True):
        if transport.is_closed:
            break
        protocol.data_received(piece)
        if waits:
            await _settle(transport)
    if case.pauses_writing and not transport.is_closed:
        await _settle(transport)
        protocol.resume_writing()
    await _settle(transport)
    written = _DATE.sub(b"Date: -", bytes(transport.written))  # aiohttp's own pages are dated now
    outcome = Outcome(written, transport.is_closed, list(side.spool.frames))
    transport.close()
    return outcome


async def _settle(transport: MemoryTransport) -> None:
    quiet, size = 0, len(transport.written)
    while quiet < _QUIET_TURNS:
        await asyncio.sleep(0)
        quiet = quiet + 1 if size == len(transport.written) else 0
        size = len(transport.written)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a run saw."""

    heads: int = 0
    connections: int = 0
    taken: int = 0
    different: list[str] = field(default_factory=list)


@contextmanager
def silent_log() -> Iterator[None]:
    """Keep aiohttp from logging every bad request; without this it logs for most of the time."""
    logger = logging.getLogger("aiohttp.server")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


async def compare(
    folder: Path, *, count: int, seed: int, progress: Callable[[int], None] = lambda _heads: None
) -> Tally:
    """Compare both sides on at least `count` generated heads; stop at the tenth difference."""
    sides = []
    for name, is_fast in (("fast", True), ("ordinary", False)):
        (folder / name).mkdir()
        sides.append(await Side.make(folder / name, is_fast=is_fast))
    fast, ordinary = sides
    generator, tally = Generator(seed), Tally()
    try:
        while tally.heads < count and len(tally.different) < 10:  # noqa: PLR2004 - enough to see
            case = generator.case()
            got, wanted = await run_case(fast, case), await run_case(ordinary, case)
            tally.heads += case.heads
            tally.connections += 1
            if got != wanted:
                tally.different.append(_told(case, got, wanted))
            if tally.connections % 1000 == 0:
                progress(tally.heads)
        tally.taken = fast.taken
        if ordinary.taken:
            tally.different.append("the fast path answered although it was off")
    finally:
        for side in sides:
            await side.server.shutdown(0.1)
            side.close()
    return tally


def _told(case: Case, got: Outcome, wanted: Outcome) -> str:
    drawn = f"pieces {case.pieces!r} waits {case.waits!r} pauses {case.pauses_writing}"
    return f"{drawn}\n  fast     {got!r}\n  ordinary {wanted!r}"


async def _main(count: int, seed: int) -> int:
    began = time.monotonic()

    def progress(heads: int) -> None:
        sys.stderr.write(f"\r{heads:,} of {count:,} heads, {time.monotonic() - began:.0f} s ")

    with tempfile.TemporaryDirectory() as folder, silent_log():
        tally = await compare(Path(folder), count=count, seed=seed, progress=progress)
    sys.stderr.write("\n")
    print(
        f"{tally.heads:,} heads on {tally.connections:,} connections, seed {seed}: "
        f"{tally.taken:,} answered by the fast path, {len(tally.different)} differences"
    )
    for difference in tally.different:
        print(difference)
    return 1 if tally.different else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="fast path against aiohttp")
    parser.add_argument("--count", type=int, default=100_000, help="heads to generate")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.exit(uvloop.run(_main(arguments.count, arguments.seed)))
