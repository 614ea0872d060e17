"""What the desk is shown of the clocks of a ticket."""

from datetime import UTC, datetime

import pytest

from models.rules.roles import ADMINISTRATOR, CUSTOMER, FIRST_LINE
from models.rules.service_clocks import ClockKind, ClockState
from models.rules.ticket_states import TicketStatus
from models.service_clocks import ServiceClockRow
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.ports import Ports
from resolvers.service_clocks import clocks_by_ticket_ids
from resolvers.service_sweep import sweep_clocks
from resolvers.ticket_filters import TicketFilter
from resolvers.ticket_lists import count_tickets
from resolvers.ticket_messages import ReplyThen, reply_to_ticket
from resolvers.ticket_moves import mark_spam
from resolvers.tickets import create_ticket
from tests.factories import as_person, make_built_in
from tests.fakes import FixedClock
from tests.service_terms import HOUR, make_calendar, make_policy, moscow


@pytest.fixture
async def agent(database: None, ports: Ports) -> RequestContext:
    return as_person(ports, await make_built_in(FIRST_LINE))


@pytest.fixture
async def customer(database: None, ports: Ports) -> RequestContext:
    return as_person(ports, await make_built_in(CUSTOMER))


@pytest.fixture
async def ticket(customer: RequestContext, ports: Ports, clock: FixedClock) -> Ticket:
    clock.at = moscow("23T09:00")
    admin = as_person(ports, await make_built_in(ADMINISTRATOR))
    calendar = await make_calendar(admin)
    budgets = {ClockKind.FIRST_RESPONSE: HOUR, ClockKind.RESOLUTION: 240 * HOUR}
    await make_policy(admin, calendar_id=calendar.row.id, budgets=budgets)
    return await create_ticket(customer, subject="Nothing prints", body="Since this morning.")


async def test_the_desk_sees_what_is_used_and_when_it_is_used_up(
    ticket: Ticket, agent: RequestContext, clock: FixedClock
) -> None:
    clock.at = moscow("23T09:20")

    [[first, resolution], []] = await clocks_by_ticket_ids(agent, [ticket.id, 7])

    assert (first.state, first.used_s, first.deadline_at, first.is_official) == (
        ClockState.RUNNING,
        20 * 60,
        moscow("23T10:00"),
        True,
    )
    # The thirtieth working day lies in a year whose moved days off nobody has published.
    assert resolution.deadline_at == datetime(2027, 1, 12, 15, tzinfo=UTC)
    assert not resolution.is_official


async def test_a_breach_is_seen_before_the_worker_notes_it(
    ticket: Ticket, agent: RequestContext, clock: FixedClock
) -> None:
    clock.at = moscow("23T10:00")
    [[at_the_end, _]] = await clocks_by_ticket_ids(agent, [ticket.id])
    clock.at = moscow("23T10:01")
    [[late, _]] = await clocks_by_ticket_ids(agent, [ticket.id])
    await reply_to_ticket(agent, ticket_id=ticket.id, body="Try again.")
    [[met, _]] = await clocks_by_ticket_ids(agent, [ticket.id])

    assert (at_the_end.state, late.state, late.breached_at) == (
        ClockState.RUNNING,
        ClockState.BREACHED,
        None,
    )
    assert (met.state, met.met_at, met.row.late_by_s, met.deadline_at) == (
        ClockState.MET_LATE,
        moscow("23T10:01"),
        60,
        None,
    )
    assert met.breached_at == moscow("23T10:00:01")


async def test_the_desk_finds_what_is_due_and_overdue(
    ticket: Ticket, agent: RequestContext, customer: RequestContext, clock: FixedClock
) -> None:
    async def found(context: RequestContext, before: str) -> int:
        return await count_tickets(context, TicketFilter(due_before=moscow(before)))

    ahead = [await found(agent, each) for each in ("23T10:00", "23T10:01")]
    clock.at = moscow("23T12:00")
    await sweep_clocks(agent)
    overdue, theirs = await found(agent, "23T12:00"), await found(customer, "30T00:00")
    await reply_to_ticket(
        agent,
        ticket_id=ticket.id,
        body="Try again.",
        then=ReplyThen(status=TicketStatus.WAITING_FOR_CUSTOMER),
    )

    assert (ahead, overdue, theirs) == ([0, 1], 1, 0)
    assert await found(agent, "30T00:00") == 0  # met late, and the other one stands


async def test_nobody_is_waited_for_in_what_is_set_aside(
    ticket: Ticket, agent: RequestContext, clock: FixedClock
) -> None:
    clock.at = moscow("23T12:00")
    await mark_spam(agent, ticket_id=ticket.id)

    assert await count_tickets(agent, TicketFilter(due_before=moscow("30T00:00"))) == 0


async def test_nobody_but_the_desk_sees_clocks(ticket: Ticket, customer: RequestContext) -> None:
    assert await clocks_by_ticket_ids(customer, [ticket.id]) == [[]]
    assert await ServiceClockRow.filter(ticket_id=ticket.id).count() == 2
