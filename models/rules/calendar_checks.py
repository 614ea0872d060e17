"""What a calendar must be before anybody is promised anything by it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.errors import DomainError, InputInvalidError, TextTooLongError, ValueInvalidError
from models.rules.calendars import (
    WEEKDAYS,
    Calendar,
    DayRule,
    HolidaySource,
    OwnHours,
    ShortenedDay,
)
from models.rules.plain_text import has_hidden
from models.rules.working_hours import DAY_MIN, DayHours, hours_problems

FIRST_DAY: Final = date(2000, 1, 1)
LAST_DAY: Final = date(2199, 12, 31)
MAX_DAYS: Final = 1000
MAX_NAME_LENGTH: Final = 100


def check_calendar(
    *,
    zone: str,
    week: Sequence[DayHours],
    holidays: HolidaySource,
    days: Sequence[tuple[date, DayRule]],
) -> Calendar:
    """Return the calendar, its hours in order.

    Args:
        zone: IANA name.
        week: seven lists of hours, Monday first; an empty one is a day off.
        holidays: which holidays count by themselves.
        days: days that differ, each once.

    Raises:
        InputInvalidError: several fields are wrong; a single one is raised as it is:
            ValueInvalidError or TextTooLongError with the field's path (timeZone,
            week.monday.0.end, days.3.day ...).
    """
    problems = [*_zone_problems(zone), *_week_problems(week), *_days_problems(days)]
    InputInvalidError.raise_for(problems)
    return Calendar(
        zone=zone,
        week=tuple(tuple(sorted(hours)) for hours in week),
        holidays=holidays,
        days=MappingProxyType({day: _sorted(rule) for day, rule in days}),
    )


def _sorted(rule: DayRule) -> DayRule:
    return OwnHours(tuple(sorted(rule.hours)), rule.name) if isinstance(rule, OwnHours) else rule


def _zone_problems(zone: str) -> Iterator[DomainError]:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones, or no name at all
        yield ValueInvalidError(path=("timeZone",), reason="time_zone")


def _week_problems(week: Sequence[DayHours]) -> Iterator[DomainError]:
    if len(week) != len(WEEKDAYS):
        yield ValueInvalidError(path=("week",), reason="week_days")
        return
    for weekday, hours in zip(WEEKDAYS, week, strict=True):
        yield from hours_problems(hours, path=("week", weekday.value.lower()))
    if not any(week):
        yield ValueInvalidError(path=("week",), reason="week_empty")


def _days_problems(days: Sequence[tuple[date, DayRule]]) -> Iterator[DomainError]:
    if len(days) > MAX_DAYS:
        yield ValueInvalidError(path=("days",), reason="calendar_days_many", maximum=MAX_DAYS)
        return
    seen: dict[date, int] = {}
    for number, (day, rule) in enumerate(days):
        path = ("days", str(number))
        yield from _day_problems(day, seen, path=(*path, "day"))
        yield from _rule_problems(rule, path=path)
        seen[day] = number


def _day_problems(
    day: date, seen: Mapping[date, int], *, path: tuple[str, ...]
) -> Iterator[DomainError]:
    if not FIRST_DAY <= day <= LAST_DAY:
        yield ValueInvalidError(
            path=path, reason="days_range", first=FIRST_DAY.isoformat(), last=LAST_DAY.isoformat()
        )
    if day in seen:
        yield ValueInvalidError(path=path, reason="day_twice")


def _rule_problems(rule: DayRule, *, path: tuple[str, ...]) -> Iterator[DomainError]:
    if len(rule.name) > MAX_NAME_LENGTH:
        yield TextTooLongError(path=(*path, "name"), count=MAX_NAME_LENGTH)
    elif has_hidden(rule.name):
        yield ValueInvalidError(path=(*path, "name"), reason="characters")
    if isinstance(rule, ShortenedDay) and not 1 <= rule.by_min <= DAY_MIN:
        yield ValueInvalidError(
            path=(*path, "rule", "shortenedByMinutes"), reason="shortened_by", maximum=DAY_MIN
        )
    if isinstance(rule, OwnHours):
        yield from hours_problems(rule.hours, path=(*path, "rule", "hours"))
