"""Working calendars: a time zone, the hours of a week, and the days that differ.

A calendar says for every day which hours are worked and why. The days that somebody set
go before the production calendar, and that goes before the week.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias, assert_never

from models.rules.production_calendar import (
    SHORTER_BY_MIN,
    BeforeHoliday,
    HolidayOff,
    MovedOff,
    MovedWork,
    ProductionDay,
    ProductionYear,
    production_year,
)
from models.rules.working_hours import NO_HOURS, DayHours, shorten


class Weekday(StrEnum):
    """Days of a week, in order."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


WEEKDAYS: Final = tuple(Weekday)


class HolidaySource(StrEnum):
    """Whose holidays a calendar follows by itself. Stored; never renamed."""

    NONE = "NONE"
    RUSSIA = "RUSSIA"


class DayReason(StrEnum):
    """Why a day has the hours it has."""

    WEEK = "WEEK"  # what the week says, hours or none
    HOLIDAY = "HOLIDAY"
    MOVED_DAY_OFF = "MOVED_DAY_OFF"
    MOVED_WORKING_DAY = "MOVED_WORKING_DAY"
    BEFORE_HOLIDAY = "BEFORE_HOLIDAY"
    OWN_DAY_OFF = "OWN_DAY_OFF"
    OWN_SHORTENED = "OWN_SHORTENED"
    OWN_WORKING_DAY = "OWN_WORKING_DAY"
    OWN_HOURS = "OWN_HOURS"


@dataclass(frozen=True, slots=True)
class DayOff:
    """No work."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class ShortenedDay:
    """The hours of its weekday, less `by_min` minutes at the end."""

    by_min: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class WorkingDayLike:
    """The hours of another weekday: a moved working day."""

    weekday: Weekday
    name: str = ""


@dataclass(frozen=True, slots=True)
class OwnHours:
    """Hours of its own."""

    hours: DayHours
    name: str = ""


DayRule: TypeAlias = DayOff | ShortenedDay | WorkingDayLike | OwnHours


@dataclass(frozen=True, slots=True)
class Calendar:
    """When is worked. Build it from what people typed with calendar_checks.check_calendar.

    Attributes:
        zone: IANA name of the zone whose wall clock is meant.
        week: hours of the seven days, Monday first.
        holidays: which holidays are days off without being listed.
        days: days that differ from the week and the holidays.
    """

    zone: str
    week: tuple[DayHours, ...]
    holidays: HolidaySource = HolidaySource.NONE
    days: Mapping[date, DayRule] = field(default_factory=lambda: MappingProxyType({}))

    def plan(self, day: date) -> "DayPlan":
        """Return the hours of a day, and why."""
        production = self.production_year(day.year)
        rule = self.days.get(day)
        if rule is not None:
            return self._own(day, rule)
        special = production.days.get(day) if production else None
        is_official = production is None or production.is_official
        if special is None:
            return DayPlan(self.week[day.weekday()], DayReason.WEEK, is_official=is_official)
        hours, reason = self._production(day, special)
        return DayPlan(hours, reason, is_official=is_official)

    def production_year(self, year: int) -> ProductionYear | None:
        """Return the production calendar that counts in a year, None for none."""
        return production_year(year) if self.holidays is HolidaySource.RUSSIA else None

    def _own(self, day: date, rule: DayRule) -> "DayPlan":
        match rule:
            case DayOff():
                return DayPlan(NO_HOURS, DayReason.OWN_DAY_OFF, name=rule.name)
            case ShortenedDay():
                hours = shorten(self.week[day.weekday()], rule.by_min)
                return DayPlan(hours, DayReason.OWN_SHORTENED, name=rule.name)
            case WorkingDayLike():
                hours = self.week[WEEKDAYS.index(rule.weekday)]
                return DayPlan(hours, DayReason.OWN_WORKING_DAY, name=rule.name)
            case OwnHours():
                return DayPlan(rule.hours, DayReason.OWN_HOURS, name=rule.name)
        assert_never(rule)

    def _production(self, day: date, special: ProductionDay) -> tuple[DayHours, DayReason]:
        match special:
            case HolidayOff():
                return NO_HOURS, DayReason.HOLIDAY
            case MovedOff():
                return NO_HOURS, DayReason.MOVED_DAY_OFF
            case BeforeHoliday():
                return shorten(self.week[day.weekday()], SHORTER_BY_MIN), DayReason.BEFORE_HOLIDAY
            case MovedWork():
                hours = self.week[special.instead_of.weekday()]
                shorter = shorten(hours, SHORTER_BY_MIN) if special.is_shortened else hours
                return shorter, DayReason.MOVED_WORKING_DAY
        assert_never(special)


@dataclass(frozen=True, slots=True)
class DayPlan:
    """The hours of one day.

    Attributes:
        hours: in order; none on a day off.
        reason: where they come from.
        name: what the person who set the day calls it.
        is_official: False where the holidays are worked out for a year whose moved days
            off nobody has published yet; a day that somebody set is as sure as they are.
    """

    hours: DayHours
    reason: DayReason
    name: str = ""
    is_official: bool = True
