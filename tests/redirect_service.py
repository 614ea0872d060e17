"""A redirect server of its own for a test: real files, real sockets, no store."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from api.adapters.file_spool import FileSpool, SpoolLimits
from api.adapters.lmdb_replica import LmdbReplicaReader
from api.adapters.lmdb_replica_writer import LmdbReplicaWriter
from api.adapters.replica_folder import ReplicaFolder
from api.connection_limits import ConnectionLimits
from api.metrics import Metrics, render
from api.redirect import Redirect
from api.redirect_server import NO_CAPS, RedirectServer
from api.redirect_turn import RedirectConfig, RedirectTurn
from models.errors import DomainUnknownError, RateLimitedError
from models.rules.addresses import Network
from models.rules.click_record import RawClick, decode_click
from models.rules.replica_format import Entry, EntryKind
from models.rules.spool_format import HEADER_BYTES, Damage, scan
from resolvers.ports import StoreUnavailableError

NOW = 1_800_000_000.5
NOW_US = int(NOW * 1_000_000)
LINKS = {
    "a": Entry(EntryKind.LIVE, 1, 1, b"https://example.org/a?x=%D1%8B#y"),
    "ссылка": Entry(EntryKind.LIVE, 2, 1, b"https://example.org/cyrillic"),
    "йод": Entry(EntryKind.LIVE, 3, 1, b"https://example.org/composed"),
    "off": Entry(EntryKind.OFF, 4, 1, b"https://example.org/off"),
    "deleted": Entry(EntryKind.TOMBSTONE, 5, 2),
    "soon": Entry(EntryKind.LIVE, 6, 1, b"https://example.org/soon", not_before_us=NOW_US + 1),
    "since": Entry(EntryKind.LIVE, 7, 1, b"https://example.org/since", not_before_us=NOW_US),
    "over": Entry(EntryKind.LIVE, 8, 1, b"https://example.org/over", not_after_us=NOW_US),
    "until": Entry(EntryKind.LIVE, 9, 1, b"https://example.org/until", not_after_us=NOW_US + 1),
    "healthz": Entry(EntryKind.LIVE, 10, 1, b"https://example.org/never"),
    "big": Entry(EntryKind.LIVE, 11, 1, b"https://example.org/" + b"b" * 2028),
}


@dataclass
class Store:
    """What the ordinary route asks when the replica has no answer."""

    links: dict[tuple[str, str], Entry] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=lambda: {"go.test"})
    is_down: bool = False
    asked: list[tuple[Sequence[str], str]] = field(default_factory=list)
    opened: dict[tuple[str, str], Entry] = field(default_factory=dict)
    password: str = "open sesame"  # noqa: S105 - of all that can be opened
    tried: list[tuple[str, str]] = field(default_factory=list)  # passwords, and from where
    retry_after_s: int = 0  # tries are refused

    async def __call__(self, hosts: Sequence[str], slug: str, /) -> Entry | None:
        """See LinkFallback."""
        self.asked.append((hosts, slug))
        return self._found(hosts, slug)

    async def unlock(
        self, hosts: Sequence[str], slug: str, /, *, password: str, address: str
    ) -> Entry | None:
        """See LinkUnlock."""
        if self.retry_after_s:
            raise RateLimitedError(self.retry_after_s)
        self.tried.append((password, address))
        found = self._found(hosts, slug)
        return self.opened.get((hosts[0], slug)) if password == self.password else found

    def _found(self, hosts: Sequence[str], slug: str) -> Entry | None:
        if self.is_down:
            raise StoreUnavailableError
        for host in hosts:
            if host in self.hosts:
                return self.links.get((host, slug))
        raise DomainUnknownError(host=hosts[0])


@dataclass
class Service:
    """A running server and everything it writes."""

    root: Path
    server: RedirectServer
    turn: RedirectTurn
    spool: FileSpool
    replica: LmdbReplicaReader
    folder: ReplicaFolder
    store: Store
    address: tuple[str, int]
    entered: asyncio.Event  # a request to /slow is being answered
    leave: asyncio.Event  # lets it go on

    async def ask(self, *requests: bytes, host: str = "go.test") -> list[bytes]:
        """Send each request on one connection, one after the other; return the replies."""
        reader, writer = await self.connect()
        replies = []
        for request in requests:
            writer.write(plain(request, host=host))
            replies.append(await read_reply(reader, is_head=request.startswith(b"HEAD ")))
        writer.close()
        await writer.wait_closed()
        return replies

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        return await asyncio.open_connection(*self.address)

    def clicks(self) -> list[RawClick]:
        """Return the clicks on disk."""
        found = []
        for file in sorted((self.root / "spool").glob("*.spool")):
            for item, _ in scan(file.read_bytes(), HEADER_BYTES):
                assert not isinstance(item, Damage)
                found.append(decode_click(item))
        return found

    def counted(self, name: str) -> float:
        """Return one line of /metrics; 0 if it is not there."""
        for line in render(self.root / "metrics").decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rpartition(" ")[2])
        return 0.0


def plain(request: bytes, *, host: str = "go.test") -> bytes:
    """Return a head; a request that brings its own lines is sent as it is."""
    if b"\r\n" in request:
        return request
    return request + b" HTTP/1.1\r\nHost: " + host.encode() + b"\r\n\r\n"


async def read_reply(reader: asyncio.StreamReader, *, is_head: bool = False) -> bytes:
    """Read one reply with its body."""
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        return head if is_head else head + await reader.readexactly(length)


def build_replica(root: Path, links: dict[str, Entry] | None = None) -> str:
    """Serve a new generation with those links on go.test."""
    folder = ReplicaFolder(root / "replica")
    entries = LINKS if links is None else links
    generation = LmdbReplicaWriter(folder).build(
        domains=[(b"go.test", 1), (b"localhost:8080", 2)],
        links=sorted((1, slug.encode(), entry) for slug, entry in entries.items()),
        meta=dict,
    )
    folder.close()
    return generation


@asynccontextmanager
async def serving(  # noqa: PLR0913 - each changes one thing
    root: Path,
    *,
    is_fast: bool = True,
    default_host: str = "",
    local: tuple[str, ...] = (),
    sync_before_reply: bool = False,
    keepalive_s: float = 75.0,
    has_replica: bool = True,
    limits: ConnectionLimits = NO_CAPS,
    hsts: str = "",
    proxies: tuple[Network, ...] = (),
) -> AsyncIterator[Service]:
    """Serve on a free port of loopback."""
    for name in ("spool", "metrics"):
        (root / name).mkdir(exist_ok=True)
    if has_replica:
        build_replica(root)
    folder = ReplicaFolder(root / "replica")
    replica = LmdbReplicaReader(folder)
    spool = FileSpool(root / "spool", SpoolLimits(retry_s=0.0))
    metrics, store = Metrics(root / "metrics"), Store()
    config = RedirectConfig(
        reserved=frozenset({"healthz", "slow"}),
        default_host=default_host,
        local=local,
        sync_before_reply=sync_before_reply,
        hsts=hsts,
    )
    turn = RedirectTurn(config, replica=replica, spool=spool, metrics=metrics, clock=lambda: NOW)
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        entered.set()
        await leave.wait()
        return web.Response(text="slow")

    async def healthy(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_get("/healthz", healthy)
    app.router.add_post("/healthz", echo)
    app.router.add_get("/slow", slow)
    Redirect(turn, fallback=store, unlock=store.unlock, proxies=proxies).add_to(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    server = RedirectServer.of(
        runner, turn, is_fast=is_fast, keepalive_s=keepalive_s, limits=limits
    )
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    try:
        yield Service(
            root, server, turn, spool, replica, folder, store, (host, port), entered, leave
        )
    finally:
        leave.set()
        listening.close()
        await server.shutdown(1.0)
        server.slow.close()
        await runner.cleanup()
        await spool.close()
        replica.close()
        folder.close()
        metrics.close()
