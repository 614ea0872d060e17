"""Working time found by looking at every minute of three years: the oracle of calendars.

Written without the rules under test. A calendar is told here in plain words: a zone, the
hours of a week, and the hours of days that differ, holidays spelt out one by one. Every
quarter of an hour is asked for its place on the wall clock, and has the minutes that this
place of that day has; a sum over all minutes before then answers every question.
"""

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from itertools import accumulate
from zoneinfo import ZoneInfo

from models.rules.business_time import CalendarVersion
from models.rules.calendars import Calendar, DayOff, DayRule, HolidaySource, OwnHours
from models.rules.working_hours import DayHours, WorkSpan

FIRST_S = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
LAST_S = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())
DAY_MIN = 1440
QUARTER_MIN = 15

# The days of Russia that differ from a five-day week, as its production calendars print
# them; of 2024 only what the Labour Code says, as no decree is known to us.
RUSSIA_OFF = """
2024-01-01 2024-01-02 2024-01-03 2024-01-04 2024-01-05 2024-01-06 2024-01-07 2024-01-08
2024-02-23 2024-03-08 2024-05-01 2024-05-09 2024-06-12 2024-11-04
2025-01-01 2025-01-02 2025-01-03 2025-01-04 2025-01-05 2025-01-06 2025-01-07 2025-01-08
2025-02-23 2025-03-08 2025-05-01 2025-05-02 2025-05-08 2025-05-09 2025-06-12 2025-06-13
2025-11-03 2025-11-04 2025-12-31
2026-01-01 2026-01-02 2026-01-03 2026-01-04 2026-01-05 2026-01-06 2026-01-07 2026-01-08
2026-01-09 2026-02-23 2026-03-08 2026-03-09 2026-05-01 2026-05-09 2026-05-11 2026-06-12
2026-11-04 2026-12-31
"""
RUSSIA_SHORT = """
2024-02-22 2024-03-07 2024-04-30 2024-05-08 2024-06-11 2024-12-31
2025-03-07 2025-04-30 2025-06-11 2025-11-01
2026-04-30 2026-05-08 2026-06-11 2026-11-03
"""


def days(text: str) -> list[date]:
    """Read days that are separated by white space."""
    return [date.fromisoformat(each) for each in text.split()]


@dataclass(frozen=True)
class Plain:
    """A calendar in plain words: hours such as "09:00-13:00 14:00-18:00", Monday first."""

    zone: str
    week: tuple[str, ...]
    own: Mapping[date, str] = field(default_factory=dict)
    is_russian: bool = False

    def hours_on(self, day: date) -> str:
        """Return the hours of a day."""
        return {**self.russian(), **self.own}.get(day, self.week[day.weekday()])

    def russian(self) -> dict[date, str]:
        """Return the days on which the Russian holidays make a difference."""
        if not self.is_russian:
            return {}
        shorter = self.week[0].replace("18:00", "17:00")
        return dict.fromkeys(days(RUSSIA_OFF), "") | dict.fromkeys(days(RUSSIA_SHORT), shorter)

    def calendar(self) -> Calendar:
        """Return the same as the rules under test want it."""
        rules: dict[date, DayRule] = {
            day: OwnHours(hours_of(text)) if text else DayOff() for day, text in self.own.items()
        }
        holidays = HolidaySource.RUSSIA if self.is_russian else HolidaySource.NONE
        return Calendar(self.zone, tuple(hours_of(text) for text in self.week), holidays, rules)


def minutes_of(text: str) -> list[tuple[int, int]]:
    """Read hours into minutes since midnight."""
    found: list[tuple[int, int]] = []
    for span in text.split():
        begin, end = (each.split(":") for each in span.split("-"))
        found.append((int(begin[0]) * 60 + int(begin[1]), int(end[0]) * 60 + int(end[1])))
    return found


def hours_of(text: str) -> DayHours:
    """Read hours as the rules under test want them."""
    return tuple(WorkSpan(begin, end) for begin, end in minutes_of(text))


@lru_cache
def flags_of(text: str) -> bytes:
    """Return for every minute of a day whether it is worked."""
    spans = minutes_of(text)
    return bytes(any(a <= minute < b for a, b in spans) for minute in range(DAY_MIN))


class WorkingMinutes:
    """Which minutes from FIRST_S up to LAST_S are worked, by calendars one after the other."""

    def __init__(self, versions: Sequence[tuple[int, Plain]]) -> None:
        """Take calendars, each with the moment from which it counts."""
        self.versions = tuple(versions)
        self.flags = bytearray()
        for (begin_s, plain), (end_s, _) in zip(
            versions, [*versions[1:], (LAST_S, versions[0][1])], strict=True
        ):
            self._look(max(begin_s, FIRST_S), end_s, plain)
        self.sums = array("l", accumulate(self.flags, initial=0))

    def _look(self, begin_s: int, end_s: int, plain: Plain) -> None:
        zone, flags = ZoneInfo(plain.zone), dict[date, bytes]()
        for at_s in range(begin_s, end_s, QUARTER_MIN * 60):
            local = datetime.fromtimestamp(at_s, zone)
            day = local.date()
            if day not in flags:
                flags[day] = flags_of(plain.hours_on(day))
            minute = local.hour * 60 + local.minute
            self.flags += flags[day][minute : minute + QUARTER_MIN]

    def worked(self, begin_s: int, end_s: int) -> int:
        """Return the seconds worked between two moments."""
        return self._before(end_s) - self._before(begin_s)

    def after(self, begin_s: int, work_s: int) -> int | None:
        """Return when so much has been worked, None if the minutes do not go so far."""
        if work_s <= 0:
            return begin_s
        wanted = self._before(begin_s) + work_s
        minute = bisect_left(self.sums, -(-wanted // 60)) - 1
        if minute >= len(self.flags):
            return None
        return FIRST_S + minute * 60 + wanted - self.sums[minute] * 60

    def _before(self, at_s: int) -> int:
        minute, second = divmod(at_s - FIRST_S, 60)
        return self.sums[minute] * 60 + (second if second and self.flags[minute] else 0)


def _moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


_WORKDAYS = ("09:00-13:00 14:00-18:00",) * 5
_SPARSE_FROM = date(2024, 1, 1)
OFFICE = Plain("Europe/Moscow", (*_WORKDAYS, "", ""), is_russian=True)
SAMPLES: Mapping[str, Sequence[tuple[int, Plain]]] = {
    "Russian office": [(0, OFFICE)],
    "half a Saturday and own days": [
        (
            0,
            Plain(
                "Europe/London",
                (*("08:30-17:30",) * 5, "09:00-13:00", ""),
                {
                    date(2024, 2, 29): "",
                    date(2024, 3, 31): "00:30-03:15",  # clocks go forward at 01:00
                    date(2025, 10, 26): "00:30-02:45",  # and back at 02:00
                    date(2025, 12, 24): "08:30-12:00",
                    date(2025, 12, 25): "",
                    date(2026, 8, 29): "08:30-17:30",
                },
            ),
        )
    ],
    "day and night": [(0, Plain("America/New_York", ("00:00-24:00",) * 7))],
    "nights, with half an hour of summer": [
        (0, Plain("Australia/Lord_Howe", ("00:00-06:00 22:00-24:00",) * 7))
    ],
    "nights of Sundays": [(0, Plain("Pacific/Chatham", (*("",) * 6, "01:00-05:00")))],
    "around midnights that come twice": [
        (0, Plain("America/Havana", ("00:00-02:00 23:00-24:00",) * 7))
    ],
    "a winter of one month": [
        (0, Plain("Africa/Casablanca", (*("02:30-03:20 08:30-16:30",) * 5, "", "02:00-04:00")))
    ],
    "days without a midnight": [
        (0, Plain("Africa/Cairo", (*("08:00-16:00",) * 4, "00:00-24:00", "", "")))
    ],
    "one hour a week": [
        (
            0,
            Plain(
                "Asia/Kathmandu",
                ("", "", "10:00-11:00", "", "", "", ""),
                {_SPARSE_FROM + timedelta(days=n): "" for n in range(0, 1096, 2)},
            ),
        )
    ],
    "an office that moves": [
        (0, OFFICE),
        (
            _moment("2025-05-14T11:15+03:00"),
            Plain("Asia/Vladivostok", OFFICE.week, is_russian=True),
        ),
        (
            _moment("2026-03-10T00:00+10:00"),
            Plain("Asia/Vladivostok", (*("08:00-20:00",) * 5, "10:00-16:00", "")),
        ),
    ],
}


@cache
def minutes_by_name(name: str) -> WorkingMinutes:
    """Return the minutes of a sample, looked at once."""
    return WorkingMinutes(SAMPLES[name])


def versions_of(sample: Sequence[tuple[int, Plain]]) -> list[CalendarVersion]:
    """Return a sample as the rules under test want it."""
    return [
        CalendarVersion(number, from_s, plain.calendar())
        for number, (from_s, plain) in enumerate(sample, start=1)
    ]
