"""One server of the redirect benchmark, alone in its process: ours, or aiohttp as it is.

Ours is a web process as `serve --role redirect` runs it, on a replica without a store:
the database has no tables, so whatever asked it would fail. `--parts` puts the same
together by hand, so that recording can be left out.
"""

import argparse
import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop
from aiohttp import web

from api.adapters.file_spool import FileSpool, SpoolLimits
from api.adapters.lmdb_replica import LmdbReplicaReader
from api.adapters.lmdb_replica_writer import LmdbReplicaWriter
from api.adapters.replica_folder import ReplicaFolder
from api.connection_limits import ConnectionLimits, room_for_connections
from api.metrics import Metrics
from api.redirect import Redirect
from api.redirect_server import RedirectServer
from api.redirect_turn import RedirectConfig, RedirectTurn, Spool
from api.roles import Role
from benchmarks.web_alone import serve_alone
from models.rules.replica_format import Entry, EntryKind
from models.rules.slugs import RESERVED_WORDS
from resolvers.ports import StoreUnavailableError

HOST = "go.test"
TARGET = "https://shop.example/catalogue/2026/spring/item-{:07d}?utm_source=mail"
BACKLOG = 1024
_SYNC_MS = 200
_PER_ADDRESS = 512  # connections, as the settings have it


def build(folder: Path, *, links: int) -> None:
    """Write a replica with links of the slugs s0000000 and on."""
    files = ReplicaFolder(folder / "replica")
    LmdbReplicaWriter(files).build(
        domains=[(HOST.encode(), 1)],
        links=(
            (1, b"s%07d" % n, Entry(EntryKind.LIVE, n + 1, 1, TARGET.format(n).encode()))
            for n in range(links)
        ),
        meta=dict,
    )
    files.close()


class NoSpool:
    """Takes clicks and forgets them: what recording is compared with."""

    def write(self, frames: Sequence[bytes]) -> int:
        """Forget them."""
        del frames
        return 0

    async def synced(self) -> None:
        """Nothing to sync."""


async def _serve_bare(port: int) -> None:
    headers = {"Location": TARGET.format(0), "Cache-Control": "private, no-store"}

    async def redirect(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers=headers)

    app = web.Application()
    app.router.add_get("/{slug}", redirect)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=BACKLOG).start()
    await asyncio.Event().wait()


async def _serve_parts(port: int, folder: Path, *, records: bool) -> None:
    async def no_store(_hosts: Sequence[str], _slug: str, /) -> Entry | None:
        raise StoreUnavailableError

    async def no_password(
        _hosts: Sequence[str], _slug: str, /, *, password: str, address: str
    ) -> Entry | None:
        del password, address
        raise StoreUnavailableError

    own = folder / str(port)
    for name in ("spool", "metrics"):
        os.makedirs(own / name)  # noqa: PTH103 - an async function
    async with AsyncExitStack() as stack:
        spool: Spool = NoSpool()
        if records:
            spool = files = FileSpool(own / "spool", SpoolLimits())
            syncing = asyncio.create_task(files.keep_synced(every_ms=_SYNC_MS))
            stack.callback(syncing.cancel)
        turn = RedirectTurn(
            RedirectConfig(reserved=RESERVED_WORDS),
            replica=LmdbReplicaReader(ReplicaFolder(folder / "replica")),
            spool=spool,
            metrics=Metrics(own / "metrics"),
        )
        app = web.Application()
        Redirect(turn, fallback=no_store, unlock=no_password).add_to(app)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        limits = ConnectionLimits(connections=room_for_connections(0), per_address=_PER_ADDRESS)
        server = RedirectServer.of(runner, turn, limits=limits)
        loop = asyncio.get_running_loop()
        await loop.create_server(server, "127.0.0.1", port, backlog=BACKLOG)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--folder", type=Path, help="with a replica; without it: plain aiohttp")
    parser.add_argument("--parts", choices=["record", "forget"], help="clicks, by hand-made parts")
    options = parser.parse_args()
    if options.folder is None:
        uvloop.run(_serve_bare(options.port))
    elif options.parts:
        records = options.parts == "record"
        uvloop.run(_serve_parts(options.port, options.folder, records=records))
    else:
        serve_alone(options.port, data=options.folder, role=Role.REDIRECT)
