"""The steps of tickets as people and time take them, and what they leave behind."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from models.audit_entries import AuditEntry
from models.errors import (
    NotFoundError,
    ReachNotHeldError,
    RevisionConflictError,
    TextTooLongError,
    ValueInvalidError,
)
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, AUDITOR, DEVELOPER, SECOND_LINE
from models.rules.scopes import Scope
from models.rules.ticket_fields import RESTORE_FIELDS
from models.rules.ticket_states import TicketKind, TicketLine, TicketResolution, TicketStatus
from models.ticket_errors import TicketMoveNotPossibleError
from models.tickets import Ticket
from resolvers.context import NotPermittedError, RequestContext
from resolvers.ports import Ports
from resolvers.ticket_assignments import (
    assign_ticket,
    move_ticket_to_queue,
    take_ticket,
    unassign_ticket,
)
from resolvers.ticket_edits import (
    TicketClassification,
    change_subject,
    classify_ticket,
    set_requester,
    set_tags,
)
from resolvers.ticket_escalations import escalate_ticket, return_ticket
from resolvers.ticket_followers import tags_by_ticket_ids
from resolvers.ticket_messages import note_on_ticket, reply_to_ticket
from resolvers.ticket_moves import (
    close_resolved,
    close_ticket,
    mark_spam,
    open_ticket,
    reopen_ticket,
    resolve_ticket,
    schedule_ticket,
    unmark_spam,
    wait_for_customer,
    wait_internal,
    wake_due_tickets,
)
from resolvers.ticket_queues import archive_queue, create_queue
from resolvers.tickets import Requester
from tests.desk import (
    STOPPED,
    agent_of,
    customer_of,
    history,
    make_classified,
    make_ticket,
    stored,
)
from tests.factories import as_command, as_nobody, as_person, make_organization, make_user
from tests.fakes import FixedClock

DONE: Final = ["Asked for the log", " ", "Restarted the service"]
SOLVED: Final = TicketResolution.SOLVED
UseCase = Callable[..., Awaitable[Any]]


@pytest.fixture
async def customer(database: None, ports: Ports) -> RequestContext:
    return await customer_of(ports, organization=await make_organization())


@pytest.fixture
async def agent(database: None, ports: Ports) -> RequestContext:
    return await agent_of(ports)


@pytest.fixture
async def ticket(customer: RequestContext) -> Ticket:
    return await make_ticket(customer)


async def test_the_desk_waits_and_goes_on(
    agent: RequestContext, ticket: Ticket, clock: FixedClock
) -> None:
    until = clock.at + timedelta(hours=1)
    made = await wait_for_customer(agent, ticket_id=ticket.id, if_revision=1)
    assert (made.status, made.revision) == (TicketStatus.WAITING_FOR_CUSTOMER, 2)
    await wait_internal(agent, ticket_id=ticket.id, note="the vendor")
    await open_ticket(agent, ticket_id=ticket.id)
    await schedule_ticket(agent, ticket_id=ticket.id, until=until)
    made = await schedule_ticket(agent, ticket_id=ticket.id, until=until + timedelta(hours=1))

    assert (made.status, made.revision) == (TicketStatus.SCHEDULED, 6)
    assert [(kind, after) for kind, _, after in (await history(ticket))[1:]] == [
        ("STATUS_CHANGED", {"status": "WAITING_FOR_CUSTOMER"}),
        ("STATUS_CHANGED", {"status": "WAITING_INTERNAL", "note": "the vendor"}),
        ("STATUS_CHANGED", {"status": "OPEN"}),
        ("STATUS_CHANGED", {"status": "SCHEDULED", "snoozed_until": until.isoformat()}),
        ("STATUS_CHANGED", {"snoozed_until": (until + timedelta(hours=1)).isoformat()}),
    ]
    for wrong in (clock.at, clock.at - timedelta(days=1)):
        with pytest.raises(TicketMoveNotPossibleError, match="until_not_ahead"):
            await schedule_ticket(agent, ticket_id=ticket.id, until=wrong)
    assert (await stored(ticket)).revision == 6


async def test_time_wakes_what_is_due_and_nothing_else(
    agent: RequestContext, customer: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    due, later, opened = [await make_ticket(customer) for _ in range(3)]
    hour = timedelta(hours=1)
    for ticket, until in ((due, hour), (later, 2 * hour), (opened, hour)):
        await schedule_ticket(agent, ticket_id=ticket.id, until=clock.at + until)
    await open_ticket(agent, ticket_id=opened.id)
    job = as_command(ports)

    assert await wake_due_tickets(job) == 0
    clock.at += hour
    assert await wake_due_tickets(job) == 1
    assert await wake_due_tickets(job) == 0

    row = await stored(due)
    assert (row.status, row.snoozed_until) == (TicketStatus.OPEN, None)
    assert (await stored(later)).status is TicketStatus.SCHEDULED
    clock.at += hour
    assert await wake_due_tickets(job, limit=1) == 1
    entry = await AuditEntry.filter(subject_id=due.id).order_by("-id").first()
    assert entry is not None
    assert (entry.action, entry.via.value) == ("ticket.move", "COMMAND")


async def test_time_closes_what_was_resolved_long_ago(
    agent: RequestContext, customer: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    old, fresh, reopened = [await make_ticket(customer) for _ in range(3)]
    for ticket in (old, reopened):
        await resolve_ticket(agent, ticket_id=ticket.id, resolution=SOLVED)
    await reopen_ticket(agent, ticket_id=reopened.id, reason="not yet")
    resolved_at = clock.at
    clock.at += timedelta(days=7)
    await resolve_ticket(agent, ticket_id=fresh.id, resolution=SOLVED)

    assert await close_resolved(as_command(ports), before=resolved_at) == 0
    assert await close_resolved(as_command(ports), before=clock.at) == 1

    row = await stored(old)
    assert (row.status, row.closed_at, row.resolved_at) == (
        TicketStatus.CLOSED,
        clock.at,
        resolved_at,
    )
    assert (row.resolution, (await stored(fresh)).status) == (SOLVED, TicketStatus.RESOLVED)
    assert (await stored(reopened)).status is TicketStatus.OPEN


async def test_what_is_resolved_has_a_reason(
    agent: RequestContext, ticket: Ticket, clock: FixedClock
) -> None:
    made = await resolve_ticket(
        agent, ticket_id=ticket.id, resolution=TicketResolution.WORKAROUND, note="see article 7"
    )

    assert (made.resolution, made.resolution_note) == ("WORKAROUND", "see article 7")
    assert (made.resolved_at, made.closed_at) == (clock.at, None)
    entry = await AuditEntry.filter(subject_id=ticket.id).order_by("-id").first()
    assert entry is not None
    assert "article" not in entry.after
    with pytest.raises(TicketMoveNotPossibleError) as refused:
        await resolve_ticket(agent, ticket_id=ticket.id, resolution=SOLVED)
    assert (refused.value.status, refused.value.move) == ("RESOLVED", "RESOLVE")
    closed = await close_ticket(agent, ticket_id=ticket.id)
    assert (closed.status, closed.resolution) == (TicketStatus.CLOSED, "WORKAROUND")


async def test_customers_close_and_reopen_their_own(
    agent: RequestContext, customer: RequestContext, clock: FixedClock
) -> None:
    answered, unanswered = await make_ticket(customer), await make_ticket(customer)
    await reply_to_ticket(agent, ticket_id=answered.id, body="So")

    for ticket, resolution in ((answered, "SOLVED"), (unanswered, "WITHDRAWN")):
        closed = await close_ticket(customer, ticket_id=ticket.id)
        assert (closed.status, closed.resolution) == (TicketStatus.CLOSED, resolution)
        assert closed.resolved_at == closed.closed_at == clock.at
    clock.at += timedelta(days=14)
    with pytest.raises(TicketMoveNotPossibleError, match="reason_missing"):
        await reopen_ticket(customer, ticket_id=answered.id, reason=" ")
    back = await reopen_ticket(customer, ticket_id=answered.id, reason="It broke again")
    assert (back.status, back.reopen_count, back.resolution) == (TicketStatus.OPEN, 1, None)
    clock.at += timedelta(microseconds=1)
    with pytest.raises(TicketMoveNotPossibleError, match="window_over"):
        await reopen_ticket(customer, ticket_id=unanswered.id, reason="It broke again")
    assert (await stored(unanswered)).status is TicketStatus.CLOSED
    made = await reopen_ticket(agent, ticket_id=unanswered.id, reason="They called")
    assert made.status is TicketStatus.OPEN


async def test_the_desk_says_why_before_it_closes(agent: RequestContext, ticket: Ticket) -> None:
    with pytest.raises(TicketMoveNotPossibleError, match="resolution_missing"):
        await close_ticket(agent, ticket_id=ticket.id)
    assert (await stored(ticket)).status is TicketStatus.NEW


async def test_spam_goes_back_to_where_it_was(
    agent: RequestContext, ticket: Ticket, clock: FixedClock
) -> None:
    await resolve_ticket(agent, ticket_id=ticket.id, resolution=SOLVED)
    before = await stored(ticket)
    clock.at += timedelta(days=1)

    marked = await mark_spam(agent, ticket_id=ticket.id)
    assert (marked.status, marked.status_before) == (TicketStatus.SPAM, TicketStatus.RESOLVED)
    back = await unmark_spam(agent, ticket_id=ticket.id)

    assert (back.status, back.status_before) == (TicketStatus.RESOLVED, None)
    assert (back.resolved_at, back.resolution) == (before.resolved_at, SOLVED)
    assert back.reopen_count == 0


async def test_a_snoozed_ticket_that_was_taken_for_spam_sleeps_on_and_wakes(
    agent: RequestContext, ticket: Ticket, ports: Ports, clock: FixedClock
) -> None:
    until = clock.at + timedelta(hours=1)
    await schedule_ticket(agent, ticket_id=ticket.id, until=until)
    await mark_spam(agent, ticket_id=ticket.id)
    clock.at = until
    assert await wake_due_tickets(as_command(ports)) == 0

    back = await unmark_spam(agent, ticket_id=ticket.id)

    assert (back.status, back.snoozed_until) == (TicketStatus.SCHEDULED, until)
    assert await wake_due_tickets(as_command(ports)) == 1
    assert (await stored(ticket)).status is TicketStatus.OPEN


async def test_an_escalation_carries_what_the_other_line_needs(
    agent: RequestContext, customer: RequestContext, ports: Ports
) -> None:
    ticket = await make_classified(ports, customer)
    boss = await agent_of(ports, ADMINISTRATOR)
    queue = await create_queue(boss, name="Databases", line=TicketLine.SECOND)
    await take_ticket(agent, ticket_id=ticket.id)

    made = await escalate_ticket(
        agent, ticket_id=ticket.id, reason="Beyond us", checklist=DONE, queue_id=queue.id
    )

    assert (made.line, made.status, made.queue_id) == ("SECOND", "OPEN", queue.id)
    assert (made.assignee_id, made.bounce_count) == (None, 0)
    kind, before, after = (await history(ticket))[-1]
    assert (kind, before["line"], after["line"]) == ("ESCALATED", "FIRST", "SECOND")
    assert after["reason"] == "Beyond us"
    assert after["checklist"] == ["Asked for the log", "Restarted the service"]
    with pytest.raises(TicketMoveNotPossibleError, match="line_second"):
        await escalate_ticket(agent, ticket_id=ticket.id, reason="Again", checklist=DONE)

    second = await agent_of(ports, SECOND_LINE)
    with pytest.raises(TicketMoveNotPossibleError, match="note_missing"):
        await return_ticket(second, ticket_id=ticket.id, note=" ")
    for bounces in (1, 2):
        back = await return_ticket(second, ticket_id=ticket.id, note="Ask for the version")
        assert (back.line, back.bounce_count, back.queue_id) == ("FIRST", bounces, None)
        with pytest.raises(TicketMoveNotPossibleError, match="line_first"):
            await return_ticket(second, ticket_id=ticket.id, note="Once more")
        await escalate_ticket(agent, ticket_id=ticket.id, reason="Done", checklist=DONE)


async def test_an_escalation_wants_everything_filled_in(
    agent: RequestContext, customer: RequestContext, ports: Ports
) -> None:
    async def refused(ticket: Ticket, **given: object) -> TicketMoveNotPossibleError:
        wanted: dict[str, Any] = {"reason": "Beyond us", "checklist": DONE, **given}
        with pytest.raises(TicketMoveNotPossibleError) as error:
            await escalate_ticket(agent, ticket_id=ticket.id, **wanted)
        assert (await stored(ticket)).line is TicketLine.FIRST
        return error.value

    bare = await make_ticket(customer)
    assert (await refused(bare)).reason == "category_missing"
    ticket = await make_classified(ports, customer, kind=TicketKind.DATA_RESTORE)
    await classify_ticket(
        agent, ticket_id=bare.id, changes=TicketClassification(category_id=ticket.category_id)
    )
    assert (await refused(bare)).reason == "severity_missing"
    lacking = await refused(ticket)
    assert (lacking.reason, lacking.missing) == (
        "items_missing",
        ("installation", *(field.key for field in RESTORE_FIELDS)),
    )
    fields = {
        "restore_what": "invoices",
        "restore_lost_at": "2026-01-01T00:00Z",
        "restore_as_of": "2025-12-31T00:00Z",
        "restore_agreed_by": "the head of accounting",
    }
    changes = TicketClassification(installation="North", fields=fields)
    await classify_ticket(agent, ticket_id=ticket.id, changes=changes)
    assert (await refused(ticket, reason="")).reason == "reason_missing"
    assert (await refused(ticket, checklist=[" "])).reason == "checklist_missing"
    for wrong, error in (
        ({"checklist": ["x"] * 51}, ValueInvalidError),
        ({"checklist": ["x" * 301]}, TextTooLongError),
        ({"queue_id": 1}, NotFoundError),
    ):
        with pytest.raises(error):
            await escalate_ticket(
                agent,
                **{"ticket_id": ticket.id, "reason": "Why", "checklist": DONE, **wrong},  # type: ignore[arg-type]
            )

    made = await escalate_ticket(agent, ticket_id=ticket.id, reason="Why", checklist=DONE)
    assert made.line is TicketLine.SECOND


async def test_a_classification_is_one_event_with_before_and_after(
    agent: RequestContext, ticket: Ticket
) -> None:
    changes = TicketClassification(
        kind=TicketKind.FAULT, severity_inputs=STOPPED, module=" Reports ", installation=""
    )
    made = await classify_ticket(agent, ticket_id=ticket.id, changes=changes)
    again = await classify_ticket(agent, ticket_id=ticket.id, changes=changes)

    assert (made.severity, made.module, made.revision) == ("CRITICAL", "Reports", 2)
    assert again.revision == 2
    assert (await history(ticket))[1:] == [
        (
            "CLASSIFIED",
            {
                "kind": "QUESTION",
                "severity": None,
                "effect": None,
                "impact": None,
                "workaround": None,
                "module": None,
            },
            {
                "kind": "FAULT",
                "severity": "CRITICAL",
                "effect": "STOPPED",
                "impact": "EVERYBODY",
                "workaround": "NONE",
                "module": "Reports",
            },
        )
    ]
    cleared = await classify_ticket(
        agent, ticket_id=ticket.id, changes=TicketClassification(severity_inputs=None)
    )
    assert (cleared.severity, cleared.effect, cleared.module) == (None, None, "Reports")


async def test_fields_change_one_by_one(agent: RequestContext, customer: RequestContext) -> None:
    ticket = await make_ticket(
        customer,
        kind=TicketKind.DATA_RESTORE,
        fields={"restore_what": "a", "restore_agreed_by": "b"},
    )
    fields = {"restore_what": "", "restore_agreed_by": "c"}

    changes = TicketClassification(fields=fields)
    await classify_ticket(agent, ticket_id=ticket.id, changes=changes)

    assert (await history(ticket))[-1] == (
        "CLASSIFIED",
        {"fields": {"restore_what": "a", "restore_agreed_by": "b"}},
        {"fields": {"restore_what": None, "restore_agreed_by": "c"}},
    )


async def test_subject_tags_and_requester_can_be_put_right(
    agent: RequestContext, customer: RequestContext, ticket: Ticket
) -> None:
    await change_subject(agent, ticket_id=ticket.id, subject="Printing stops at page 7")
    await set_tags(agent, ticket_id=ticket.id, tags=["Printing", "urgent"])
    await set_tags(agent, ticket_id=ticket.id, tags=["urgent", "a4"])
    same = await set_tags(agent, ticket_id=ticket.id, tags=["A4", "urgent "])
    assert same.revision == 4
    assert await tags_by_ticket_ids(agent, [ticket.id]) == [["a4", "urgent"]]
    requester = Requester(email="ann@else.test", name="Ann")
    made = await set_requester(agent, ticket_id=ticket.id, requester=requester)
    assert (made.requester_id, made.organization_id) == (None, None)
    assert (await history(ticket))[-3:] == [
        ("TAGS_CHANGED", {"tags": []}, {"tags": ["printing", "urgent"]}),
        ("TAGS_CHANGED", {"tags": ["printing", "urgent"]}, {"tags": ["a4", "urgent"]}),
        (
            "REQUESTER_CHANGED",
            {
                "requester_id": customer.viewer.user_id,
                "requester_email": None,
                "requester_name": None,
                "organization_id": customer.viewer.organization_id,
            },
            {
                "requester_id": None,
                "requester_email": "***",
                "requester_name": "***",
                "organization_id": None,
            },
        ),
    ]
    with pytest.raises(NotFoundError):
        await close_ticket(customer, ticket_id=ticket.id)


async def test_a_ticket_is_given_to_people_of_the_desk_alone(
    agent: RequestContext, customer: RequestContext, ticket: Ticket, ports: Ports
) -> None:
    second = await agent_of(ports, SECOND_LINE)
    made = await assign_ticket(agent, ticket_id=ticket.id, assignee_id=second.viewer.user_id or 0)
    assert (made.assignee_id, made.status) == (second.viewer.user_id, TicketStatus.OPEN)
    assert [kind for kind, _, _ in await history(ticket)] == [
        "CREATED",
        "ASSIGNED",
        "STATUS_CHANGED",
    ]
    gone = await make_user(is_staff=True)
    gone.deactivated_at = ports.clock.now()
    await gone.save()
    auditor, developer = await agent_of(ports, AUDITOR), await agent_of(ports, DEVELOPER)
    for wrong in (customer, auditor, developer):
        with pytest.raises(NotFoundError):
            await assign_ticket(agent, ticket_id=ticket.id, assignee_id=wrong.viewer.user_id or 0)
    with pytest.raises(NotFoundError):
        await assign_ticket(agent, ticket_id=ticket.id, assignee_id=gone.id)
    with pytest.raises(NotFoundError):
        await take_ticket(as_command(ports), ticket_id=ticket.id)
    assert (await stored(ticket)).assignee_id == second.viewer.user_id
    mine = await take_ticket(agent, ticket_id=ticket.id)
    assert mine.assignee_id == agent.viewer.user_id
    free = await unassign_ticket(agent, ticket_id=ticket.id)
    assert (free.assignee_id, free.status) == (None, TicketStatus.OPEN)


async def test_a_ticket_waits_in_a_queue_in_use(
    agent: RequestContext, ticket: Ticket, ports: Ports
) -> None:
    boss = await agent_of(ports, ADMINISTRATOR)
    queue = await create_queue(boss, name="Calls", line=TicketLine.FIRST)

    assert (
        await move_ticket_to_queue(agent, ticket_id=ticket.id, queue_id=queue.id)
    ).queue_id == queue.id
    await archive_queue(boss, queue_id=queue.id)
    same = await move_ticket_to_queue(agent, ticket_id=ticket.id, queue_id=queue.id)
    assert same.revision == 2
    free = await move_ticket_to_queue(agent, ticket_id=ticket.id, queue_id=None)
    assert free.queue_id is None
    with pytest.raises(NotFoundError):
        await move_ticket_to_queue(agent, ticket_id=ticket.id, queue_id=queue.id)
    assert (await stored(ticket)).queue_id is None


CASES: Final[tuple[tuple[UseCase, dict[str, Any]], ...]] = (
    (open_ticket, {}),
    (wait_for_customer, {}),
    (wait_internal, {}),
    (resolve_ticket, {"resolution": SOLVED}),
    (mark_spam, {}),
    (unmark_spam, {}),
    (change_subject, {"subject": "x"}),
    (set_tags, {"tags": ["x"]}),
    (set_requester, {"requester": Requester(email="a@b.test")}),
    (classify_ticket, {"changes": TicketClassification(module="x")}),
    (take_ticket, {}),
    (unassign_ticket, {}),
    (move_ticket_to_queue, {"queue_id": None}),
    (escalate_ticket, {"reason": "x", "checklist": ["x"]}),
    (return_ticket, {"note": "x"}),
    (note_on_ticket, {"body": "x"}),
)


async def test_the_desks_work_is_the_desks(
    agent: RequestContext, customer: RequestContext, ticket: Ticket, ports: Ports
) -> None:
    company = await make_user(
        scopes=frozenset(Scope), reach=Reach.ORGANIZATION, organization=await make_organization()
    )
    auditor = await agent_of(ports, AUDITOR)
    for use_case, given in CASES:
        for context in (customer, as_nobody(ports), auditor):
            with pytest.raises(NotPermittedError):
                await use_case(context, ticket_id=ticket.id, **given)
        with pytest.raises(ReachNotHeldError):
            await use_case(as_person(ports, company), ticket_id=ticket.id, **given)
        with pytest.raises(NotFoundError):
            await use_case(agent, ticket_id=2**70, **given)
        revision = "expected_revision" if use_case is note_on_ticket else "if_revision"
        with pytest.raises(RevisionConflictError) as refused:
            await use_case(agent, ticket_id=ticket.id, **{revision: 7}, **given)
        assert refused.value.current_revision == 1

    assert (await stored(ticket)).revision == 1
    assert len(await history(ticket)) == 1
