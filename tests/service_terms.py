"""Calendars and policies for tests, made by the real use cases."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from models.rules.calendars import HolidaySource
from models.rules.service_clocks import ClockKind
from models.service_clocks import ServiceClockEntry, ServiceClockRow
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.service_calendars import CalendarDraft, ServiceCalendarView, create_calendar
from resolvers.service_policies import (
    PolicyConditions,
    PolicyDraft,
    ServicePolicyView,
    create_policy,
)
from tests.working_minutes import hours_of

HOUR = 3600
WORKDAY = hours_of("09:00-13:00 14:00-18:00")
BUDGETS: Mapping[ClockKind, int] = {
    ClockKind.FIRST_RESPONSE: HOUR,
    ClockKind.NEXT_RESPONSE: 4 * HOUR,
    ClockKind.RESOLUTION: 16 * HOUR,
}
ANY = PolicyConditions()


def moscow(text: str) -> datetime:
    """Return a moment of November 2026, such as "23T09:00"; the 23rd is a Monday."""
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=ZoneInfo("Europe/Moscow"))


def seconds(text: str) -> int:
    """Return the same in seconds since 1970."""
    return int(moscow(text).timestamp())


def office(hours: str = "09:00-13:00 14:00-18:00") -> CalendarDraft:
    """Return an office in Moscow, from Monday to Friday."""
    week = ((hours_of(hours),) * 5) + ((),) * 2
    return CalendarDraft(zone="Europe/Moscow", week=week, holidays=HolidaySource.RUSSIA)


async def make_calendar(admin: RequestContext, name: str = "Office") -> ServiceCalendarView:
    """Publish the office."""
    return await create_calendar(admin, name=name, draft=office())


async def make_policy(
    admin: RequestContext,
    name: str = "Everybody",
    *,
    calendar_id: int,
    conditions: PolicyConditions = ANY,
    budgets: Mapping[ClockKind, int] = BUDGETS,
) -> ServicePolicyView:
    """Make a policy; the default one unless there are conditions."""
    draft = PolicyDraft(calendar_id=calendar_id, conditions=conditions, budgets=budgets)
    return await create_policy(admin, name=name, draft=draft, is_default=conditions == ANY)


async def make_clock_row(ticket_id: int) -> ServiceClockRow:
    """Put a clock on a ticket as if a policy that is gone had promised something."""
    return await ServiceClockRow.create(
        ticket_id=ticket_id,
        kind=ClockKind.RESOLUTION,
        round=99,
        policy_id=1,
        policy_version=1,
        calendar_id=1,
        calendar_version=1,
        budget_s=HOUR,
        warn_at="[]",
        warned="[]",
        generation=1,
    )


async def clock_rows(ticket: Ticket) -> dict[ClockKind, ServiceClockRow]:
    """Return the last clock of each kind of a ticket."""
    return {
        row.kind: row for row in await ServiceClockRow.filter(ticket_id=ticket.id).order_by("round")
    }


async def log_of(row: ServiceClockRow) -> list[tuple[str, int]]:
    """Return what happened to a clock and when, in order; warnings with their percents."""
    entries = await ServiceClockEntry.filter(clock_id=row.id).order_by("id")
    return [
        (" ".join(filter(None, (each.kind.value, str(each.percent or "")))), each.at_s)
        for each in entries
    ]
