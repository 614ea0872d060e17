"""Working time between moments: by hand at the hard places, by the oracle everywhere else."""

from datetime import UTC, date, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.business_time import MAX_SEARCH_S, BusinessTime, CalendarVersion
from models.rules.calendars import Calendar, DayOff, HolidaySource, OwnHours
from models.rules.working_hours import ALL_DAY, NO_HOURS
from tests.calendar_oracle import ODD_ZONES
from tests.working_minutes import (
    FIRST_S,
    LAST_S,
    OFFICE,
    SAMPLES,
    hours_of,
    minutes_by_name,
    versions_of,
)

HOUR = 3600
MOSCOW = ZoneInfo("Europe/Moscow")


def _time(calendar: Calendar) -> BusinessTime:
    return BusinessTime([CalendarVersion(1, 0, calendar)])


def _at(text: str, zone: str = "Europe/Moscow") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


def _local(at_s: int | None, zone: str = "Europe/Moscow") -> str:
    assert at_s is not None
    return datetime.fromtimestamp(at_s, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


OFFICE_TIME = _time(OFFICE.calendar())


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-11-20T09:00", "2026-11-20T18:00", 8),
        ("2026-11-20T13:10", "2026-11-20T13:50", 0),  # lunch
        ("2026-11-20T17:00", "2026-11-23T10:00", 2),  # over a weekend
        ("2026-04-30T16:00", "2026-05-04T10:00", 2),  # a shorter day, a holiday, a weekend
        ("2025-12-30T17:00", "2026-01-12T10:00", 2),  # the holidays of January
        ("2025-11-01T09:00", "2025-11-01T18:00", 7),  # a Saturday that is worked
        ("2026-11-20T18:00", "2026-11-20T09:00", 0),  # backwards
    ],
)
def test_working_time_leaves_out_what_is_off(start: str, end: str, hours: int) -> None:
    assert OFFICE_TIME.between(_at(start), _at(end)) == hours * HOUR


@pytest.mark.parametrize(
    ("start", "work_s", "end"),
    [
        ("2026-11-20T09:00", 0, "2026-11-20 09:00:00"),
        ("2026-11-21T12:00", 0, "2026-11-21 12:00:00"),
        ("2026-11-21T12:00", 1, "2026-11-23 09:00:01"),
        ("2026-11-20T17:00", HOUR, "2026-11-20 18:00:00"),  # the end of work, not Monday
        ("2026-11-20T17:00", HOUR + 1, "2026-11-23 09:00:01"),
        ("2026-12-30T17:30", 8 * HOUR, "2027-01-11 17:30:00"),
        ("2026-11-20T12:30", HOUR, "2026-11-20 14:30:00"),
    ],
)
def test_so_much_working_time_has_passed_at_the_first_such_moment(
    start: str, work_s: int, end: str
) -> None:
    assert _local(OFFICE_TIME.after(_at(start), work_s)) == end


def test_an_hour_that_is_left_out_is_not_worked_and_one_that_comes_twice_is_worked_twice() -> None:
    night = _time(Calendar("Europe/London", (hours_of("00:30-03:00"),) * 7))

    spring = (_at("2026-03-29T00:00", "Europe/London"), _at("2026-03-29T12:00", "Europe/London"))
    autumn = (_at("2026-10-25T00:00", "Europe/London"), _at("2026-10-25T12:00", "Europe/London"))
    assert night.between(*spring) == 1.5 * HOUR
    assert night.between(*autumn) == 3.5 * HOUR


def test_a_day_that_the_date_line_took_is_not_worked() -> None:
    apia = _time(Calendar("Pacific/Apia", (ALL_DAY,) * 7, days={date(2011, 12, 31): DayOff()}))
    start = _at("2011-12-29T00:00", "Pacific/Apia")

    assert apia.between(start, _at("2012-01-01T00:00", "Pacific/Apia")) == 24 * HOUR


def test_a_version_counts_from_its_moment() -> None:
    short = Calendar("Europe/Moscow", (hours_of("10:00-12:00"),) * 7)
    long = Calendar("Asia/Vladivostok", (hours_of("09:00-18:00"),) * 7)
    noon = _at("2026-11-20T11:00")
    time = BusinessTime([CalendarVersion(1, 0, short), CalendarVersion(2, noon, long)])

    # 11:00 in Moscow is 18:00 in Vladivostok.
    assert time.between(_at("2026-11-20T00:00"), _at("2026-11-21T00:00")) == HOUR
    assert time.between(_at("2026-11-21T00:00"), _at("2026-11-22T00:00")) == 9 * HOUR
    assert _local(time.after(_at("2026-11-20T10:30"), HOUR)) == "2026-11-21 02:30:00"


@pytest.mark.parametrize("moments", [(), (5, 5), (9, 3)])
def test_versions_must_follow_each_other(moments: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="versions of a calendar follow each other"):
        BusinessTime([CalendarVersion(n, at, OFFICE.calendar()) for n, at in enumerate(moments)])


def test_working_time_that_never_comes_is_never_and_is_found_out_soon() -> None:
    day = date(2026, 11, 23)
    once = _time(Calendar("UTC", (NO_HOURS,) * 7, days={day: OwnHours(ALL_DAY)}))
    start = _at("2026-11-20T00:00", "UTC")

    assert once.after(start, 24 * HOUR) == _at("2026-11-24T00:00", "UTC")
    assert once.after(start, 24 * HOUR + 1) is None
    assert once.opening(_at("2026-11-24T00:00", "UTC")) is None
    assert once.days_after(start, 1) == _at("2026-11-24T00:00", "UTC")
    assert once.days_after(start, 2) is None
    assert once.days_before(_at("2026-12-01T00:00", "UTC"), 1) == _at("2026-11-23T00:00", "UTC")
    assert once.days_before(_at("2026-12-01T00:00", "UTC"), 2) is None


def test_the_search_ends_after_five_years() -> None:
    start = _at("2026-01-01T00:00", "UTC")
    always = _time(Calendar("UTC", (ALL_DAY,) * 7))

    assert always.after(start, MAX_SEARCH_S) == start + MAX_SEARCH_S
    assert always.after(start, MAX_SEARCH_S + 1) is None
    assert always.after(start, 11, limit_s=10) is None


@pytest.mark.parametrize(
    ("at", "opening"),
    [
        ("2026-11-20T12:59:59", "2026-11-20 12:59:59"),
        ("2026-11-20T13:00", "2026-11-20 14:00:00"),
        ("2026-11-20T18:00", "2026-11-23 09:00:00"),
    ],
)
def test_work_goes_on_at_the_next_second_that_is_worked(at: str, opening: str) -> None:
    assert _local(OFFICE_TIME.opening(_at(at))) == opening
    assert OFFICE_TIME.is_working(_at(at)) is (_local(_at(at)) == opening)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-11-20T10:00", 1, "2026-11-23 18:00:00"),
        ("2026-11-20T23:59:59", 1, "2026-11-23 18:00:00"),
        ("2026-11-21T00:00", 5, "2026-11-27 18:00:00"),
        ("2026-04-28T10:00", 2, "2026-04-30 17:00:00"),
        ("2026-12-29T10:00", 2, "2027-01-11 18:00:00"),
    ],
)
def test_working_days_end_with_their_last_working_second(start: str, days: int, end: str) -> None:
    assert _local(OFFICE_TIME.days_after(_at(start), days)) == end


def test_working_days_of_a_round_clock_are_days_of_its_zone() -> None:
    always = _time(Calendar("Europe/Moscow", (ALL_DAY,) * 7))

    assert _local(always.days_after(_at("2026-11-20T10:00"), 3)) == "2026-11-24 00:00:00"


@pytest.mark.parametrize(
    ("now", "days", "before"),
    [
        ("2026-11-20T18:00", 1, "2026-11-20 00:00:00"),  # work has just ended
        ("2026-11-20T17:59:59", 1, "2026-11-19 00:00:00"),
        ("2026-11-23T08:00", 3, "2026-11-18 00:00:00"),
        ("2027-01-11T18:00", 2, "2026-12-30 00:00:00"),
    ],
)
def test_working_days_are_counted_backwards_by_what_is_over(
    now: str, days: int, before: str
) -> None:
    assert _local(OFFICE_TIME.days_before(_at(now), days)) == before


def test_working_days_backwards_are_those_forwards() -> None:
    for hour in range(0, 60 * 24, 5):
        now = _at("2026-04-20T00:00") + hour * HOUR
        before = OFFICE_TIME.days_before(now, 3)
        assert before is not None
        closed, open_still = (OFFICE_TIME.days_after(at, 3) for at in (before - 1, before))
        assert closed is not None
        assert open_still is not None
        assert closed <= now < open_still


def test_a_time_that_reaches_into_an_unpublished_year_says_so() -> None:
    assert OFFICE_TIME.is_official(_at("2025-01-01T00:00"), _at("2026-12-31T23:59:59"))
    assert not OFFICE_TIME.is_official(_at("2026-12-31T00:00"), _at("2035-01-01T00:00"))
    assert not OFFICE_TIME.is_official(_at("2024-12-31T23:59:59"), _at("2025-01-01T00:00"))
    free = _time(Calendar("Europe/Moscow", OFFICE.calendar().week, HolidaySource.NONE))
    assert free.is_official(_at("2020-01-01T00:00"), _at("2035-01-01T00:00"))


def test_only_the_versions_of_a_time_decide_whether_it_is_official() -> None:
    free = Calendar("Europe/Moscow", OFFICE.calendar().week)
    versions = [CalendarVersion(1, 0, OFFICE.calendar())]
    time = BusinessTime([*versions, CalendarVersion(2, _at("2027-01-01T00:00"), free)])

    assert time.is_official(_at("2026-01-01T00:00"), _at("2035-01-01T00:00"))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_as_its_minutes_are(name: str) -> None:
    oracle, time = minutes_by_name(name), BusinessTime(versions_of(SAMPLES[name]))
    chance = Random(name)  # noqa: S311 - the same cases every time
    for _ in range(1_500):
        start = chance.randrange(FIRST_S, LAST_S)
        end = min(LAST_S, start + int(chance.expovariate(1 / (40 * 86_400))))
        worked = oracle.worked(start, end)
        assert time.between(start, end) == worked
        assert time.after(start, worked) == oracle.after(start, worked)
        wanted = chance.randrange(1, 400_000)
        expected = oracle.after(start, wanted)
        assert expected is None or time.after(start, wanted) == expected


_ZONES = st.sampled_from([*ODD_ZONES, "Europe/Moscow", "Pacific/Chatham", "Australia/Lord_Howe"])
_MOMENTS = st.integers(FIRST_S - 20 * 365 * 86_400, LAST_S + 20 * 365 * 86_400)
_WEEKS = st.lists(
    st.sampled_from(["", "09:00-18:00", "00:00-24:00", "01:30-02:45 23:59-24:00"]),
    min_size=7,
    max_size=7,
).filter(any)


@given(zone=_ZONES, week=_WEEKS, start=_MOMENTS, first=st.integers(0, 10**7), rest=_MOMENTS)
def test_working_time_adds_up_and_its_end_is_found_again(
    zone: str, week: list[str], start: int, first: int, rest: int
) -> None:
    time = _time(Calendar(zone, tuple(hours_of(each) for each in week)))
    between, end = start + first, max(rest, start + first)

    whole = time.between(start, end)
    assert whole == time.between(start, between) + time.between(between, end)
    assert 0 <= whole <= end - start
    found = time.after(start, first)
    if found is not None:
        assert time.between(start, found) == first
        assert first == 0 or time.between(start, found - 1) == first - 1


def test_the_day_and_night_of_a_zone_is_all_time() -> None:
    for zone in ODD_ZONES:
        time = _time(Calendar(zone, (ALL_DAY,) * 7))
        start = int(datetime(1995, 1, 1, tzinfo=UTC).timestamp())
        assert time.between(start, LAST_S) == LAST_S - start
