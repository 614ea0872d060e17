"""Clocks go along with their tickets, in the transactions that change those."""

from datetime import timedelta

import pytest

from models.rules.roles import ADMINISTRATOR, CUSTOMER, FIRST_LINE
from models.rules.service_clocks import ClockKind, PauseReason
from models.rules.severities import (
    SeverityInputs,
    TicketEffect,
    TicketImpact,
    TicketSeverity,
    TicketWorkaround,
)
from models.rules.ticket_states import TicketKind, TicketLine, TicketResolution, TicketStatus
from models.service_clocks import ServiceClockEntry, ServiceClockRow
from models.ticket_categories import TicketCategory
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.ports import Ports
from resolvers.service_policies import PolicyConditions
from resolvers.ticket_clocks import clock_of
from resolvers.ticket_edits import TicketClassification, classify_ticket
from resolvers.ticket_escalations import escalate_ticket, return_ticket
from resolvers.ticket_messages import ReplyThen, reply_to_ticket, take_back_message
from resolvers.ticket_moves import mark_spam, reopen_ticket, unmark_spam
from resolvers.tickets import create_ticket
from tests.factories import as_person, make_built_in
from tests.fakes import FixedClock
from tests.service_terms import (
    HOUR,
    clock_rows,
    log_of,
    make_calendar,
    make_policy,
    moscow,
    seconds,
)

FIRST, NEXT, RESOLUTION = ClockKind
WAIT = ReplyThen(status=TicketStatus.WAITING_FOR_CUSTOMER)
SOLVED = ReplyThen(status=TicketStatus.RESOLVED, resolution=TicketResolution.SOLVED)


@pytest.fixture
async def admin(database: None, ports: Ports, clock: FixedClock) -> RequestContext:
    clock.at = moscow("23T08:00")
    return as_person(ports, await make_built_in(ADMINISTRATOR))


@pytest.fixture
async def agent(database: None, ports: Ports) -> RequestContext:
    return as_person(ports, await make_built_in(FIRST_LINE))


@pytest.fixture
async def customer(database: None, ports: Ports) -> RequestContext:
    return as_person(ports, await make_built_in(CUSTOMER))


@pytest.fixture
async def ticket(admin: RequestContext, customer: RequestContext, clock: FixedClock) -> Ticket:
    """A ticket of Monday, 09:00: an hour for the answer, 16 for the solution."""
    calendar = await make_calendar(admin)
    await make_policy(admin, calendar_id=calendar.row.id)
    return await _ask(customer, clock)


async def _ask(customer: RequestContext, clock: FixedClock) -> Ticket:
    clock.at = moscow("23T09:00")
    return await create_ticket(customer, subject="Nothing prints", body="Since this morning.")


async def _say(
    context: RequestContext,
    clock: FixedClock,
    at: str,
    ticket: Ticket,
    then: ReplyThen | None = None,
) -> int:
    clock.at = moscow(at)
    reply = await reply_to_ticket(context, ticket_id=ticket.id, body="So it is.", then=then)
    return reply.message.id


async def test_without_any_policy_nothing_is_promised(
    customer: RequestContext, clock: FixedClock
) -> None:
    await _ask(customer, clock)

    assert await ServiceClockRow.all().count() == 0


async def test_a_ticket_begins_with_two_promises(ticket: Ticket) -> None:
    rows = await clock_rows(ticket)

    assert list(rows) == [FIRST, RESOLUTION]
    assert [(row.deadline_s, row.look_at_s) for row in rows.values()] == [
        (seconds("23T10:00"), seconds("23T09:30")),
        (seconds("24T18:00"), seconds("23T18:00")),
    ]
    assert await log_of(rows[FIRST]) == [("STARTED", seconds("23T09:00"))]


async def test_an_answer_meets_the_first_and_waiting_stops_the_other(
    ticket: Ticket, agent: RequestContext, clock: FixedClock
) -> None:
    await _say(agent, clock, "23T09:40", ticket, WAIT)

    rows = await clock_rows(ticket)
    assert await log_of(rows[FIRST]) == [
        ("STARTED", seconds("23T09:00")),
        ("WARNED 50", seconds("23T09:30")),
        ("MET", seconds("23T09:40")),
    ]
    assert (rows[FIRST].late_by_s, rows[FIRST].look_at_s) == (0, None)
    resolution = rows[RESOLUTION]
    assert (resolution.paused_for, resolution.consumed_s, resolution.deadline_s) == (
        PauseReason.WAITING_FOR_CUSTOMER,
        40 * 60,
        None,
    )


async def test_the_customers_answer_starts_both_again(
    ticket: Ticket, agent: RequestContext, customer: RequestContext, clock: FixedClock
) -> None:
    await _say(agent, clock, "23T10:00", ticket, WAIT)
    await _say(customer, clock, "25T09:00", ticket)

    rows = await clock_rows(ticket)
    assert (rows[NEXT].round, rows[NEXT].deadline_s) == (1, seconds("25T13:00"))
    assert rows[RESOLUTION].deadline_s == seconds("26T17:00")


async def test_each_answer_that_is_owed_has_a_clock_of_its_own(
    ticket: Ticket, agent: RequestContext, customer: RequestContext, clock: FixedClock
) -> None:
    for asked, answered in (("23T11:00", "23T12:00"), ("24T11:00", "24T18:00")):
        await _say(agent, clock, asked.replace("11", "10"), ticket)
        await _say(customer, clock, asked, ticket)
        await _say(customer, clock, asked.replace("00", "30"), ticket)
        await _say(agent, clock, answered, ticket)

    rows = await ServiceClockRow.filter(ticket_id=ticket.id, kind=NEXT).order_by("round")
    assert [(row.round, row.consumed_s, row.late_by_s) for row in rows] == [
        (1, HOUR, 0),
        (2, 6 * HOUR, 2 * HOUR),
    ]


async def test_reopening_goes_on_with_the_solution(
    ticket: Ticket, agent: RequestContext, customer: RequestContext, clock: FixedClock
) -> None:
    await _say(agent, clock, "23T11:00", ticket, SOLVED)
    solved = (await clock_rows(ticket))[RESOLUTION]
    clock.at = moscow("26T09:00")
    await reopen_ticket(customer, ticket_id=ticket.id, reason="It does not.")

    row = (await clock_rows(ticket))[RESOLUTION]
    assert (solved.met_at_s, solved.consumed_s) == (seconds("23T11:00"), 2 * HOUR)
    assert (row.met_at_s, row.consumed_s, row.deadline_s) == (
        None,
        2 * HOUR,
        seconds("27T16:00"),
    )
    assert [kind for kind, _ in await log_of(row)] == ["STARTED", "MET", "REOPENED"]


async def test_solving_answers_what_was_still_open(
    ticket: Ticket, agent: RequestContext, customer: RequestContext, clock: FixedClock
) -> None:
    await _say(agent, clock, "23T10:00", ticket)
    await _say(customer, clock, "23T11:00", ticket)
    await _say(agent, clock, "23T12:00", ticket, SOLVED)

    rows = await clock_rows(ticket)
    assert [row.met_at_s for row in rows.values()] == [
        seconds("23T10:00"),
        seconds("23T12:00"),
        seconds("23T12:00"),
    ]


async def test_an_answer_that_is_taken_back_was_none(
    ticket: Ticket, agent: RequestContext, clock: FixedClock
) -> None:
    message_id = await _say(agent, clock, "23T09:20", ticket, WAIT)
    clock.at += timedelta(seconds=10)
    await take_back_message(agent, message_id=message_id)

    rows = await clock_rows(ticket)
    assert [(row.met_at_s, row.paused_for) for row in rows.values()] == [(None, None)] * 2
    assert rows[FIRST].deadline_s == seconds("23T10:00") + 10
    assert [kind for kind, _ in await log_of(rows[FIRST])] == ["STARTED", "MET", "REOPENED"]


async def test_spam_is_promised_nothing_until_it_is_none(
    ticket: Ticket, agent: RequestContext, clock: FixedClock
) -> None:
    clock.at = moscow("23T09:15")
    await mark_spam(agent, ticket_id=ticket.id)
    aside = await clock_rows(ticket)
    clock.at = moscow("24T09:00")
    await unmark_spam(agent, ticket_id=ticket.id)

    rows = await clock_rows(ticket)
    assert [row.paused_for for row in aside.values()] == [PauseReason.SET_ASIDE] * 2
    assert rows[FIRST].deadline_s == seconds("24T09:45")


async def test_another_severity_keeps_what_was_used(
    admin: RequestContext, ticket: Ticket, agent: RequestContext, clock: FixedClock
) -> None:
    calendar = await make_calendar(admin, "Second")
    critical = PolicyConditions(severities=frozenset({TicketSeverity.CRITICAL}))
    budgets = {FIRST: 2 * HOUR, RESOLUTION: 8 * HOUR}
    policy = await make_policy(
        admin, "Critical", calendar_id=calendar.row.id, conditions=critical, budgets=budgets
    )
    clock.at = moscow("23T09:45")
    await classify_ticket(
        agent,
        ticket_id=ticket.id,
        changes=TicketClassification(
            kind=TicketKind.FAULT,
            severity_inputs=SeverityInputs(
                effect=TicketEffect.STOPPED,
                impact=TicketImpact.EVERYBODY,
                workaround=TicketWorkaround.NONE,
            ),
        ),
    )

    rows = await clock_rows(ticket)
    assert [(row.policy_id, row.consumed_s) for row in rows.values()] == [
        (policy.row.id, 45 * 60)
    ] * 2
    assert [row.deadline_s for row in rows.values()] == [seconds("23T11:00"), seconds("23T18:00")]
    entry = await ServiceClockEntry.get(clock_id=rows[FIRST].id, kind="RECALCULATED")
    assert entry.old_terms is not None
    assert '"budget_s":3600' in entry.old_terms


async def test_the_second_line_gets_the_clock_with_the_ticket(
    admin: RequestContext, ticket: Ticket, agent: RequestContext, clock: FixedClock
) -> None:
    before = (await clock_rows(ticket))[RESOLUTION]
    calendar = await make_calendar(admin, "Second line")
    second = PolicyConditions(lines=frozenset({TicketLine.SECOND}))
    await make_policy(
        admin,
        "Second line",
        calendar_id=calendar.row.id,
        conditions=second,
        budgets={RESOLUTION: 24 * HOUR},
    )
    await _escalate(agent, clock, ticket)
    with_second = (await clock_rows(ticket))[RESOLUTION]
    clock.at = moscow("24T09:00")
    await return_ticket(agent, ticket_id=ticket.id, note="Not ours.")

    back = (await clock_rows(ticket))[RESOLUTION]
    assert (before.id, before.id) == (with_second.id, back.id)
    assert (with_second.consumed_s, with_second.deadline_s) == (2 * HOUR, seconds("25T18:00"))
    assert (back.consumed_s, back.deadline_s) == (8 * HOUR, seconds("24T18:00"))
    assert [kind for kind, _ in await log_of(back)] == [
        "STARTED",
        "RECALCULATED",
        "RECALCULATED",
        "WARNED 50",
    ]


async def _escalate(agent: RequestContext, clock: FixedClock, ticket: Ticket) -> None:
    category = await TicketCategory.create(name_ru="Печать", name_en="Printing")
    severe = SeverityInputs(
        effect=TicketEffect.HINDERED, impact=TicketImpact.ONE, workaround=TicketWorkaround.EASY
    )
    changes = TicketClassification(severity_inputs=severe, category_id=category.id)
    clock.at = moscow("23T11:00")
    await classify_ticket(agent, ticket_id=ticket.id, changes=changes)
    await escalate_ticket(
        agent, ticket_id=ticket.id, reason="Beyond us.", checklist=["Restarted it."]
    )


async def test_the_row_of_a_clock_is_the_clock(
    ticket: Ticket, agent: RequestContext, clock: FixedClock
) -> None:
    await _say(agent, clock, "24T12:00", ticket)

    row = (await clock_rows(ticket))[FIRST]
    found = clock_of(row)
    assert (found.state.value, found.warned, found.late_by_s, found.breached_at_s) == (
        "MET_LATE",
        (50, 75, 90),
        10 * HOUR,
        seconds("23T10:00") + 1,
    )


async def test_a_ticket_that_is_older_than_the_terms_is_promised_something_when_it_moves(
    admin: RequestContext, customer: RequestContext, agent: RequestContext, clock: FixedClock
) -> None:
    ticket = await _ask(customer, clock)
    calendar = await make_calendar(admin)
    await make_policy(admin, calendar_id=calendar.row.id)
    await _say(agent, clock, "24T09:00", ticket)

    rows = await clock_rows(ticket)
    assert list(rows) == [RESOLUTION]
    assert rows[RESOLUTION].running_since_s == seconds("24T09:00")


async def test_a_policy_that_promises_less_lets_a_clock_stand(
    admin: RequestContext, ticket: Ticket, agent: RequestContext, clock: FixedClock
) -> None:
    calendar = await make_calendar(admin, "Other")
    questions = PolicyConditions(kinds=frozenset({TicketKind.QUESTION}))
    await make_policy(
        admin,
        "Questions",
        calendar_id=calendar.row.id,
        conditions=questions,
        budgets={FIRST: 8 * HOUR},
    )
    await _say(agent, clock, "23T09:10", ticket)

    row = (await clock_rows(ticket))[RESOLUTION]
    assert (row.paused_for, row.look_at_s) == (PauseReason.NOT_PROMISED, None)
