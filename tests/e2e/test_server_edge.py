"""What stands before every route: headers, names that we answer under, pages of other sites."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.pytest_plugin import AiohttpClient

from api.app import Parts, create_app
from api.data_folder import DataFolder
from api.health import Health
from api.known_hosts import OPEN_PATHS, KnownHosts
from api.security_headers import HSTS, hsts
from api.worker_status import WorkerStatus
from models.rules.origins import is_origin, parse_origins
from resolvers.ports import Ports
from schema.context import PortalFacts
from tests.factories import make_domain, make_user
from tests.portal import Client, Portal, sign_in
from tests.redirect_service import read_reply, serving

POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": POLICY,
    "Strict-Transport-Security": "max-age=31536000",
    "Server": "Linkyard",
}
PARTNER = "https://partner.test"
FACTS = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")


@pytest.fixture
async def edge(
    database: None, ports: Ports, aiohttp_client: AiohttpClient, tmp_path: Path
) -> Client:
    """The whole application of an https installation, health and all."""
    own = replace(ports, own_hosts=frozenset({"portal.test"}))
    app = create_app(
        Parts(
            ports=own,
            portal=FACTS,
            cors_origins=parse_origins(PARTNER),
            hsts=hsts(scheme="https", is_preloaded=False),
        )
    )
    folder = DataFolder.open(tmp_path)
    health = Health(
        folder=folder,
        status=WorkerStatus(folder.run),
        clock=ports.clock,
        needs_store=True,
        redirects=True,
        has_replica=lambda: True,
        spool_max_bytes=1,
    )
    app.add_routes(health.routes())
    return await aiohttp_client(app)


def routes_of(client: Client) -> list[tuple[str, str]]:
    """Return method and path of every route; for one of any method some methods."""
    found = []
    for route in client.app.router.routes():
        assert route.resource is not None
        methods = ["GET", "POST", "PUT", "OPTIONS"] if route.method == "*" else [route.method]
        found += [(method, route.resource.canonical) for method in methods]
    return found


async def test_every_route_answers_with_every_header(edge: Client) -> None:
    routes = routes_of(edge)
    assert {path for _, path in routes} >= {"/graphql", "/healthz", "/robots.txt", "/metrics"}

    for method, path in [*routes, ("GET", "/nothing/here"), ("DELETE", "/robots.txt")]:
        response = await edge.request(method, path)
        sent = {name: response.headers.get(name) for name in SECURITY}
        if path == "/" or path.startswith("/app/"):  # pages with a style sheet, and a script
            policy = (sent.pop("Content-Security-Policy") or "").split("; ")
            assert {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} < {*policy}
            assert not [each for each in policy if "unsafe" in each or "http" in each]
        assert sent == {name: SECURITY[name] for name in sent}, (method, path)
        assert "Cache-Control" in response.headers, (method, path)


@pytest.mark.parametrize("is_fast", [True, False])
@pytest.mark.parametrize("slug", [b"nosuch", b"off"])
async def test_the_pages_of_the_redirect_have_the_same_headers(
    tmp_path: Path, slug: bytes, *, is_fast: bool
) -> None:
    async with serving(tmp_path, is_fast=is_fast, hsts="max-age=31536000") as service:
        [page] = await service.ask(b"GET /" + slug)

    lines = page.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert {f"{name}: {value}" for name, value in SECURITY.items()} <= set(lines)


async def test_a_redirect_says_that_the_next_time_is_https_too(tmp_path: Path) -> None:
    async with serving(tmp_path, hsts="max-age=31536000") as service:
        [found] = await service.ask(b"GET /a")

    assert found.endswith(
        b"Server: Linkyard\r\nStrict-Transport-Security: max-age=31536000\r\n\r\n"
    )


async def test_what_is_no_request_is_refused_with_the_headers(tmp_path: Path) -> None:
    async with serving(tmp_path, hsts="max-age=31536000") as service:
        reader, writer = await service.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        async with asyncio.timeout(10):
            refused = await reader.read()
        writer.close()

    assert refused.startswith(b"HTTP/1.0 400 ")
    lines = refused.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert {f"{name}: {value}" for name, value in SECURITY.items()} <= set(lines)


def test_only_an_https_service_says_so() -> None:
    assert hsts(scheme="http", is_preloaded=True) == ""
    assert hsts(scheme="https", is_preloaded=False) == "max-age=31536000"
    assert hsts(scheme="https", is_preloaded=True) == "max-age=63072000; includeSubDomains; preload"


async def test_a_plain_installation_does_not_speak_of_https(client: Client) -> None:
    assert HSTS not in (await client.get("/robots.txt")).headers


# Names


def port_of(client: Client) -> int:
    assert client.server.port is not None
    return client.server.port


@pytest.mark.parametrize(
    "host",
    [
        "portal.test",
        "PORTAL.test",
        "portal.test.",
        "portal.test:443",
        "localhost:{port}",
        "127.0.0.1:{port}",
        "[::1]:{port}",
        "x.localhost:{port}",
        "go.test",
        "go.test:8443",
    ],
)
async def test_the_portal_answers_under_its_own_names(edge: Client, host: str) -> None:
    await make_domain("go.test")
    portal = Portal(edge, {"Host": host.replace("{port}", str(port_of(edge)))})

    assert (await portal.ask("{ portal { name } }"))["portal"]["name"] == "Linkyard"


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "portal.test.evil.test",
        "evil.test:{port}",
        "localhost:1",
        "localhost",
        "127.0.0.1",
        "portal.test:8443",
        "10.0.0.1:{port}",
        "portal.test@evil.test",
        "a b",
        "[",
        "xgo.test",
    ],
)
async def test_under_any_other_name_the_portal_does_nothing(edge: Client, host: str) -> None:
    await make_domain("go.test")
    headers = {"Host": host.replace("{port}", str(port_of(edge)))}

    response = await edge.post("/graphql", json={"query": "{ __typename }"}, headers=headers)

    assert response.status == 421
    assert await response.text() == "This is not a name of this service.\n"
    assert response.headers["X-Request-Id"]


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
async def test_who_watches_us_may_come_by_any_name(edge: Client, path: str) -> None:
    assert (await edge.get(path, headers={"Host": "10.0.0.1"})).status != 421


async def test_an_absolute_address_must_name_the_same_host(edge: Client) -> None:
    statuses = []
    for target, host in (
        ("http://portal.test/graphql", "portal.test"),
        ("http://evil.test/graphql", "portal.test"),
        ("http://portal.test/graphql", "evil.test"),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(edge))
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        statuses.append(int((await read_reply(reader)).split(b" ")[1]))
        writer.close()
        await writer.wait_closed()

    assert statuses == [405, 421, 421]


async def test_domains_are_asked_for_now_and_then_and_kept_while_the_store_is_away() -> None:
    answers: list[frozenset[str] | Exception] = [
        frozenset({"go.test"}),
        OSError("away"),
        frozenset({"new.test"}),
    ]
    seconds = [0.0]

    async def domains() -> frozenset[str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    known = KnownHosts([], domains=domains, monotonic=lambda: seconds[0])

    async def both() -> list[bool]:
        return [await known.includes(host, port=80) for host in ("go.test", "new.test")]

    assert await both() == [True, False]
    seconds[0] = 4.0
    assert await both() == [True, False]
    assert len(answers) == 2
    seconds[0] = 5.0
    assert await both() == [True, False]
    seconds[0] = 10.0
    assert await both() == [False, True]


# Pages of other sites


async def preflight(client: Client, origin: str, path: str = "/graphql") -> dict[str, str]:
    response = await client.options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        },
    )
    return {
        name: value for name, value in response.headers.items() if name.startswith("Access-Control")
    }


async def test_a_partner_may_call_with_a_key_and_read_the_answer(
    edge: Client, ports: Ports
) -> None:
    assert await preflight(edge, PARTNER) == {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "authorization, content-type, accept-language,"
        " linkyard-client",
        "Access-Control-Max-Age": "600",
        "Access-Control-Allow-Origin": PARTNER,
    }
    portal = (await sign_in(edge, ports, await make_user())).with_headers(Origin=PARTNER)

    response = await portal.send("{ viewer { __typename } }")

    assert "errors" not in await response.json()
    assert response.headers["Access-Control-Allow-Origin"] == PARTNER
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert response.headers.getall("Vary") == ["Origin"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.test",
        "http://partner.test",
        "https://partner.test:8443",
        "null",
        "https://partner.test.evil.test",
        "https://PARTNER.test",
        "https://xpartner.test",
    ],
)
async def test_nobody_else_is_told_anything(edge: Client, origin: str) -> None:
    assert await preflight(edge, origin) == {}
    response = await Portal(edge, {"Origin": origin}).send("{ portal { name } }")

    assert not [name for name in response.headers if name.startswith("Access-Control")]
    assert response.headers.getall("Vary") == ["Origin"]


async def test_a_partner_cannot_use_a_session(edge: Client) -> None:
    response = await Portal(edge, {"Origin": PARTNER, "Cookie": "__Host-linkyard=x"}).send(
        "{ portal { name } }"
    )

    assert response.status == 403
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_other_paths_are_closed_to_partners_too(edge: Client) -> None:
    assert await preflight(edge, PARTNER, "/metrics") == {}


async def test_where_no_origin_is_named_none_is_allowed(client: Client) -> None:
    assert await preflight(client, PARTNER) == {}
    assert "Vary" not in (await Portal(client).send("{ portal { name } }")).headers


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("https://partner.test", True),
        ("http://localhost:3000", True),
        ("https://xn--80ak6aa92e.test", True),
        ("https://[2001:db8::1]:8443", True),
        ("https://partner.test/", False),
        ("https://partner.test:443", False),
        ("https://Partner.test", False),
        ("partner.test", False),
        ("null", False),
        ("*", False),
        ("https://*.partner.test", False),
        ("https://user@partner.test", False),
        ("ftp://partner.test", False),
        ("", False),
    ],
)
def test_an_origin_is_what_a_browser_sends(text: str, *, is_one: bool) -> None:
    assert is_origin(text) is is_one
