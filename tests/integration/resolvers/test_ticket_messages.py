"""What customers and the desk write, and for how long an answer can be taken back."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from tortoise.transactions import in_transaction

from models.audit_entries import AuditEntry
from models.errors import (
    NotFoundError,
    RequestIdReusedError,
    RequestUndoneError,
    RevisionConflictError,
    TextTooLongError,
    ValueInvalidError,
    ValueRequiredError,
)
from models.rules.roles import AUDITOR, DEVELOPER
from models.rules.ticket_states import (
    MessageVisibility,
    TicketChannel,
    TicketKind,
    TicketLinkKind,
    TicketResolution,
    TicketStatus,
)
from models.ticket_errors import MessageSentError, TicketMoveNotPossibleError
from models.ticket_messages import MAX_BODY_LENGTH, TicketMessage
from models.tickets import Ticket, TicketLink
from resolvers.context import NotPermittedError, RequestContext
from resolvers.desk_policy import DeskPolicy
from resolvers.paging import PageWindow
from resolvers.ports import Ports
from resolvers.ticket_edits import change_subject
from resolvers.ticket_messages import (
    ReplyThen,
    messages_by_ids,
    note_on_ticket,
    reply_to_ticket,
    take_back_message,
)
from resolvers.ticket_moves import (
    close_ticket,
    mark_spam,
    resolve_ticket,
    schedule_ticket,
    wait_for_customer,
    wait_internal,
)
from resolvers.ticket_replies import receive_reply
from resolvers.ticket_saving import locked_ticket
from resolvers.ticket_storing import NewMessage
from resolvers.ticket_timeline import timeline_page
from tests.desk import agent_of, customer_of, history, make_ticket, stored
from tests.factories import as_command, make_organization
from tests.fakes import FixedClock

SOLVED = ReplyThen(status=TicketStatus.RESOLVED, resolution=TicketResolution.SOLVED)
ALL = PageWindow(first=100)


@pytest.fixture
async def customer(database: None, ports: Ports) -> RequestContext:
    return await customer_of(ports)


@pytest.fixture
async def agent(database: None, ports: Ports) -> RequestContext:
    return await agent_of(ports)


@pytest.fixture
async def ticket(customer: RequestContext) -> Ticket:
    return await make_ticket(customer)


async def said(context: RequestContext, ticket: Ticket) -> Sequence[str]:
    page = await timeline_page(context, ticket_id=ticket.id, window=ALL)
    return [each.body_markdown for each in page.rows if isinstance(each, TicketMessage)]


async def test_an_answer_waits_for_its_author_to_think_again(
    agent: RequestContext, customer: RequestContext, ticket: Ticket, clock: FixedClock
) -> None:
    began = clock.at
    reply = await reply_to_ticket(agent, ticket_id=ticket.id, body="Turn it on.")

    assert (reply.ticket.status, reply.ticket.revision) == (TicketStatus.OPEN, 2)
    assert (reply.ticket.first_answered_at, reply.ticket.staff_wrote_at) == (began, began)
    assert reply.message.due_at == began + timedelta(seconds=15)
    assert (reply.message.is_from_staff, reply.message.ticket_revision) == (True, 2)
    assert await said(await agent_of(agent.ports), ticket) == ["Help!", "Turn it on."]
    for seconds, shown in ((0, ["Help!"]), (14, ["Help!"]), (15, ["Help!", "Turn it on."])):
        clock.at = began + timedelta(seconds=seconds)
        assert await said(customer, ticket) == shown
        [found] = await messages_by_ids(customer, [reply.message.id])
        assert (found is not None) is (len(shown) == 2)


async def test_what_is_taken_back_was_never_said(
    agent: RequestContext, customer: RequestContext, ticket: Ticket, clock: FixedClock
) -> None:
    reply = await reply_to_ticket(agent, ticket_id=ticket.id, body="Wrong", then=SOLVED)
    assert (reply.ticket.status, reply.ticket.resolution) == (TicketStatus.RESOLVED, "SOLVED")
    clock.at += timedelta(seconds=14)

    for other in (customer, await agent_of(agent.ports)):
        with pytest.raises((NotFoundError, NotPermittedError)):
            await take_back_message(other, message_id=reply.message.id)
    back = await take_back_message(agent, message_id=reply.message.id)

    assert back.message.body_markdown == "Wrong"
    row = await stored(ticket)
    assert (row.status, row.resolution, row.resolved_at) == (TicketStatus.NEW, None, None)
    assert (row.first_answered_at, row.staff_wrote_at) == (None, None)
    assert row.revision == back.ticket.revision == 3
    clock.at += timedelta(minutes=1)
    for context in (agent, customer):
        page = await timeline_page(context, ticket_id=ticket.id, window=ALL)
        assert len(page.rows) == 2  # the question, and that it came
    with pytest.raises(NotFoundError):
        await take_back_message(agent, message_id=reply.message.id)
    actions = [entry.action for entry in await AuditEntry.filter(subject_id=ticket.id)]
    assert actions[-1] == "ticket.take_back"


async def test_a_later_change_stays_when_the_answer_goes(
    agent: RequestContext, ticket: Ticket, clock: FixedClock
) -> None:
    first = await reply_to_ticket(agent, ticket_id=ticket.id, body="One")
    answered = clock.at
    clock.at += timedelta(seconds=1)
    second = await reply_to_ticket(agent, ticket_id=ticket.id, body="Two", then=SOLVED)
    await change_subject(agent, ticket_id=ticket.id, subject="Better")

    await take_back_message(agent, message_id=second.message.id)

    row = await stored(ticket)
    assert (row.status, row.subject) == (TicketStatus.RESOLVED, "Better")
    assert (row.first_answered_at, row.staff_wrote_at) == (answered, answered)
    assert await said(agent, ticket) == ["Help!", "One"]
    assert first.message.taken_back_at is None


async def test_an_answer_that_was_sent_cannot_be_taken_back(
    agent: RequestContext, ticket: Ticket, clock: FixedClock
) -> None:
    reply = await reply_to_ticket(agent, ticket_id=ticket.id, body="Sent")
    note = await note_on_ticket(agent, ticket_id=ticket.id, body="Noted")
    clock.at += timedelta(seconds=15)

    for message in (reply.message, note.message):
        with pytest.raises(MessageSentError):
            await take_back_message(agent, message_id=message.id)
    with pytest.raises(NotFoundError):
        await take_back_message(agent, message_id=2**70)
    assert await said(agent, ticket) == ["Help!", "Noted", "Sent"]


async def test_operators_can_let_answers_go_at_once(
    agent: RequestContext, customer: RequestContext, ticket: Ticket
) -> None:
    hasty = replace(agent, ports=replace(agent.ports, desk=DeskPolicy(undo_s=0)))

    await reply_to_ticket(hasty, ticket_id=ticket.id, body="Now")

    assert await said(customer, ticket) == ["Help!", "Now"]


async def test_one_click_answers_and_moves(
    agent: RequestContext, ticket: Ticket, clock: FixedClock
) -> None:
    until = clock.at + timedelta(days=1)
    for then, status in (
        (ReplyThen(status=TicketStatus.WAITING_FOR_CUSTOMER), "WAITING_FOR_CUSTOMER"),
        (ReplyThen(status=TicketStatus.WAITING_FOR_CUSTOMER), "WAITING_FOR_CUSTOMER"),
        (ReplyThen(status=TicketStatus.WAITING_INTERNAL), "WAITING_INTERNAL"),
        (ReplyThen(status=TicketStatus.SCHEDULED, until=until), "SCHEDULED"),
        (ReplyThen(status=TicketStatus.OPEN), "OPEN"),
        (SOLVED, "RESOLVED"),
    ):
        reply = await reply_to_ticket(agent, ticket_id=ticket.id, body="So", then=then)
        assert (await stored(ticket)).status == reply.ticket.status == status
    before = await stored(ticket)
    for wrong in (
        ReplyThen(status=TicketStatus.SPAM),
        ReplyThen(status=TicketStatus.MERGED),
        ReplyThen(status=TicketStatus.NEW),
    ):
        with pytest.raises(ValueInvalidError):
            await reply_to_ticket(agent, ticket_id=ticket.id, body="So", then=wrong)
    with pytest.raises(TicketMoveNotPossibleError):  # what ended is reopened for a reason
        await reply_to_ticket(
            agent, ticket_id=ticket.id, body="So", then=ReplyThen(status=TicketStatus.OPEN)
        )
    assert (await stored(ticket)).revision == before.revision
    assert len(await said(agent, ticket)) == 7


async def test_a_stale_tab_gets_a_conflict_and_writes_nothing(
    agent: RequestContext, customer: RequestContext, ticket: Ticket
) -> None:
    await reply_to_ticket(customer, ticket_id=ticket.id, body="It burns now")

    with pytest.raises(RevisionConflictError) as refused:
        await reply_to_ticket(
            agent, ticket_id=ticket.id, body="Have you turned it on?", expected_revision=1
        )
    assert refused.value.current_revision == 2
    with pytest.raises(RevisionConflictError):
        await note_on_ticket(agent, ticket_id=ticket.id, body="x", expected_revision=1)
    assert await said(agent, ticket) == ["Help!", "It burns now"]


async def test_the_same_request_is_one_message(
    agent: RequestContext, customer: RequestContext, ticket: Ticket
) -> None:
    for context, use_case in (
        (customer, reply_to_ticket),
        (agent, reply_to_ticket),
        (agent, note_on_ticket),
    ):
        made = await asyncio.gather(
            *(use_case(context, ticket_id=ticket.id, body="Once", request_id="r") for _ in range(3))
        )
        assert len({reply.message.id for reply in made}) == 1
        with pytest.raises(RequestIdReusedError):
            await use_case(context, ticket_id=ticket.id, body="Twice", request_id="r")
    assert await TicketMessage.all().count() == 4
    reply = await reply_to_ticket(agent, ticket_id=ticket.id, body="Once", request_id="r")
    await take_back_message(agent, message_id=reply.message.id)
    with pytest.raises(RequestUndoneError):
        await reply_to_ticket(agent, ticket_id=ticket.id, body="Once", request_id="r")
    assert await TicketMessage.filter(taken_back_at=None).count() == 3


async def test_notes_are_the_desks(
    agent: RequestContext, customer: RequestContext, ticket: Ticket, ports: Ports
) -> None:
    developer = await agent_of(ports, DEVELOPER)

    note = await note_on_ticket(developer, ticket_id=ticket.id, body="A known fault")

    assert note.message.visibility is MessageVisibility.INTERNAL
    assert (await stored(ticket)).status is TicketStatus.NEW
    assert await said(agent, ticket) == ["Help!", "A known fault"]
    for context in (customer, await agent_of(ports, AUDITOR)):
        assert await said(context, ticket) == ["Help!"]
        assert await messages_by_ids(context, [note.message.id]) == [None]
        with pytest.raises(NotPermittedError):
            await note_on_ticket(context, ticket_id=ticket.id, body="Me too")
    with pytest.raises(NotPermittedError):
        await reply_to_ticket(developer, ticket_id=ticket.id, body="Dear customer")
    assert await TicketMessage.all().count() == 2


async def test_a_message_says_something_and_not_too_much(
    agent: RequestContext, ticket: Ticket
) -> None:
    for body, error in (
        (" \n", ValueRequiredError),
        ("x" * (MAX_BODY_LENGTH + 1), TextTooLongError),
        ("a\x00", ValueInvalidError),
    ):
        for use_case in (reply_to_ticket, note_on_ticket):
            with pytest.raises(error):
                await use_case(agent, ticket_id=ticket.id, body=body)
    assert await TicketMessage.all().count() == 1
    assert (await stored(ticket)).revision == 1


async def test_a_reply_of_the_customer_goes_on_with_what_waits_for_it(
    agent: RequestContext, customer: RequestContext, ticket: Ticket, clock: FixedClock
) -> None:
    async def answered() -> TicketStatus:
        clock.at += timedelta(minutes=1)
        reply = await reply_to_ticket(customer, ticket_id=ticket.id, body="And?")
        assert reply.message.due_at == reply.ticket.customer_wrote_at == clock.at
        assert not reply.message.is_from_staff
        return reply.ticket.status

    assert await answered() is TicketStatus.NEW
    await wait_for_customer(agent, ticket_id=ticket.id)
    assert await answered() is TicketStatus.OPEN
    await wait_internal(agent, ticket_id=ticket.id)
    assert await answered() is TicketStatus.WAITING_INTERNAL
    until = clock.at + timedelta(days=3)
    snoozed = await schedule_ticket(agent, ticket_id=ticket.id, until=until)
    assert snoozed.snoozed_until == until
    assert await answered() is TicketStatus.OPEN
    row = await stored(ticket)
    assert (row.snoozed_until, row.reopen_count) == (None, 0)


async def test_an_answer_of_the_desk_wakes_no_snoozed_ticket(
    agent: RequestContext, ticket: Ticket, clock: FixedClock
) -> None:
    until = clock.at + timedelta(days=3)
    await schedule_ticket(agent, ticket_id=ticket.id, until=until)

    reply = await reply_to_ticket(agent, ticket_id=ticket.id, body="We are on it")

    assert (reply.ticket.status, reply.ticket.snoozed_until) == (TicketStatus.SCHEDULED, until)


@pytest.mark.parametrize("is_closed", [False, True])
async def test_a_reply_within_the_window_reopens(
    agent: RequestContext,
    customer: RequestContext,
    ticket: Ticket,
    clock: FixedClock,
    is_closed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    await resolve_ticket(agent, ticket_id=ticket.id, resolution=TicketResolution.ANSWERED)
    if is_closed:
        clock.at += timedelta(days=5)
        await close_ticket(agent, ticket_id=ticket.id)
    clock.at += timedelta(days=14)

    reply = await reply_to_ticket(customer, ticket_id=ticket.id, body="Again!")

    row = await stored(ticket)
    assert reply.ticket.id == ticket.id
    assert (row.status, row.reopen_count) == (TicketStatus.OPEN, 1)
    assert (row.resolution, row.resolved_at, row.closed_at) == (None, None, None)
    assert [kind for kind, _, _ in await history(ticket)][-1] == "REOPENED"


async def test_a_reply_after_the_window_begins_a_linked_ticket(
    agent: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    place = await make_organization()
    customer = await customer_of(ports, organization=place)
    ticket = await make_ticket(customer, "Old", kind=TicketKind.FAULT, module="Reports")
    await resolve_ticket(agent, ticket_id=ticket.id, resolution=TicketResolution.SOLVED)
    clock.at += timedelta(days=14, microseconds=1)

    reply = await reply_to_ticket(customer, ticket_id=ticket.id, body="Again!")

    new = await stored(reply.ticket)
    assert (new.number, new.subject, new.status) == (2, "Old", TicketStatus.NEW)
    assert (new.kind, new.module, new.organization_id) == ("FAULT", "Reports", place.id)
    assert new.requester_id == customer.viewer.user_id
    assert await said(customer, new) == ["Again!"]
    link = await TicketLink.get()
    assert (link.ticket_id, link.other_id) == (ticket.id, new.id)
    assert link.kind is TicketLinkKind.FOLLOW_UP
    old = await stored(ticket)
    assert (old.status, old.reopen_count) == (TicketStatus.RESOLVED, 0)
    assert await said(agent, old) == ["Help!"]
    assert (await history(ticket))[-1] == ("LINKED", {}, {"follow_up": 2})


async def test_automatic_mail_moves_nothing_and_begins_nothing(
    agent: RequestContext, customer: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    waiting, ended = await make_ticket(customer), await make_ticket(customer)
    await wait_for_customer(agent, ticket_id=waiting.id)
    await resolve_ticket(agent, ticket_id=ended.id, resolution=TicketResolution.SOLVED)
    clock.at += timedelta(days=100)
    job = as_command(ports)
    mail = NewMessage(
        body="I am away.",
        visibility=MessageVisibility.INTERNAL,
        channel=TicketChannel.EMAIL,
        author_email="away@else.test",
        is_automatic=True,
    )

    for ticket, status in ((waiting, "WAITING_FOR_CUSTOMER"), (ended, "RESOLVED")):
        written = (await stored(ticket)).customer_wrote_at
        async with in_transaction("default") as connection:
            locked = await locked_ticket(job, connection, ticket_id=ticket.id)
            reply = await receive_reply(job, connection, locked, mail)
        row = await stored(ticket)
        assert (row.status, row.reopen_count) == (status, 0)
        assert row.customer_wrote_at == written
        assert reply.message.is_automatic
    assert await Ticket.all().count() == 2


async def test_spam_gets_no_answer_and_its_writer_does_not_learn_of_it(
    agent: RequestContext, customer: RequestContext, ticket: Ticket
) -> None:
    await mark_spam(agent, ticket_id=ticket.id)

    with pytest.raises(TicketMoveNotPossibleError) as refused:
        await reply_to_ticket(agent, ticket_id=ticket.id, body="Go away")
    assert (refused.value.status, refused.value.move) == ("SPAM", "DESK_REPLY")
    reply = await reply_to_ticket(customer, ticket_id=ticket.id, body="Buy!")

    assert reply.ticket.status is TicketStatus.SPAM
    assert await said(agent, ticket) == ["Help!", "Buy!"]


async def test_whose_matter_it_is_writes_as_a_customer(agent: RequestContext) -> None:
    ticket = await make_ticket(agent)

    reply = await reply_to_ticket(agent, ticket_id=ticket.id, body="Still broken")

    assert (reply.message.is_from_staff, reply.ticket.first_answered_at) == (False, None)
    assert reply.ticket.status is TicketStatus.NEW
