"""A page of tickets costs the same statements whatever is asked of each ticket."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
)

from api import app
from models.rules.ticket_states import TicketLine, TicketLinkKind
from models.ticket_categories import TicketCategory
from models.ticket_queues import TicketQueue, TicketQueueMember
from models.tickets import Ticket, TicketFollower, TicketLink, TicketTag
from models.users import User
from resolvers.ports import Ports
from resolvers.ticket_messages import note_on_ticket
from resolvers.tickets import create_ticket
from schema.limits import CEILINGS
from schema.root import build_schema, served_schema
from tests.factories import as_person, make_organization, make_user
from tests.portal import Client, sign_in

TICKETS: Final = 12
# People and organizations are met by tests.e2e.test_link_fields; here it is enough to load them.
BRIEF: Final = {"User": "{ id name }", "Organization": "{ id name }"}

# Of the fields that take others than those of a page.
ARGUMENTS: Final = {"preview": "(year: 2026)"}


def selection(type_: GraphQLObjectType, above: tuple[str, ...] = ()) -> str:
    """Return every field of a type, and of what it leads to; of a type again its id alone."""
    parts: list[str] = []
    for name, field in type_.fields.items():
        inner = get_named_type(field.type)
        arguments = "(first: 5)" if "first" in field.args else ARGUMENTS.get(name, "")
        assert arguments or not field.args, name
        assert not isinstance(inner, GraphQLInterfaceType), name
        if inner.name in (*above, type_.name):
            parts.append(f"{name}{arguments} {{ id }}")
            continue
        below = ""
        if isinstance(inner, GraphQLUnionType):
            members = [
                f"... on {each.name} {selection(each, (*above, type_.name))}"
                for each in inner.types
            ]
            # Fields of one name and different types could not stand side by side.
            below = "{ __typename " + " ".join(members).replace(" kind ", " kind: kind ") + " }"
        elif isinstance(inner, GraphQLObjectType):
            below = BRIEF.get(inner.name) or selection(inner, (*above, type_.name))
        parts.append(f"{name}{arguments} {below}")
    return "{ " + " ".join(parts) + " }"


def all_fields() -> str:
    type_ = served_schema()._schema.type_map["Ticket"]
    assert isinstance(type_, GraphQLObjectType)
    return selection(type_)


@pytest.fixture(autouse=True)
def no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """One document asks for everything, more than anybody may otherwise."""
    most = 1 << 40
    roomy = replace(
        CEILINGS, bytes=most, tokens=most, depth=most, aliases=most, selections=most, cost=most
    )
    monkeypatch.setattr(app, "served_schema", lambda: build_schema(ceilings=roomy))


@pytest.fixture
async def staff(database: None) -> User:
    return await make_user(is_staff=True)


@pytest.fixture
async def tickets(ports: Ports, staff: User) -> Sequence[Ticket]:
    """Tickets of several people, each with something in every field."""
    desk = as_person(ports, staff)
    home = await make_organization()
    people = [await make_user(organization=home) for _ in range(3)]
    categories = [
        await TicketCategory.create(name_ru=f"{n}", name_en=f"{n}", position=n) for n in range(3)
    ]
    queues = [await TicketQueue.create(name=f"Queue {n}", line=TicketLine.FIRST) for n in range(3)]
    for queue in queues:
        await TicketQueueMember.create(queue=queue, user=staff)
    made: list[Ticket] = []
    for n in range(TICKETS):
        ticket = await create_ticket(as_person(ports, people[n % 3]), subject=f"t{n}", body="Hello")
        await Ticket.filter(id=ticket.id).update(
            assignee_id=staff.id,
            queue_id=queues[n % 3].id,
            category_id=categories[n % 3].id,
            merged_into_id=made[-1].id if n % 2 else None,
        )
        await TicketTag.create(ticket_id=ticket.id, name=f"tag{n % 4}")
        await TicketFollower.create(ticket_id=ticket.id, user_id=people[(n + 1) % 3].id)
        if made:
            await TicketLink.create(
                ticket_id=made[-1].id, other_id=ticket.id, kind=TicketLinkKind.RELATED
            )
        await note_on_ticket(desk, ticket_id=ticket.id, body="Noted")
        made.append(ticket)
    return made


def test_the_walk_reaches_what_lies_deep() -> None:
    document = all_fields()

    for wanted in ("bodyHtml", "members { id name }", "changes {", "viewerCan {", "mergedInto {"):
        assert wanted in document


async def test_every_field_of_a_ticket_costs_as_many_statements_for_few_as_for_many(
    client: Client, ports: Ports, staff: User, tickets: Sequence[Ticket], sql: list[str]
) -> None:
    portal = await sign_in(client, ports, staff)
    document = f"query Q($first: Int!) {{ tickets(first: $first) {{ nodes {all_fields()} }} }}"
    counts: dict[int, int] = {}
    for rows in (3, TICKETS):
        await portal.ask(document, first=rows)
        sql.clear()
        answer = await portal.ask(document, first=rows)
        counts[rows] = len(sql)
        nodes: list[dict[str, Any]] = answer["tickets"]["nodes"]
        assert len(nodes) == rows
        for node in nodes:
            assert node["tags"]
            assert node["followers"]
            assert node["links"]
            assert len(node["timeline"]["nodes"]) in (3, 5)
            assert node["timeline"]["totalCount"] in (3, 6)

    assert counts[3] == counts[TICKETS]
