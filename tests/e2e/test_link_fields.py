"""A page of links costs the same statements whatever is asked of each link."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)

from api import app
from models.links import Link
from models.users import User
from resolvers.links import create_link
from resolvers.ports import Ports
from resolvers.stats import StatsDimension
from schema.limits import CEILINGS
from schema.root import build_schema, served_schema
from tests.e2e.test_graphql_stats import click, record
from tests.factories import as_person, make_domain, make_user
from tests.fakes import FixedClock
from tests.portal import Client, sign_in

LINKS: Final = 100
# Arguments of the fields that have some; every one of them is asked for.
ARGUMENTS: Final = {
    "stats": [
        '(range: {period: {preset: ALL_TIME}, timeZone: "Asia/Kathmandu"})',
        '(range: {period: {preset: LAST_7_DAYS}, timeZone: "UTC", humansOnly: false})',
    ],
    "series": ["", "(interval: DAY)"],
    "breakdown": [f"(by: {dimension})" for dimension in StatsDimension],
}


def selection(type_: GraphQLObjectType, above: tuple[str, ...] = ()) -> str:
    """Return every field of a type, and of what it leads to; of a type again its leaves alone."""
    parts: list[str] = []
    for name, field in type_.fields.items():
        inner = get_named_type(field.type)
        assert not isinstance(inner, GraphQLInterfaceType | GraphQLUnionType), name
        assert name in ARGUMENTS or not field.args, name
        below = ""
        if isinstance(inner, GraphQLObjectType):
            if type_.name in above:
                continue
            below = selection(inner, (*above, type_.name))
        else:
            assert is_leaf_type(inner)
        if name in ARGUMENTS:
            parts += [f"{name}{n}: {name}{each} {below}" for n, each in enumerate(ARGUMENTS[name])]
        else:
            parts.append(f"{name} {below}")
    return "{ " + " ".join(parts) + " }"


def all_fields() -> str:
    type_ = served_schema()._schema.type_map["Link"]
    assert isinstance(type_, GraphQLObjectType)
    return selection(type_)


@pytest.fixture(autouse=True)
def no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """One document asks for everything, more than anybody may otherwise."""
    most = 1 << 40
    roomy = replace(
        CEILINGS,
        bytes=most,
        tokens=most,
        depth=most,
        aliases=most,
        selections=most,
        cost=most,
    )
    monkeypatch.setattr(app, "served_schema", lambda: build_schema(ceilings=roomy))


@pytest.fixture
async def staff(database: None) -> User:
    return await make_user(is_staff=True)


@pytest.fixture
async def links(ports: Ports, clock: FixedClock, staff: User) -> list[Link]:
    """Links of several people on several domains, each followed on days of its own."""
    hosts = [(await make_domain(host)).host for host in ("one.test", "two.test", "three.test")]
    people = [as_person(ports, user) for user in (staff, *[await make_user() for _ in range(4)])]
    made = [
        await create_link(
            people[n % 5], url="https://example.org/", slug=f"s{n}", host=hosts[n % 3]
        )
        for n in range(LINKS)
    ]
    await record(
        click(link, clock.now() - timedelta(days=days), browser=f"B{days % 7}")
        for number, link in enumerate(made)
        for days in (number % 5, number)
    )
    return made


def test_the_walk_reaches_what_lies_deep() -> None:
    document = all_fields()

    for wanted in ("owner {", "breakdown4: breakdown(by: DEVICE)", "link {", "asOf"):
        assert wanted in document


async def test_every_field_of_a_link_costs_as_many_statements_for_one_as_for_a_hundred(
    client: Client, ports: Ports, staff: User, links: list[Link], sql: list[str]
) -> None:
    portal = await sign_in(client, ports, staff)
    document = f"query Q($first: Int!) {{ links(first: $first) {{ nodes {all_fields()} }} }}"
    counts: dict[int, int] = {}
    for rows in (1, 10, 100):
        await portal.ask(document, first=rows)
        sql.clear()
        answer = await portal.ask(document, first=rows)
        counts[rows] = len(sql)
        nodes: list[dict[str, Any]] = answer["links"]["nodes"]
        assert len(nodes) == rows
        assert {each["stats0"]["totals"]["human"] for each in nodes} <= {1, 2}

    assert counts[1] == counts[10] == counts[100]


async def test_moment_of_completeness_is_looked_up_once(
    client: Client, ports: Ports, staff: User, links: list[Link], sql: list[str]
) -> None:
    portal = await sign_in(client, ports, staff)
    range_ = '(range: {period: {preset: LAST_7_DAYS}, timeZone: "UTC"})'
    sql.clear()
    answer = await portal.ask(
        f"{{ links(first: 9) {{ nodes {{ stats{range_} {{ asOf }} }} }} stats{range_} {{ asOf }} }}"
    )

    assert len({each["stats"]["asOf"] for each in answer["links"]["nodes"]}) == 1
    assert len([each for each in sql if "click_progress" in each]) == 1
