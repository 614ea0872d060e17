"""The worker's loop over tickets: they wake, close and are warned of by themselves."""

from dataclasses import replace
from datetime import timedelta

import pytest

from api.workers.tickets import TicketWorker
from models.audit_entries import AuditEntry, AuditVia
from models.rules.roles import ADMINISTRATOR, CUSTOMER, FIRST_LINE
from models.rules.ticket_states import TicketResolution, TicketStatus
from models.service_clocks import ServiceClockEntry
from models.tickets import Ticket
from resolvers.context import RequestContext, Viewer
from resolvers.desk_policy import DeskPolicy
from resolvers.ports import Ports
from resolvers.ticket_moves import resolve_ticket, schedule_ticket
from resolvers.tickets import create_ticket
from tests.factories import as_person, make_built_in
from tests.fakes import FixedClock
from tests.service_terms import make_calendar, make_policy, moscow


@pytest.fixture
async def agent(database: None, ports: Ports, clock: FixedClock) -> RequestContext:
    clock.at = moscow("20T09:00")  # a Friday
    return as_person(ports, await make_built_in(FIRST_LINE))


async def _ticket(ports: Ports) -> Ticket:
    customer = as_person(ports, await make_built_in(CUSTOMER))
    return await create_ticket(customer, subject="Nothing prints", body="Since this morning.")


async def _status(ticket: Ticket) -> TicketStatus:
    return (await Ticket.get(id=ticket.id)).status


async def test_a_scheduled_ticket_wakes_at_its_moment(
    agent: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    ticket = await _ticket(ports)
    await schedule_ticket(agent, ticket_id=ticket.id, until=moscow("20T12:00"))
    worker = TicketWorker(RequestContext(Viewer(), ports))

    clock.at = moscow("20T12:00") - timedelta(seconds=1)
    await worker.step()
    asleep = await _status(ticket)
    clock.at = moscow("20T12:00")
    await worker.step()

    assert (asleep, await _status(ticket)) == (TicketStatus.SCHEDULED, TicketStatus.OPEN)


async def test_a_resolved_ticket_is_closed_after_working_days(
    agent: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    admin = as_person(ports, await make_built_in(ADMINISTRATOR))
    calendar = await make_calendar(admin)
    await make_policy(admin, calendar_id=calendar.row.id)
    ticket = await _ticket(ports)
    await resolve_ticket(agent, ticket_id=ticket.id, resolution=TicketResolution.SOLVED)
    worker = TicketWorker(RequestContext(Viewer(), ports))

    clock.at = moscow("27T17:59")
    await worker.step()
    resolved = await _status(ticket)
    clock.at = moscow("27T18:00")
    await worker.step()

    assert (resolved, await _status(ticket)) == (TicketStatus.RESOLVED, TicketStatus.CLOSED)
    last = await AuditEntry.all().order_by("-id").first()
    assert last is not None
    assert (last.action, last.actor_id, last.via) == ("ticket.move", None, AuditVia.COMMAND)
    kinds = [each.kind.value for each in await ServiceClockEntry.all().order_by("id")]
    assert kinds == ["STARTED", "STARTED", "MET", "MET"]


async def test_who_closes_no_ticket_by_time_has_them_resolved_for_ever(
    agent: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    ticket = await _ticket(ports)
    await resolve_ticket(agent, ticket_id=ticket.id, resolution=TicketResolution.SOLVED)
    never = replace(ports, desk=DeskPolicy(close_days=0))
    worker = TicketWorker(RequestContext(Viewer(), never))

    clock.at += timedelta(days=400)
    assert await worker.step() is False

    assert await _status(ticket) is TicketStatus.RESOLVED
