"""The worker's round: warnings and breaches once, new terms soon, and when tickets are closed."""

import asyncio
from datetime import timedelta

import pytest

from api.workers.tickets import TicketWorker
from models.rules.roles import ADMINISTRATOR, CUSTOMER
from models.rules.service_clocks import ClockKind
from models.rules.ticket_events import TicketEventKind
from models.service_clocks import ServiceClockEntry, ServiceClockRow
from models.service_policies import ServiceTermsState
from models.ticket_messages import TicketEvent
from models.tickets import Ticket
from resolvers.context import RequestContext, Viewer
from resolvers.ports import Ports
from resolvers.service_calendars import publish_calendar
from resolvers.service_closing import closing_moment
from resolvers.service_policies import PolicyDraft, archive_policy, publish_policy
from resolvers.service_sweep import is_swept, sweep_clocks
from resolvers.ticket_event_texts import event_text
from resolvers.ticket_marks import ticket_as_seen, ticket_marks
from resolvers.ticket_messages import reply_to_ticket
from resolvers.tickets import create_ticket
from tests.factories import as_person, make_built_in
from tests.fakes import FixedClock
from tests.service_terms import (
    ANY,
    BUDGETS,
    HOUR,
    clock_rows,
    log_of,
    make_calendar,
    make_policy,
    moscow,
    office,
    seconds,
)

FIRST, _, RESOLUTION = ClockKind


@pytest.fixture
async def admin(database: None, ports: Ports, clock: FixedClock) -> RequestContext:
    clock.at = moscow("23T08:00")
    return as_person(ports, await make_built_in(ADMINISTRATOR))


@pytest.fixture
def worker(database: None, ports: Ports) -> RequestContext:
    return RequestContext(Viewer(), ports)


@pytest.fixture
async def terms(admin: RequestContext) -> tuple[int, int]:
    """The ids of a calendar and of the default policy."""
    calendar = await make_calendar(admin)
    policy = await make_policy(admin, calendar_id=calendar.row.id)
    return calendar.row.id, policy.row.id


@pytest.fixture
async def ticket(terms: tuple[int, int], ports: Ports, clock: FixedClock) -> Ticket:
    """A ticket of Monday, 09:00: an hour for the answer, 16 for the solution."""
    clock.at = moscow("23T09:00")
    customer = as_person(ports, await make_built_in(CUSTOMER))
    return await create_ticket(customer, subject="Nothing prints", body="Since this morning.")


async def test_what_falls_due_is_told_once_at_its_moment(
    ticket: Ticket, worker: RequestContext, clock: FixedClock
) -> None:
    clock.at = moscow("23T09:29")
    early = await sweep_clocks(worker)
    clock.at = moscow("23T10:30")
    news = await sweep_clocks(worker)
    again = await sweep_clocks(worker)

    assert (early, again) == ([], [])
    assert [(each.ticket_id, each.clock_kind, each.entry.kind.value) for each in news] == [
        (ticket.id, FIRST, "WARNED"),
        (ticket.id, FIRST, "WARNED"),
        (ticket.id, FIRST, "WARNED"),
        (ticket.id, FIRST, "BREACHED"),
    ]
    row = (await clock_rows(ticket))[FIRST]
    assert await log_of(row) == [
        ("STARTED", seconds("23T09:00")),
        ("WARNED 50", seconds("23T09:30")),
        ("WARNED 75", seconds("23T09:45")),
        ("WARNED 90", seconds("23T09:54")),
        ("BREACHED", seconds("23T10:00") + 1),
    ]
    assert (row.breached_at_s, row.look_at_s) == (seconds("23T10:00") + 1, None)
    events = await TicketEvent.filter(ticket_id=ticket.id).exclude(kind=TicketEventKind.CREATED)
    assert [
        (event_text(each, "ru", is_for_desk=True), each.is_for_customer, each.author_id)
        for each in events
    ] == [("Первый ответ просрочен.", False, None)]


async def test_of_several_warnings_at_once_the_last_is_in_the_history(
    ticket: Ticket, worker: RequestContext, clock: FixedClock
) -> None:
    clock.at = moscow("23T09:50")
    await sweep_clocks(worker)

    [event] = await TicketEvent.filter(kind=TicketEventKind.TERM_WARNED)
    said = event_text(event, "en", is_for_desk=True)
    assert said == "75 % of the time for the first answer is used up."


async def test_who_watches_a_ticket_is_told_that_a_term_is_over(
    ticket: Ticket, admin: RequestContext, worker: RequestContext, clock: FixedClock
) -> None:
    clock.at = moscow("23T10:30")
    before = await ticket_marks([ticket.id], now=clock.at)
    seen = await ticket_as_seen(admin, ticket.id)
    await sweep_clocks(worker)

    after, now_seen = (
        await ticket_marks([ticket.id], now=clock.at),
        await ticket_as_seen(admin, ticket.id),
    )
    assert before[ticket.id] != after[ticket.id]
    assert seen is not None
    assert now_seen is not None
    assert seen[1] != now_seen[1]
    assert seen[0].revision == now_seen[0].revision  # nobody's edit is in conflict with it


async def test_two_workers_tell_of_it_once(
    ticket: Ticket, worker: RequestContext, clock: FixedClock
) -> None:
    clock.at = moscow("24T12:00")

    news = await asyncio.gather(*(sweep_clocks(worker) for _ in range(4)))

    told = [each.entry.kind.value for some in news for each in some]
    assert sorted(told) == ["BREACHED"] + ["WARNED"] * 4
    assert await ServiceClockEntry.filter(kind="BREACHED").count() == 1


async def test_the_round_is_over_when_nothing_is_due(
    ticket: Ticket, worker: RequestContext, clock: FixedClock
) -> None:
    assert await is_swept(worker)
    clock.at = moscow("23T18:00")
    assert not await is_swept(worker)

    loop = TicketWorker(worker)
    assert await loop.step() is False

    assert await is_swept(worker)
    assert (await clock_rows(ticket))[RESOLUTION].look_at_s == seconds("24T13:00")


async def test_a_new_version_of_the_policy_reaches_the_clocks_that_run(
    ticket: Ticket,
    admin: RequestContext,
    terms: tuple[int, int],
    worker: RequestContext,
    clock: FixedClock,
) -> None:
    clock.at = moscow("23T11:00")
    await sweep_clocks(worker)
    draft = PolicyDraft(
        calendar_id=terms[0], conditions=ANY, budgets={**BUDGETS, RESOLUTION: 4 * HOUR}
    )
    await publish_policy(admin, policy_id=terms[1], draft=draft, if_revision=1)
    before = (await clock_rows(ticket))[RESOLUTION]
    await sweep_clocks(worker)

    after = (await clock_rows(ticket))[RESOLUTION]
    assert (before.deadline_s, after.deadline_s) == (seconds("24T18:00"), seconds("23T13:00"))
    assert (after.policy_version, after.consumed_s) == (2, 2 * HOUR)
    assert await is_swept(worker)


async def test_a_new_version_of_the_calendar_counts_from_its_moment(
    ticket: Ticket,
    admin: RequestContext,
    terms: tuple[int, int],
    worker: RequestContext,
) -> None:
    await publish_calendar(
        admin, calendar_id=terms[0], draft=office("10:00-12:00"), valid_from=moscow("24T00:00")
    )
    await sweep_clocks(worker)

    row = (await clock_rows(ticket))[RESOLUTION]
    assert row.deadline_s == int((moscow("27T12:00")).timestamp())
    assert (row.calendar_version, row.consumed_s) == (2, 0)


async def test_a_version_that_was_to_come_gives_way_to_one_that_counts_earlier(
    ticket: Ticket,
    admin: RequestContext,
    terms: tuple[int, int],
    worker: RequestContext,
) -> None:
    for draft, begins in ((office("10:00-12:00"), moscow("24T00:00")), (office(), None)):
        await publish_calendar(admin, calendar_id=terms[0], draft=draft, valid_from=begins)
    await sweep_clocks(worker)

    row = (await clock_rows(ticket))[RESOLUTION]
    assert (row.calendar_version, row.deadline_s) == (3, seconds("24T18:00"))


async def test_an_answer_and_the_worker_at_once_note_each_moment_once(
    ticket: Ticket, admin: RequestContext, worker: RequestContext, clock: FixedClock
) -> None:
    clock.at = moscow("23T10:30")

    await asyncio.gather(
        reply_to_ticket(admin, ticket_id=ticket.id, body="Try again."),
        *(sweep_clocks(worker) for _ in range(3)),
    )

    row = (await clock_rows(ticket))[FIRST]
    assert [kind for kind, _ in await log_of(row)] == [
        "STARTED",
        "WARNED 50",
        "WARNED 75",
        "WARNED 90",
        "BREACHED",
        "MET",
    ]
    assert (row.met_at_s, row.late_by_s) == (seconds("23T10:30"), 30 * 60)


async def test_without_its_policy_a_ticket_is_promised_nothing(
    ticket: Ticket, admin: RequestContext, terms: tuple[int, int], worker: RequestContext
) -> None:
    await archive_policy(admin, policy_id=terms[1])
    await sweep_clocks(worker)

    rows = await clock_rows(ticket)
    assert [(row.paused_for, row.look_at_s) for row in rows.values()] == [
        ("NOT_PROMISED", None)
    ] * 2
    assert await is_swept(worker)


async def test_a_deleted_ticket_is_left_alone(
    ticket: Ticket, worker: RequestContext, clock: FixedClock
) -> None:
    clock.at = moscow("23T09:10")
    await Ticket.filter(id=ticket.id).update(deleted_at=clock.at)
    clock.at = moscow("23T12:00")
    await ServiceClockRow.filter(ticket_id=ticket.id).update(generation=1)
    await sweep_clocks(worker)

    rows = await clock_rows(ticket)
    assert [row.paused_for for row in rows.values()] == ["SET_ASIDE"] * 2


async def test_a_release_with_other_holidays_counts_everything_anew_once(
    ticket: Ticket, worker: RequestContext
) -> None:
    await ServiceTermsState.all().update(holidays="of the release before")
    state = await ServiceTermsState.get()

    await TicketWorker(worker).step()
    renewed = await ServiceTermsState.get()
    await TicketWorker(worker).step()

    assert renewed.generation > state.generation
    assert (await ServiceTermsState.get()).generation == renewed.generation
    rows = await ServiceClockRow.all()
    assert {row.generation for row in rows} == {renewed.generation}


async def test_tickets_are_closed_after_working_days_of_the_default_policy(
    terms: tuple[int, int], worker: RequestContext, clock: FixedClock
) -> None:
    clock.at = moscow("30T18:00")

    assert await closing_moment(worker, days=5) == moscow("24T00:00")
    clock.at -= timedelta(seconds=1)
    assert await closing_moment(worker, days=5) == moscow("23T00:00")


async def test_without_a_default_policy_a_day_is_24_hours(
    worker: RequestContext, clock: FixedClock
) -> None:
    clock.at = moscow("30T18:00")

    assert await closing_moment(worker, days=5) == moscow("25T18:00")
