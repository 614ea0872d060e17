"""Whose links somebody sees: the same in every path, whoever they are and wherever they belong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tortoise.transactions import in_transaction

from models.clicks import RAW_TABLES
from models.links import Link
from models.organizations import Organization
from models.orm import writer
from models.rules.click_classes import CLASS_OF, Reason
from models.rules.click_facts import ClickFacts
from models.rules.dimensions import DeviceKind
from models.rules.reach import Reach
from models.rules.roles import CUSTOMER, PARTNER
from models.rules.scopes import Scope
from models.users import User
from resolvers.api_keys import create_api_key
from resolvers.click_values import ValueNumbers
from resolvers.clicks import store, tally, texts_of
from resolvers.link_exports import export_links
from resolvers.link_filters import LinkFilter
from resolvers.links import delete_link, matching_link_ids
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.contract.test_graphql_transport_ws import click, open_socket, receive, watching
from tests.factories import (
    as_person,
    make_built_in,
    make_domain,
    make_link,
    make_organization,
    make_user,
)
from tests.portal import Client, Portal, operation

WATCH = frozenset({Scope.LINK_READ, Scope.STATS_READ})
LINKS = """query Seen($after: String) {
  links(first: 2, after: $after) { totalCount nodes { id } pageInfo { hasNextPage endCursor } } }"""
SEEN = """query Seen($ids: [ID!]!, $range: StatsRange!) {
  search: links(filter: {search: "EXAMPLE"}) { totalCount nodes { id } }
  nodes(ids: $ids) { id }
  stats(range: $range) {
    totals { clicks } breakdown(by: LINK, top: 50) { rows { key clicks link { id } } } }
  listed: stats(range: $range, links: {}) { totals { clicks } }
}"""
ONE = """query One($id: ID!, $slug: String!, $range: StatsRange!) {
  node(id: $id) { id }
  byId: link(by: {id: $id}) { id stats(range: $range) { totals { clicks } } }
  byAddress: link(by: {address: {slug: $slug}}) { id } }"""
RANGE = {"period": {"preset": "LAST_7_DAYS"}, "timeZone": "UTC"}


@dataclass(frozen=True)
class World:
    """People as (reach, place), links as (owner, place, is deleted); None is nobody, nowhere."""

    people: Sequence[tuple[Reach, int | None]]
    links: Sequence[tuple[int | None, int | None, bool]]

    def holds(self, person: int, link: int) -> bool:
        """Tell by the plainest model whether a link is, or was, a person's to see."""
        reach, home = self.people[person]
        owner, place, _ = self.links[link]
        if reach is Reach.ALL:
            return True
        if reach is Reach.ORGANIZATION and home is not None:
            return place == home
        return owner == person and (place is None or place == home)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    place = st.none() | st.integers(0, 1)
    people = draw(st.lists(st.tuples(st.sampled_from(Reach), place), min_size=1, max_size=3))
    owner = st.none() | st.integers(0, len(people) - 1)
    links = st.lists(st.tuples(owner, place, st.booleans()), min_size=1, max_size=6)
    return World(people, draw(links))


async def record(ports: Ports, links: Sequence[Link]) -> None:
    """Store clicks of people: one of the first link, two of the second, four of the third."""
    at = ports.clock.now() - timedelta(hours=3)
    facts = [
        ClickFacts(
            link_id=link.id,
            at_us=int(at.timestamp() * 1_000_000),
            click_class=CLASS_OF[Reason.BROWSER],
            reason=Reason.BROWSER,
            referrer_host="",
            browser="Firefox",
            os="Linux",
            device=DeviceKind.DESKTOP,
            language="ru",
            address=None,
            request_id=None,
        )
        for number, link in enumerate(links)
        for _ in range(2**number)
    ]
    numbers = await ValueNumbers().of(texts_of(facts))
    async with in_transaction("default") as connection:
        await store(connection, tally(facts, numbers))


async def portal_of(client: Client, ports: Ports, user: User) -> Portal:
    """Return a caller with a key that can do no more than watch."""
    person = await User.get(id=user.id).select_related("role")
    _, secret = await create_api_key(as_person(ports, person), label="watch", scopes=list(WATCH))
    return Portal(client, {"Authorization": f"Bearer {secret}"})


async def build(ports: Ports, world: World, places: Sequence[Organization]) -> tuple[Any, Any]:
    """Make the world's people and links, each link as if it had come about somehow."""
    for table in RAW_TABLES:
        await writer().execute_script(f"DELETE FROM {table}")
    await Link.all().delete()
    maker = as_person(ports, await make_user(is_staff=True))
    home = [None, *places]
    people = [
        await make_user(
            scopes=WATCH, reach=reach, organization=home[0 if place is None else place + 1]
        )
        for reach, place in world.people
    ]
    links: list[Link] = []
    for number, (owner, place, is_deleted) in enumerate(world.links):
        link = await make_link(maker, slug=f"link-{number}")
        if is_deleted:
            await delete_link(maker, link_id=link.id)
        await Link.filter(id=link.id).update(
            owner_id=None if owner is None else people[owner].id,
            organization_id=None if place is None else places[place].id,
        )
        links.append(link)
    await record(ports, links)
    return people, links


async def listed(portal: Portal) -> set[str]:
    """Return the ids of all pages of `links`."""
    found: list[str] = []
    after = None
    while True:
        page = (await portal.ask(LINKS, after=after))["links"]
        found += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(found) == len(set(found)) == page["totalCount"]
    return set(found)


async def check(
    portal: Portal, ports: Ports, user: User, links: Sequence[Link], *, held: set[int]
) -> None:
    """Compare every path with what the model says: `held` are numbers of links."""
    live = {n for n in held if (await Link.get(id=links[n].id)).deleted_at is None}
    ids = [encode_id("Link", link.id) for link in links]
    seen = {ids[n] for n in live}

    assert await listed(portal) == seen
    found = await portal.ask(SEEN, ids=ids, range=RANGE)
    assert {node["id"] for node in found["search"]["nodes"]} == seen
    assert found["search"]["totalCount"] == len(seen)
    assert [node and node["id"] for node in found["nodes"]] == [
        each if each in seen else None for each in ids
    ]
    assert found["stats"]["totals"]["clicks"] == sum(2**n for n in held)
    assert found["listed"]["totals"]["clicks"] == sum(2**n for n in live)
    rows = found["stats"]["breakdown"]["rows"]
    assert sorted(row["clicks"] for row in rows) == sorted(2**n for n in held)
    assert {row["link"]["id"] for row in rows if row["link"]} == seen
    for number, link in enumerate(links):
        one = await portal.ask(ONE, id=ids[number], slug=link.slug, range=RANGE)
        if number in live:
            assert one["node"] == one["byAddress"] == {"id": ids[number]}
            assert one["byId"]["stats"]["totals"]["clicks"] == 2**number
        else:
            assert one == {"node": None, "byId": None, "byAddress": None}
    context = as_person(ports, await User.get(id=user.id).select_related("role"))
    watched = await matching_link_ids(context, LinkFilter(), [link.id for link in links])
    assert watched == {links[n].id for n in live}
    exported = [row["slug"] async for batch in export_links(context) for row in batch]
    assert sorted(exported) == sorted(links[n].slug for n in live)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=worlds())
async def test_every_path_shows_exactly_what_the_plainest_model_allows(
    client: Client, ports: Ports, world: World
) -> None:
    await make_domain()
    places = [await make_organization() for _ in range(2)]
    people, links = await build(ports, world, places)

    for number, user in enumerate(people):
        held = {n for n in range(len(links)) if world.holds(number, n)}
        await check(await portal_of(client, ports, user), ports, user, links, held=held)


@pytest.fixture
async def scene(database: None, ports: Ports) -> tuple[User, list[Link], set[int]]:
    """A partner, links of all kinds, and the numbers of those of the partner's organization."""
    here, there = await make_organization(), await make_organization()
    partner = await make_built_in(PARTNER, organization=here)
    colleague = await make_built_in(CUSTOMER, organization=here)
    stranger = await make_built_in(PARTNER, organization=there)
    free = await make_built_in(CUSTOMER)
    await make_domain()
    makers = [partner, colleague, stranger, free, colleague]
    links = [
        await make_link(as_person(ports, maker), slug=f"link-{number}")
        for number, maker in enumerate(makers)
    ]
    await Link.filter(id=links[1].id).update(owner_id=None)
    await Link.filter(id=links[3].id).update(owner_id=partner.id, organization_id=there.id)
    await delete_link(as_person(ports, colleague), link_id=links[4].id)
    await record(ports, links)
    return partner, links, {0, 1, 4}


async def test_a_read_only_statistics_key_for_a_partner_sees_exactly_its_organizations_links(
    client: Client, ports: Ports, scene: tuple[User, list[Link], set[int]]
) -> None:
    partner, links, held = scene
    portal = await portal_of(client, ports, partner)

    await check(portal, ports, partner, links, held=held)

    socket = await open_socket(portal)
    await socket.send_json(
        {"id": "w", "type": "subscribe", "payload": {"query": operation("ClickRecorded")}}
    )
    watcher = await watching(ports)
    order = [4, 3, 2, 1, 0]
    await watcher.publish([click(ports, links[number].id) for number in order])
    told = [await receive(socket) for _ in range(2)]
    slugs = [each["payload"]["data"]["clickRecorded"]["link"]["slug"] for each in told]
    assert slugs == ["link-1", "link-0"]

    before = await Link.all().order_by("id").values()
    for document, variables in (
        ("LinkCreate", {"input": {"url": "https://example.org/", "slug": "mine"}}),
        ("LinkUpdate", {"input": {"id": encode_id("Link", links[0].id), "title": "Mine"}}),
        ("LinkDelete", {"input": {"id": encode_id("Link", links[0].id)}}),
    ):
        [answer] = (await portal.ask(document, **variables)).values()
        assert answer["__typename"] == "ForbiddenProblem"
    assert await Link.all().order_by("id").values() == before


async def test_a_key_for_statistics_alone_shows_sums_and_no_links(
    client: Client, ports: Ports, scene: tuple[User, list[Link], set[int]]
) -> None:
    partner, links, held = scene
    person = await User.get(id=partner.id).select_related("role")
    _, secret = await create_api_key(
        as_person(ports, person), label="sums", scopes=[Scope.STATS_READ]
    )
    portal = Portal(client, {"Authorization": f"Bearer {secret}"})
    ids = [encode_id("Link", link.id) for link in links]

    document = (
        "query Sums($range: StatsRange!) { stats(range: $range) { totals { clicks } "
        "breakdown(by: LINK) { rows { clicks } } } }"
    )
    sums = (await portal.ask(document, range=RANGE))["stats"]
    assert sums["totals"]["clicks"] == sum(2**n for n in held)
    rows = [row["clicks"] for row in sums["breakdown"]["rows"]]
    assert sorted(rows) == sorted(2**n for n in held)
    nodes = await portal.ask("query N($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
    assert nodes == {"nodes": [None] * len(ids)}
    [error] = await portal.errors("{ links { totalCount } }")
    assert error["extensions"]["code"] == "FORBIDDEN"
