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
LATEST_DAY: Final = date(2969, 12, 31)  # a thousand years: as many as a series has buckets
_DAY: Final = timedelta(days=1)


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


_LAST_DAYS: Final = {
    StatsPreset.LAST_7_DAYS: 7,
    StatsPreset.LAST_30_DAYS: 30,
    StatsPreset.LAST_90_DAYS: 90,
}
_MONTHS_BEFORE: Final = {StatsPreset.THIS_MONTH: 0, StatsPreset.LAST_12_MONTHS: 11}


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
    def first_quarter(self) -> int:
        """Number of the first quarter of an hour, counted from 1970."""
        return self.start_us // (QUARTER_S * 1_000_000)

    @property
    def stop_quarter(self) -> int:
        """Number of the first quarter of an hour that is no longer meant."""
        return self.end_us // (QUARTER_S * 1_000_000)

    @property
    def start(self) -> datetime:
        """The first moment, in UTC."""
        return datetime.fromtimestamp(self.start_us // 1_000_000, UTC)

    @property
    def end(self) -> datetime:
        """The first moment that is no longer meant, in UTC."""
        return datetime.fromtimestamp(self.end_us // 1_000_000, UTC)


def load_zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name.

    Raises:
        ValueInvalidError: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones, or no name at all
        raise ValueInvalidError(path=("range", "timeZone"), reason="time_zone") from None


def local_day(moment_s: int, zone: ZoneInfo) -> date:
    """Return the day that the zone's calendar shows at a moment, in seconds since 1970."""
    return datetime.fromtimestamp(moment_s, zone).date()


def day_start(day: date, zone: ZoneInfo) -> int:
    """Return the first moment of a day, in seconds since 1970, a whole quarter of an hour.

    A day that the zone left out begins, and ends, where the next one begins. Where
    clocks go back over midnight the day begins the first time. (Liberia's offset
    was no whole quarter until 1972: there the quarter that holds the moment counts.)
    """
    # Of two midnights this is the first one. A midnight that the clocks skipped is read by
    # the offset before: the moment of the change, as no zone since 1970 skipped one from
    # an earlier moment than midnight itself (tzdata 2026).
    start_s = int(datetime.combine(day, time(), zone).timestamp())
    return start_s - start_s % QUARTER_S


def _day_of(moment_s: int, zone: ZoneInfo) -> date:
    """Return the day that holds a moment: the next one while the end of a day is lived again."""
    day = local_day(moment_s, zone)
    return day + _DAY if day_start(day + _DAY, zone) <= moment_s else day


def period_range(
    period: StatsPeriod, *, zone: str, now: datetime, first_click_us: int | None = None
) -> StatsRange:
    """Return what a period means at a moment.

    Args:
        period: a preset or days.
        zone: IANA name.
        now: aware.
        first_click_us: only for ALL_TIME; None is none yet, then today is meant.

    Raises:
        ValueInvalidError: no such zone; the last day before the first; a day before
            EARLIEST_DAY or after LATEST_DAY.
    """
    where = load_zone(zone)
    now_s = int(now.timestamp())
    if period is StatsPreset.LAST_24_HOURS:
        end = now_s - now_s % QUARTER_S + QUARTER_S
        return _range(end - 86_400, end, zone)
    today = _day_of(now_s, where)
    if isinstance(period, DayRange):
        days = _check_days(period)
    elif period is StatsPreset.ALL_TIME:
        first_s = now_s if first_click_us is None else first_click_us // 1_000_000
        days = DayRange(_day_of(min(max(0, first_s), now_s), where), today)
    else:
        days = _preset_days(period, today)
    return _range(day_start(days.first, where), day_start(days.last + _DAY, where), zone)


def _preset_days(preset: StatsPreset, today: date) -> DayRange:
    if preset in _LAST_DAYS:
        return DayRange(today - (_LAST_DAYS[preset] - 1) * _DAY, today)
    if preset is StatsPreset.LAST_MONTH:
        return DayRange(months_before(today, 1), today.replace(day=1) - _DAY)
    return DayRange(months_before(today, _MONTHS_BEFORE[preset]), today)


def months_before(day: date, count: int) -> date:
    """Return the first day of the month that lies `count` months before the day's own."""
    months = day.year * 12 + day.month - 1 - count
    return date(months // 12, months % 12 + 1, 1)


def _check_days(days: DayRange) -> DayRange:
    if days.last < days.first:
        raise ValueInvalidError(path=("range", "period", "days"), reason="days_order")
    if days.first < EARLIEST_DAY or days.last > LATEST_DAY:
        raise ValueInvalidError(
            path=("range", "period", "days"),
            reason="days_range",
            first=EARLIEST_DAY.isoformat(),
            last=LATEST_DAY.isoformat(),
        )
    return days


def _range(start_s: int, end_s: int, zone: str) -> StatsRange:
    return StatsRange(start_us=start_s * 1_000_000, end_us=end_s * 1_000_000, zone=zone)
