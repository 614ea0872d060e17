"""Queries links, link, node and nodes over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from models.links import Link
from models.rules.scopes import Scope
from models.users import User
from resolvers.links import delete_link
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.factories import as_person, make_link, make_user
from tests.fakes import FixedClock
from tests.portal import Client, Portal, sign_in

TEN_FIELDS = """query ($first: Int) { links(first: $first) { nodes {
  id slug shortUrl url title state createdAt updatedAt clickCount owner { name }
} } }"""


@pytest.fixture
async def person(database: None) -> User:
    return await make_user()


@pytest.fixture
async def portal(client: Client, ports: Ports, person: User) -> Portal:
    return await sign_in(client, ports, person)


async def make_links(ports: Ports, person: User, clock: FixedClock, count: int) -> list[Link]:
    context = as_person(ports, person)
    links = []
    for number in range(count):
        clock.at += timedelta(minutes=1)
        links.append(await make_link(context, slug=f"s{number}"))
    return links


def slugs(connection: dict[str, Any]) -> list[str]:
    return [edge["node"]["slug"] for edge in connection["edges"]]


async def test_pages_forward_and_back_meet_every_link_once(
    portal: Portal, ports: Ports, person: User, clock: FixedClock
) -> None:
    await make_links(ports, person, clock, 7)
    seen: list[str] = []
    after = None
    while True:
        page = (await portal.ask("Links", first=3, after=after))["links"]
        seen += slugs(page)
        assert page["totalCount"] == 7
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    back = (await portal.ask("Links", last=3, before=page["pageInfo"]["startCursor"]))["links"]

    assert seen == [f"s{number}" for number in reversed(range(7))]
    assert slugs(back) == ["s3", "s2", "s1"]
    assert back["pageInfo"]["hasPreviousPage"] is back["pageInfo"]["hasNextPage"] is True


@pytest.mark.parametrize("field", ["CREATED_AT", "UPDATED_AT", "CLICKS", "LAST_CLICKED_AT", "SLUG"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_every_order_pages_by_its_cursors(  # noqa: PLR0913, PLR0917
    portal: Portal, ports: Ports, person: User, clock: FixedClock, field: str, direction: str
) -> None:
    for number, link in enumerate(await make_links(ports, person, clock, 5)):
        await Link.filter(id=link.id).update(
            clicks_human=(number * 3) % 4,
            last_clicked_at=clock.at - timedelta(hours=number) if number % 2 else None,
        )
    order = {"field": field, "direction": direction}
    whole = slugs((await portal.ask("Links", orderBy=order))["links"])
    one_by_one: list[str] = []
    after = None
    for _ in whole:
        page = (await portal.ask("Links", orderBy=order, first=1, after=after))["links"]
        one_by_one += slugs(page)
        after = page["pageInfo"]["endCursor"]

    assert sorted(whole) == ["s0", "s1", "s2", "s3", "s4"]
    assert one_by_one == whole


async def test_filters_hold_together(
    portal: Portal, ports: Ports, person: User, clock: FixedClock
) -> None:
    links = await make_links(ports, person, clock, 4)
    await Link.filter(id=links[2].id).update(clicks_human=9)
    owner = encode_id("User", person.id)
    everything = {
        "search": "S",
        "state": ["ACTIVE"],
        "domain": "GO.test",
        "ownerId": owner,
        "createdAfter": links[1].created_at.isoformat(),
        "createdBefore": links[3].created_at.isoformat(),
        "minClicks": 9,
    }

    assert slugs((await portal.ask("Links", filter=everything))["links"]) == ["s2"]
    for nothing in ({"domain": "x.test"}, {"ownerId": "nonsense"}, {"state": ["EXPIRED"]}):
        found = await portal.ask("Links", filter={**everything, **nothing})
        assert slugs(found["links"]) == []


@pytest.mark.parametrize(
    ("variables", "code", "argument"),
    [
        ({"first": 101}, "INVALID_VALUE", ["first"]),
        ({"first": -1}, "INVALID_VALUE", ["first"]),
        ({"last": 101}, "INVALID_VALUE", ["last"]),
        ({"first": 1, "last": 1}, "INVALID_VALUE", ["first"]),
        ({"after": "nonsense"}, "CURSOR_INVALID", ["after"]),
        ({"before": "AAAA"}, "CURSOR_INVALID", ["before"]),
    ],
)
async def test_window_without_sense_is_refused_by_name(
    portal: Portal, variables: dict[str, Any], code: str, argument: list[str]
) -> None:
    [error] = await portal.errors("Links", **variables)

    assert error["extensions"] == {"code": code, "argument": argument}


async def test_number_of_statements_does_not_grow_with_the_page(
    portal: Portal, ports: Ports, person: User, clock: FixedClock, sql: list[str]
) -> None:
    await make_links(ports, person, clock, 30)
    counts = []
    for first in (1, 30):
        await portal.ask(TEN_FIELDS, first=first)
        sql.clear()
        answer = await portal.ask(TEN_FIELDS, first=first)
        counts.append(len(sql))
        assert len(answer["links"]["nodes"]) == first

    assert counts[0] == counts[1] <= 4  # the key, the links, their domains, their owners


async def test_nodes_of_many_types_cost_a_statement_for_each_type(
    portal: Portal, ports: Ports, person: User, clock: FixedClock, sql: list[str]
) -> None:
    links = await make_links(ports, person, clock, 20)
    mine = encode_id("User", person.id)
    counts = []
    for count in (1, 20):
        ids = [encode_id("Link", link.id) for link in links[:count]]
        await portal.ask("Nodes", ids=[*ids, mine])
        sql.clear()
        answer = await portal.ask("Nodes", ids=[*ids, mine])
        counts.append(len(sql))
        assert [each["id"] for each in answer["nodes"]] == [*ids, mine]

    assert counts[0] == counts[1] <= 4


async def test_nodes_keep_the_order_with_null_for_the_unknown(
    portal: Portal, ports: Ports, person: User
) -> None:
    link = await make_link(as_person(ports, person), slug="a")
    known = encode_id("Link", link.id)
    ids = ["nonsense", known, encode_id("Link", 1), known, encode_id("Query", link.id), ""]

    answer = await portal.ask("Nodes", ids=ids)

    assert [each and each["id"] for each in answer["nodes"]] == [
        None,
        known,
        None,
        known,
        None,
        None,
    ]


async def test_more_ids_than_allowed_are_refused(portal: Portal) -> None:
    [error] = await portal.errors("Nodes", ids=["x"] * 101)

    assert error["extensions"] == {"code": "INVALID_VALUE", "argument": ["ids"]}


async def test_id_of_one_type_is_no_id_of_another(
    portal: Portal, ports: Ports, person: User
) -> None:
    link = await make_link(as_person(ports, person), slug="a")

    assert (await portal.ask("Link", by={"id": encode_id("User", link.id)}))["link"] is None
    assert (await portal.ask("Node", id=encode_id("ApiKey", link.id)))["node"] is None
    assert (await portal.ask("Node", id=encode_id("User", link.id)))["node"] is None


async def test_link_is_found_by_id_and_by_address(
    portal: Portal, ports: Ports, person: User
) -> None:
    link = await make_link(as_person(ports, person), slug="Ёж")
    by_id = await portal.ask("Link", by={"id": encode_id("Link", link.id)})
    by_address = await portal.ask("Link", by={"address": {"slug": "Ёж", "domain": "go.test"}})

    assert by_id == by_address
    assert by_id["link"]["owner"] == {"id": encode_id("User", person.id), "name": person.name}
    assert by_id["link"]["clickCounts"] == dict.fromkeys(
        ["human", "preview", "prefetch", "scanner", "monitor", "bot"], 0
    )


@pytest.mark.parametrize("by", [{}, {"id": "a", "address": {"slug": "a"}}, {"id": None}])
async def test_look_up_by_none_or_two_ways_is_a_bad_request(
    portal: Portal, by: dict[str, Any]
) -> None:
    body = await (await portal.send("Link", by=by)).json()

    assert {each["extensions"]["code"] for each in body["errors"]} == {"BAD_REQUEST"}
    assert "data" not in body


async def test_strangers_links_are_absent_on_every_path(
    client: Client, ports: Ports, person: User
) -> None:
    context = as_person(ports, person)
    link = await make_link(context, slug="secret")
    deleted = await make_link(context, slug="deleted")
    await delete_link(context, link_id=deleted.id)
    stranger = await sign_in(client, ports, await make_user())
    staff = await sign_in(client, ports, await make_user(is_staff=True))
    ids = [encode_id("Link", link.id), encode_id("Link", deleted.id), encode_id("Link", 1)]

    assert (await stranger.ask("Nodes", ids=ids))["nodes"] == [None, None, None]
    assert (await stranger.ask("Link", by={"address": {"slug": "secret"}}))["link"] is None
    assert (await stranger.ask("Links"))["links"]["totalCount"] == 0
    assert slugs((await staff.ask("Links"))["links"]) == ["secret"]
    assert (await staff.ask("Link", by={"address": {"slug": "deleted"}}))["link"] is None


async def test_key_without_link_read_sees_no_link(
    client: Client, ports: Ports, person: User
) -> None:
    link = await make_link(as_person(ports, person), slug="a")
    statistician = await sign_in(client, ports, person, scopes=frozenset({Scope.STATS_READ}))
    [error] = await statistician.errors("Links")

    assert error["extensions"] == {"code": "FORBIDDEN"}
    assert (await statistician.ask("Node", id=encode_id("Link", link.id)))["node"] is None
