"""Compares the fast path with aiohttp's own answers, on generated requests.

Two servers in memory, one with the fast path and one without, get the same bytes
in the same pieces. Replies, open or closed connections and recorded clicks must
be the same to the byte. `python -m benchmarks.fuzz_heads --count 1000000`.
"""

import argparse
import asyncio
import itertools
import logging
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

import uvloop
from aiohttp import web

from api.adapters.lmdb_replica import LmdbReplicaReader, LmdbReplicaWriter
from api.adapters.replica_folder import ReplicaFolder
from api.fast_path import RedirectProtocol, RedirectServer, release
from api.metrics import Metrics
from api.redirect import Redirect
from api.redirect_turn import RedirectConfig, RedirectTurn
from models.rules.replica_format import Entry, EntryKind

NOW: Final = 1_800_000_000.25  # seconds since 1970
_NOW_US: Final = int(NOW * 1_000_000)
_QUIET_TURNS: Final = 10  # of the event loop without a reply: then none will come
_ALIKE: Final = 0.25  # share of connections whose requests differ in the slug alone
RESERVED: Final = frozenset({"graphql", "healthz", "robots.txt"})

LINKS: Final = {
    "a": Entry(EntryKind.LIVE, 1, 1, b"https://example.org/a"),
    "Go2": Entry(EntryKind.LIVE, 2, 1, b"https://example.org/?q=%D0%B0"),
    "with-dash_1": Entry(EntryKind.LIVE, 3, 9, b"https://example.org/dash"),
    "ссылка": Entry(EntryKind.LIVE, 4, 1, b"https://example.org/cyrillic"),
    "йод": Entry(EntryKind.LIVE, 5, 1, b"https://example.org/composed"),
    "moved": Entry(EntryKind.LIVE, 6, 1, b"https://example.org/307", status=307),
    "deleted": Entry(EntryKind.TOMBSTONE, 7, 2),
    "off": Entry(EntryKind.OFF, 8, 2, b"https://example.org/off"),
    "soon": Entry(EntryKind.LIVE, 9, 1, b"https://example.org/s", not_before_us=_NOW_US + 1),
    "since": Entry(EntryKind.LIVE, 10, 1, b"https://example.org/n", not_before_us=_NOW_US),
    "over": Entry(EntryKind.LIVE, 11, 1, b"https://example.org/o", not_after_us=_NOW_US),
    "until": Entry(EntryKind.LIVE, 12, 1, b"https://example.org/u", not_after_us=_NOW_US + 1),
    "more": Entry(EntryKind.ORDINARY, 13, 1, b"https://example.org/more"),
    "graphql": Entry(EntryKind.LIVE, 14, 1, b"https://example.org/never"),
}
DOMAINS: Final = {b"go.test": 1, b"localhost:8080": 2, b"other.test": 3}


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
        Redirect(turn, fallback=_stored).add_to(app)
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
    return entry._replace(kind=EntryKind.LIVE) if entry else None


@dataclass(frozen=True, slots=True)
class Case:
    """What one connection gets: pieces, and after which of them the server has time to answer."""

    pieces: tuple[bytes, ...]
    waits: tuple[bool, ...]
    pauses_writing: bool
    heads: int


@dataclass(slots=True, kw_only=True)
class _Draft:
    target: bytes
    headers: list[tuple[bytes, bytes]]
    method: bytes = b"GET"
    version: bytes = b"HTTP/1.1"
    line_end: bytes = b"\r\n"
    body: bytes = b""


class Generator:
    """Draws cases: mostly plain requests with one oddity or none."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret

    def case(self) -> Case:
        """Draw the next one."""
        r = self._random
        heads = r.choices((1, 2, 3, 5), (45, 30, 18, 7))[0]
        messages = (
            self._alike(heads) if r.random() < _ALIKE else [self._request() for _ in range(heads)]
        )
        pieces = tuple(self._pieces(messages))
        share = r.choice((0.0, 0.5, 1.0))
        waits = tuple(r.random() < share for _ in pieces)
        return Case(pieces, waits, r.random() < 0.03, heads)  # noqa: PLR2004 - a share

    def _pieces(self, messages: list[bytes]) -> Iterator[bytes]:
        r = self._random
        way = r.choices(("each", "joined", "cut", "bytes"), (55, 15, 22, 8))[0]
        if way == "each":
            yield from (message for message in messages if message)
            return
        whole = b"".join(messages)
        if way == "joined":
            cuts: set[int] = set()
        elif way == "cut":
            cuts = {r.randrange(1, len(whole)) for _ in range(r.choice((1, 1, 2, 4)))}
        elif len(whole) <= 700:  # noqa: PLR2004 - bytes; longer ones would take all the time
            cuts = set(range(1, len(whole)))
        else:
            cuts = {r.randrange(1, len(whole))}
        edges = [0, *sorted(cuts), len(whole)]
        yield from (whole[a:b] for a, b in itertools.pairwise(edges))

    def _alike(self, heads: int) -> list[bytes]:
        """Draw requests that differ in their targets alone, and one oddity among them."""
        r = self._random
        headers = [(b"Host", self._host()), *r.choices(_PLAIN, k=r.randrange(4))]
        rest = b"".join(b"%b: %b\r\n" % header for header in headers) + b"\r\n"
        targets = [
            r.choice(_ODD_TARGETS) if r.random() < 0.1 else self._target()  # noqa: PLR2004
            for _ in range(heads)
        ]
        lines = [b"GET " + target + b" HTTP/1.1\r\n" for target in targets]
        if r.random() < 0.3:  # noqa: PLR2004 - a share
            lines[-1] = self._mutated(lines[-1])
        return [line + rest for line in lines]

    def _request(self) -> bytes:
        r = self._random
        draft = _Draft(target=self._target(), headers=[(b"Host", self._host())])
        if r.random() < 0.15:  # noqa: PLR2004 - a share
            draft.method = b"HEAD"
        draft.headers += r.choices(_PLAIN, k=r.randrange(5))
        for _ in range(r.choices((0, 1, 2, 4), (62, 26, 9, 3))[0]):
            self._spoil(draft)
        if r.random() < 0.3:  # noqa: PLR2004 - a share
            r.shuffle(draft.headers)
        if r.random() < 0.02:  # noqa: PLR2004 - a share
            number = r.choice((30, 61, 64, 66, 126, 130))
            draft.headers += [(b"X-%d" % place, b"v") for place in range(number)]
        lines = [b" ".join((draft.method, draft.target, draft.version))]
        lines += [name + r.choice(_COLONS) + value for name, value in draft.headers]
        message = draft.line_end.join(lines) + draft.line_end + b"\r\n" + draft.body
        if r.random() < 0.08:  # noqa: PLR2004 - a share
            message = self._mutated(message)
        return r.choices((b"", b"\r\n", b"\n"), (97, 2, 1))[0] + message

    def _spoil(self, draft: "_Draft") -> None:
        r = self._random
        match r.randrange(7):
            case 0:
                draft.method = r.choice(_METHODS)
            case 1:
                draft.version = r.choice(_VERSIONS)
            case 2:
                draft.target = r.choice(_ODD_TARGETS)
            case 3:
                draft.headers.append(r.choice(_ODD_HEADERS))
            case 4:
                name = r.choice((b"Host", b"host", b"HOST", b"Hos t"))
                draft.headers[0] = (name, r.choice(_HOSTS))
            case 5:
                draft.body, extra = r.choice(_BODIES)
                draft.headers += extra
            case _:
                draft.line_end = r.choice((b"\n", b"\r", b"\r\n\r\n", b"\r\n"))

    def _target(self) -> bytes:
        r = self._random
        slug = r.choice(_SLUGS)
        path = slug if r.random() < 0.1 else quote(slug)  # noqa: PLR2004
        query = r.choices(("", "?", "?a=1", "?x=%D0%B0&y=/../"), (80, 5, 10, 5))[0]
        return b"/" + path.encode() + query.encode()

    def _host(self) -> bytes:
        return b"go.test" if self._random.random() < 0.8 else self._random.choice(_HOSTS)  # noqa: PLR2004

    def _mutated(self, message: bytes) -> bytes:
        r = self._random
        place = r.randrange(len(message))
        byte = r.choice(
            (b"\0", b"\r", b"\n", b" ", b"\t", b":", b"/", b"%", b"\xff", b"\x80", b"A")
        )
        match r.randrange(3):
            case 0:
                return message[:place] + message[place + 1 :]
            case 1:
                return message[:place] + byte + message[place:]
            case _:
                return message[:place] + byte + message[place + 1 :]


_SLUGS: Final = (*LINKS, "nosuch", "A", "go2", "и\u0306од", "a-", "x" * 64, "ы" * 64, "x" * 300)
_METHODS: Final = (
    b"POST",
    b"PUT",
    b"OPTIONS",
    b"get",
    b"GETT",
    b"TRACE",
    b"CONNECT",
    b"G",
    b"M-SEARCH",
    b"PRI",
)
_VERSIONS: Final = (
    b"HTTP/1.0",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"HTTP/1.2",
    b"HTTP/1.10",
    b"http/1.1",
    b"RTSP/1.0",
    b"ICE/1.0",
    b"",
    b"HTTP/1.1 ",
    b" HTTP/1.1",
)
_ODD_TARGETS: Final = (
    b"/",
    b"*",
    b"//a",
    b"/a/",
    b"/a/b",
    b"/./a",
    b"/../a",
    b"/a#x",
    b"/a?b#x",
    b"/#a",
    b"/a;b",
    b"/a,b",
    b"/a&b",
    b"http://go.test/a",
    b"http://evil.test/a",
    b"HTTP://other.test/a",
    b"https://go.test:443/a",
    b"http:///a",
    b"go.test:80",
    b"a",
    b"",
    b"/%",
    b"/%6",
    b"/%6g",
    b"/%61",
    b"/%00",
    b"/a%00",
    b"/%2F",
    b"/a%2F",
    b"/%2e%2e",
    b"/%ff",
    b"/%D1%81",
    b"/%d1%81",
    b"/%D1",
    b"/\xd1\x81\xd1\x81\xd1\x8b\xd0\xbb\xd0\xba\xd0\xb0",
    b"/\xff",
    b"/a\\b",
    b'/a"b',
    b"/a<b",
    b"/a|b",
    b"/a^b",
    b"/a`b",
    b"/a{b}",
    b"/graphql",
    b"/%67raphql",
    b"/graphql/",
    b"/healthz",
    b"/healthz?x",
    b"/robots.txt",
    b"/a b",
    b"/a\tb",
    b"/~a",
    b"/a.b",
    b"/a+b",
    b"/a=b",
    b"/a@b",
    b"/a:b",
    b"/" + b"x" * 5000,
    b"/" + b"x" * 9000,
    b"/a?" + b"y" * 5000,
)
_HOSTS: Final = (
    b"go.test",
    b"GO.TEST",
    b"Go.Test.",
    b"go.test:80",
    b"go.test:443",
    b"go.test:8080",
    b"go.test:",
    b"go.test:x",
    b"localhost:8080",
    b"localhost",
    b"other.test",
    b"unknown.test",
    b"",
    b" ",
    b"go.test ",
    b"go.test\t",
    b"go.test, go.test",
    b"user@go.test",
    b"go.test/a",
    b"go.test?x",
    b"go.test#x",
    b"[::1]",
    b"[::1]:80",
    b"[::1",
    b"\xd0\xbf.test",
    b"\xff",
    b"xn--.test",
    b"go..test",
    b"g%6f.test",
    b"127.1",
    b"go.test\x0b",
    b"go.test:99999",
    b"..",
    b"a" * 300,
)
_PLAIN: Final = (
    (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"),
    (b"user-agent", b"curl/8.0"),
    (b"Accept", b"*/*"),
    (b"Accept-Language", b"ru-RU,ru;q=0.9"),
    (b"Accept-Language", b"en"),
    (b"Referer", b"https://example.org/page"),
    (b"REFERER", b"https://example.org/\xd0\xb0"),
    (b"Sec-Purpose", b"prefetch;prerender"),
    (b"Purpose", b"prefetch"),
    (b"X-Moz", b"prefetch"),
    (b"X-Request-Id", b"7f3a"),
    (b"X-Forwarded-For", b"203.0.113.9, 198.51.100.2"),
    (b"Connection", b"keep-alive"),
    (b"connection", b"Keep-Alive"),
    (b"Cookie", b"a=b"),
)
_ODD_HEADERS: Final = (
    (b"Connection", b"close"),
    (b"Connection", b"keep-alive, close"),
    (b"Connection", b"Upgrade"),
    (b"Connection", b""),
    (b"Connection", b"keep-alive,"),
    (b"Upgrade", b"websocket"),
    (b"Upgrade", b"h2c"),
    (b"Upgrade", b""),
    (b"Expect", b"100-continue"),
    (b"Expect", b"x"),
    (b"expect", b"100-Continue"),
    (b"Content-Length", b"0"),
    (b"Content-Length", b"5"),
    (b"Content-Length", b"-1"),
    (b"Content-Length", b"+1"),
    (b"Content-Length", b"a"),
    (b"content-length", b""),
    (b"Transfer-Encoding", b"chunked"),
    (b"Transfer-Encoding", b"identity"),
    (b"Transfer-Encoding", b"gzip, chunked"),
    (b"Transfer-Encoding", b"xchunked"),
    (b"Host", b"go.test"),
    (b"host", b"evil.test"),
    (b"User-Agent", b"twice"),
    (b"USER-AGENT", b""),
    (b"User-Agent", b"x" * 1500),
    (b"User-Agent", b"x" * 9000),
    (b"Referer", b"a\x00b"),
    (b"Referer", b"a\tb"),
    (b"Referer", b"trailing "),
    (b"Referer", b"\x7f"),
    (b"Referer", b"\x01"),
    (b"Referer", b"\xf5LK\xfa"),
    (b"Referer", b"x" * 1025),
    (b"X-Folded", b"a\r\n b"),
    (b"X-Folded", b"a\r\n\tb"),
    (b"", b"nameless"),
    (b"Bad Name", b"x"),
    (b"Bad\x00Name", b"x"),
    (b"B\xe4d", b"x"),
    (b"X(Y)", b"x"),
    (b"_x", b"y"),
    (b"Accept-Language", b"ru;q=0.1, en;q=0.9"),
    (b"Accept-Language", b"\xff\xfe"),
    (b"Accept-Language", b""),
    (b"Content-Type", b"text/plain"),
    (b"Content-Encoding", b"gzip"),
    (b"Sec-WebSocket-Key1", b"x"),
    (b"Sec-WebSocket-Key", b"x"),
    (b"HTTP2-Settings", b"x"),
    (b"Trailer", b"x"),
    (b"TE", b"trailers"),
    (b"Max-Forwards", b"1"),
    (b"Server", b"x"),
    (b"ETag", b"x"),
    (b"Proxy-Connection", b"keep-alive"),
    (b"Keep-Alive", b"timeout=5"),
    (b"Authorization", b"Bearer x"),
    (b"X-Forwarded-For", b"twice"),
    (b"x-request-id", b"twice"),
)
_BODIES: Final[tuple[tuple[bytes, list[tuple[bytes, bytes]]], ...]] = (
    (b"hello", [(b"Content-Length", b"5")]),
    (b"hello", [(b"Content-Length", b"3")]),
    (b"hello", []),
    (b"5\r\nhello\r\n0\r\n\r\n", [(b"Transfer-Encoding", b"chunked")]),
    (b"5\r\nhel", [(b"Transfer-Encoding", b"chunked")]),
    (b"\r\n", []),
    (b"\x1f\x8b\x08\x00", [(b"Content-Length", b"4"), (b"Content-Encoding", b"gzip")]),
)
_COLONS: Final = (b": ", b": ", b": ", b": ", b": ", b":", b":  ", b":\t")


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
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it logs every bad request

    def progress(heads: int) -> None:
        sys.stderr.write(f"\r{heads:,} of {count:,} heads, {time.monotonic() - began:.0f} s ")

    with tempfile.TemporaryDirectory() as folder:
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
