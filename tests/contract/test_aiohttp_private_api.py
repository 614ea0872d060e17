"""What api.fast_path relies on inside aiohttp, which promises none of it.

When this fails after an update of aiohttp, read web_protocol.py again before
the version in pyproject.toml is changed.
"""

import asyncio
import inspect

import aiohttp
import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.web_protocol import RequestHandler

from benchmarks.fuzz_heads import MemoryTransport

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_the_version_is_the_one_that_was_read() -> None:
    assert aiohttp.__version__.startswith("3.14.")


def test_the_members_exist() -> None:
    assert set(RequestHandler.__slots__) >= {
        "_close",
        "_force_close",
        "_keepalive_timeout",
        "_manager",
        "_messages",
        "_next_keepalive_close_time",
        "_payload_parser",
        "_request_count",
        "_request_in_progress",
        "_waiter",
    }
    assert set(BaseProtocol.__slots__) >= {
        "_buffer_paused",
        "_paused",
        "_reading_paused",
        "_upgraded",
        "transport",
    }


def test_what_we_override_has_the_form_that_we_know() -> None:
    for name, parameters in {
        "data_received": ["self", "data"],
        "eof_received": ["self"],
        "pause_writing": ["self"],
        "resume_writing": ["self"],
        "close": ["self"],
        "force_close": ["self"],
        "connection_lost": ["self", "exc"],
        "connection_made": ["self", "transport"],
        "finish_response": ["self", "request", "resp", "start_time"],
        "_drain_helper": ["self"],
    }.items():
        assert list(inspect.signature(getattr(RequestHandler, name)).parameters) == parameters


@pytest.fixture
async def released() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def handler(released: asyncio.Event) -> RequestHandler:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        await released.wait()
        return web.Response(text="x")

    return web.Server(answer, access_log=None, keepalive_timeout=50)()


def connected(handler: RequestHandler) -> MemoryTransport:
    transport = MemoryTransport(asyncio.get_running_loop(), handler)
    handler.connection_made(transport)
    return transport


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_idle_connection_waits_on_its_waiter(
    handler: RequestHandler, released: asyncio.Event
) -> None:
    transport = connected(handler)
    assert (handler._request_count, len(handler._messages)) == (0, 0)
    await turns()
    assert handler._waiter is not None
    assert not handler._waiter.done()

    handler.data_received(GET)
    assert handler._waiter.done()
    assert (handler._request_count, len(handler._messages)) == (1, 1)
    await turns()
    assert handler._waiter is None
    assert handler._request_in_progress
    released.set()
    await turns()

    assert handler._waiter is not None
    assert not handler._waiter.done()
    assert not handler._request_in_progress
    assert not handler._messages
    assert transport.written.endswith(b"\r\n\r\nx")
    transport.close()


async def test_messages_are_counted_when_their_head_is_complete(handler: RequestHandler) -> None:
    transport = connected(handler)
    await turns()

    handler.data_received(GET + GET + GET[:10])
    assert handler._request_count == 2
    handler.data_received(GET[10:])
    assert handler._request_count == 3
    transport.close()


async def test_an_upgrade_is_noted(handler: RequestHandler) -> None:
    transport = connected(handler)
    await turns()

    handler.data_received(
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )

    assert handler._upgraded
    transport.close()


async def test_the_keep_alive_timer_runs_from_the_start_and_looks_at_the_later_time(
    handler: RequestHandler,
) -> None:
    transport = connected(handler)
    await turns()
    loop = asyncio.get_running_loop()
    assert handler._keepalive_handle is not None
    assert handler._next_keepalive_close_time == pytest.approx(loop.time() + 50, abs=5)

    handler._process_keepalive()  # early: it waits on
    assert not transport.is_closed
    handler._next_keepalive_close_time = loop.time() - 1
    handler._process_keepalive()

    assert transport.is_closed
    await turns()


async def test_a_connection_without_a_manager_is_lost_without_a_word(
    handler: RequestHandler,
) -> None:
    handler._manager = None
    handler._force_close = True

    handler.data_received(GET)
    handler.connection_lost(None)

    assert (handler._request_count, len(handler._messages)) == (0, 0)


async def test_losing_the_connection_goes_through_force_close(handler: RequestHandler) -> None:
    transport = connected(handler)
    await turns()

    transport.close()
    await turns()

    assert handler._force_close
    assert handler.transport is None


async def test_writing_is_paused_by_a_flag(handler: RequestHandler) -> None:
    transport = connected(handler)
    handler.pause_writing()
    assert handler._paused
    handler.resume_writing()
    assert not handler._paused
    transport.close()
    await turns()


async def test_a_server_keeps_handler_and_factory_and_its_connections() -> None:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response()

    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    assert runner.server is not None
    assert callable(runner.server.request_handler)
    assert list(inspect.signature(runner.server.request_factory).parameters)[:5] == [
        "message",
        "payload",
        "protocol",
        "writer",
        "task",
    ]
    await runner.cleanup()
    server = web.Server(answer)
    handler = server()
    transport = connected(handler)
    assert list(server._connections) == [handler]
    transport.close()
    await turns()
    assert list(server._connections) == []


async def test_a_message_can_be_made_to_close_its_connection(
    handler: RequestHandler, released: asyncio.Event
) -> None:
    transport = connected(handler)
    await turns()
    handler.data_received(GET)

    message, _ = handler._messages[0]
    assert not message.should_close  # type: ignore[union-attr]
    assert message._replace(should_close=True).should_close  # type: ignore[union-attr]
    released.set()
    transport.close()
    await turns()
