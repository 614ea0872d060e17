"""Asking and answering over HTTP: who reads what, and what comes of two at once."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import pytest

from models.errors import RateLimitedError
from models.rules.ticket_states import TicketLine
from models.ticket_messages import TicketMessage
from models.ticket_queues import TicketQueue
from models.tickets import Ticket
from resolvers.ports import Ports
from resolvers.tickets import spend_writing
from schema.nodes import encode_id
from tests.desk_members import Member, join, said, stored
from tests.factories import as_person, make_organization
from tests.fakes import FixedClock
from tests.portal import Client, Portal

HUSHED = "The customer owes us 4,000 roubles"
LISTS = """query Lists($search: String!) {
  tickets(first: 5, filter: {search: $search}) { totalCount nodes { number
    timeline(first: 10) { totalCount nodes {
    ... on TicketMessage { id bodyMarkdown } ... on TicketChange { text } } } } }
  ticketCounts(filter: {search: $search}) { byStatus { count } }
}"""


@pytest.fixture
async def customer(client: Client, ports: Ports, database: None) -> Member:
    return await join(client, ports, "customer", organization=await make_organization())


@pytest.fixture
async def agent(client: Client, ports: Ports, database: None) -> Member:
    return await join(client, ports, "first_line")


def after_undo(clock: FixedClock) -> None:
    """Let the seconds pass in which an answer can be taken back."""
    clock.at += timedelta(minutes=1)


async def test_question_and_answer_are_read_by_both_in_their_own_words(
    customer: Member, agent: Member, clock: FixedClock
) -> None:
    ticket = await customer.ask_for(kind="FAULT")
    answer = await agent.change(
        "TicketReply",
        id=ticket["id"],
        bodyMarkdown="Please *restart* it. <script>alert(1)</script>",
        then={"status": "WAITING_FOR_CUSTOMER"},
    )
    after_undo(clock)
    seen, worked = await customer.see(ticket["number"]), await agent.see(ticket["number"])

    assert answer["__typename"] == "TicketReplySuccess"
    assert seen is not None
    assert worked is not None
    assert (
        said(seen) == said(worked) == ["Since **today**.", answer["ticketMessage"]["bodyMarkdown"]]
    )
    assert answer["ticketMessage"]["bodyHtml"].startswith(
        "<p>Please <em>restart</em> it. &lt;script&gt;"
    )
    assert seen["status"] == worked["status"] == "WAITING_FOR_CUSTOMER"
    assert seen["statusLabel"] != worked["statusLabel"]
    assert worked["requesterAddress"] == customer.user.email
    assert worked["organization"] is not None
    assert (seen["requesterAddress"], seen["bounceCount"], seen["assignee"]) == (None, None, None)
    assert (worked["bounceCount"], worked["reopenCount"]) == (0, 0)


async def test_labels_are_in_the_language_of_the_request(customer: Member, agent: Member) -> None:
    ticket = await customer.ask_for()
    russian = customer.portal.with_headers(Accept_Language="ru")
    seen = (await russian.ask("Ticket", number=ticket["number"]))["ticket"]
    own = await customer.see(ticket["number"])

    assert own is not None
    labels = [seen["statusLabel"], seen["kindLabel"], seen["timeline"]["nodes"][0].get("text", "я")]
    assert all(any("а" <= letter <= "я" for letter in label) for label in labels)
    assert own["statusLabel"].isascii()


async def test_notes_reach_no_customer_by_any_path(
    customer: Member, agent: Member, clock: FixedClock
) -> None:
    ticket = await customer.ask_for("Invoice 17")
    before = await customer.see(ticket["number"])
    note = await agent.change("TicketNote", id=ticket["id"], bodyMarkdown=HUSHED)
    await agent.change("TicketTag", id=ticket["id"], tags=["debtor"])
    await agent.change("TicketTake", id=ticket["id"])
    await agent.change("TicketWaitInternal", id=ticket["id"], note=HUSHED)
    await agent.change("TicketResolve", id=ticket["id"], resolution="ANSWERED", note=HUSHED)
    after_undo(clock)

    assert note["__typename"] == "TicketNoteSuccess"
    assert note["ticketMessage"]["visibility"] == "INTERNAL"
    assert HUSHED in said(await agent.see(ticket["number"]))
    ids = [note["ticketMessage"]["id"]]
    after = await customer.see(ticket["number"])
    texts = [
        repr(before),
        repr(after),
        repr(await customer.portal.ask("Tickets")),
        repr(await customer.portal.ask("TicketHistory", number=ticket["number"])),
        repr(await customer.portal.ask(LISTS, search="invoice")),
        repr(await customer.portal.ask("Nodes", ids=[*ids, ticket["id"]])),
    ]
    assert [text for text in texts if HUSHED in text or "debtor" in text or ids[0] in text] == []
    assert (await customer.portal.ask("Node", id=ids[0]))["node"] is None
    assert said(after) == ["Since **today**."]
    assert after is not None
    assert after["timeline"]["totalCount"] == len(after["timeline"]["nodes"])
    for search in (HUSHED, "owes", "debtor"):
        found = await customer.portal.ask(LISTS, search=search)
        assert found["tickets"] == {"totalCount": 0, "nodes": []}
        assert {each["count"] for each in found["ticketCounts"]["byStatus"]} == {0}


async def test_customers_cannot_search_by_what_they_do_not_see(
    customer: Member, agent: Member
) -> None:
    ticket = await customer.ask_for()
    queue = await TicketQueue.create(name="Lines", line=TicketLine.FIRST)
    queue_id = encode_id("Queue", queue.id)
    await agent.change("TicketQueueSet", id=ticket["id"], queueId=queue_id)
    await agent.change("TicketTag", id=ticket["id"], tags=["late"])
    await agent.change("TicketTake", id=ticket["id"])

    for condition in ({"queueId": queue_id}, {"tag": "late"}, {"assigneeId": agent.id}):
        by_agent = (await agent.portal.ask("Tickets", filter=condition))["tickets"]
        by_customer = (await customer.portal.ask("Tickets", filter=condition))["tickets"]
        assert (by_agent["totalCount"], by_customer["totalCount"]) == (1, 0), condition
    for hidden in ({"unassigned": True}, {"mine": True}, {"deleted": True}):
        found = (await customer.portal.ask("Tickets", filter=hidden))["tickets"]
        assert found["totalCount"] == 0, hidden


async def test_foreign_number_is_answered_like_an_absent_one(
    client: Client, ports: Ports, customer: Member, agent: Member
) -> None:
    stranger = await join(client, ports, "customer", organization=await make_organization())
    ticket = await customer.ask_for()
    absent = encode_id("Ticket", 7)

    assert await stranger.see(ticket["number"]) is await stranger.see(10**9) is None
    for operation, more in (
        ("TicketReply", {"bodyMarkdown": "Me, too"}),
        ("TicketClose", {}),
        ("TicketReopen", {"reason": "x"}),
        ("TicketFollow", {}),
    ):
        foreign = await stranger.change(operation, id=ticket["id"], **more)
        assert foreign == await stranger.change(operation, id=absent, **more), operation
        assert foreign["__typename"] == "NotFoundProblem"
    assert said(await agent.see(ticket["number"])) == ["Since **today**."]


async def test_answer_can_be_taken_back_until_it_is_sent(
    customer: Member, agent: Member, clock: FixedClock
) -> None:
    ticket = await customer.ask_for()
    then = {"status": "WAITING_FOR_CUSTOMER"}
    hasty = await agent.change("TicketReply", id=ticket["id"], bodyMarkdown="Oops", then=then)

    assert hasty["ticketMessage"]["viewerCanTakeBack"] is True
    assert said(await customer.see(ticket["number"])) == ["Since **today**."]
    back = await agent.change("TicketMessageTakeBack", id=hasty["ticketMessage"]["id"])
    assert (back["__typename"], back["ticketMessage"]["bodyMarkdown"]) == (
        "TicketMessageTakeBackSuccess",
        "Oops",
    )
    assert back["ticket"]["status"] == "NEW"
    after_undo(clock)
    assert said(await customer.see(ticket["number"])) == ["Since **today**."]


async def test_answer_that_was_sent_cannot_be_taken_back(
    client: Client, ports: Ports, customer: Member, agent: Member, clock: FixedClock
) -> None:
    ticket = await customer.ask_for()
    colleague = await join(client, ports, "first_line")
    sent = await agent.change("TicketReply", id=ticket["id"], bodyMarkdown="Done")
    by_colleague = await colleague.change("TicketMessageTakeBack", id=sent["ticketMessage"]["id"])
    after_undo(clock)
    too_late = await agent.change("TicketMessageTakeBack", id=sent["ticketMessage"]["id"])

    assert by_colleague["__typename"] == "NotFoundProblem"
    assert (too_late["__typename"], too_late["code"]) == ("MessageSentProblem", "MESSAGE_SENT")
    assert said(await customer.see(ticket["number"])) == ["Since **today**.", "Done"]


async def test_of_two_agents_with_one_revision_one_wins_and_the_other_is_told(
    client: Client, ports: Ports, customer: Member, agent: Member
) -> None:
    ticket = await customer.ask_for()
    colleague = await join(client, ports, "second_line")
    answers = await asyncio.gather(
        *(
            each.change("TicketTake", id=ticket["id"], ifRevision=ticket["revision"])
            for each in (agent, colleague)
        )
    )

    kinds = sorted(each["__typename"] for each in answers)
    assert kinds == ["RevisionConflictProblem", "TicketTakeSuccess"]
    row = await stored(ticket)
    [lost] = [each for each in answers if each["__typename"] == "RevisionConflictProblem"]
    [won] = [each for each in answers if each["__typename"] == "TicketTakeSuccess"]
    assert lost["currentRevision"] == won["ticket"]["revision"] == row.revision
    assert won["ticket"]["assignee"]["id"] == encode_id("User", row.assignee_id or 0)


async def test_answer_from_a_stale_page_is_refused_and_nothing_is_said(
    customer: Member, agent: Member
) -> None:
    ticket = await customer.ask_for()
    await customer.change("TicketReply", id=ticket["id"], bodyMarkdown="It is urgent")
    late = await agent.change(
        "TicketReply", id=ticket["id"], bodyMarkdown="No hurry?", ifRevision=ticket["revision"]
    )

    assert late["__typename"] == "RevisionConflictProblem"
    assert late["currentRevision"] == (await stored(ticket)).revision
    assert said(await agent.see(ticket["number"])) == ["Since **today**.", "It is urgent"]


@pytest.mark.parametrize(
    ("operation", "input", "success"),
    [
        ("TicketCreate", {"subject": "Once"}, "TicketCreateSuccess"),
        ("TicketReply", {}, "TicketReplySuccess"),
        ("TicketNote", {}, "TicketNoteSuccess"),
    ],
)
async def test_the_same_request_twice_is_one(
    agent: Member, customer: Member, operation: str, input: dict[str, Any], success: str
) -> None:
    place = {} if operation == "TicketCreate" else {"id": (await customer.ask_for())["id"]}
    wanted = {**input, **place, "bodyMarkdown": "Hello", "requestId": "r-1"}
    first, second = [await agent.change(operation, **wanted) for _ in range(2)]
    other = await agent.change(operation, **{**wanted, "bodyMarkdown": "Good day"})

    assert first["__typename"] == second["__typename"] == success
    for thing in ("ticket", "ticketMessage"):
        assert first.get(thing, {}).get("id") == second.get(thing, {}).get("id")
    assert other["__typename"] == "RequestIdReusedProblem"
    assert await TicketMessage.filter(body_markdown="Hello").count() == 1
    assert await TicketMessage.filter(body_markdown="Good day").count() == 0


async def test_repeating_what_was_deleted_since_is_refused(
    client: Client, ports: Ports, customer: Member
) -> None:
    chief = await join(client, ports, "administrator")
    ticket = await customer.ask_for(requestId="r-2")
    deleted = await chief.change("TicketDelete", id=ticket["id"])
    again = await customer.change(
        "TicketCreate",
        subject="It does not start",
        bodyMarkdown="Since **today**.",
        requestId="r-2",
    )

    assert deleted == {"__typename": "TicketDeleteSuccess", "deletedId": ticket["id"]}
    assert again["__typename"] == "RequestUndoneProblem"
    assert await customer.see(ticket["number"]) is None
    assert await Ticket.all().count() == 1


async def test_customer_who_writes_too_often_is_slowed_down_and_the_desk_is_not(
    customer: Member, agent: Member, ports: Ports
) -> None:
    ticket = await customer.ask_for()
    with pytest.raises(RateLimitedError):  # noqa: PT012 - one of these is one too many
        for _ in range(1000):
            await spend_writing(as_person(ports, customer.user))

    for operation, more in (
        ("TicketReply", {"id": ticket["id"]}),
        ("TicketCreate", {"subject": "x"}),
        ("TicketReopen", {"id": ticket["id"], "reason": "x"}),
    ):
        text = {} if operation == "TicketReopen" else {"bodyMarkdown": "Hello?"}
        refused = await customer.change(operation, **more, **text)
        assert refused["__typename"] == "RateLimitedProblem"
        assert refused["retryAfter"] > 0
    assert await TicketMessage.filter(body_markdown="Hello?").count() == 0
    calm = await agent.change("TicketReply", id=ticket["id"], bodyMarkdown="Yes?")
    assert calm["__typename"] == "TicketReplySuccess"


WRONG: Final[Sequence[tuple[Mapping[str, Any], Sequence[str], str]]] = [
    ({"subject": " "}, ["subject"], "REQUIRED"),
    ({"subject": "x" * 301}, ["subject"], "TOO_LONG"),
    ({"bodyMarkdown": ""}, ["bodyMarkdown"], "REQUIRED"),
    ({"bodyMarkdown": "x" * 100_001}, ["bodyMarkdown"], "TOO_LONG"),
    ({"productModule": "x" * 121}, ["productModule"], "TOO_LONG"),
    (
        {"customFields": [{"key": "none", "text": "x"}]},
        ["customFields", "none"],
        "INVALID_VALUE",
    ),
]


async def test_form_is_refused_field_by_field_and_no_ticket_is_made(customer: Member) -> None:
    for fault, path, code in WRONG:
        form = {"subject": "Fine", "bodyMarkdown": "Fine", **fault}
        answer = await customer.change("TicketCreate", **form)

        assert answer["__typename"] == "ValidationProblem"
        [problem] = answer["fieldProblems"]
        assert (problem["path"], problem["code"]) == (path, code)
        assert await Ticket.all().count() == 0


async def test_names_subjects_and_addresses_full_of_markup_stay_text(agent: Member) -> None:
    subject = '<img src=x onerror="alert(1)"> =HYPERLINK("http://x")'
    answer = await agent.change(
        "TicketCreate",
        subject=subject,
        bodyMarkdown="<b>bold</b> [x](javascript:alert(1)) ![p](https://evil.test/p.png)",
        channel="PHONE",
        requester={"email": "stranger@people.test", "name": "<i>Eve</i>"},
    )
    seen = await agent.see(answer["ticket"]["number"])

    assert seen is not None
    assert (seen["subject"], seen["requesterName"]) == (subject, "<i>Eve</i>")
    assert (seen["requester"], seen["requesterAddress"]) == (None, "stranger@people.test")
    html = next(each["bodyHtml"] for each in seen["timeline"]["nodes"] if "bodyHtml" in each)
    assert "<b>" not in html
    assert "javascript:" not in html.replace("[x](javascript:alert(1))", "")
    assert "<img" not in html


async def test_nobody_learns_nothing(client: Client, customer: Member) -> None:
    ticket = await customer.ask_for()
    nobody = Portal(client)

    for operation, variables in (("Ticket", {"number": ticket["number"]}), ("Tickets", {})):
        body = await (await nobody.send(operation, **variables)).json()
        assert [each["extensions"]["code"] for each in body["errors"]] == ["UNAUTHENTICATED"]
        assert body["data"] in (None, {"ticket": None})
