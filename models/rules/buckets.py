"""Buckets of a series: quarters of an hour, hours, days, weeks, months and years of a zone.

Edges are numbers of quarters of an hour since 1970 (unix seconds // 900), which is
how the rollups are kept; hence there is no interval of a minute. The first and the
last bucket end where the range does, so that the buckets' sums are its totals.

A day, a week (from Monday), a month and a year are those of the zone's calendar, see
models.rules.periods. An hour is an hour of elapsed time that begins when the
zone's wall clock shows a full hour: where clocks go back an hour, the repeated one
is a bucket of its own, where they go forward there is none for the missing one.
Where a change moves the full hour itself (by half an hour on Lord Howe Island),
the hour under way ends with the change: the bucket next to it lasts half an hour.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import islice, pairwise
from typing import Final
from zoneinfo import ZoneInfo

from models.errors import ValueInvalidError
from models.rules.periods import (
    QUARTER_S,
    StatsRange,
    day_start,
    load_zone,
    local_day,
    months_before,
)

MAX_BUCKETS: Final = 1000
_HOUR_S: Final = 3600
_DAY_QUARTERS: Final = 96


class StatsInterval(StrEnum):
    """Width of a bucket."""

    QUARTER_HOUR = "QUARTER_HOUR"
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"


# The longest range, in days, that the server cuts into such buckets by itself.
_CHOICES: Final = (
    (3, StatsInterval.HOUR),
    (100, StatsInterval.DAY),
    (200, StatsInterval.WEEK),
    (25 * 366, StatsInterval.MONTH),
)


def choose_interval(range: StatsRange) -> StatsInterval:
    """Return an interval that gives a readable number of buckets, mostly 10 to 100.

    Never more than MAX_BUCKETS: that is how many years there are (models.rules.periods).
    """
    quarters = range.stop_quarter - range.first_quarter
    for days, interval in _CHOICES:
        if quarters <= days * _DAY_QUARTERS + 4:  # clocks that went back make a day longer
            return interval
    return StatsInterval.YEAR


def bucket_edges(range: StatsRange, interval: StatsInterval) -> list[int]:
    """Return where the buckets of a range begin, and where the last one ends.

    Each bucket has some length; an empty range has no bucket and one edge.

    Raises:
        ValueInvalidError: more than MAX_BUCKETS buckets.
    """
    zone = load_zone(range.zone)
    edges = [range.first_quarter]
    following = _FOLLOWING[interval](range.first_quarter * QUARTER_S, zone)
    for moment_s in islice(following, MAX_BUCKETS):
        if edges[-1] >= range.stop_quarter:
            break
        edges.append(min(moment_s // QUARTER_S, range.stop_quarter))
    if edges[-1] < range.stop_quarter:
        raise ValueInvalidError(path=("interval",), reason="too_many_buckets", maximum=MAX_BUCKETS)
    return edges


def _quarters(moment_s: int, _zone: ZoneInfo) -> Iterator[int]:
    while True:
        moment_s += QUARTER_S
        yield moment_s


def _hours(moment_s: int, zone: ZoneInfo) -> Iterator[int]:
    while True:
        moment_s = _next_hour(moment_s, zone)
        yield moment_s


def _next_hour(moment_s: int, zone: ZoneInfo) -> int:
    past = _past_the_hour(moment_s, zone)
    end = moment_s + _HOUR_S - past
    for change_s in range(moment_s + QUARTER_S, end, QUARTER_S):
        if _past_the_hour(change_s, zone) != past + change_s - moment_s:
            return change_s
    return end


def _past_the_hour(moment_s: int, zone: ZoneInfo) -> int:
    """Return how many seconds ago, in whole quarters, the wall clock showed a full hour."""
    local = datetime.fromtimestamp(moment_s, zone)
    past = local.minute * 60 + local.second
    return past - past % QUARTER_S


def _days(moment_s: int, zone: ZoneInfo) -> Iterator[int]:
    return _calendar(moment_s, zone, lambda day: day + timedelta(days=1))


def _weeks(moment_s: int, zone: ZoneInfo) -> Iterator[int]:
    return _calendar(moment_s, zone, lambda day: day + timedelta(days=7 - day.weekday()))


def _months(moment_s: int, zone: ZoneInfo) -> Iterator[int]:
    return _calendar(moment_s, zone, lambda day: months_before(day, -1))


def _years(moment_s: int, zone: ZoneInfo) -> Iterator[int]:
    return _calendar(moment_s, zone, lambda day: date(day.year + 1, 1, 1))


def _calendar(moment_s: int, zone: ZoneInfo, following: Callable[[date], date]) -> Iterator[int]:
    """Yield the start of each following day, leaving out days of no length."""
    day = local_day(moment_s, zone)
    while True:
        day = following(day)
        start_s = day_start(day, zone)
        if start_s > moment_s:
            moment_s = start_s
            yield start_s


_FOLLOWING: Final = {
    StatsInterval.QUARTER_HOUR: _quarters,
    StatsInterval.HOUR: _hours,
    StatsInterval.DAY: _days,
    StatsInterval.WEEK: _weeks,
    StatsInterval.MONTH: _months,
    StatsInterval.YEAR: _years,
}


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring buckets of one length.

    Bucket `number` begins at quarter `first`; every `step` quarters the next one
    begins; the last one ends at `stop`.
    """

    first: int
    stop: int
    step: int
    number: int


def spans(edges: Sequence[int]) -> list[Span]:
    """Put buckets of one length together, so that a statement can number them by division."""
    found: list[Span] = []
    for number, (first, stop) in enumerate(pairwise(edges)):
        last = found[-1] if found else None
        if last is not None and last.step == stop - first:
            found[-1] = Span(last.first, stop, last.step, last.number)
        else:
            found.append(Span(first, stop, stop - first, number))
    return found
