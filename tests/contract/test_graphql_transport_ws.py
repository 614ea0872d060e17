"""graphql-transport-ws, sentence by sentence.

Source: PROTOCOL.md of enisdenjo/graphql-ws.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError
from aiohttp.pytest_plugin import AiohttpClient

from api import app, graphql_ws
from api.adapters.click_watchers import ClickWatchers
from api.graphql import Endpoint
from api.graphql_ws import MAX_OPERATIONS, MESSAGES_AT_ONCE, RECHECK_S
from api.socket_counts import MAX_SOCKETS
from models.texts import text
from models.users import User
from resolvers.api_keys import create_api_key
from resolvers.ports import ClickEvent, Ports
from schema.context import PortalFacts
from schema.trusted_documents import hash_of
from tests.factories import as_person, make_link, make_user
from tests.fakes import MemoryFeed
from tests.portal import Client, Portal, operation, sign_in

PROTOCOL = "graphql-transport-ws"
TIMEOUT_S = 5.0
INIT: Mapping[str, Any] = {"type": "connection_init"}
HELLO = {"id": "1", "type": "subscribe", "payload": {"query": "{ __typename }"}}
WATCH = {"id": "w", "type": "subscribe", "payload": {"query": operation("ClickRecorded")}}


async def open_socket(portal: Portal, *, init: bool = True) -> ClientWebSocketResponse:
    socket = await portal.client.ws_connect(
        "/graphql", protocols=[PROTOCOL], headers=portal.headers, autoping=True
    )
    if init:
        await socket.send_json(INIT)
        assert await receive(socket) == {"type": "connection_ack"}
    return socket


async def receive(socket: ClientWebSocketResponse) -> Any:  # noqa: ANN401 - JSON
    async with asyncio.timeout(TIMEOUT_S):
        return await socket.receive_json()


async def closing(socket: ClientWebSocketResponse) -> int | None:
    """Return the code the server closes with, past whatever it still says."""
    async with asyncio.timeout(TIMEOUT_S):
        while (await socket.receive()).type not in {WSMsgType.CLOSE, WSMsgType.CLOSED}:
            pass
    return socket.close_code


async def watching(ports: Ports) -> MemoryFeed:
    """Return the feed once somebody listens to it."""
    feed = ports.click_feed
    assert isinstance(feed, MemoryFeed)
    async with asyncio.timeout(TIMEOUT_S):
        await feed.watched.wait()
    return feed


async def unwatched(feed: MemoryFeed) -> None:
    """Return once nobody listens any more."""
    async with asyncio.timeout(TIMEOUT_S):
        while feed.watchers:  # noqa: ASYNC110 - the feed tells of arrivals only
            await asyncio.sleep(0)


def click(ports: Ports, link_id: int, number: int = 1) -> ClickEvent:
    return ClickEvent(
        click_id=number,
        link_id=link_id,
        at=ports.clock.now(),
        click_class=0,
        reason="BROWSER",
        referrer_host="example.com",
        browser="Firefox",
        os="Linux",
        device="DESKTOP",
        address=None,
    )


@pytest.fixture
async def person(database: None) -> User:
    return await make_user()


@pytest.fixture
async def portal(client: Client, ports: Ports, person: User) -> Portal:
    return await sign_in(client, ports, person)


async def test_handshake_takes_the_subprotocol(client: Client) -> None:
    socket = await open_socket(Portal(client), init=False)

    assert socket.protocol == PROTOCOL


@pytest.mark.parametrize("protocols", [[], ["graphql-ws"]], ids=["none", "the old one"])
async def test_socket_without_our_subprotocol_is_closed(
    client: Client, protocols: list[str]
) -> None:
    socket = await client.ws_connect("/graphql", protocols=protocols)

    assert await closing(socket) == 4406


async def test_init_is_acknowledged(client: Client) -> None:
    socket = await open_socket(Portal(client), init=False)
    await socket.send_json(INIT)

    assert await receive(socket) == {"type": "connection_ack"}


async def test_second_init_closes_the_socket(client: Client) -> None:
    socket = await open_socket(Portal(client))
    await socket.send_json(INIT)

    assert await closing(socket) == 4429


async def open_client(
    monkeypatch: pytest.MonkeyPatch,
    ports: Ports,
    aiohttp_client: AiohttpClient,
    **times: Any,  # noqa: ANN401 - arguments of Endpoint
) -> Client:
    """Serve with other times than those of the real endpoint."""
    monkeypatch.setattr(app, "Endpoint", partial(Endpoint, **times))
    facts = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")
    return await aiohttp_client(app.create_app(app.Parts(ports=ports, portal=facts)))


async def test_init_that_does_not_come_in_time_closes_the_socket(
    database: None, monkeypatch: pytest.MonkeyPatch, ports: Ports, aiohttp_client: AiohttpClient
) -> None:
    client = await open_client(monkeypatch, ports, aiohttp_client, init_timeout_s=0.01)
    socket = await open_socket(Portal(client), init=False)

    assert await closing(socket) == 4408


async def test_subscribe_before_the_acknowledgement_closes_the_socket(client: Client) -> None:
    socket = await open_socket(Portal(client), init=False)
    await socket.send_json(HELLO)

    assert await closing(socket) == 4401


async def test_ping_is_answered_at_any_time(client: Client) -> None:
    socket = await open_socket(Portal(client), init=False)
    await socket.send_json({"type": "ping"})

    assert await receive(socket) == {"type": "pong"}


async def test_unasked_pong_is_taken(client: Client) -> None:
    socket = await open_socket(Portal(client))
    await socket.send_json({"type": "pong", "payload": {"any": "thing"}})
    await socket.send_json({"type": "ping", "payload": {"any": "thing"}})

    assert await receive(socket) == {"type": "pong"}


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param("", id="nothing"),
        pytest.param("{", id="no JSON"),
        pytest.param("[" * 50_000, id="brackets"),
        pytest.param("1", id="a number"),
        pytest.param("null", id="null"),
        pytest.param('"ping"', id="a string"),
        pytest.param("[]", id="a list"),
        pytest.param("{}", id="no type"),
        pytest.param('{"type": 1}', id="a type that is no string"),
        pytest.param('{"type": "connection_terminate"}', id="a type of the old protocol"),
        pytest.param(f'{{"type": "{"x" * 5000}"}}', id="a type too long for a reason"),
        pytest.param('{"type": "ping", "payload": 1}', id="a payload that is no object"),
        pytest.param('{"type": "connection_init", "payload": []}', id="an init payload of a list"),
        pytest.param('{"type": "complete"}', id="complete without id"),
        pytest.param('{"type": "complete", "id": []}', id="complete with a list for id"),
        pytest.param('{"type": "subscribe"}', id="subscribe without anything"),
        pytest.param('{"type": "subscribe", "id": "1"}', id="subscribe without payload"),
        pytest.param('{"type": "subscribe", "id": 1, "payload": {"query": "{a}"}}', id="id 1"),
        pytest.param('{"type": "subscribe", "id": "", "payload": {"query": "{a}"}}', id="empty id"),
        pytest.param('{"type": "subscribe", "id": "1", "payload": {}}', id="no query"),
        pytest.param(
            '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": "x"}}',
            id="variables of a string",
        ),
        pytest.param(
            '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "operationName": 1}}',
            id="operationName of a number",
        ),
        pytest.param(
            '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "extensions": 1}}',
            id="extensions of a number",
        ),
    ],
)
@pytest.mark.parametrize("init", [True, False], ids=["after init", "before init"])
async def test_frame_that_is_no_message_closes_the_socket(
    client: Client, frame: str, *, init: bool
) -> None:
    socket = await open_socket(Portal(client), init=init)
    await socket.send_str(frame)

    assert await closing(socket) == 4400


async def test_binary_frame_closes_the_socket(client: Client) -> None:
    socket = await open_socket(Portal(client))
    await socket.send_bytes(b'{"type": "ping"}')

    assert await closing(socket) == 4400


async def test_query_is_answered_by_next_and_complete(client: Client) -> None:
    socket = await open_socket(Portal(client))
    await socket.send_json(HELLO)

    assert await receive(socket) == {
        "id": "1",
        "type": "next",
        "payload": {"data": {"__typename": "Query"}},
    }
    assert await receive(socket) == {"id": "1", "type": "complete"}


async def test_id_is_free_again_after_complete(client: Client) -> None:
    socket = await open_socket(Portal(client))
    for _ in range(2):
        await socket.send_json(HELLO)
        assert (await receive(socket))["type"] == "next"
        assert (await receive(socket))["type"] == "complete"


async def test_id_in_use_closes_the_socket(portal: Portal, ports: Ports) -> None:
    socket = await open_socket(portal)
    await socket.send_json(WATCH)
    await watching(ports)
    await socket.send_json(WATCH)

    assert await closing(socket) == 4409


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("{", id="does not parse"),
        pytest.param("{ unknown }", id="is not valid"),
        pytest.param("subscription { unknown }", id="is no subscription of ours"),
        pytest.param("query A { __typename } query B { __typename }", id="is ambiguous"),
        pytest.param("query Q($a: ID!) { node(id: $a) { id } }", id="lacks a variable"),
    ],
)
async def test_bad_document_ends_its_operation_and_not_the_socket(
    client: Client, query: str
) -> None:
    socket = await open_socket(Portal(client))
    await socket.send_json({"id": "b", "type": "subscribe", "payload": {"query": query}})

    first = await receive(socket)
    errors = first["payload"] if first["type"] == "error" else first["payload"]["errors"]
    assert [each["extensions"]["code"] for each in errors] == ["BAD_REQUEST"]
    if first["type"] == "next":
        assert await receive(socket) == {"id": "b", "type": "complete"}
    await socket.send_json(HELLO)
    assert (await receive(socket))["payload"] == {"data": {"__typename": "Query"}}


async def test_unknown_operation_name_ends_the_operation(client: Client) -> None:
    socket = await open_socket(Portal(client))
    payload = {"query": "{ __typename }", "operationName": "Nobody"}
    await socket.send_json({"id": "n", "type": "subscribe", "payload": payload})

    assert (await receive(socket))["type"] == "error"


async def test_anonymous_caller_is_refused_in_the_language_of_the_handshake(
    client: Client,
) -> None:
    socket = await open_socket(Portal(client, {"Accept-Language": "ru"}))
    await socket.send_json(WATCH)

    message = await receive(socket)
    errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
    assert [each["extensions"]["code"] for each in errors] == ["UNAUTHENTICATED"]
    assert errors[0]["message"] == text("ru", "UNAUTHENTICATED")


async def test_key_may_come_with_the_init(client: Client, ports: Ports, person: User) -> None:
    _, secret = await create_api_key(as_person(ports, person), label="socket")
    socket = await open_socket(Portal(client), init=False)
    await socket.send_json({**INIT, "payload": {"Authorization": f"Bearer {secret}"}})
    assert await receive(socket) == {"type": "connection_ack"}

    query = {"query": "{ viewer { user { email } } }"}
    await socket.send_json({"id": "v", "type": "subscribe", "payload": query})

    assert (await receive(socket))["payload"] == {
        "data": {"viewer": {"user": {"email": person.email}}}
    }


@pytest.mark.parametrize("value", ["Bearer lky_wrong", "Basic YTpi", "", 1, None, {}])
async def test_wrong_key_in_the_init_closes_the_socket(client: Client, value: object) -> None:
    socket = await open_socket(Portal(client), init=False)
    await socket.send_json({**INIT, "payload": {"Authorization": value}})

    if value is None:
        assert await receive(socket) == {"type": "connection_ack"}
    else:
        assert await closing(socket) == 4403


async def test_key_that_was_revoked_starts_no_further_operation(
    client: Client, ports: Ports, person: User
) -> None:
    key, secret = await create_api_key(as_person(ports, person), label="socket")
    socket = await open_socket(Portal(client, {"Authorization": f"Bearer {secret}"}))
    key.revoked_at = ports.clock.now()
    await key.save()
    await socket.send_json(HELLO)

    assert await closing(socket) == 4403


async def test_complete_from_the_client_stops_a_subscription(portal: Portal, ports: Ports) -> None:
    socket = await open_socket(portal)
    await socket.send_json(WATCH)
    feed = await watching(ports)
    await socket.send_json({"id": "w", "type": "complete"})
    await socket.send_json({"type": "ping"})

    assert await receive(socket) == {"type": "pong"}
    await unwatched(feed)


async def test_complete_of_an_unknown_id_is_taken(client: Client) -> None:
    socket = await open_socket(Portal(client))
    await socket.send_json({"id": "nobody", "type": "complete"})
    await socket.send_json({"type": "ping"})

    assert await receive(socket) == {"type": "pong"}


async def test_operations_on_one_socket_are_bounded(portal: Portal, ports: Ports) -> None:
    socket = await open_socket(portal)
    for number in range(MAX_OPERATIONS + 1):
        await socket.send_json({**WATCH, "id": str(number)})

    message = await receive(socket)
    assert (message["id"], message["type"]) == (str(MAX_OPERATIONS), "error")


async def test_sixth_socket_of_one_key_is_refused_until_another_one_leaves(
    portal: Portal, client: Client, ports: Ports
) -> None:
    sockets = [await open_socket(portal) for _ in range(MAX_SOCKETS)]
    beyond = await open_socket(portal, init=False)
    await beyond.send_json(INIT)
    assert (await closing(beyond), beyond.close_code) == (4429, 4429)
    other_key = await open_socket(await sign_in(client, ports, await make_user()))
    nobody = await open_socket(Portal(client))

    await sockets[0].close()
    again = await open_socket(portal)

    assert not any(each.closed for each in (*sockets[1:], other_key, nobody, again))


async def test_idle_socket_is_closed_soon_after_its_key_is_revoked(
    database: None,
    monkeypatch: pytest.MonkeyPatch,
    ports: Ports,
    aiohttp_client: AiohttpClient,
    person: User,
) -> None:
    client = await open_client(monkeypatch, ports, aiohttp_client, recheck_s=0.01)
    key, secret = await create_api_key(as_person(ports, person), label="socket")
    socket = await open_socket(Portal(client, {"Authorization": f"Bearer {secret}"}))
    await socket.send_json(WATCH)
    feed = await watching(ports)
    key.revoked_at = ports.clock.now()
    await key.save()

    assert await closing(socket) == 4403
    await unwatched(feed)


def test_socket_outlives_its_session_by_less_than_five_seconds() -> None:
    assert RECHECK_S < 5


async def test_events_for_a_client_that_does_not_read_stay_where_they_are_bounded(
    portal: Portal, ports: Ports, person: User
) -> None:
    """The socket takes what the buffers of the kernel take; the rest waits in the feed."""
    link = await make_link(as_person(ports, person), slug="flood")
    socket = await open_socket(portal)
    await socket.send_json(WATCH)
    feed = await watching(ports)
    [watcher] = feed.watchers
    large = replace(click(ports, link.id), reason="x" * 100_000)
    await feed.publish([large] * 500)

    for _ in range(5000):  # turns of the loop: enough to send everything if nobody waited
        await asyncio.sleep(0)

    assert watcher.queue.qsize() > 200
    assert not socket.closed


async def test_feed_keeps_the_newest_thousand_events_for_a_slow_client(ports: Ports) -> None:
    watcher = ClickWatchers().add()
    for number in range(3000):
        watcher.offer([click(ports, 1, number)])

    kept = [(await anext(watcher)).click_id for _ in range(1000)]
    assert kept == list(range(2000, 3000))


async def test_hash_of_a_trusted_document_stands_for_it(client: Client) -> None:
    socket = await open_socket(Portal(client))
    payload = {"documentId": f"sha256:{hash_of(operation('Portal'))}"}
    await socket.send_json({"id": "h", "type": "subscribe", "payload": payload})

    assert (await receive(socket))["payload"]["data"]["portal"]["name"] == "Linkyard"


async def test_unknown_hash_ends_its_operation_and_not_the_socket(client: Client) -> None:
    socket = await open_socket(Portal(client))
    payload = {"query": None, "extensions": {"persistedQuery": {"sha256Hash": "0" * 64}}}
    await socket.send_json({"id": "h", "type": "subscribe", "payload": payload})

    message = await receive(socket)
    assert (message["type"], message["id"]) == ("error", "h")
    assert [each["extensions"]["code"] for each in message["payload"]] == [
        "PERSISTED_QUERY_NOT_FOUND"
    ]
    await socket.send_json(HELLO)
    assert (await receive(socket))["type"] == "next"


async def test_document_beyond_a_limit_ends_its_operation_and_not_the_socket(
    client: Client,
) -> None:
    socket = await open_socket(Portal(client))
    payload = {"query": "{ " + "__typename " * 21 + "}"}
    await socket.send_json({"id": "l", "type": "subscribe", "payload": payload})

    message = await receive(socket)
    assert message["type"] == "error"
    assert [each["extensions"]["limit"] for each in message["payload"]] == ["rootFields"]
    await socket.send_json(HELLO)
    assert (await receive(socket))["type"] == "next"


async def test_closed_socket_leaves_no_watcher(portal: Portal, ports: Ports) -> None:
    socket = await open_socket(portal)
    await socket.send_json(WATCH)
    feed = await watching(ports)
    assert len(feed.watchers) == 1
    await socket.close()

    await unwatched(feed)
    assert feed.watchers == []


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://evil.test", 403), ("null", 403), ("http://127.0.0.1:1", 403)],
)
async def test_page_of_another_origin_opens_no_socket(
    client: Client, origin: str, status: int
) -> None:
    with pytest.raises(WSServerHandshakeError) as refusal:
        await client.ws_connect("/graphql", protocols=[PROTOCOL], origin=origin)

    assert refusal.value.status == status


async def test_our_own_page_opens_a_socket(client: Client) -> None:
    origin = f"http://127.0.0.1:{client.port}"
    socket = await client.ws_connect("/graphql", protocols=[PROTOCOL], origin=origin)
    await socket.send_json(INIT)

    assert await receive(socket) == {"type": "connection_ack"}


async def test_handshake_that_is_none_is_a_bad_request(client: Client) -> None:
    response = await client.get("/graphql", headers={"Upgrade": "websocket"})

    assert response.status == 400


async def test_socket_is_closed_when_the_server_ends(client: Client) -> None:
    socket = await open_socket(Portal(client))
    app = client.server.app  # type: ignore[attr-defined]
    await app.shutdown()

    assert await closing(socket) == 1001


async def test_clicks_reach_the_watcher(portal: Portal, ports: Ports, person: User) -> None:
    link = await make_link(as_person(ports, person), slug="watched")
    socket = await open_socket(portal)
    await socket.send_json(WATCH)
    feed = await watching(ports)
    await feed.publish([click(ports, link.id)])

    message = await receive(socket)

    assert (message["id"], message["type"]) == ("w", "next")
    got = message["payload"]["data"]["clickRecorded"]
    assert (got["class"], got["reason"], got["browser"]) == ("HUMAN", "BROWSER", "Firefox")
    assert got["link"]["slug"] == "watched"


@pytest.mark.parametrize("message", [{"type": "ping"}, {"type": "complete", "id": "nobody"}])
async def test_socket_that_never_stops_talking_is_closed(
    client: Client, monkeypatch: pytest.MonkeyPatch, message: dict[str, str]
) -> None:
    monkeypatch.setattr(graphql_ws, "MESSAGES_AT_ONCE", 10)
    monkeypatch.setattr(graphql_ws, "MESSAGES_PER_S", 0.0)
    socket = await open_socket(Portal(client))
    for _ in range(8):
        await socket.send_json(message)
    await socket.send_json({"type": "ping"})  # the tenth, with the init
    pongs = 9 if message["type"] == "ping" else 1
    assert [await receive(socket) for _ in range(pongs)] == [{"type": "pong"}] * pongs

    await socket.send_json(message)

    assert await closing(socket) == 4429


def test_a_budget_fills_up_again_and_never_beyond_its_measure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(graphql_ws, "time", SimpleNamespace(monotonic=lambda: now))
    budget = graphql_ws._MessageBudget()

    seen: list[int] = []
    for waited_s in (0.0, 0.25, 3600.0):
        now += waited_s
        seen.append(sum(budget.spend() for _ in range(1_000)))

    assert seen == [MESSAGES_AT_ONCE, 12, MESSAGES_AT_ONCE]
