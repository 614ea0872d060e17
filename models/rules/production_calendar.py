"""The Russian production calendar of a five-day week.

Sources: the Labour Code, article 112 (holidays; a day off that falls on one moves to the
next working day, except in January), article 95 (the working day before a holiday is an
hour shorter), and the Government's yearly decree that moves days off, which is data:
calendar_data/russia.toml. A day off on which people work instead of another day is as
long as that other day would have been (order 588n of the Ministry of Health of 2009).

A year without a decree follows the Code alone and says so: `decree` is None.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias, cast

SHORTER_BY_MIN: Final = 60
_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5
_JANUARY: Final = 1
_DATA: Final = Path(__file__).parent / "calendar_data" / "russia.toml"


class Holiday(StrEnum):
    """Holidays of article 112."""

    NEW_YEAR = "NEW_YEAR"
    CHRISTMAS = "CHRISTMAS"
    DEFENDER_DAY = "DEFENDER_DAY"
    WOMENS_DAY = "WOMENS_DAY"
    LABOUR_DAY = "LABOUR_DAY"
    VICTORY_DAY = "VICTORY_DAY"
    RUSSIA_DAY = "RUSSIA_DAY"
    UNITY_DAY = "UNITY_DAY"


_HOLIDAYS: Final[Mapping[tuple[int, int], Holiday]] = MappingProxyType(
    {
        **{(_JANUARY, day): Holiday.NEW_YEAR for day in (1, 2, 3, 4, 5, 6, 8)},
        (_JANUARY, 7): Holiday.CHRISTMAS,
        (2, 23): Holiday.DEFENDER_DAY,
        (3, 8): Holiday.WOMENS_DAY,
        (5, 1): Holiday.LABOUR_DAY,
        (5, 9): Holiday.VICTORY_DAY,
        (6, 12): Holiday.RUSSIA_DAY,
        (11, 4): Holiday.UNITY_DAY,
    }
)


@dataclass(frozen=True, slots=True)
class HolidayOff:
    """Nobody works: a holiday of the Code."""

    holiday: Holiday


@dataclass(frozen=True, slots=True)
class MovedOff:
    """Nobody works on this Monday to Friday: the day off `instead_of` was moved here."""

    instead_of: date


@dataclass(frozen=True, slots=True)
class MovedWork:
    """People work on this Saturday or Sunday as they would have on `instead_of`."""

    instead_of: date
    is_shortened: bool


@dataclass(frozen=True, slots=True)
class BeforeHoliday:
    """A working day of Monday to Friday that is SHORTER_BY_MIN shorter."""


ProductionDay: TypeAlias = HolidayOff | MovedOff | MovedWork | BeforeHoliday


@dataclass(frozen=True, slots=True)
class ProductionYear:
    """The days of a year that differ from an ordinary five-day week.

    Attributes:
        year: 4 digits.
        decree: what moved its days off; None when none is known, then only the Code counts.
        days: every day that differs.
    """

    year: int
    decree: str | None
    days: Mapping[date, ProductionDay]

    @property
    def is_official(self) -> bool:
        """Whether the Government has published the year's moves."""
        return self.decree is not None


Moves: TypeAlias = tuple[tuple[date, date], ...]


def _read(text: str) -> Mapping[int, tuple[str, Moves]]:
    raw = cast("dict[str, dict[str, object]]", tomllib.loads(text))
    years: dict[int, tuple[str, Moves]] = {}
    for year, entry in raw.items():
        pairs = cast("list[list[date]]", entry["moved"])
        years[int(year)] = (str(entry["decree"]), tuple((pair[0], pair[1]) for pair in pairs))
    return MappingProxyType(years)


_TEXT: Final = _DATA.read_text(encoding="utf-8")
_DECREES: Final = _read(_TEXT)
DECREES_DIGEST: Final = hashlib.sha256(_TEXT.encode()).hexdigest()  # tells when a year is added
OFFICIAL_YEARS: Final = tuple(sorted(_DECREES))


def holiday_on(day: date) -> Holiday | None:
    """Return the holiday of a day, None for none."""
    return _HOLIDAYS.get((day.month, day.day))


@lru_cache(maxsize=64)
def production_year(year: int) -> ProductionYear:
    """Return the days of a year that differ, from its decree or, without one, by the Code."""
    decree, moves = _DECREES.get(year, (None, ()))
    return ProductionYear(year, decree, MappingProxyType(days_of_year(year, moves)))


def days_of_year(year: int, moves: Moves) -> dict[date, ProductionDay]:
    """Work out the days that differ.

    Args:
        year: 4 digits.
        moves: days off given up, each with the day that is off instead; all of this year.
    """
    holidays = [day for day in _days(year) if holiday_on(day) is not None]
    days: dict[date, ProductionDay] = {
        day: HolidayOff(_HOLIDAYS[day.month, day.day]) for day in holidays
    }
    days.update({to: MovedOff(given) for given, to in moves})
    given_up = {given for given, _ in moves}
    for day in holidays:
        if _is_weekend(day) and day.month != _JANUARY and day not in given_up:
            days[_next_working(day, days)] = MovedOff(day)
    for given, to in moves:
        if holiday_on(given) is None:
            days[given] = MovedWork(to, is_shortened=holiday_on(to + _DAY) is not None)
    for day in _days(year):
        if day not in days and not _is_weekend(day) and holiday_on(day + _DAY) is not None:
            days[day] = BeforeHoliday()
    return days


def _next_working(day: date, days: Mapping[date, ProductionDay]) -> date:
    while day in days or _is_weekend(day):
        day += _DAY
    return day


def _is_weekend(day: date) -> bool:
    return day.weekday() >= _SATURDAY


def _days(year: int) -> list[date]:
    first = date(year, 1, 1).toordinal()
    return [date.fromordinal(number) for number in range(first, date(year, 12, 31).toordinal() + 1)]
