"""The Russian production calendar, next to printed ones and to the package `holidays`."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from holidays import HolidayBase, country_holidays
from holidays.countries.russia import RussiaStaticHolidays

from models.rules.production_calendar import (
    OFFICIAL_YEARS,
    BeforeHoliday,
    Holiday,
    HolidayOff,
    MovedOff,
    MovedWork,
    Moves,
    ProductionDay,
    days_of_year,
    holiday_on,
    production_year,
)
from tests.working_minutes import RUSSIA_OFF, RUSSIA_SHORT, days

SATURDAY = 5
# What accountants are told of a year: working days, and hours of a week of 40.
PRINTED = {
    2017: (247, 1973),
    2018: (247, 1970),
    2019: (247, 1970),
    2020: (248, 1979),
    2021: (247, 1972),
    2022: (247, 1973),
    2023: (247, 1973),
    2024: (248, 1979),
    2025: (247, 1972),
    2026: (247, 1972),
}


_MOVES: Mapping[int, Any] = RussiaStaticHolidays.special_public_holidays


def _package(year: int) -> HolidayBase:
    return country_holidays("RU", years=year)


def _is_working(day: date, found: Mapping[date, ProductionDay]) -> bool:
    special = found.get(day)
    if special is None:
        return day.weekday() < SATURDAY
    return isinstance(special, MovedWork | BeforeHoliday)


def _is_shortened(special: ProductionDay | None) -> bool:
    return isinstance(special, BeforeHoliday) or (
        isinstance(special, MovedWork) and special.is_shortened
    )


def _year(year: int) -> list[date]:
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    return [date.fromordinal(number) for number in range(first, last + 1)]


def _moves_of_the_package(year: int) -> Moves:
    """Return the moved days off of a year as the package has them."""
    told = _MOVES[year]
    pairs = told if isinstance(told[0], tuple) else (told,)
    return tuple(
        (date(year, from_month, from_day), date(year, to_month, to_day))
        for to_month, to_day, from_month, from_day in pairs
    )


def _days_of(year: int) -> Mapping[date, ProductionDay]:
    """Return the days of a year by our data, or by the package's moves where we have none."""
    if year in OFFICIAL_YEARS:
        return production_year(year).days
    return days_of_year(year, _moves_of_the_package(year))


KNOWN_YEARS = sorted(year for year in _MOVES if year >= 2013)


@pytest.mark.parametrize("year", KNOWN_YEARS)
def test_days_off_are_those_of_the_holidays_package(year: int) -> None:
    oracle, found = _package(year), _days_of(year)

    differing = [
        day
        for day in _year(year)
        if _is_working(day, found)
        is not (day not in oracle and (day.weekday() < SATURDAY or day in oracle.weekend_workdays))
    ]

    assert differing == []


@pytest.mark.parametrize("year", [year for year in OFFICIAL_YEARS if year in KNOWN_YEARS])
def test_moved_days_off_are_those_of_the_package(year: int) -> None:
    assert days_of_year(year, _moves_of_the_package(year)) == production_year(year).days


@pytest.mark.parametrize("year", OFFICIAL_YEARS)
def test_days_are_those_of_the_printed_calendar(year: int) -> None:
    found = production_year(year).days
    short = [day for day, each in found.items() if _is_shortened(each)]
    off = [day for day, each in found.items() if isinstance(each, HolidayOff | MovedOff)]

    assert sorted(short) == [day for day in days(RUSSIA_SHORT) if day.year == year]
    assert sorted(off) == [day for day in days(RUSSIA_OFF) if day.year == year]


@pytest.mark.parametrize(("year", "printed"), PRINTED.items())
def test_a_year_has_the_working_days_and_hours_that_are_printed(
    year: int, printed: tuple[int, int]
) -> None:
    found = _days_of(year)
    working = [day for day in _year(year) if _is_working(day, found)]
    shorter = sum(1 for day in working if _is_shortened(found.get(day)))

    assert (len(working), len(working) * 8 - shorter) == printed


def test_a_saturday_that_is_worked_is_as_long_as_the_day_it_stands_for() -> None:
    assert production_year(2025).days[date(2025, 11, 1)] == MovedWork(
        date(2025, 11, 3), is_shortened=True
    )
    plain = days_of_year(2024, ((date(2024, 12, 28), date(2024, 12, 30)),))
    assert plain[date(2024, 12, 28)] == MovedWork(date(2024, 12, 30), is_shortened=False)


def test_a_holiday_on_a_day_off_moves_that_to_the_next_working_day() -> None:
    found = production_year(2026).days

    assert found[date(2026, 3, 9)] == MovedOff(date(2026, 3, 8))
    assert found[date(2026, 5, 11)] == MovedOff(date(2026, 5, 9))
    assert date(2026, 3, 10) not in found


def test_a_decree_goes_before_the_rule_about_the_next_working_day() -> None:
    found = production_year(2025).days

    assert found[date(2025, 5, 8)] == MovedOff(date(2025, 2, 23))
    assert (date(2025, 2, 24) in found, date(2025, 3, 10) in found) == (False, False)


def test_years_name_their_decree() -> None:
    assert production_year(2026).decree == "Постановление Правительства РФ от 24.09.2025 № 1466"
    assert (production_year(2025).is_official, production_year(2026).is_official) == (True, True)


def test_a_year_without_a_decree_follows_the_code_and_says_so() -> None:
    found = production_year(2029)

    assert (found.is_official, found.decree) == (False, None)
    moved = {day: each for day, each in found.days.items() if isinstance(each, MovedOff)}
    assert moved == {date(2029, 11, 5): MovedOff(date(2029, 11, 4))}
    assert sorted(
        day for day, each in found.days.items() if isinstance(each, HolidayOff)
    ) == sorted(day for day in _year(2029) if holiday_on(day))
    assert found.days[date(2029, 12, 31)] == BeforeHoliday()


@pytest.mark.parametrize("year", [*range(2013, 2028), 2028, 2031, 2036])
def test_the_holidays_of_the_code_are_those_of_the_package(year: int) -> None:
    oracle = _package(year)

    assert {day for day in _year(year) if holiday_on(day)} <= set(oracle)
    assert holiday_on(date(year, 1, 7)) is Holiday.CHRISTMAS


def test_moved_days_are_given_as_a_day_off_and_a_working_day_of_the_same_year() -> None:
    for year in OFFICIAL_YEARS:
        for to, each in production_year(year).days.items():
            if isinstance(each, MovedOff):
                assert (each.instead_of.year, to.year, to.weekday() < SATURDAY) == (
                    year,
                    year,
                    True,
                )
                assert each.instead_of.weekday() >= SATURDAY
