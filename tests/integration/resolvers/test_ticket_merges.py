"""Tickets that are one matter, tickets that are two, and one fault that many wait for."""

import asyncio
from datetime import timedelta

import pytest

from models.errors import (
    NotFoundError,
    ReachNotHeldError,
    RevisionConflictError,
    TextTooLongError,
    ValueInvalidError,
    ValueRequiredError,
)
from models.rules.roles import ADMINISTRATOR, AUDITOR, PARTNER
from models.rules.ticket_states import TicketLinkKind, TicketResolution, TicketStatus
from models.ticket_errors import TicketMoveNotPossibleError
from models.ticket_messages import TicketMessage
from models.tickets import Ticket, TicketLink
from resolvers.context import NotPermittedError, RequestContext
from resolvers.paging import PageWindow
from resolvers.ports import Ports
from resolvers.ticket_deletions import delete_ticket
from resolvers.ticket_filters import TicketFilter, TicketOrder
from resolvers.ticket_followers import links_by_ticket_ids
from resolvers.ticket_links import answer_incident, link_tickets, unlink_tickets
from resolvers.ticket_lists import tickets_page
from resolvers.ticket_merges import merge_tickets, unmerge_ticket
from resolvers.ticket_messages import ReplyThen, note_on_ticket, reply_to_ticket
from resolvers.ticket_moves import close_ticket, mark_spam, resolve_ticket, wait_for_customer
from resolvers.ticket_splits import split_ticket
from resolvers.ticket_timeline import count_timeline, event_text, timeline_page
from resolvers.tickets import Requester
from tests.desk import agent_of, customer_of, history, make_ticket, stored
from tests.factories import make_organization
from tests.fakes import FixedClock

ALL = PageWindow(first=100)
SOLVED = ReplyThen(status=TicketStatus.RESOLVED, resolution=TicketResolution.SOLVED)


@pytest.fixture
async def customer(database: None, ports: Ports) -> RequestContext:
    return await customer_of(ports, organization=await make_organization())


@pytest.fixture
async def agent(database: None, ports: Ports) -> RequestContext:
    return await agent_of(ports)


async def said(context: RequestContext, ticket: Ticket) -> list[str]:
    page = await timeline_page(context, ticket_id=ticket.id, window=ALL)
    assert await count_timeline(context, ticket_id=ticket.id) == len(page.rows)
    return [each.body_markdown for each in page.rows if isinstance(each, TicketMessage)]


async def test_a_merged_ticket_leads_to_the_other_and_comes_back_as_it_was(
    agent: RequestContext, customer: RequestContext, clock: FixedClock
) -> None:
    one = await make_ticket(customer, body="one")
    two = await make_ticket(customer, body="two")
    await wait_for_customer(agent, ticket_id=one.id)

    merged = await merge_tickets(agent, ticket_id=one.id, into_id=two.id, if_revision=2)

    assert (merged.status, merged.merged_into_id) == (TicketStatus.MERGED, two.id)
    assert merged.status_before is TicketStatus.WAITING_FOR_CUSTOMER
    assert (await stored(two)).revision == 2
    assert await said(agent, two) == await said(customer, two) == ["one", "two"]
    assert await said(customer, one) == ["one"]
    assert [kind for kind, _, _ in await history(one)][-2:] == ["MERGED", "STATUS_CHANGED"]
    assert (await history(two))[-1] == ("MERGED", {}, {"from": 1})
    page = await timeline_page(agent, ticket_id=two.id, window=ALL)
    texts = [
        event_text(each, "en", is_for_desk=True)
        for each in page.rows
        if not isinstance(each, TicketMessage)
    ]
    assert "The ticket was merged into another one." in texts
    assert "Another ticket was merged into this one." in texts

    back = await unmerge_ticket(agent, ticket_id=one.id)
    assert (back.status, back.merged_into_id) == (TicketStatus.WAITING_FOR_CUSTOMER, None)
    assert back.status_before is None
    assert await said(agent, two) == ["two"]
    assert (await history(two))[-1] == ("UNMERGED", {"from": 1}, {})
    with pytest.raises(TicketMoveNotPossibleError):
        await unmerge_ticket(agent, ticket_id=one.id)


async def test_a_reply_to_a_merged_ticket_moves_the_one_it_is_in(
    agent: RequestContext, customer: RequestContext, clock: FixedClock
) -> None:
    one, two, three = [await make_ticket(customer, body=each) for each in ("1", "2", "3")]
    await merge_tickets(agent, ticket_id=one.id, into_id=two.id)
    await merge_tickets(agent, ticket_id=two.id, into_id=three.id)
    await resolve_ticket(agent, ticket_id=three.id, resolution=TicketResolution.SOLVED)

    reply = await reply_to_ticket(customer, ticket_id=one.id, body="Again!")

    assert (reply.ticket.id, reply.ticket.status) == (one.id, TicketStatus.MERGED)
    row = await stored(three)
    assert (row.status, row.reopen_count) == (TicketStatus.OPEN, 1)
    assert await said(agent, three) == ["1", "2", "3", "Again!"]
    assert await said(customer, one) == ["1", "Again!"]
    with pytest.raises(TicketMoveNotPossibleError):
        await reply_to_ticket(agent, ticket_id=one.id, body="So")
    await resolve_ticket(agent, ticket_id=three.id, resolution=TicketResolution.SOLVED)
    clock.at += timedelta(days=15)
    late = await reply_to_ticket(customer, ticket_id=one.id, body="And again!")
    assert late.ticket.number == 4
    link = await TicketLink.get()
    assert (link.ticket_id, link.other_id) == (three.id, late.ticket.id)


async def test_a_reply_whose_ticket_was_merged_into_what_is_gone_begins_anew(
    agent: RequestContext, customer: RequestContext, ports: Ports
) -> None:
    one, two, three = [await make_ticket(customer, body=each) for each in ("1", "2", "3")]
    for ticket in (one, two):
        await merge_tickets(agent, ticket_id=ticket.id, into_id=three.id)
    await mark_spam(agent, ticket_id=three.id)
    by_spam = await reply_to_ticket(customer, ticket_id=one.id, body="Hello?")
    await delete_ticket(await agent_of(ports, ADMINISTRATOR), ticket_id=three.id)
    by_deleted = await reply_to_ticket(customer, ticket_id=two.id, body="Hello?")

    for reply, old, number in ((by_spam, one, 4), (by_deleted, two, 5)):
        assert (reply.ticket.number, reply.ticket.status) == (number, TicketStatus.NEW)
        assert await TicketLink.filter(ticket_id=old.id, other_id=reply.ticket.id).exists()
        assert await said(customer, old) == [str(old.number)]


async def test_what_is_not_one_matter_is_not_merged(
    agent: RequestContext, customer: RequestContext, ports: Ports
) -> None:
    mine, spam, merged, gone = [await make_ticket(customer) for _ in range(4)]
    boss = await agent_of(ports, ADMINISTRATOR)
    theirs = await make_ticket(await customer_of(ports, organization=await make_organization()))
    await mark_spam(agent, ticket_id=spam.id)
    await merge_tickets(agent, ticket_id=merged.id, into_id=mine.id)
    await delete_ticket(boss, ticket_id=gone.id)
    revision = (await stored(mine)).revision

    for into, reason in (
        (mine, "merge_self"),
        (spam, "merge_target"),
        (merged, "merge_target"),
        (theirs, "merge_organizations"),
    ):
        with pytest.raises(ValueInvalidError, match=reason):
            await merge_tickets(agent, ticket_id=mine.id, into_id=into.id)
    with pytest.raises(ValueInvalidError, match="merge_organizations"):
        await merge_tickets(agent, ticket_id=mine.id, into_id=theirs.id, across_organizations=True)
    with pytest.raises(NotFoundError):
        await merge_tickets(agent, ticket_id=mine.id, into_id=gone.id)
    with pytest.raises(NotFoundError):
        await merge_tickets(agent, ticket_id=gone.id, into_id=mine.id)
    with pytest.raises(TicketMoveNotPossibleError):
        await merge_tickets(agent, ticket_id=spam.id, into_id=mine.id)
    with pytest.raises(RevisionConflictError):
        await merge_tickets(agent, ticket_id=mine.id, into_id=theirs.id, if_revision=99)
    for context, error in (
        (customer, NotPermittedError),
        (await agent_of(ports, AUDITOR), NotPermittedError),
    ):
        with pytest.raises(error):
            await merge_tickets(context, ticket_id=mine.id, into_id=theirs.id)
        with pytest.raises(error):
            await unmerge_ticket(context, ticket_id=merged.id)
    assert ((await stored(mine)).status, (await stored(mine)).revision) == ("NEW", revision)


async def test_across_organizations_each_goes_on_seeing_its_own(
    ports: Ports, agent: RequestContext
) -> None:
    boss = await agent_of(ports, ADMINISTRATOR)
    here, there = await make_organization(), await make_organization()
    ours = await make_ticket(await customer_of(ports, organization=here), body="ours")
    theirs = await make_ticket(await customer_of(ports, organization=there), body="theirs")

    await merge_tickets(boss, ticket_id=ours.id, into_id=theirs.id, across_organizations=True)

    assert await said(agent, theirs) == ["ours", "theirs"]
    partner = await customer_of(ports, organization=there, role=PARTNER)
    assert await said(partner, theirs) == ["theirs"]
    assert await said(partner, ours) == []


async def test_strangers_tickets_are_one_matter_by_their_address(agent: RequestContext) -> None:
    ann, bob = Requester(email="ann@else.test"), Requester(email="bob@else.test")
    one, two, three = [await make_ticket(agent, requester=each) for each in (ann, ann, bob)]

    await merge_tickets(agent, ticket_id=one.id, into_id=two.id)
    with pytest.raises(ValueInvalidError, match="merge_organizations"):
        await merge_tickets(agent, ticket_id=two.id, into_id=three.id)

    assert (await stored(two)).status is TicketStatus.NEW


async def test_two_tickets_cannot_be_merged_into_each_other(
    agent: RequestContext, customer: RequestContext
) -> None:
    one, two = await make_ticket(customer), await make_ticket(customer)

    done = await asyncio.gather(
        merge_tickets(agent, ticket_id=one.id, into_id=two.id),
        merge_tickets(agent, ticket_id=two.id, into_id=one.id),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in done) == ["Ticket", "ValueInvalidError"]
    statuses = {(await stored(one)).status, (await stored(two)).status}
    assert statuses == {TicketStatus.NEW, TicketStatus.MERGED}


async def test_chosen_messages_become_a_ticket_of_their_own(
    agent: RequestContext, customer: RequestContext, clock: FixedClock
) -> None:
    ticket = await make_ticket(customer, "Two matters", body="A", module="Reports")
    minute = timedelta(minutes=1)
    written: list[TicketMessage] = []
    for writer, body in (
        (customer, "Banana?"),
        (agent, "B!"),
        (customer, "Apricot"),
        (agent, "A!"),
    ):
        clock.at += minute
        written.append((await reply_to_ticket(writer, ticket_id=ticket.id, body=body)).message)
    question, answer, _, last = written
    note = (await note_on_ticket(agent, ticket_id=ticket.id, body="note")).message
    revision = (await stored(ticket)).revision
    for chosen, reason in (
        ([last.id], "split_messages"),  # not sent yet
        ([question.id, 1], "split_messages"),
        ([answer.id], "split_outside"),
        ([note.id], "split_outside"),
    ):
        with pytest.raises(ValueInvalidError, match=reason):
            await split_ticket(agent, ticket_id=ticket.id, message_ids=chosen, subject="B")
    clock.at += minute
    everything = [each.id for each in await TicketMessage.all()]
    with pytest.raises(ValueInvalidError, match="split_all"):
        await split_ticket(agent, ticket_id=ticket.id, message_ids=everything, subject="B")
    for subject, error in ((" ", ValueRequiredError), ("x" * 301, TextTooLongError)):
        with pytest.raises(error):
            await split_ticket(agent, ticket_id=ticket.id, message_ids=[note.id], subject=subject)
    with pytest.raises(ValueRequiredError):
        await split_ticket(agent, ticket_id=ticket.id, message_ids=[], subject="B")
    with pytest.raises(NotPermittedError):
        await split_ticket(customer, ticket_id=ticket.id, message_ids=[question.id], subject="B")
    assert (await stored(ticket)).revision == revision
    assert await Ticket.all().count() == 1

    made = await split_ticket(
        agent, ticket_id=ticket.id, message_ids=[answer.id, question.id], subject=" B "
    )

    row, old = await stored(made), await stored(ticket)
    assert (row.number, row.subject, row.module, row.status) == (2, "B", "Reports", "NEW")
    assert (row.requester_id, row.organization_id) == (old.requester_id, old.organization_id)
    assert (row.customer_wrote_at, row.first_answered_at) == (
        question.created_at,
        answer.created_at,
    )
    assert old.first_answered_at == old.staff_wrote_at == last.created_at
    assert await said(customer, made) == ["Banana?", "B!"]
    assert await said(customer, ticket) == ["A", "Apricot", "A!"]
    kind, _, after = (await history(ticket))[-1]
    assert (kind, after) == (
        "SPLIT",
        {"number": 2, "message_ids": sorted([question.id, answer.id])},
    )
    for word, number in (("banana", 2), ("apricot", 1)):
        page = await tickets_page(
            agent, filter=TicketFilter(search=word), order=TicketOrder(), window=ALL
        )
        assert [each.number for each in page.rows] == [number]
    [links] = await links_by_ticket_ids(customer, [made.id])
    assert [(each.ticket_id, each.other_id, each.kind) for each in links] == [
        (ticket.id, made.id, TicketLinkKind.SPLIT)
    ]


async def test_links_are_made_once_and_unmade(
    agent: RequestContext, customer: RequestContext
) -> None:
    one, two = await make_ticket(customer), await make_ticket(customer)
    related, incident = TicketLinkKind.RELATED, TicketLinkKind.INCIDENT

    for a, b, kind in ((one, two, related), (two, one, related), (one, two, incident)):
        await link_tickets(agent, ticket_id=a.id, other_id=b.id, kind=kind)
    [links] = await links_by_ticket_ids(agent, [two.id])
    assert [each.kind for each in links] == [related, incident]
    assert [after for kind, _, after in await history(two) if kind == "LINKED"] == [
        {"number": 1, "link": "RELATED"},
        {"number": 1, "link": "INCIDENT"},
    ]
    await unlink_tickets(agent, ticket_id=two.id, other_id=one.id, kind=related)
    await unlink_tickets(agent, ticket_id=two.id, other_id=one.id, kind=incident)
    assert [each.kind for each in await TicketLink.all()] == [incident]
    for use_case in (link_tickets, unlink_tickets):
        with pytest.raises(ValueInvalidError, match="link_self"):
            await use_case(agent, ticket_id=one.id, other_id=one.id, kind=related)
        with pytest.raises(ValueInvalidError, match="link_kind"):
            await use_case(agent, ticket_id=one.id, other_id=two.id, kind=TicketLinkKind.FOLLOW_UP)
        with pytest.raises(NotFoundError):
            await use_case(agent, ticket_id=one.id, other_id=1, kind=related)
        with pytest.raises(NotPermittedError):
            await use_case(customer, ticket_id=one.id, other_id=two.id, kind=related)
    assert await TicketLink.all().count() == 1


async def test_one_answer_goes_to_all_who_wait_for_an_incident(
    agent: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    people = [await customer_of(ports) for _ in range(3)]
    incident = await make_ticket(agent, "The server is down")
    waiting = [await make_ticket(each) for each in people]
    for ticket in waiting:
        await link_tickets(
            agent, ticket_id=incident.id, other_id=ticket.id, kind=TicketLinkKind.INCIDENT
        )
    await mark_spam(agent, ticket_id=waiting[1].id)

    done = await answer_incident(agent, ticket_id=incident.id, body="It is up again", then=SOLVED)

    assert [each.ticket_id for each in done] == [each.id for each in waiting]
    assert [each.reply is not None for each in done] == [True, False, True]
    assert isinstance(done[1].refusal, TicketMoveNotPossibleError)
    clock.at += timedelta(minutes=1)
    assert await said(people[0], waiting[0]) == ["Help!", "It is up again"]
    assert await said(people[1], waiting[1]) == ["Help!"]
    assert [(await stored(each)).status for each in waiting] == ["RESOLVED", "SPAM", "RESOLVED"]
    assert (await stored(incident)).status is TicketStatus.NEW
    with pytest.raises(NotFoundError):
        await answer_incident(agent, ticket_id=1, body="x")
    with pytest.raises((NotPermittedError, ReachNotHeldError)):
        await answer_incident(people[0], ticket_id=waiting[0].id, body="x")


async def test_a_merged_ticket_ends_for_its_customer_with_the_other(
    agent: RequestContext, customer: RequestContext
) -> None:
    one, two = await make_ticket(customer), await make_ticket(customer)
    await merge_tickets(agent, ticket_id=one.id, into_id=two.id)

    with pytest.raises(TicketMoveNotPossibleError):
        await close_ticket(customer, ticket_id=one.id)
    assert (await stored(one)).status is TicketStatus.MERGED
