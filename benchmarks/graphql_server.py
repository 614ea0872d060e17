"""One web process for benchmarks.graphql: the application on uvloop, nothing beside it.

`python -m benchmarks.graphql_server DATABASE_URL PORT` answers until SIGTERM.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import uvloop
from aiohttp import web

from api.adapters.clock import SystemClock
from api.app import Parts, create_app
from models.orm import open_database
from resolvers.ports import ClickEvent, Ports
from schema.context import PortalFacts


class _Silence:
    """No worker listens and no click comes: only the web process is measured."""

    async def links_changed(self) -> None:
        """See LinkSignal.links_changed."""

    async def publish(self, events: Sequence[ClickEvent]) -> None:
        """See ClickFeed.publish."""

    async def watch(self) -> AsyncIterator[ClickEvent]:
        """See ClickFeed.watch."""
        never: Sequence[ClickEvent] = ()
        await asyncio.Event().wait()
        for event in never:
            yield event


async def serve(database_url: str, port: int) -> None:
    """Answer on the loopback until SIGTERM."""
    silence = _Silence()
    parts = Parts(
        ports=Ports(clock=SystemClock(), link_signal=silence, click_feed=silence),
        portal=PortalFacts(name="Linkyard", version="0", public_url=f"http://127.0.0.1:{port}"),
    )
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with open_database(database_url):
        runner = web.AppRunner(create_app(parts), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            await stopped.wait()
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
