"""One person's dear questions are given up in time, and nobody else waits for them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

import pytest
from aiohttp.pytest_plugin import AiohttpClient

from api.app import Parts, create_app
from api.migrate import migrate
from models.ids import new_id
from models.link_rows import insert_row, insert_sql
from models.links import Link
from models.orm import is_sqlite, open_database, writer
from models.raw_sql import execute_many
from models.texts import text
from resolvers.ports import Ports
from schema.context import PortalFacts
from tests.factories import make_domain, make_user
from tests.portal import Client, Portal, sign_in

LINKS: Final = 1000
# Each place of the long targets looks like the beginning of the text until its end.
DEAR: Final = "a" * 900 + "b"
PARTS: Final = 4


@pytest.fixture
async def client(
    fresh_database_url: str, ports: Ports, aiohttp_client: AiohttpClient
) -> AsyncIterator[Client]:
    """The web application over a store that gives a statement a third of a second."""
    await asyncio.to_thread(migrate, fresh_database_url)
    facts = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")
    async with open_database(fresh_database_url, statement_timeout_s=0.3):
        client = await aiohttp_client(create_app(Parts(ports=ports, portal=facts)))
        yield client
        await client.close()


@pytest.fixture
async def greedy(client: Client, ports: Ports) -> Portal:
    """A person with many links whose targets are long."""
    person, domain, now = await make_user(locale="ru"), await make_domain(), datetime.now(UTC)
    links = [
        Link(
            id=new_id(),
            created_at=now,
            updated_at=now,
            domain_id=domain.id,
            owner_id=person.id,
            slug=f"s{number}",
            target=f"https://example.org/{'a' * 1900}",
        )
        for number in range(LINKS)
    ]
    sqlite = is_sqlite(writer())
    rows = [insert_row(link, sqlite=sqlite) for link in links]
    await execute_many(writer(), insert_sql(writer()), rows)
    return await sign_in(client, ports, person)


async def test_dear_parts_are_refused_and_a_second_person_is_answered_meanwhile(
    client: Client, ports: Ports, greedy: Portal
) -> None:
    second = await sign_in(client, ports, await make_user())
    parts = " ".join(
        f'p{number}: links(filter: {{search: "{DEAR}{number}"}}) {{ nodes {{ slug }} }}'
        for number in range(PARTS)
    )
    asking = asyncio.create_task(greedy.send(f"{{ {parts} }}"))
    answered = 0
    while not asking.done():
        assert (await second.ask("{ links(first: 1) { totalCount } }"))["links"] == {
            "totalCount": 0
        }
        answered += 1
    body = await (await asking).json()

    assert answered > PARTS
    assert {each["extensions"]["code"] for each in body["errors"]} == {"TOO_SLOW"}
    assert {each["message"] for each in body["errors"]} == {text("ru", "TOO_SLOW")}
    assert body["data"] is None


async def test_the_store_is_as_good_as_before_afterwards(greedy: Portal) -> None:
    dear = f'{{ links(filter: {{search: "{DEAR}"}}) {{ totalCount }} }}'
    for _ in range(PARTS):
        [error] = (await (await greedy.send(dear)).json())["errors"]
        assert error["extensions"] == {"code": "TOO_SLOW"}

    assert (await greedy.ask("{ links(first: 1) { totalCount } }"))["links"] == {
        "totalCount": LINKS
    }
