"""Buckets compared with a walk through every minute."""

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ValueInvalidError
from models.rules.buckets import (
    MAX_BUCKETS,
    Span,
    StatsInterval,
    bucket_edges,
    choose_interval,
    spans,
)
from models.rules.periods import EARLIEST_DAY, LATEST_DAY, DayRange, StatsRange, period_range
from tests.calendar_oracle import (
    FOUR_ZONES,
    ODD_ZONES,
    clock_changes,
    walked_edges,
)

LONGEST_DAYS = {
    StatsInterval.HOUR: 3,
    StatsInterval.DAY: 6,
    StatsInterval.WEEK: 20,
    StatsInterval.MONTH: 70,
}
ZONES = st.sampled_from(FOUR_ZONES) | st.sampled_from(ODD_ZONES)
ANY_ZONE = ZONES | st.sampled_from(sorted(available_timezones()))


def _range(start_s: int, end_s: int, zone: str) -> StatsRange:
    return StatsRange(start_s * 1_000_000, end_s * 1_000_000, zone)


def _quarter(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 900


def _edges(first: str, last: str, zone: str, interval: StatsInterval) -> list[str]:
    """Return the edges between two moments in UTC as day-of-month and time in UTC."""
    edges = bucket_edges(_range(_quarter(first) * 900, _quarter(last) * 900, zone), interval)
    return [datetime.fromtimestamp(edge * 900, UTC).strftime("%d %H:%M") for edge in edges]


@st.composite
def _ranges(draw: st.DrawFn, interval: StatsInterval) -> StatsRange:
    """Draw a range of any quarters, mostly over or near a change of the clocks."""
    zone = draw(ANY_ZONE)
    anywhere = st.integers(400_000_000, 2_100_000_000)
    near = [st.sampled_from(clock_changes(zone))] if clock_changes(zone) else []
    middle = draw(st.one_of(*near, anywhere))
    length = draw(st.integers(0, LONGEST_DAYS[interval] * 96))
    start = middle // 900 - draw(st.integers(0, length))
    return _range(start * 900, (start + length) * 900, zone)


@pytest.mark.parametrize(
    ("interval", "examples"),
    [
        (StatsInterval.HOUR, 150),
        (StatsInterval.DAY, 150),
        (StatsInterval.WEEK, 60),
        (StatsInterval.MONTH, 25),
    ],
)
def test_edges_are_where_a_walk_through_every_minute_finds_them(
    interval: StatsInterval, examples: int
) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(_ranges(interval))
    def check(range: StatsRange) -> None:
        start_s, end_s = range.start_us // 1_000_000, range.end_us // 1_000_000
        wanted = walked_edges(start_s, end_s, range.zone, interval) if end_s > start_s else None
        assert bucket_edges(range, interval) == (wanted or [start_s // 900])

    check()


@pytest.mark.parametrize("zone", FOUR_ZONES)
@pytest.mark.parametrize("interval", [StatsInterval.HOUR, StatsInterval.DAY])
def test_every_clock_change_of_the_four_zones_is_cut_as_a_walk_finds_it(
    zone: str, interval: StatsInterval
) -> None:
    for change_s in clock_changes(zone):
        start_s, end_s = change_s // 900 * 900 - 86_400, change_s // 900 * 900 + 86_400
        found = bucket_edges(_range(start_s, end_s, zone), interval)

        assert found == walked_edges(start_s, end_s, zone, interval)


def test_hours_of_lord_howe_are_cut_short_where_clocks_move_by_half_an_hour() -> None:
    zone = "Australia/Lord_Howe"

    back = _edges("2026-04-04 13:00", "2026-04-04 17:30", zone, StatsInterval.HOUR)
    forward = _edges("2026-10-03 13:30", "2026-10-03 18:00", zone, StatsInterval.HOUR)

    assert back == ["04 13:00", "04 14:00", "04 15:00", "04 15:30", "04 16:30", "04 17:30"]
    assert forward == ["03 13:30", "03 14:30", "03 15:30", "03 16:00", "03 17:00", "03 18:00"]


def test_hours_of_chatham_stay_whole_when_clocks_change_at_a_quarter_to_three() -> None:
    zone = "Pacific/Chatham"

    forward = _edges("2026-09-26 13:15", "2026-09-26 15:15", zone, StatsInterval.HOUR)
    back = _edges("2026-04-04 13:15", "2026-04-04 15:15", zone, StatsInterval.HOUR)

    assert forward == ["26 13:15", "26 14:15", "26 15:15"]
    assert back == ["04 13:15", "04 14:15", "04 15:15"]


def test_hours_of_kathmandu_begin_at_a_quarter_past_by_universal_time() -> None:
    found = _edges("2026-05-01 00:00", "2026-05-01 02:15", "Asia/Kathmandu", StatsInterval.HOUR)

    assert found == ["01 00:00", "01 00:15", "01 01:15", "01 02:15"]


def test_the_hour_that_moscow_lived_twice_is_two_buckets() -> None:
    found = _edges("2014-10-25 21:00", "2014-10-25 23:00", "Europe/Moscow", StatsInterval.HOUR)

    assert found == ["25 21:00", "25 22:00", "25 23:00"]


def test_the_day_when_moscow_set_its_clocks_back_has_25_hours() -> None:
    found = _edges("2014-10-24 20:00", "2014-10-26 21:00", "Europe/Moscow", StatsInterval.DAY)

    assert found == ["24 20:00", "25 20:00", "26 21:00"]


def test_a_day_that_was_left_out_is_no_bucket() -> None:
    found = _edges("2011-12-29 10:00", "2011-12-31 10:00", "Pacific/Apia", StatsInterval.DAY)

    assert found == ["29 10:00", "30 10:00", "31 10:00"]


def test_the_first_and_the_last_week_end_where_the_range_does() -> None:
    found = _edges("2026-04-29 21:00", "2026-05-12 21:00", "Europe/Moscow", StatsInterval.WEEK)

    assert found == ["29 21:00", "03 21:00", "10 21:00", "12 21:00"]


def test_quarters_are_quarters_whatever_the_clocks_do() -> None:
    found = _edges(
        "2026-04-04 14:30", "2026-04-04 15:30", "Pacific/Chatham", StatsInterval.QUARTER_HOUR
    )

    assert found == ["04 14:30", "04 14:45", "04 15:00", "04 15:15", "04 15:30"]


@pytest.mark.parametrize("interval", list(StatsInterval))
def test_an_empty_range_has_no_bucket(interval: StatsInterval) -> None:
    assert bucket_edges(_range(900, 900, "UTC"), interval) == [1]


def test_a_thousand_buckets_are_allowed_and_one_more_is_refused() -> None:
    most = _range(0, MAX_BUCKETS * 3600, "UTC")
    too_many = _range(0, MAX_BUCKETS * 3600 + 900, "UTC")

    assert bucket_edges(most, StatsInterval.HOUR) == list(range(0, MAX_BUCKETS * 4 + 1, 4))
    with pytest.raises(ValueInvalidError) as refused:
        bucket_edges(too_many, StatsInterval.HOUR)
    assert refused.value.path == ("interval",)
    assert refused.value.reason == "too_many_buckets"
    assert refused.value.params == {"maximum": 1000}


@pytest.mark.parametrize(
    ("days", "interval"),
    [
        (0, StatsInterval.HOUR),
        (1, StatsInterval.HOUR),
        (3, StatsInterval.HOUR),
        (4, StatsInterval.DAY),
        (30, StatsInterval.DAY),
        (90, StatsInterval.DAY),
        (182, StatsInterval.WEEK),
        (365, StatsInterval.MONTH),
        (20 * 365, StatsInterval.MONTH),
        (25 * 366, StatsInterval.MONTH),
        (26 * 366, StatsInterval.YEAR),
        (90 * 365, StatsInterval.YEAR),
    ],
)
def test_the_interval_is_chosen_by_the_length(days: int, interval: StatsInterval) -> None:
    assert choose_interval(_range(0, days * 86_400, "UTC")) is interval


def test_three_days_with_a_change_back_are_still_shown_by_the_hour() -> None:
    assert choose_interval(_range(0, 73 * 3600, "Europe/Moscow")) is StatsInterval.HOUR


@pytest.mark.parametrize("zone", sorted({*FOUR_ZONES, *ODD_ZONES, "Etc/GMT+12"}))
def test_the_longest_period_there_is_has_an_interval_that_makes_few_enough_buckets(
    zone: str,
) -> None:
    longest = period_range(DayRange(EARLIEST_DAY, LATEST_DAY), zone=zone, now=datetime.now(UTC))

    assert len(bucket_edges(longest, choose_interval(longest))) - 1 == MAX_BUCKETS


@pytest.mark.parametrize("zone", sorted({*FOUR_ZONES, *ODD_ZONES}))
def test_years_begin_with_their_first_month(zone: str) -> None:
    days = DayRange(date(1984, 5, 6), date(2031, 3, 4))
    wanted = period_range(days, zone=zone, now=datetime.now(UTC))
    first, *months, last = bucket_edges(wanted, StatsInterval.MONTH)
    januaries = [
        edge for edge in months if datetime.fromtimestamp(edge * 900, ZoneInfo(zone)).month == 1
    ]

    assert bucket_edges(wanted, StatsInterval.YEAR) == [first, *januaries, last]
    assert len(januaries) == 2031 - 1984


@given(st.lists(st.integers(1, 3), max_size=40), st.integers(-5, 5))
def test_spans_number_every_quarter_as_the_edges_do(steps: list[int], first: int) -> None:
    edges = [first]
    for step in steps:
        edges.append(edges[-1] + step)

    found = spans(edges)

    numbered = {
        q: s.number + (q - s.first) // s.step for s in found for q in range(s.first, s.stop)
    }
    wanted = {q: n for n, (a, b) in enumerate(pairwise(edges)) for q in range(a, b)}
    assert numbered == wanted
    assert all(a.step != b.step and a.stop == b.first for a, b in pairwise(found))


def test_days_between_two_changes_of_the_clocks_are_one_span() -> None:
    year = _range(_quarter("2026-01-01") * 900, _quarter("2027-01-01") * 900, "Europe/London")

    found = spans(bucket_edges(year, StatsInterval.DAY))

    assert [(span.step, span.number) for span in found] == [
        (96, 0),
        (92, 87),
        (96, 88),
        (100, 297),
        (96, 298),
    ]
    assert found[0] == Span(first=_quarter("2026-01-01"), stop=found[1].first, step=96, number=0)
