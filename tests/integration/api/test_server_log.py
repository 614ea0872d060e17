"""What a server's log tells of requests that fail, over a real socket."""

import asyncio
import logging
from collections.abc import Iterator

import pytest
from aiohttp import web

from api.server_log import quiet_server_log

_LOG = logging.getLogger("aiohttp.server")


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    level, filters = _LOG.level, list(_LOG.filters)
    yield
    _LOG.setLevel(level)
    _LOG.filters = filters


async def fail(_: web.Request) -> web.Response:
    raise LookupError("ours")


async def reply_to(request: bytes) -> bytes:
    app = web.Application()
    app.router.add_get("/", fail)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(request)
        reply = await reader.read()
        writer.close()
    finally:
        await runner.cleanup()
    return reply


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: secret\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nsecret header\r\n\r\n",
        b"GET /secret\x01 HTTP/9.9\r\nHost: a\r\n\r\n",
    ],
)
@pytest.mark.parametrize(("level", "lines"), [(logging.INFO, 0), (logging.DEBUG, 1)])
async def test_a_request_that_cannot_be_read_is_at_most_one_line_without_address(
    caplog: pytest.LogCaptureFixture, request_: bytes, level: int, lines: int
) -> None:
    _LOG.setLevel(level)
    quiet_server_log()
    quiet_server_log()

    reply = await reply_to(request_)

    assert reply.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    told = [record for record in caplog.records if record.name == "aiohttp.server"]
    assert [record.levelname for record in told] == ["DEBUG"] * lines
    for record in told:
        assert record.getMessage().startswith("a request was refused: ")
        assert record.exc_info is None
    assert "127.0.0.1" not in caplog.text
    assert "secret" not in caplog.text


async def test_our_own_fault_is_an_error_with_its_traceback_and_no_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    quiet_server_log()

    reply = await reply_to(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert reply.startswith(b"HTTP/1.1 500 ")
    [record] = [record for record in caplog.records if record.name == "aiohttp.server"]
    assert (record.levelname, record.getMessage()) == ("ERROR", "a request failed")
    assert "LookupError: ours" in caplog.text
    assert "127.0.0.1" not in caplog.text
