"""What stands around the operations: headers, request ids, a store that is away."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.pytest_plugin import AiohttpClient
from tortoise import Tortoise
from tortoise.context import TortoiseContext

from api.app import Parts, create_app
from models.orm import orm_config
from models.rules.api_key_format import new_key
from models.texts import text
from resolvers.ports import Ports
from schema.context import PortalFacts
from tests.portal import Client, Portal

LIMIT_S = 10.0
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
}


@pytest.fixture
async def stranded(
    postgres_server: str | None, tmp_path: Path, ports: Ports, aiohttp_client: AiohttpClient
) -> AsyncIterator[Client]:
    """The application with a store that is not there."""
    away = tmp_path / "away"
    url = f"sqlite://{away}/x.sqlite3"
    if postgres_server is not None:
        url = f"postgres://postgres@/x?host={away}"
    facts = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")
    async with TortoiseContext() as context:
        await context.init(config=orm_config(url))
        yield await aiohttp_client(create_app(Parts(ports=ports, portal=facts)))
        await Tortoise.close_connections()
        for thread in threading.enumerate():  # of connections that failed: they end by themselves,
            if "_connection_worker_thread" in thread.name:  # and tell this loop, so it must live
                await asyncio.to_thread(thread.join, LIMIT_S)


@pytest.mark.parametrize("path", ["/graphql", "/robots.txt", "/favicon.ico", "/nothing"])
async def test_every_answer_has_the_headers_of_the_portal(client: Client, path: str) -> None:
    response = await client.get(path)

    assert {name: response.headers.get(name) for name in SECURITY} == SECURITY
    assert re.fullmatch(r"[0-9a-f]{16}", response.headers["X-Request-Id"])


async def test_answers_with_data_are_kept_by_nobody(client: Client) -> None:
    response = await Portal(client).send("{ portal { name } }")

    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [
        ("order-66", True),
        ("A.b_c-1", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("<script>", False),
        ("ключ", False),
        ("", False),
    ],
)
async def test_sane_request_id_is_kept_and_another_is_made_for_the_rest(
    client: Client, sent: str, *, is_kept: bool
) -> None:
    response = await client.get("/robots.txt", headers={"X-Request-Id": sent})

    assert (response.headers["X-Request-Id"] == sent) is is_kept


async def test_crawlers_are_asked_to_stay_away(client: Client) -> None:
    response = await client.get("/robots.txt")

    assert (response.status, await response.text()) == (200, "User-agent: *\nDisallow: /\n")


async def test_there_is_no_icon_and_browsers_remember_it(client: Client) -> None:
    response = await client.get("/favicon.ico")

    assert (response.status, await response.read()) == (204, b"")
    assert response.headers["Cache-Control"] == "public, max-age=86400"


async def test_store_that_is_away_is_told_by_503_and_a_code(stranded: Client) -> None:
    with_key = Portal(stranded, {"Authorization": f"Bearer {new_key()}"})
    for caller, document in (
        (with_key, "{ viewer { scopes } }"),
        (with_key, "{ viewer { scopes } }"),  # what failed once must not hold a lock
        (Portal(stranded), "{ portal { shortDomains } }"),
        (Portal(stranded), "{ portal { shortDomains } }"),
    ):
        response = await caller.with_headers(Accept_Language="ru").send(document)
        body = await response.json()

        assert response.status == 503
        assert [(each["message"], each["extensions"]) for each in body["errors"]] == [
            (text("ru", "UNAVAILABLE"), {"code": "UNAVAILABLE"})
        ]


async def test_what_needs_no_store_is_answered_without_it(stranded: Client) -> None:
    assert await Portal(stranded).ask("{ portal { name } viewer { scopes } }") == {
        "portal": {"name": "Linkyard"},
        "viewer": None,
    }


async def test_mistyped_key_is_refused_without_the_store(stranded: Client) -> None:
    secret = new_key()
    mistyped = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    caller = Portal(stranded, {"Authorization": f"Bearer {mistyped}"})

    assert (await caller.send("{ portal { name } }")).status == 401


@pytest.mark.parametrize("digits", [5_000, 10_000])
async def test_no_word_of_the_interpreter_is_told(client: Client, digits: int) -> None:
    document = f"{{ links(first: {'9' * digits}) {{ nodes {{ id }} }} }}"

    response = await client.post("/graphql", json={"query": document})

    body = await response.text()
    [error] = (await response.json())["errors"]
    assert error["extensions"] == {"code": "BAD_REQUEST"}
    assert error["message"].endswith("99.")
    assert "sys." not in body
    assert "digit" not in body
