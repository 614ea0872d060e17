"""Tickets of one matter over HTTP: merged, split, linked, and answered all at once."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import pytest

from models.rules.ticket_states import TicketStatus
from models.ticket_messages import TicketMessage
from models.tickets import Ticket
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.desk_members import Member, join, said, stored
from tests.factories import make_organization
from tests.fakes import FixedClock
from tests.portal import Client


@pytest.fixture
async def customer(client: Client, ports: Ports, database: None) -> Member:
    return await join(client, ports, "customer", organization=await make_organization())


@pytest.fixture
async def agent(client: Client, ports: Ports, database: None) -> Member:
    return await join(client, ports, "first_line")


async def test_merged_ticket_goes_on_in_the_other_and_comes_back_as_it_was(
    customer: Member, agent: Member
) -> None:
    first, second = await customer.ask_for("First"), await customer.ask_for("Second")
    merged = await agent.change("TicketMerge", id=second["id"], intoId=first["id"])
    again = await agent.change("TicketMerge", id=second["id"], intoId=first["id"])
    await customer.change("TicketReply", id=second["id"], bodyMarkdown="Any news?")
    both = await agent.see(first["number"])

    assert merged["ticket"]["status"] == "MERGED"
    assert merged["ticket"]["mergedInto"]["id"] == first["id"]
    assert again["__typename"] == "TicketMoveNotPossibleProblem"
    assert said(both) == ["Since **today**.", "Since **today**.", "Any news?"]
    back = await agent.change("TicketUnmerge", id=second["id"])
    assert (back["ticket"]["status"], back["ticket"]["mergedInto"]) == ("NEW", None)
    assert said(await agent.see(first["number"])) == ["Since **today**."]
    assert said(await customer.see(second["number"])) == ["Since **today**.", "Any news?"]


async def test_tickets_of_different_customers_are_merged_by_administrators_alone(
    client: Client, ports: Ports, customer: Member, agent: Member
) -> None:
    chief = await join(client, ports, "administrator")
    other = await join(client, ports, "customer", organization=await make_organization())
    ours, theirs = await customer.ask_for("Ours"), await other.ask_for("Theirs")
    wanted = {"id": theirs["id"], "intoId": ours["id"], "acrossOrganizations": True}
    refused = [
        await agent.change("TicketMerge", **wanted),
        await chief.change("TicketMerge", **{**wanted, "acrossOrganizations": False}),
    ]

    assert {each["__typename"] for each in refused} == {"ValidationProblem"}
    assert (await stored(theirs)).status is TicketStatus.NEW
    done = await chief.change("TicketMerge", **wanted)
    assert done["__typename"] == "TicketMergeSuccess"
    assert said(await chief.see(ours["number"])) == ["Since **today**."] * 2
    for each, own, foreign in ((customer, ours, theirs), (other, theirs, ours)):
        seen = await each.see(own["number"])
        assert said(seen) == ["Since **today**."]
        assert foreign["id"] not in repr(seen)
        assert await each.see(foreign["number"]) is None


async def test_chosen_messages_become_a_ticket_of_their_own(
    customer: Member, agent: Member
) -> None:
    ticket = await customer.ask_for()
    extra = await customer.change("TicketReply", id=ticket["id"], bodyMarkdown="And the printer")
    moved = [extra["ticketMessage"]["id"]]
    made = await agent.change("TicketSplit", id=ticket["id"], messageIds=moved, subject="Printer")
    empty = await agent.change("TicketSplit", id=ticket["id"], messageIds=[], subject="Printer")

    assert made["ticket"]["subject"] == "Printer"
    [link] = made["ticket"]["links"]
    assert (link["kind"], link["isLater"], link["ticket"]["id"]) == ("SPLIT", False, ticket["id"])
    assert said(await customer.see(made["ticket"]["number"])) == ["And the printer"]
    assert said(await customer.see(ticket["number"])) == ["Since **today**."]
    assert (empty["__typename"], empty["path"]) == ("ValidationProblem", ["messageIds"])
    assert await Ticket.all().count() == 2


async def test_one_answer_reaches_all_who_wait_for_an_incident_each_in_their_own_thread(
    client: Client, ports: Ports, customer: Member, agent: Member, clock: FixedClock
) -> None:
    other = await join(client, ports, "customer", organization=await make_organization())
    incident = await agent.ask_for("The server is down")
    tickets = [await customer.ask_for(), await other.ask_for(), await other.ask_for("Spam")]
    for each in tickets:
        linked = await agent.change(
            "TicketLink", id=incident["id"], otherId=each["id"], kind="INCIDENT"
        )
        assert linked["__typename"] == "TicketLinkSuccess"
    await agent.change("TicketMarkSpam", id=tickets[2]["id"])
    then = {"status": "RESOLVED", "resolution": "SOLVED"}
    wanted = {"bodyMarkdown": "It is up again", "then": then, "requestId": "r-1"}
    answer = await agent.change("TicketIncidentAnswer", id=incident["id"], **wanted)
    again = await agent.change("TicketIncidentAnswer", id=incident["id"], **wanted)
    clock.at += timedelta(minutes=1)

    replies = answer["replies"]
    assert [each["ticket"]["id"] for each in replies] == [each["id"] for each in tickets]
    assert [each["ticket"]["status"] for each in replies] == ["RESOLVED", "RESOLVED", "SPAM"]
    assert [each["problem"] and each["problem"]["code"] for each in replies] == [
        None,
        None,
        "TICKET_MOVE_NOT_POSSIBLE",
    ]
    assert [each["ticketMessage"] is None for each in replies] == [False, False, True]
    assert said(await customer.see(tickets[0]["number"])) == ["Since **today**.", "It is up again"]
    seen = await customer.see(tickets[0]["number"])
    assert incident["id"] not in repr(seen)
    written = [each["ticketMessage"] for each in replies]
    assert [each["ticketMessage"] for each in again["replies"]] == written
    assert await TicketMessage.filter(body_markdown="It is up again").count() == 2


REFUSED: Final[Sequence[tuple[str, Mapping[str, Any], str]]] = [
    ("TicketMerge", {"intoId": encode_id("Ticket", 7)}, "NotFoundProblem"),
    ("TicketMerge", {"intoId": "itself"}, "ValidationProblem"),
    ("TicketUnmerge", {}, "TicketMoveNotPossibleProblem"),
    ("TicketUnmerge", {"ifRevision": 99}, "RevisionConflictProblem"),
    ("TicketSplit", {"messageIds": ["x"], "subject": "x"}, "ValidationProblem"),
    ("TicketSplit", {"messageIds": ["x"], "subject": ""}, "ValidationProblem"),
    ("TicketLink", {"otherId": encode_id("Ticket", 7), "kind": "RELATED"}, "NotFoundProblem"),
    ("TicketLink", {"otherId": "itself", "kind": "RELATED"}, "ValidationProblem"),
    ("TicketLink", {"otherId": encode_id("Ticket", 7), "kind": "SPLIT"}, "ValidationProblem"),
    ("TicketIncidentAnswer", {"bodyMarkdown": ""}, "ValidationProblem"),
    (
        "TicketIncidentAnswer",
        {"bodyMarkdown": "x", "requestId": "x" * 129},
        "ValidationProblem",
    ),
    ("TicketUnlink", {"otherId": encode_id("Ticket", 7), "kind": "RELATED"}, "NotFoundProblem"),
]


async def test_refusals_are_typed_and_change_nothing(customer: Member, agent: Member) -> None:
    ticket = await customer.ask_for()
    for operation, more, typename in REFUSED:
        given = {key: ticket["id"] if value == "itself" else value for key, value in more.items()}
        answer = await agent.change(operation, id=ticket["id"], **given)

        assert answer["__typename"] == typename, answer
        assert answer["message"]
        assert (await stored(ticket)).revision == 1
        assert await Ticket.all().count() == 1
