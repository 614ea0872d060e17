"""Scalars on the wire."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.scalars import (
    MAX_COUNT,
    format_instant,
    parse_count,
    parse_day,
    parse_instant,
    parse_locale,
    parse_time_zone,
)

MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(MOMENTS)
def test_instant_comes_back_to_the_millisecond(moment: datetime) -> None:
    assert parse_instant(format_instant(moment)) == moment.replace(
        microsecond=moment.microsecond // 1000 * 1000
    )


def test_instant_is_written_in_utc() -> None:
    moscow = datetime(2026, 1, 2, 3, 4, 5, 678_900, timezone(timedelta(hours=3)))

    assert format_instant(moscow) == "2026-01-02T00:04:05.678Z"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.5+03:00", datetime(2026, 1, 2, 0, 4, 5, 500_000, tzinfo=UTC)),
        ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123_456, tzinfo=UTC)),
    ],
)
def test_offsets_and_fractions_are_understood(text: str, moment: datetime) -> None:
    assert parse_instant(text) == moment


@pytest.mark.parametrize(
    ("parse", "value"),
    [
        (parse_instant, "2026-01-02"),
        (parse_instant, "2026-01-02T03:04:05"),
        (parse_instant, "2026-02-30T00:00:00Z"),
        (parse_instant, "2026-01-02T25:00:00Z"),
        (parse_instant, "0001-01-01T00:00:00+14:00"),
        (parse_instant, "9999-12-31T23:59:59-14:00"),
        (parse_instant, "２026-01-02T03:04:05Z"),
        (parse_instant, 1_700_000_000),
        (parse_day, "2026-2-3"),
        (parse_day, "20260203"),
        (parse_day, "2026-02-30"),
        (parse_day, None),
        (parse_count, -1),
        (parse_count, MAX_COUNT + 1),
        (parse_count, 1.0),
        (parse_count, True),
        (parse_count, "1"),
        (parse_time_zone, "Europe/Nowhere"),
        (parse_time_zone, "../etc/passwd"),
        (parse_time_zone, 3),
        (parse_locale, "de"),
        (parse_locale, None),
    ],
)
def test_anything_else_is_refused(parse: Callable[[object], object], value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(value)


def test_good_values_pass() -> None:
    assert parse_day("2026-02-03") == date(2026, 2, 3)
    assert [parse_count(0), parse_count(MAX_COUNT)] == [0, MAX_COUNT]
    assert parse_time_zone("Europe/Moscow") == "Europe/Moscow"
    assert parse_locale("ru") == "ru"
