"""Whose tickets somebody sees: the same by every path, compared with the plainest model."""

from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import pytest

from models.organizations import Organization
from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.rules.ticket_states import MessageVisibility
from models.ticket_messages import TicketMessage
from models.tickets import Ticket
from models.users import User
from resolvers.ports import Ports
from resolvers.ticket_deletions import delete_ticket
from resolvers.ticket_messages import note_on_ticket
from resolvers.tickets import create_ticket
from schema.nodes import encode_id
from tests.factories import as_command, as_person, make_organization, make_user
from tests.portal import Client, Portal, sign_in

READS: Final = frozenset({Scope.TICKET_READ})
PAGE: Final = """query Page($after: String, $search: String) {
  tickets(first: 10, after: $after, filter: {search: $search}) {
    totalCount nodes { id timeline(first: 9) { totalCount nodes { ... on TicketMessage { id } } } }
    pageInfo { hasNextPage endCursor } } }"""
SUMS: Final = """query Sums($ids: [ID!]!) {
  nodes(ids: $ids) { id }
  all: ticketCounts { byStatus { count } }
  found: ticketCounts(filter: {search: "thing"}) { byStatus { count } } }"""
PLACES: Final = (None, 0, 1)  # numbers of organizations


@dataclass(frozen=True)
class Person:
    """Who asks; `place` is the number of an organization."""

    user: User
    reach: Reach
    place: int | None
    is_desk: bool = False


@dataclass(frozen=True)
class Thing:
    """A ticket with a public message and a note; `requester` is a number among the people."""

    row: Ticket
    message: TicketMessage
    note: TicketMessage
    requester: int | None
    place: int | None
    is_deleted: bool


def holds(people: list[Person], number: int, thing: Thing) -> bool:
    """Tell by the plainest model whether a ticket is somebody's to see."""
    person = people[number]
    if thing.is_deleted:
        return False
    if person.reach is Reach.ALL:
        return True
    if person.reach is Reach.ORGANIZATION and person.place is not None:
        return thing.place == person.place
    return thing.requester == number and thing.place in {None, person.place}


async def make_people(places: list[Organization]) -> list[Person]:
    """Make people of every reach in every place, and one of the desk."""
    home = {None: None, 0: places[0], 1: places[1]}
    people = [
        Person(await make_user(scopes=READS, reach=reach, organization=home[place]), reach, place)
        for reach, place in product((Reach.OWN, Reach.ORGANIZATION), PLACES)
    ]
    people.append(Person(await make_user(scopes=READS, reach=Reach.ALL), Reach.ALL, None))
    desk = await make_user(is_staff=True)
    return [*people, Person(desk, Reach.ALL, None, is_desk=True)]


async def make_things(
    ports: Ports, people: list[Person], places: list[Organization]
) -> list[Thing]:
    """Make a ticket of each of the first people and of nobody, in every place, also deleted."""
    desk = as_person(ports, people[-1].user)
    things: list[Thing] = []
    for requester, place, is_deleted in product((None, 0, 1, 2), PLACES, (False, True)):
        made = await create_ticket(desk, subject="Some thing", body="A thing")
        noted = await note_on_ticket(desk, ticket_id=made.id, body="A noted thing")
        await Ticket.filter(id=made.id).update(
            requester_id=None if requester is None else people[requester].user.id,
            organization_id=None if place is None else places[place].id,
        )
        if is_deleted:
            await delete_ticket(as_command(ports), ticket_id=made.id)
        message = await TicketMessage.get(ticket_id=made.id, visibility=MessageVisibility.PUBLIC)
        things.append(Thing(made, message, noted.message, requester, place, is_deleted))
    return things


async def listed(portal: Portal, search: str | None) -> dict[str, dict[str, Any]]:
    """Return the timelines of the tickets of all pages, by the tickets' ids."""
    found: dict[str, dict[str, Any]] = {}
    after, total = None, 0
    while True:
        page = (await portal.ask(PAGE, after=after, search=search))["tickets"]
        total += len(page["nodes"])
        found |= {node["id"]: node["timeline"] for node in page["nodes"]}
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(found) == total == page["totalCount"]
    return found


async def by_numbers(portal: Portal, things: list[Thing]) -> set[str]:
    """Return the ids of the tickets that their numbers lead to."""
    found: set[str] = set()
    for start in range(0, len(things), 12):
        asked = " ".join(
            f"t{n}: ticket(number: {each.row.number}) {{ id }}"
            for n, each in enumerate(things[start : start + 12])
        )
        answer = await portal.ask(f"{{ {asked} }}")
        found |= {each["id"] for each in answer.values() if each is not None}
    return found


@pytest.mark.usefixtures("database")
async def test_every_path_shows_exactly_what_the_plainest_model_allows(
    client: Client, ports: Ports
) -> None:
    places = [await make_organization() for _ in range(2)]
    people = await make_people(places)
    things = await make_things(ports, people, places)
    for number, person in enumerate(people):
        portal = await sign_in(client, ports, person.user)
        own = [each for each in things if holds(people, number, each)]
        seen = {encode_id("Ticket", each.row.id) for each in own}
        public = {encode_id("TicketMessage", each.message.id) for each in own}
        notes = {encode_id("TicketMessage", each.note.id) for each in own}
        read = public | notes if person.is_desk else public

        for search in (None, "thing"):
            shown = await listed(portal, search)
            assert set(shown) == seen
            entries = [line["nodes"] for line in shown.values()]
            assert {each["id"] for line in entries for each in line if each} == read
            assert [line["totalCount"] for line in shown.values()] == [len(e) for e in entries]
        assert await by_numbers(portal, things) == seen
        ids = [
            *(encode_id("Ticket", each.row.id) for each in things),
            *(encode_id("TicketMessage", each.message.id) for each in things),
            *(encode_id("TicketMessage", each.note.id) for each in things),
        ]
        sums = await portal.ask(SUMS, ids=ids)
        assert {each["id"] for each in sums["nodes"] if each is not None} == seen | read
        for counts in (sums["all"], sums["found"]):
            assert sum(each["count"] for each in counts["byStatus"]) == len(seen)
