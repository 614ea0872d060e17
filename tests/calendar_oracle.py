"""What a time zone's wall clock and calendar show, found by looking at every minute.

Written without the rules under test: slow, and with no idea of midnights, gaps or
months' lengths. Only for years after 1980, when offsets were whole quarters.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from models.rules.buckets import StatsInterval

MINUTE_S = 60
_EARLIER_S = 26 * 3600
FOUR_ZONES = ("Europe/Moscow", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe")
ODD_ZONES = (
    "Africa/Cairo",  # no midnight on the day when clocks go forward
    "America/Caracas",  # half an hour, twice
    "America/Havana",  # midnight twice
    "America/Sao_Paulo",  # both at midnight
    "America/St_Johns",  # at one minute past midnight until 2011: a day begins twice
    "Antarctica/Casey",  # three hours
    "Antarctica/Troll",  # two hours
    "Asia/Pyongyang",  # half an hour
    "Europe/London",
    "Pacific/Apia",  # a day left out
    "Pacific/Kwajalein",  # another
    "UTC",
)
_CALENDAR: dict[StatsInterval, Callable[[datetime], tuple[int, ...]]] = {
    StatsInterval.DAY: lambda at: (at.year, at.month, at.day),
    StatsInterval.WEEK: lambda at: at.isocalendar()[:2],
    StatsInterval.MONTH: lambda at: (at.year, at.month),
    StatsInterval.YEAR: lambda at: (at.year,),
}


@lru_cache
def clock_changes(zone: str) -> tuple[int, ...]:
    """Return the seconds since 1970 of the noons (UTC) after clock changes, 1981 to 2037."""
    noon = datetime(1981, 1, 1, 12, tzinfo=UTC)
    noons = [int((noon + timedelta(days=day)).timestamp()) for day in range(57 * 365)]
    return tuple(b for a, b in pairwise(noons) if _offset(a, zone) != _offset(b, zone))


def walked_edges(start_s: int, end_s: int, zone: str, interval: StatsInterval) -> list[int]:
    """Return the quarters of an hour at which a bucket begins, and the one where the last ends."""
    if interval is StatsInterval.HOUR:
        starts = _hour_starts(start_s, end_s, zone)
    else:
        starts = _calendar_starts(start_s, end_s, zone, _CALENDAR[interval])
    return [start_s // 900, *(at_s // 900 for at_s in starts if at_s > start_s), end_s // 900]


def _hour_starts(start_s: int, end_s: int, zone: str) -> Iterator[int]:
    before = _offset(start_s - MINUTE_S, zone)
    for at_s in range(start_s, end_s, MINUTE_S):
        now = _offset(at_s, zone)
        if (at_s + now) % 3600 == 0 or (now - before) % 3600:
            yield at_s
        before = now


def _calendar_starts(
    start_s: int, end_s: int, zone: str, unit: Callable[[datetime], tuple[int, ...]]
) -> Iterator[int]:
    where = ZoneInfo(zone)
    # A day that began already can be shown again when clocks go back, so begin earlier.
    latest = unit(datetime.fromtimestamp(start_s - _EARLIER_S, where))
    for at_s in range(start_s - _EARLIER_S, end_s, MINUTE_S):
        shown = unit(datetime.fromtimestamp(at_s, where))
        if shown > latest:
            latest = shown
            yield at_s


def _offset(at_s: int, zone: str) -> int:
    offset = datetime.fromtimestamp(at_s, ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())
