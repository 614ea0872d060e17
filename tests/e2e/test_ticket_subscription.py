"""subscription ticketChanged: who is told of what, and when it ends."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse

from models.tickets import Ticket
from models.users import Role, User
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.contract.test_graphql_transport_ws import open_socket, receive
from tests.desk_members import Member, join
from tests.factories import make_built_in, make_organization
from tests.fakes import FixedClock
from tests.portal import Client, Portal, operation

HUSHED = "The customer owes us 4,000 roubles"
DONE = {"id": "w", "type": "complete"}


@pytest.fixture
async def customer(client: Client, ports: Ports, database: None) -> Member:
    return await join(client, ports, "customer", organization=await make_organization())


@pytest.fixture
async def agent(client: Client, ports: Ports, database: None) -> Member:
    return await join(client, ports, "first_line")


async def watch(portal: Portal, ticket_id: str) -> ClientWebSocketResponse:
    """Subscribe to a ticket."""
    socket = await open_socket(portal)
    payload = {"query": operation("TicketChanged"), "variables": {"id": ticket_id}}
    await socket.send_json({"id": "w", "type": "subscribe", "payload": payload})
    return socket


async def told(socket: ClientWebSocketResponse) -> dict[str, Any]:
    """Return the next ticket that a subscription tells of."""
    message = await receive(socket)
    assert message["type"] == "next", message
    ticket: dict[str, Any] = message["payload"]["data"]["ticketChanged"]
    return ticket


async def told_of(socket: ClientWebSocketResponse, sign: str) -> dict[str, Any]:
    """Return the next ticket that shows something: a change may be told in two steps."""
    while sign not in repr(ticket := await told(socket)):
        pass
    return ticket


async def test_each_is_told_of_what_they_may_see_and_of_nothing_else(
    customer: Member, agent: Member, clock: FixedClock
) -> None:
    ticket = await customer.ask_for()
    await agent.change("TicketOpen", id=ticket["id"])
    by_customer = await watch(customer.portal, ticket["id"])
    by_agent = await watch(agent.portal, ticket["id"])
    first, worked = await told(by_customer), await told(by_agent)
    assert first["statusLabel"] != worked["statusLabel"]

    for operation_, more, sign in (
        ("TicketNote", {"bodyMarkdown": HUSHED}, HUSHED),
        ("TicketTake", {}, "ASSIGNED"),
        ("TicketTag", {"tags": ["debtor"]}, "TAGS_CHANGED"),
        ("TicketReply", {"bodyMarkdown": "Restart it"}, "Restart it"),
    ):
        await agent.change(operation_, id=ticket["id"], **more)
        worked = await told_of(by_agent, sign)
    assert worked["assignee"]["id"] == agent.id
    clock.at += timedelta(minutes=1)

    # The notes before were no event for the customer: the first is the answer, once it is sent.
    answered = await told(by_customer)
    assert "Restart it" in repr(answered)
    assert answered["timeline"]["totalCount"] == first["timeline"]["totalCount"] + 1
    assert HUSHED not in repr(answered)
    assert (answered["assignee"], answered["viewerCan"]["note"]) == (None, False)
    await customer.change("TicketClose", id=ticket["id"])
    await told_of(by_customer, "'status': 'CLOSED'")


async def test_foreign_absent_and_mistyped_tickets_end_alike(
    client: Client, ports: Ports, customer: Member
) -> None:
    ticket = await customer.ask_for()
    stranger = await join(client, ports, "customer")

    for each in (ticket["id"], encode_id("Ticket", 7), stranger.id, "nonsense"):
        socket = await watch(stranger.portal, each)
        assert await receive(socket) == DONE


@pytest.mark.parametrize("change", ["deleted", "given to somebody else"])
async def test_it_ends_when_the_ticket_is_not_theirs_any_more(
    customer: Member, agent: Member, clock: FixedClock, change: str
) -> None:
    ticket = await customer.ask_for()
    socket = await watch(customer.portal, ticket["id"])
    await told(socket)
    if change == "deleted":
        await Ticket.filter(number=ticket["number"]).update(deleted_at=clock.now(), revision=9)
    else:
        requester = {"userId": agent.id}
        await agent.change("TicketRequesterSet", id=ticket["id"], requester=requester)

    assert await receive(socket) == DONE


async def test_it_ends_when_the_rights_that_it_began_with_change(
    customer: Member, agent: Member
) -> None:
    ticket = await customer.ask_for()
    socket = await watch(agent.portal, ticket["id"])
    await told(socket)
    auditor = await make_built_in("auditor")
    await User.filter(id=agent.user.id).update(role_id=auditor.role_id)
    await customer.change("TicketReply", id=ticket["id"], bodyMarkdown="Still there?")

    assert await receive(socket) == DONE


async def test_it_ends_with_an_error_when_the_role_lost_the_scope(
    customer: Member, agent: Member
) -> None:
    ticket = await customer.ask_for()
    socket = await watch(agent.portal, ticket["id"])
    await told(socket)
    await Role.filter(name="first_line").update(scopes="LINK_READ")
    await customer.change("TicketReply", id=ticket["id"], bodyMarkdown="Still there?")

    message = await receive(socket)
    assert message["type"] in {"error", "next"}
    errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
    assert [each["extensions"]["code"] for each in errors] == ["FORBIDDEN"]
