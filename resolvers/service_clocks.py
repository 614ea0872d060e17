"""What the clocks of tickets say now, for the desk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from models.orm import reader
from models.rules.service_clocks import ClockState
from models.service_clocks import ServiceClockEntry, ServiceClockRow
from resolvers.context import RequestContext
from resolvers.link_filters import MAX_ID
from resolvers.service_book import TermsBook, current_book, seconds_of
from resolvers.ticket_clocks import clock_of
from resolvers.ticket_filters import is_desk

MAX_ENTRIES: Final = 200  # of a log, at once


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockView:
    """A clock as it is now.

    Attributes:
        row: as it was last saved.
        state: with a breach that nobody has noted yet.
        used_s: working seconds until now.
        deadline_at: when the budget is used up if the clock runs on, of a broken promise
            when that was; None for never, and while it stands or is met.
        is_official: the deadline depends on published holidays alone.
    """

    row: ServiceClockRow
    state: ClockState
    used_s: int
    deadline_at: datetime | None
    is_official: bool

    @property
    def met_at(self) -> datetime | None:
        """When the promise was kept."""
        return _moment(self.row.met_at_s)

    @property
    def breached_at(self) -> datetime | None:
        """When it broke."""
        return _moment(self.row.breached_at_s)


async def clocks_by_ticket_ids(
    context: RequestContext, ids: Sequence[int]
) -> list[list[ClockView]]:
    """Return the clocks of tickets, in the order in which they began; none but for the desk."""
    found: dict[int, list[ClockView]] = {each: [] for each in ids}
    wanted = [each for each in found if 0 <= each <= MAX_ID]
    if wanted and is_desk(context.viewer):
        connection = reader()
        book, now_s = await current_book(connection), seconds_of(context.ports.clock.now())
        rows = ServiceClockRow.filter(ticket_id__in=wanted).using_db(connection)
        for row in await rows.order_by("id"):
            found[row.ticket_id].append(_view(row, book, now_s))
    return [found[each] for each in ids]


async def logs_by_clock_ids(
    context: RequestContext, ids: Sequence[int]
) -> list[list[ServiceClockEntry]]:
    """Return what happened to clocks, in order: the last MAX_ENTRIES; nothing but for the desk."""
    found: dict[int, list[ServiceClockEntry]] = {each: [] for each in ids}
    if found and is_desk(context.viewer):
        rows = ServiceClockEntry.filter(clock_id__in=list(found)).using_db(reader())
        for row in await rows.order_by("id"):
            found[row.clock_id].append(row)
    return [found[each][-MAX_ENTRIES:] for each in ids]


def _view(row: ServiceClockRow, book: TermsBook, now_s: int) -> ClockView:
    clock, time = clock_of(row), book.times.get(row.calendar_id)
    if time is None:  # of a database that somebody put together by hand
        deadline = _moment(row.deadline_s)
        return ClockView(
            row=row,
            state=clock.state,
            used_s=clock.consumed_s,
            deadline_at=deadline,
            is_official=True,
        )
    used_s, deadline_s = clock.used_s(time, now_s), clock.deadline_s(time)
    is_late = clock.state is ClockState.RUNNING and used_s > clock.terms.budget_s
    since_s = clock.running_since_s
    return ClockView(
        row=row,
        state=ClockState.BREACHED if is_late else clock.state,
        used_s=used_s,
        deadline_at=_moment(deadline_s),
        is_official=since_s is None or deadline_s is None or time.is_official(since_s, deadline_s),
    )


def _moment(at_s: int | None) -> datetime | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC)
