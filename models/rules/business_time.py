"""Working time of a calendar between moments, and the moment at which so much has passed.

Moments are whole seconds since 1970, so that days of 23 and 25 hours, gaps and repeated
hours are no special cases: the spans of time that are worked are worked out once for each
year (UTC) that is asked for, with running sums, and every question is a binary search.
A year is cut where the calendar is replaced by its next version and where the zone's
offset changes; within such a stretch the wall clock runs evenly.
"""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from models.rules.calendars import Calendar
from models.rules.periods import day_start, local_day
from models.rules.working_hours import DayHours

MAX_YEARS: Final = 5  # a moment farther away is no promise
MAX_SEARCH_S: Final = MAX_YEARS * 366 * 86_400
_DAY_S: Final = 86_400
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class CalendarVersion:
    """A calendar as it counts from `valid_from_s` until the next version does.

    Attributes:
        number: 1, 2, 3 ... of the calendar.
        valid_from_s: moment in seconds since 1970; the first version counts before it, too.
        calendar: never changed once it is a version.
    """

    number: int
    valid_from_s: int
    calendar: Calendar


@dataclass(frozen=True, slots=True)
class _Year:
    """Worked spans of a year: `starts[i]` up to `ends[i]`, `sums[i]` seconds worked before."""

    starts: list[int]
    ends: list[int]
    sums: list[int]
    total_s: int

    def before(self, at_s: int) -> int:
        """Return the seconds worked between the year's first moment and this one."""
        index = bisect_right(self.starts, at_s) - 1
        if index < 0:
            return 0
        return self.sums[index] + min(at_s, self.ends[index]) - self.starts[index]

    def moment(self, work_s: int) -> int:
        """Return when so many seconds (1 to total_s) of the year have been worked."""
        index = bisect_left(self.sums, work_s) - 1
        return self.starts[index] + work_s - self.sums[index]


class BusinessTime:
    """Working time by all versions of one calendar. Keep it: its years are worked out once."""

    def __init__(self, versions: Sequence[CalendarVersion]) -> None:
        """Take the versions in the order in which they count; at least one."""
        moments = [version.valid_from_s for version in versions]
        if not versions or any(late <= early for early, late in pairwise(moments)):
            raise ValueError("versions of a calendar follow each other")
        self.versions: Final = tuple(versions)
        self._from: Final = moments
        self._zones: Final = [ZoneInfo(version.calendar.zone) for version in versions]
        self._years: Final[dict[int, _Year]] = {}

    def between(self, start_s: int, end_s: int) -> int:
        """Return the seconds worked from `start_s` up to `end_s`; 0 when that is no later."""
        if end_s <= start_s:
            return 0
        first, last = _year_of(start_s), _year_of(end_s)
        worked = self._year(last).before(end_s) - self._year(first).before(start_s)
        return worked + sum(self._year(year).total_s for year in range(first, last))

    def after(self, start_s: int, work_s: int, *, limit_s: int = MAX_SEARCH_S) -> int | None:
        """Return the first moment at which `work_s` seconds have been worked since `start_s`.

        That is `start_s` itself for no work at all, and the end of a span of work rather
        than the beginning of the next one.

        Args:
            start_s: seconds since 1970.
            work_s: 0 or more.
            limit_s: how far to look, in seconds.

        Returns:
            None: never within the limit.
        """
        if work_s <= 0:
            return start_s
        year, end_s = _year_of(start_s), start_s + limit_s
        wanted, last = work_s + self._year(year).before(start_s), _year_of(end_s)
        while year < last and wanted > self._year(year).total_s:
            wanted -= self._year(year).total_s
            year += 1
        if wanted > self._year(year).total_s:
            return None
        moment_s = self._year(year).moment(wanted)
        return moment_s if moment_s <= end_s else None

    def is_working(self, at_s: int) -> bool:
        """Tell whether the second that begins at a moment is worked."""
        return self.between(at_s, at_s + 1) == 1

    def opening(self, at_s: int) -> int | None:
        """Return the first moment, not before `at_s`, whose second is worked; None for never."""
        worked_s = self.after(at_s, 1)
        return None if worked_s is None else worked_s - 1

    def days_after(self, start_s: int, days: int) -> int | None:
        """Return the end of work of the nth working day after the day of a moment.

        Days are those of the calendar that counts at `start_s`; a day is a working day
        if any time of it is worked.

        Args:
            start_s: seconds since 1970.
            days: 1 or more.

        Returns:
            None: there are not so many within MAX_YEARS.
        """
        for begin_s, end_s in self._days(start_s, range(1, MAX_SEARCH_S // _DAY_S)):
            worked = self.between(begin_s, end_s)
            days -= worked > 0
            if days == 0:
                return self.after(begin_s, worked)
        return None

    def days_before(self, at_s: int, days: int) -> int | None:
        """Return the moment before which days_after ends no later than at a given moment.

        That is the beginning of the nth of the working days that are over, counted
        backwards: whoever began before it has had so many working days.

        Args:
            at_s: seconds since 1970.
            days: 1 or more.

        Returns:
            None: there are not so many within MAX_YEARS.
        """
        for begin_s, end_s in self._days(at_s, range(0, -MAX_SEARCH_S // _DAY_S, -1)):
            days -= self.between(begin_s, end_s) > 0 and self.between(at_s, end_s) == 0
            if days == 0:
                return begin_s
        return None

    def _days(self, at_s: int, numbers: range) -> Iterator[tuple[int, int]]:
        """Yield days of the zone at a moment, counted from its own day: begin and end."""
        zone = self._zones[self._index(at_s)]
        first = local_day(at_s, zone).toordinal()
        for number in numbers:
            day = first + number
            edges = (date.fromordinal(day), date.fromordinal(day + 1))
            yield day_start(edges[0], zone), day_start(edges[1], zone)

    def is_official(self, first_s: int, last_s: int) -> bool:
        """Tell whether all holidays between two moments are published ones."""
        return all(
            production is None or production.is_official
            for index in range(self._index(first_s), self._index(last_s) + 1)
            for year in range(
                local_day(max(first_s, self._begin(index)), self._zones[index]).year,
                local_day(min(last_s, self._stop(index) - 1), self._zones[index]).year + 1,
            )
            for production in [self.versions[index].calendar.production_year(year)]
        )

    def _index(self, at_s: int) -> int:
        return max(0, bisect_right(self._from, at_s) - 1)

    def _begin(self, index: int) -> int:
        return self._from[index] if index else -(10**18)

    def _stop(self, index: int) -> int:
        return self._from[index + 1] if index + 1 < len(self._from) else 10**18

    def _year(self, year: int) -> _Year:
        found = self._years.get(year)
        if found is None:
            found = self._years[year] = _table(self._spans(year))
        return found

    def _spans(self, year: int) -> Iterator[tuple[int, int]]:
        first_s, stop_s = _first_second(year), _first_second(year + 1)
        for index in range(self._index(first_s), self._index(stop_s - 1) + 1):
            begin_s, end_s = max(first_s, self._begin(index)), min(stop_s, self._stop(index))
            calendar, plans = self.versions[index].calendar, dict[int, DayHours]()
            for stretch in _even_stretches(begin_s, end_s, self._zones[index]):
                yield from _worked(*stretch, calendar, plans)


def _worked(
    begin_s: int, end_s: int, offset_s: int, calendar: Calendar, plans: dict[int, DayHours]
) -> Iterator[tuple[int, int]]:
    """Yield the worked spans of a stretch in which the wall clock runs evenly."""
    for day in range((begin_s + offset_s) // _DAY_S, (end_s + offset_s - 1) // _DAY_S + 1):
        hours = plans.get(day)
        if hours is None:
            hours = plans[day] = calendar.plan(date.fromordinal(_EPOCH_DAY + day)).hours
        midnight_s = day * _DAY_S - offset_s
        for span in hours:
            start = max(begin_s, midnight_s + span.start_min * 60)
            end = min(end_s, midnight_s + span.end_min * 60)
            if start < end:
                yield start, end


def _table(spans: Iterator[tuple[int, int]]) -> _Year:
    starts: list[int] = []
    ends: list[int] = []
    sums: list[int] = []
    total = 0
    for start, end in spans:
        if ends and ends[-1] == start:
            ends[-1] = end
        else:
            starts.append(start)
            ends.append(end)
            sums.append(total)
        total += end - start
    return _Year(starts, ends, sums, total)


def _even_stretches(begin_s: int, end_s: int, zone: ZoneInfo) -> Iterator[tuple[int, int, int]]:
    """Yield stretches of one offset: begin, end, and seconds east of UTC.

    No zone has changed its offset twice within a day since 1970 (tzdata 2026), so that
    looking once a day finds every change.
    """
    offset_s = _offset(begin_s, zone)
    for looked_s in range(begin_s, end_s, _DAY_S):
        next_s = min(looked_s + _DAY_S, end_s)
        new_s = _offset(next_s, zone)
        if new_s != offset_s:
            changes_s = _change(looked_s, next_s, offset_s, zone)
            yield begin_s, changes_s, offset_s
            begin_s, offset_s = changes_s, new_s
    if begin_s < end_s:
        yield begin_s, end_s, offset_s


def _change(early_s: int, late_s: int, offset_s: int, zone: ZoneInfo) -> int:
    """Return the first second, after `early_s` and not after `late_s`, of another offset."""
    seconds = range(early_s + 1, late_s + 1)
    index = bisect_left(seconds, True, key=lambda at_s: _offset(at_s, zone) != offset_s)  # noqa: FBT003
    return seconds[index]


def _offset(at_s: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(at_s, zone).utcoffset()
    return 0 if offset is None else offset.days * _DAY_S + offset.seconds


def _year_of(at_s: int) -> int:
    return time.gmtime(at_s).tm_year


def _first_second(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
