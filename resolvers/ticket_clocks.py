"""Keep the clocks of a ticket with the ticket, in the transaction that changes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from models.rules.clock_plans import TicketFacts, follow, new_clock
from models.rules.clock_steps import ClockEntry, ClockEntryKind, ClockStep
from models.rules.policy_format import (
    percents_from_json,
    percents_to_json,
    terms_to_json,
)
from models.rules.service_clocks import ClockKind, ServiceClock, Terms
from models.rules.service_policies import PolicyField
from models.rules.ticket_events import TicketEventKind
from models.service_clocks import ServiceClockEntry, ServiceClockRow
from models.ticket_messages import TicketEvent
from models.ticket_rows import insert_record, insert_records
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.service_book import NO_GENERATION, TermsBook, current_book, seconds_of

_TOLD: Final[Mapping[ClockEntryKind, TicketEventKind]] = {
    ClockEntryKind.WARNED: TicketEventKind.TERM_WARNED,
    ClockEntryKind.BREACHED: TicketEventKind.TERM_BROKEN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockNews:
    """An entry that was just added to a clock's log.

    Attributes:
        ticket_id: whose clock it is.
        clock_id: of the clock.
        clock_kind: what is promised.
        entry: what happened.
    """

    ticket_id: int
    clock_id: int
    clock_kind: ClockKind
    entry: ClockEntry


async def keep_clocks(
    context: RequestContext, connection: BaseDBAsyncClient, ticket: Ticket
) -> list[ClockNews]:
    """Bring the clocks of a ticket to where it stands, and note what has fallen due.

    Doing it twice changes nothing. A ticket that is older than its policy is promised
    something from the first time on that it is looked at.

    Args:
        context: gives the present.
        connection: of the open transaction that has the ticket's lock, which guards the
            clocks, too.
        ticket: as it is now.

    Returns:
        What was added to the logs, in order.
    """
    book = await current_book(connection)
    if book.generation == NO_GENERATION:
        return []
    rows = await _last_rows(connection, ticket.id)
    facts, now = facts_of(ticket), context.ports.clock.now()
    policy_id = book.choose(case_of(ticket)).policy_id
    news: list[ClockNews] = []
    for kind in ClockKind:
        promise, row = book.promise(policy_id, kind), rows.get(kind)
        last = None if row is None else clock_of(row)
        if promise is not None and facts.is_owed(kind, last):
            number = 1 if row is None else row.round + 1
            step = new_clock(kind, facts, promise, seconds_of(now))
            made = ServiceClockRow(
                ticket_id=ticket.id, kind=kind, round=number, created_at=now, updated_at=now
            )
            _fill(made, step.clock, book)
            await insert_record(connection, made)
            news += await _log(connection, made, step, now)
        elif row is not None and last is not None:
            time = book.times[last.terms.calendar_id]
            step = follow(last, facts, time=time, promise=promise, now_s=seconds_of(now))
            if step.entries or row.generation != book.generation or _is_due(row, now):
                await _save(connection, row, step, book, now)
            news += await _log(connection, row, step, now)
    return news


def facts_of(ticket: Ticket) -> TicketFacts:
    """Return what clocks have to know of a ticket."""
    answered, wrote, staff = (
        ticket.first_answered_at,
        ticket.customer_wrote_at,
        ticket.staff_wrote_at,
    )
    is_awaited = answered is not None and wrote is not None and (staff is None or wrote > staff)
    return TicketFacts(
        status=ticket.status,
        is_deleted=ticket.deleted_at is not None,
        ended_s=_seconds(ticket.resolved_at or ticket.closed_at),
        answered_s=_seconds(answered),
        customer_wrote_s=_seconds(wrote),
        staff_wrote_s=_seconds(staff),
        is_awaited=is_awaited,
    )


def case_of(ticket: Ticket) -> dict[PolicyField, str | None]:
    """Return the values of a ticket that policies have conditions on."""
    organization = ticket.organization_id
    return {
        PolicyField.ORGANIZATION: None if organization is None else str(organization),
        PolicyField.SEVERITY: None if ticket.severity is None else ticket.severity.value,
        PolicyField.KIND: ticket.kind.value,
        PolicyField.LINE: ticket.line.value,
    }


def clock_of(row: ServiceClockRow) -> ServiceClock:
    """Return the clock of a row."""
    terms = Terms(
        policy_id=row.policy_id,
        policy_version=row.policy_version,
        calendar_id=row.calendar_id,
        calendar_version=row.calendar_version,
        budget_s=row.budget_s,
        warn_at=percents_from_json(row.warn_at),
    )
    return ServiceClock(
        kind=row.kind,
        terms=terms,
        consumed_s=row.consumed_s,
        running_since_s=row.running_since_s,
        paused_for=row.paused_for,
        met_at_s=row.met_at_s,
        breached_at_s=row.breached_at_s,
        late_by_s=row.late_by_s,
        warned=percents_from_json(row.warned),
    )


def _is_due(row: ServiceClockRow, now: datetime) -> bool:
    return row.look_at_s is not None and row.look_at_s <= seconds_of(now)


async def _last_rows(
    connection: BaseDBAsyncClient, ticket_id: int
) -> dict[ClockKind, ServiceClockRow]:
    """Return the last clock of each kind."""
    rows = ServiceClockRow.filter(ticket_id=ticket_id).using_db(connection)
    return {row.kind: row for row in await rows.order_by("round")}


def _fill(row: ServiceClockRow, clock: ServiceClock, book: TermsBook) -> None:
    terms, time = clock.terms, book.times[clock.terms.calendar_id]
    row.policy_id, row.policy_version = terms.policy_id, terms.policy_version
    row.calendar_id, row.calendar_version = terms.calendar_id, terms.calendar_version
    row.budget_s, row.warn_at = terms.budget_s, percents_to_json(terms.warn_at)
    row.consumed_s, row.running_since_s = clock.consumed_s, clock.running_since_s
    row.paused_for, row.met_at_s = clock.paused_for, clock.met_at_s
    row.breached_at_s, row.late_by_s = clock.breached_at_s, clock.late_by_s
    row.warned = percents_to_json(clock.warned)
    row.deadline_s, row.look_at_s = clock.deadline_s(time), clock.next_look_s(time)
    row.generation = book.generation


async def _save(
    connection: BaseDBAsyncClient,
    row: ServiceClockRow,
    step: ClockStep,
    book: TermsBook,
    now: datetime,
) -> None:
    _fill(row, step.clock, book)
    row.updated_at = now
    await row.save(using_db=connection)


async def _log(
    connection: BaseDBAsyncClient, row: ServiceClockRow, step: ClockStep, now: datetime
) -> Sequence[ClockNews]:
    entries = [
        ServiceClockEntry(
            created_at=now,
            clock_id=row.id,
            kind=entry.kind,
            at_s=entry.at_s,
            consumed_s=entry.consumed_s,
            percent=entry.percent,
            late_by_s=entry.late_by_s,
            paused_for=entry.paused_for,
            terms=terms_to_json(entry.terms),
            old_terms=None if entry.old_terms is None else terms_to_json(entry.old_terms),
        )
        for entry in step.entries
    ]
    await insert_records(connection, entries)
    await _tell(connection, row, step, now)
    return [
        ClockNews(ticket_id=row.ticket_id, clock_id=row.id, clock_kind=row.kind, entry=entry)
        for entry in step.entries
    ]


async def _tell(
    connection: BaseDBAsyncClient, row: ServiceClockRow, step: ClockStep, now: datetime
) -> None:
    """Add the worst of what fell due to the ticket's history, for the desk alone."""
    due = [each for each in step.entries if each.kind in _TOLD]
    if not due:
        return
    worst, told = due[-1], {"clock": row.kind.value}
    if worst.percent is not None:
        told["percent"] = str(worst.percent)
    event = TicketEvent(
        created_at=now,
        ticket_id=row.ticket_id,
        kind=_TOLD[worst.kind],
        is_from_staff=True,
        is_for_customer=False,
        before="{}",
        after=orjson.dumps(told).decode(),
        due_at=now,
    )
    await insert_record(connection, event)


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else seconds_of(moment)
