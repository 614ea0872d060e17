"""Periods by their edges on the wall clock."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ValueInvalidError
from models.rules.periods import (
    EARLIEST_DAY,
    LATEST_DAY,
    DayRange,
    StatsPeriod,
    StatsPreset,
    StatsRange,
    day_start,
    load_zone,
    months_before,
    period_range,
)
from tests.calendar_oracle import FOUR_ZONES, ODD_ZONES

NOW = datetime(2026, 3, 31, 22, 7, 30, tzinfo=UTC)  # 1 April in Moscow, 01:07:30
MOMENTS = st.integers(315_532_800, 2_145_830_400).map(lambda s: datetime.fromtimestamp(s, UTC))
DAYS = st.dates(date(1973, 1, 1), date(2037, 12, 31))


def _span(period: StatsPeriod, *, zone: str = "Europe/Moscow", now: datetime = NOW) -> list[str]:
    """Return both edges as the zone's wall clock shows them."""
    found = period_range(period, zone=zone, now=now)
    return [
        edge.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
        for edge in (found.start, found.end)
    ]


@pytest.mark.parametrize(
    ("preset", "start", "end"),
    [
        (StatsPreset.LAST_24_HOURS, "2026-03-31 01:15", "2026-04-01 01:15"),
        (StatsPreset.LAST_7_DAYS, "2026-03-26 00:00", "2026-04-02 00:00"),
        (StatsPreset.LAST_30_DAYS, "2026-03-03 00:00", "2026-04-02 00:00"),
        (StatsPreset.LAST_90_DAYS, "2026-01-02 00:00", "2026-04-02 00:00"),
        (StatsPreset.THIS_MONTH, "2026-04-01 00:00", "2026-04-02 00:00"),
        (StatsPreset.LAST_MONTH, "2026-03-01 00:00", "2026-04-01 00:00"),
        (StatsPreset.LAST_12_MONTHS, "2025-05-01 00:00", "2026-04-02 00:00"),
        (StatsPreset.ALL_TIME, "2026-04-01 00:00", "2026-04-02 00:00"),
    ],
)
def test_presets_are_days_of_the_zone_up_to_today(
    preset: StatsPreset, start: str, end: str
) -> None:
    assert _span(preset) == [start, end]


def test_the_last_24_hours_are_24_hours_when_clocks_change() -> None:
    now = datetime(2026, 3, 29, 3, 0, tzinfo=UTC)

    found = period_range(StatsPreset.LAST_24_HOURS, zone="Europe/London", now=now)

    assert found.end == datetime(2026, 3, 29, 3, 15, tzinfo=UTC)
    assert found.end - found.start == timedelta(hours=24)


def test_all_time_begins_with_the_day_of_the_first_click() -> None:
    first_us = int(datetime(2024, 2, 29, 21, 30, tzinfo=UTC).timestamp()) * 1_000_000

    found = period_range(
        StatsPreset.ALL_TIME, zone="Europe/Moscow", now=NOW, first_click_us=first_us
    )

    assert found == StatsRange(
        start_us=int(datetime(2024, 2, 29, 21, tzinfo=UTC).timestamp()) * 1_000_000,
        end_us=int(datetime(2026, 4, 1, 21, tzinfo=UTC).timestamp()) * 1_000_000,
        zone="Europe/Moscow",
    )


@pytest.mark.parametrize("first_us", [10**18, 253_402_300_799_999_999, None])
def test_all_time_is_today_while_every_click_is_dated_later(first_us: int | None) -> None:
    found = period_range(StatsPreset.ALL_TIME, zone="UTC", now=NOW, first_click_us=first_us)

    assert (found.start, found.end) == (
        datetime(2026, 3, 31, tzinfo=UTC),
        datetime(2026, 4, 1, tzinfo=UTC),
    )


def test_all_time_with_a_click_of_1970_begins_there() -> None:
    found = period_range(StatsPreset.ALL_TIME, zone="America/Lima", now=NOW, first_click_us=0)

    assert found.start == datetime(1969, 12, 31, 5, tzinfo=UTC)


def test_days_are_included_at_both_ends() -> None:
    one = DayRange(date(2026, 3, 29), date(2026, 3, 29))

    assert _span(one, zone="Europe/London") == ["2026-03-29 00:00", "2026-03-30 00:00"]
    assert (
        period_range(one, zone="Europe/London", now=NOW).stop_quarter
        - (period_range(one, zone="Europe/London", now=NOW).first_quarter)
        == 23 * 4
    )


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("Australia/Lord_Howe", date(2026, 10, 4), "2026-10-03T13:30"),
        ("Pacific/Chatham", date(2026, 9, 27), "2026-09-26T11:15"),
        ("Pacific/Chatham", date(2026, 9, 28), "2026-09-27T10:15"),
        ("Asia/Kathmandu", date(2026, 1, 1), "2025-12-31T18:15"),
        ("Europe/Moscow", date(2014, 10, 27), "2014-10-26T21:00"),
        ("Asia/Beirut", date(2024, 3, 31), "2024-03-30T22:00"),  # begins at 01:00
        ("America/Havana", date(2025, 11, 2), "2025-11-02T04:00"),  # midnight comes twice
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00"),  # left out: no time at all
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00"),
        ("Africa/Monrovia", date(1971, 1, 1), "1971-01-01T00:30"),  # in truth 00:44:30
    ],
)
def test_a_day_begins_when_the_calendar_first_shows_it(zone: str, day: date, start: str) -> None:
    moment = int(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp())

    assert day_start(day, ZoneInfo(zone)) == moment


@given(
    st.sampled_from(sorted(available_timezones())) | st.sampled_from(FOUR_ZONES + ODD_ZONES), DAYS
)
def test_days_follow_each_other_without_gap_or_overlap(zone: str, day: date) -> None:
    where = load_zone(zone)
    start_s, end_s = day_start(day, where), day_start(day + timedelta(days=1), where)

    assert (start_s % 900, end_s % 900) == (0, 0)
    assert start_s <= end_s
    assert datetime.fromtimestamp(start_s, where).date() >= day
    assert datetime.fromtimestamp(start_s - 1, where).date() < day


def test_today_goes_on_while_the_hour_before_midnight_is_lived_again() -> None:
    now = datetime(2010, 11, 7, 3, 0, tzinfo=UTC)  # the calendar of St John's shows the 6th again

    found = period_range(StatsPreset.LAST_7_DAYS, zone="America/St_Johns", now=now)

    assert (found.start, found.end) == (
        datetime(2010, 11, 1, 2, 30, tzinfo=UTC),
        datetime(2010, 11, 8, 3, 30, tzinfo=UTC),
    )


@given(
    st.sampled_from(list(StatsPreset)),
    st.sampled_from(FOUR_ZONES + ODD_ZONES),
    MOMENTS,
)
def test_every_preset_holds_now_but_the_last_month(
    preset: StatsPreset, zone: str, now: datetime
) -> None:
    found = period_range(preset, zone=zone, now=now)

    is_past = preset is StatsPreset.LAST_MONTH
    assert found.start < found.end
    assert (found.start <= now < found.end) is not is_past
    assert not is_past or found.end <= now


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, date(2026, 1, 1)),
        (1, date(2025, 12, 1)),
        (13, date(2024, 12, 1)),
        (-1, date(2026, 2, 1)),
    ],
)
def test_months_are_counted_over_the_turn_of_the_year(count: int, expected: date) -> None:
    assert months_before(date(2026, 1, 31), count) == expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Olympus",
        "Europe",
        "../../etc/passwd",
        "/etc/passwd",
        "Europe/Moscow\0",
        "x" * 5000,
        "Европа/Москва",
        "\ud800",
    ],
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueInvalidError) as refused:
        load_zone(name)

    assert refused.value.path == ("range", "timeZone")
    assert refused.value.reason == "time_zone"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda: DayRange(date(2026, 1, 2), date(2026, 1, 1)), "days_order"),
        (lambda: DayRange(EARLIEST_DAY - timedelta(days=1), date(2026, 1, 1)), "days_range"),
        (lambda: DayRange(date(2026, 1, 1), LATEST_DAY + timedelta(days=1)), "days_range"),
        (lambda: DayRange(date.min, date.max), "days_range"),
    ],
)
def test_days_in_the_wrong_order_or_out_of_range_are_refused(
    change: Callable[[], DayRange], reason: str
) -> None:
    with pytest.raises(ValueInvalidError) as refused:
        period_range(change(), zone="UTC", now=NOW)

    assert refused.value.path == ("range", "period", "days")
    assert refused.value.reason == reason


def test_the_widest_days_allowed_are_a_range() -> None:
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
        found = period_range(DayRange(EARLIEST_DAY, LATEST_DAY), zone=zone, now=NOW)

        assert found.end in {
            datetime(2970, 1, 1, 12, tzinfo=UTC),
            datetime(2969, 12, 31, 10, tzinfo=UTC),
        }
