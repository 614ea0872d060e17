"""Sockets of a session: who opens them, how many, and how soon they close after it ends."""

from functools import partial

import pytest
from aiohttp import WSServerHandshakeError
from aiohttp.pytest_plugin import AiohttpClient

from api import app
from api.app import Parts, create_app
from api.graphql import Endpoint
from api.socket_counts import MAX_SOCKETS
from models.sessions import Session
from models.users import User
from resolvers.ports import Ports
from resolvers.session_lookup import session_uses_written
from schema.context import PortalFacts
from tests.contract.test_graphql_transport_ws import INIT, closing, open_socket, receive
from tests.people import PASSWORD, make_member
from tests.portal import Portal
from tests.portal import sign_in as sign_in_by_key

ASK = {
    "id": "1",
    "type": "subscribe",
    "payload": {"query": "{ viewer { user { email } } }"},
}


@pytest.fixture
async def person(database: None) -> User:
    return await make_member()


@pytest.fixture
async def page(
    database: None,
    ports: Ports,
    person: User,
    aiohttp_client: AiohttpClient,
    monkeypatch: pytest.MonkeyPatch,
) -> Portal:
    """A page that is signed in, of a portal that looks after its sockets all the time."""
    monkeypatch.setattr(app, "Endpoint", partial(Endpoint, recheck_s=0.01))
    facts = PortalFacts(name="Linkyard", version="0", public_url="http://localhost:8080")
    client = await aiohttp_client(create_app(Parts(ports=ports, portal=facts)))
    portal = Portal(client, {"Linkyard-Client": "tests"})
    await portal.ask("SessionCreate", input={"email": person.email, "password": PASSWORD})
    return Portal(client, {"Origin": f"http://localhost:{client.port}"})


async def test_a_socket_is_its_sessions(page: Portal, person: User) -> None:
    socket = await open_socket(page)
    await socket.send_json(ASK)

    answer = await receive(socket)

    assert answer["payload"]["data"] == {"viewer": {"user": {"email": person.email}}}
    await session_uses_written()


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://localhost:9"])
async def test_no_other_page_opens_one_with_the_cookie(page: Portal, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}

    with pytest.raises(WSServerHandshakeError) as refused:
        await open_socket(Portal(page.client, headers))

    assert refused.value.status == 403


async def test_cookie_and_key_together_open_none(page: Portal, ports: Ports, person: User) -> None:
    key = (await sign_in_by_key(page.client, ports, person)).headers
    with pytest.raises(WSServerHandshakeError) as refused:
        await open_socket(Portal(page.client, {**page.headers, **key}))
    assert refused.value.status == 400

    socket = await open_socket(page, init=False)
    await socket.send_json({**INIT, "payload": key})

    assert await closing(socket) == 4403


@pytest.mark.parametrize("ending", ["revoked", "deactivated", "expired", "deleted"])
async def test_an_idle_socket_closes_soon_after_its_session(
    page: Portal, ports: Ports, person: User, ending: str
) -> None:
    socket = await open_socket(page)
    now = ports.clock.now()

    match ending:
        case "revoked":
            await Session.all().update(revoked_at=now)
        case "deactivated":
            await User.filter(id=person.id).update(deactivated_at=now)
        case "expired":
            await Session.all().update(expires_at=now)
        case _:
            await Session.all().delete()

    assert await closing(socket) == 4403
    await session_uses_written()


async def test_a_new_token_closes_no_socket(page: Portal, person: User) -> None:
    socket = await open_socket(page)
    poster = Portal(page.client, {"Linkyard-Client": "tests"})
    await poster.ask("SessionRenew", input={"password": PASSWORD})

    for number in range(3):
        await socket.send_json({**ASK, "id": str(number)})
        assert (await receive(socket))["type"] == "next"
        assert (await receive(socket))["type"] == "complete"

    assert not socket.closed
    await session_uses_written()


async def test_a_session_has_only_so_many(page: Portal) -> None:
    for _ in range(MAX_SOCKETS):
        await open_socket(page)
    more = await open_socket(page, init=False)
    await more.send_json(INIT)

    assert await closing(more) == 4429
    await session_uses_written()


async def test_nobody_signs_in_over_a_socket(page: Portal, person: User) -> None:
    socket = await open_socket(page)
    secret = f'{{email: "{person.email}", password: "{PASSWORD}"}}'
    query = f"mutation {{ sessionCreate(input: {secret}) {{ __typename }} }}"
    await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": query}})

    answer = await receive(socket)

    assert [each["extensions"]["code"] for each in answer["payload"]["errors"]] == ["BAD_REQUEST"]
    assert await Session.all().count() == 1
    await session_uses_written()
