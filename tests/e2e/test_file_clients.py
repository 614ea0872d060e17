"""Clients that send files slowly, or not to the end: the real server, with small limits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from api.app import Parts, create_app
from api.connection_limits import ConnectionLimits
from api.redirect_server import RedirectServer
from models.files import Blob, StoredFile
from resolvers.file_uploads import LEAST_BYTES_PER_S, begin_upload
from resolvers.ports import Ports
from schema.context import PortalFacts
from tests.factories import make_user
from tests.files import drafts, on_disk
from tests.redirect_service import serving
from tests.sign_ins import as_session

SHORT = ConnectionLimits(head_s=5.0, body_grace_s=0.2, body_s=0.2, write_s=5.0, sweep_s=0.02)
SIZE = LEAST_BYTES_PER_S * 4  # so a slow line has four seconds more
WAIT_S = 10.0


@asynccontextmanager
async def portal(root: Path, ports: Ports) -> AsyncIterator[tuple[str, int]]:
    """Serve the whole application behind the connections of a web process."""
    facts = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")
    async with serving(root) as service:
        runner = web.AppRunner(create_app(Parts(ports=ports, portal=facts)), access_log=None)
        await runner.setup()
        server = RedirectServer.of(runner, service.turn, limits=SHORT)
        listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        try:
            yield listening.sockets[0].getsockname()
        finally:
            listening.close()
            await server.shutdown(1.0)
            server.slow.close()
            await runner.cleanup()


async def begun(ports: Ports, *, port: int) -> bytes:
    """Begin to send a file, and return the head of the request."""
    context = await as_session(ports, await make_user())
    started = await begin_upload(context, name="a", bytes=SIZE)
    head = f"POST /files/{started.token} HTTP/1.1\r\nHost: localhost:{port}\r\n"
    return f"{head}Content-Length: {SIZE}\r\nConnection: close\r\n\r\n".encode()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what nobody tells of."""
    async with asyncio.timeout(WAIT_S):
        while not is_so():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)


async def nothing_is_left(ports: Ports) -> bool:
    rows = await StoredFile.all().count() + await Blob.all().count()
    return not (rows or on_disk(ports) or drafts(ports))


async def test_a_large_file_may_take_longer_than_any_other_body(
    database: None, tmp_path: Path, ports: Ports
) -> None:
    async with portal(tmp_path, ports) as (host, port):
        head = await begun(ports, port=port)
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(head)
        for _ in range(4):  # longer than body_s in all
            writer.write(bytes(SIZE // 4))
            await writer.drain()
            await asyncio.sleep(0.1)

        async with asyncio.timeout(WAIT_S):
            answer = await reader.read()

        writer.close()
    assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
    assert (await Blob.get()).bytes == SIZE
    assert drafts(ports) == []


async def test_a_file_that_stands_still_is_cut_off_and_leaves_nothing(
    database: None, tmp_path: Path, ports: Ports
) -> None:
    async with portal(tmp_path, ports) as (host, port):
        head = await begun(ports, port=port)
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(head + b"x" * 10)

        async with asyncio.timeout(WAIT_S):
            assert await reader.read() == b""

        writer.close()
        await until(lambda: not drafts(ports))
    assert await nothing_is_left(ports)


async def test_a_file_that_is_cut_leaves_nothing_and_may_begin_anew(
    database: None, tmp_path: Path, ports: Ports
) -> None:
    async with portal(tmp_path, ports) as (host, port):
        head = await begun(ports, port=port)
        _, writer = await asyncio.open_connection(host, port)
        writer.write(head + bytes(SIZE // 2))
        await until(lambda: len(drafts(ports)) == 1)
        writer.transport.abort()
        await until(lambda: not drafts(ports))
        assert await nothing_is_left(ports)

        reader, writer = await asyncio.open_connection(host, port)
        writer.write(head + bytes(SIZE))
        async with asyncio.timeout(WAIT_S):
            answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
    assert await StoredFile.all().count() == 1
