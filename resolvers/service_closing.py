"""When resolved tickets are closed by themselves: after some working days."""

from datetime import UTC, datetime, timedelta

from models.orm import reader
from resolvers.context import RequestContext
from resolvers.service_book import current_book, seconds_of


async def closing_moment(context: RequestContext, *, days: int) -> datetime | None:
    """Return the moment before which a ticket must have been resolved to be closed now.

    Working days are those of the default policy's calendar: a ticket is closed when work
    ends on the last of so many working days after the day on which it was resolved. Where
    nobody set up a default policy, days are 24 hours.

    Args:
        context: gives the present.
        days: 1 or more.

    Returns:
        None: the calendar has no such moment within five years, so nothing is closed.
    """
    now = context.ports.clock.now()
    time = (await current_book(reader())).default_time
    if time is None:
        return now - timedelta(days=days)
    moment_s = time.days_before(seconds_of(now), days)
    return None if moment_s is None else datetime.fromtimestamp(moment_s, UTC)
