"""Calendars as they are stored: JSON, whose keys and names are never renamed.

What is stored was checked before (models.rules.calendar_checks), so that reading it
back checks nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, assert_never, cast

import orjson

from models.rules.calendars import (
    Calendar,
    DayOff,
    DayRule,
    HolidaySource,
    OwnHours,
    ShortenedDay,
    Weekday,
    WorkingDayLike,
)
from models.rules.working_hours import DayHours, WorkSpan


def calendar_to_json(calendar: Calendar) -> str:
    """Return the text of a calendar; equal calendars have equal texts."""
    days = {day.isoformat(): _rule_out(rule) for day, rule in calendar.days.items()}
    values = {
        "zone": calendar.zone,
        "week": [_hours_out(hours) for hours in calendar.week],
        "holidays": calendar.holidays.value,
        "days": days,
    }
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()


def calendar_from_json(text: str) -> Calendar:
    """Return the calendar of a text that calendar_to_json wrote."""
    values = cast("Mapping[str, Any]", orjson.loads(text))
    days = {date.fromisoformat(day): _rule_in(each) for day, each in values["days"].items()}
    return Calendar(
        zone=values["zone"],
        week=tuple(_hours_in(hours) for hours in values["week"]),
        holidays=HolidaySource(values["holidays"]),
        days=MappingProxyType(days),
    )


def _hours_out(hours: DayHours) -> list[list[int]]:
    return [[span.start_min, span.end_min] for span in hours]


def _hours_in(hours: Sequence[Sequence[int]]) -> DayHours:
    return tuple(WorkSpan(start, end) for start, end in hours)


def _rule_out(rule: DayRule) -> dict[str, object]:
    match rule:
        case DayOff():
            return {"kind": "OFF", "name": rule.name}
        case ShortenedDay():
            return {"kind": "SHORTENED", "name": rule.name, "by_min": rule.by_min}
        case WorkingDayLike():
            return {"kind": "LIKE", "name": rule.name, "weekday": rule.weekday.value}
        case OwnHours():
            return {"kind": "HOURS", "name": rule.name, "hours": _hours_out(rule.hours)}
    assert_never(rule)


def _rule_in(values: Mapping[str, Any]) -> DayRule:
    name = str(values["name"])
    match values["kind"]:
        case "SHORTENED":
            return ShortenedDay(values["by_min"], name)
        case "LIKE":
            return WorkingDayLike(Weekday(values["weekday"]), name)
        case "HOURS":
            return OwnHours(_hours_in(values["hours"]), name)
        case _:
            return DayOff(name)
