"""subscription clickRecorded over the feeds that the service really uses."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse
from aiohttp.pytest_plugin import AiohttpClient
from structlog.testing import capture_logs

from api.adapters.redis_signals import RedisSignals
from api.adapters.socket_signals import SocketClickFeed, SocketFolder
from api.app import Parts, create_app
from resolvers.ports import ClickEvent, ClickFeed, Ports
from schema.context import PortalFacts
from schema.nodes import encode_id
from tests.contract.test_graphql_transport_ws import HELLO, WATCH, click, open_socket, receive
from tests.factories import as_person, make_link, make_user
from tests.portal import sign_in
from tests.servers import private_redis


@pytest.fixture(params=["sockets", "redis"])
async def feed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ClickFeed]:
    """One feed that publishes and watches, as if worker and web process were one."""
    if request.param == "sockets":
        folder = SocketFolder(tmp_path)
        local = SocketClickFeed(folder)
        yield local
        local.close()
        folder.close()
        return
    with private_redis() as url:
        signals = RedisSignals(url)
        signals.open()
        yield signals
        await signals.close()


async def first_click(socket: ClientWebSocketResponse, feed: ClickFeed, event: ClickEvent) -> None:
    """Publish until the feed, which is opened in the background, carries something."""
    waiting: asyncio.Task[Any] = asyncio.create_task(receive(socket))
    while not waiting.done():
        await feed.publish([event])
        await asyncio.wait([waiting], timeout=0.05)
    assert waiting.result()["type"] == "next"


async def next_click(socket: ClientWebSocketResponse) -> str:
    """Return the id of the next click that is told of."""
    found: str = (await receive(socket))["payload"]["data"]["clickRecorded"]["id"]
    return found


async def test_nothing_is_heard_of_a_subscription_that_the_client_ended(
    database: None,
    ports: Ports,
    feed: ClickFeed,
    aiohttp_client: AiohttpClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    facts = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")
    client = await aiohttp_client(
        create_app(Parts(ports=replace(ports, click_feed=feed), portal=facts))
    )
    person = await make_user()
    link = await make_link(as_person(ports, person), slug="watched")
    socket = await open_socket(await sign_in(client, ports, person))
    await socket.send_json(WATCH)
    await first_click(socket, feed, click(ports, link.id, 1))
    await feed.publish([click(ports, link.id, 2)])
    while await next_click(socket) != encode_id("Click", 2):
        pass  # what was published before the first one came
    caplog.clear()
    with capture_logs() as logs, caplog.at_level(logging.WARNING):
        await socket.send_json({"id": "w", "type": "complete"})
        await socket.send_json({**HELLO, "id": "w"})
        answers = [await receive(socket) for _ in range(2)]
        await socket.send_json({"type": "ping"})

        assert answers == [
            {"id": "w", "type": "next", "payload": {"data": {"__typename": "Query"}}},
            {"id": "w", "type": "complete"},
        ]
        assert await receive(socket) == {"type": "pong"}
        await socket.close()
    assert logs == []
    assert caplog.records == []
