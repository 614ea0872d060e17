"""A year of a calendar, day by day, for people to look through before they rely on it."""

from dataclasses import dataclass
from datetime import date

from models.errors import ValueInvalidError
from models.rules.calendar_checks import FIRST_DAY, LAST_DAY
from models.rules.calendars import Calendar, DayPlan, DayReason
from models.rules.working_hours import minutes_of


@dataclass(frozen=True, slots=True)
class DayPreview:
    """A day and its hours."""

    day: date
    plan: DayPlan


@dataclass(frozen=True, slots=True)
class YearPreview:
    """A year of a calendar.

    Attributes:
        year: 4 digits.
        is_official: False when the holidays of this year are worked out by the Labour Code
            alone, because nobody has published yet which days off are moved.
        decree: what moved the days off, None when none is known or no holidays are followed.
        days: every day of the year.
    """

    year: int
    is_official: bool
    decree: str | None
    days: tuple[DayPreview, ...]

    @property
    def working_days(self) -> int:
        """Days with some working time."""
        return sum(1 for each in self.days if each.plan.hours)

    @property
    def working_min(self) -> int:
        """Minutes of the wall clock that are worked."""
        return sum(minutes_of(each.plan.hours) for each in self.days)

    @property
    def differing_days(self) -> tuple[DayPreview, ...]:
        """Those days whose hours do not come from the week."""
        return tuple(each for each in self.days if each.plan.reason is not DayReason.WEEK)


def preview_year(calendar: Calendar, year: int) -> YearPreview:
    """Return what a calendar says about every day of a year.

    Raises:
        ValueInvalidError: a year that no calendar reaches.
    """
    if not FIRST_DAY.year <= year <= LAST_DAY.year:
        raise ValueInvalidError(
            path=("year",),
            reason="days_range",
            first=FIRST_DAY.isoformat(),
            last=LAST_DAY.isoformat(),
        )
    production = calendar.production_year(year)
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    days = [date.fromordinal(number) for number in range(first, last + 1)]
    return YearPreview(
        year=year,
        is_official=production is None or production.is_official,
        decree=production.decree if production else None,
        days=tuple(DayPreview(day, calendar.plan(day)) for day in days),
    )
