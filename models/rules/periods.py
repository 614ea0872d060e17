"""Periods of statistics: presets and ranges of days, as moments in a time zone.

A day begins at the first moment at which the zone's calendar shows it, so days
follow each other without gap or overlap whatever the clocks do: 23, 24, 24.5 or
25 hours, one that has no midnight, and one that a move of the date line left out
(no time at all). Edges lie on quarters of an hour, as the rollups do.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.errors import ValueInvalidError

QUARTER_S: Final = 900
EARLIEST_DAY: Final = date(1970, 1, 1)
LATEST_DAY: Final = date(2999, 12, 31)


class StatsPreset(StrEnum):
    """Periods that move with the clock; those of days and months end with today.

    LAST_24_HOURS ends with the present quarter of an hour. LAST_7_DAYS is today and
    the 6 days before, LAST_12_MONTHS this month and the 11 before; LAST_MONTH is the
    whole calendar month. ALL_TIME begins with the day of the first click.
    """

    LAST_24_HOURS = "LAST_24_HOURS"
    LAST_7_DAYS = "LAST_7_DAYS"
    LAST_30_DAYS = "LAST_30_DAYS"
    LAST_90_DAYS = "LAST_90_DAYS"
    THIS_MONTH = "THIS_MONTH"
    LAST_MONTH = "LAST_MONTH"
    LAST_12_MONTHS = "LAST_12_MONTHS"
    ALL_TIME = "ALL_TIME"


@dataclass(frozen=True, slots=True)
class DayRange:
    """Calendar days, both included; the same day twice is that one day."""

    first: date
    last: date


StatsPeriod: TypeAlias = StatsPreset | DayRange


@dataclass(frozen=True, slots=True)
class StatsRange:
    """Moments from `start_us` up to, not including, `end_us`: microseconds since 1970.

    Both are whole quarters of an hour. `zone` is the IANA name whose days are meant.
    """

    start_us: int
    end_us: int
    zone: str

    @property
    def start(self) -> datetime:
        """The first moment, in UTC."""
        return datetime.fromtimestamp(self.start_us // 1_000_000, UTC)

    @property
    def end(self) -> datetime:
        """The first moment that is no longer meant, in UTC."""
        return datetime.fromtimestamp(self.end_us // 1_000_000, UTC)
