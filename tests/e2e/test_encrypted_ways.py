"""Over https people sign in by connections that were encrypted, and by no others."""

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpClient

from api.app import Parts, create_app
from models.sessions import Session
from models.throttles import Throttle
from models.users import User
from resolvers.ports import Ports
from schema.context import PortalFacts
from tests.people import PASSWORD, make_member
from tests.portal import Portal

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PROXIES: Final = (ipaddress.ip_network("10.0.0.1"), ipaddress.ip_network("fd00::/64"))
FORWARDED: Final = "X-Forwarded-Proto"


@pytest.fixture
async def person(database: None) -> User:
    return await make_member()


async def portal_seen_from(
    peer: str | None, ports: Ports, aiohttp_client: AiohttpClient, *, scheme: str = "http"
) -> Portal:
    """Return a portal over https that believes its connections to come from `peer`."""

    @web.middleware
    async def moved(request: web.Request, handler: Handler) -> web.StreamResponse:
        if peer is None:
            return await handler(request.clone(scheme=scheme))
        return await handler(request.clone(remote=peer, scheme=scheme))

    facts = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")
    app = create_app(Parts(ports=ports, portal=facts, trusted_proxies=PROXIES))
    app.middlewares.insert(0, moved)
    return Portal(await aiohttp_client(app), {"Linkyard-Client": "tests"})


async def outcome(portal: Portal, **headers: str) -> str:
    """Sign in, and return the name of what came of it."""
    found = await portal.with_headers(**headers).ask(
        "SessionCreate", input={"email": "ada@people.test", "password": PASSWORD}
    )
    return str(found["sessionCreate"]["__typename"])


@pytest.mark.parametrize(
    ("peer", "said"),
    [
        (None, None),  # this machine
        ("127.0.0.1", None),
        ("127.8.0.1", "https"),
        ("::1", "HTTPS"),
        ("::ffff:127.0.0.1", "https"),
        ("", None),  # a Unix socket
        ("10.0.0.1", None),
        ("10.0.0.1", "https"),
        ("10.0.0.1", "https, https"),
        ("fd00::7", "wss"),
    ],
)
async def test_what_came_by_https_signs_in(
    ports: Ports, person: User, aiohttp_client: AiohttpClient, peer: str | None, said: str | None
) -> None:
    portal = await portal_seen_from(peer, ports, aiohttp_client)
    headers = {} if said is None else {FORWARDED: said}

    assert await outcome(portal, **headers) == "SessionStartSuccess"


@pytest.mark.parametrize(
    ("peer", "said"),
    [
        ("192.0.2.7", None),
        ("192.0.2.7", "https"),  # who is no proxy of ours may say what it likes
        ("10.0.0.2", "https"),
        ("fd00:0:0:1::7", "https"),
        ("10.0.0.1", "http"),
        ("127.0.0.1", "http"),
        ("10.0.0.1", "https, http"),
        ("10.0.0.1", "http, https"),
        ("10.0.0.1", ""),
        ("nonsense", "https"),
    ],
)
async def test_what_did_not_is_refused_before_anything_is_counted(
    ports: Ports, person: User, aiohttp_client: AiohttpClient, peer: str, said: str | None
) -> None:
    portal = await portal_seen_from(peer, ports, aiohttp_client)
    headers = {} if said is None else {FORWARDED: said}

    assert await outcome(portal, **headers) == "InsecureTransportProblem"
    assert (await Session.all().count(), await Throttle.all().count()) == (0, 0)


async def test_tls_of_our_own_is_enough(
    ports: Ports, person: User, aiohttp_client: AiohttpClient
) -> None:
    portal = await portal_seen_from("192.0.2.7", ports, aiohttp_client, scheme="https")

    assert await outcome(portal) == "SessionStartSuccess"


@pytest.mark.parametrize(("peer", "is_open"), [("127.0.0.1", True), ("192.0.2.7", False)])
async def test_the_door_asks_for_a_password_only_where_nobody_else_reads_it(
    database: None, ports: Ports, aiohttp_client: AiohttpClient, peer: str, *, is_open: bool
) -> None:
    portal = await portal_seen_from(peer, ports, aiohttp_client)

    page = await (await portal.client.get("/app/password-reset")).text()

    assert ('type="password"' in page) is is_open
