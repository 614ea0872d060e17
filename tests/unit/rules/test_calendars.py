"""Working calendars: what a day is, what is refused, and the year that people look through."""

from collections.abc import Sequence
from datetime import date

import pytest

from models.errors import DomainError, InputInvalidError, TextTooLongError, ValueInvalidError
from models.rules.calendar_checks import MAX_DAYS, MAX_NAME_LENGTH, check_calendar
from models.rules.calendar_years import preview_year
from models.rules.calendars import (
    Calendar,
    DayOff,
    DayPlan,
    DayReason,
    DayRule,
    HolidaySource,
    OwnHours,
    ShortenedDay,
    Weekday,
    WorkingDayLike,
)
from models.rules.working_hours import (
    MAX_SPANS,
    NO_HOURS,
    DayHours,
    WorkSpan,
    minute_of,
    shorten,
    time_of,
)
from tests.working_minutes import hours_of

WORKDAY = hours_of("09:00-13:00 14:00-18:00")
WEEK = (WORKDAY,) * 5 + (NO_HOURS,) * 2


def _calendar(
    *days: tuple[date, DayRule],
    week: Sequence[DayHours] = WEEK,
    holidays: HolidaySource = HolidaySource.RUSSIA,
    zone: str = "Europe/Moscow",
) -> Calendar:
    return check_calendar(zone=zone, week=week, holidays=holidays, days=days)


@pytest.mark.parametrize(
    ("day", "hours", "reason"),
    [
        (date(2026, 11, 23), "09:00-13:00 14:00-18:00", DayReason.WEEK),
        (date(2026, 11, 22), "", DayReason.WEEK),
        (date(2026, 1, 7), "", DayReason.HOLIDAY),
        (date(2026, 1, 9), "", DayReason.MOVED_DAY_OFF),
        (date(2026, 4, 30), "09:00-13:00 14:00-17:00", DayReason.BEFORE_HOLIDAY),
        (date(2025, 11, 1), "09:00-13:00 14:00-17:00", DayReason.MOVED_WORKING_DAY),
    ],
)
def test_a_day_has_the_hours_of_the_week_and_the_holidays(
    day: date, hours: str, reason: DayReason
) -> None:
    assert _calendar().plan(day) == DayPlan(hours_of(hours), reason)


def test_days_that_somebody_set_go_before_holidays_and_week() -> None:
    calendar = _calendar(
        (date(2026, 11, 23), DayOff("Birthday of the firm")),
        (date(2026, 1, 7), OwnHours(hours_of("10:00-12:00"), "On duty")),
        (date(2026, 4, 30), ShortenedDay(150)),
        (date(2026, 11, 28), WorkingDayLike(Weekday.FRIDAY)),
    )

    assert calendar.plan(date(2026, 11, 23)) == DayPlan(
        NO_HOURS, DayReason.OWN_DAY_OFF, "Birthday of the firm"
    )
    assert calendar.plan(date(2026, 1, 7)) == DayPlan(
        hours_of("10:00-12:00"), DayReason.OWN_HOURS, "On duty"
    )
    assert calendar.plan(date(2026, 4, 30)) == DayPlan(
        hours_of("09:00-13:00 14:00-15:30"), DayReason.OWN_SHORTENED
    )
    assert calendar.plan(date(2026, 11, 28)) == DayPlan(WORKDAY, DayReason.OWN_WORKING_DAY)


def test_a_calendar_without_holidays_works_on_them() -> None:
    calendar = _calendar(holidays=HolidaySource.NONE)

    assert calendar.plan(date(2026, 1, 7)) == DayPlan(WORKDAY, DayReason.WEEK)
    assert calendar.plan(date(2031, 1, 7)).is_official


def test_a_day_of_a_year_without_decree_says_that_it_is_not_official() -> None:
    calendar = _calendar((date(2031, 1, 6), OwnHours(WORKDAY)))

    assert calendar.plan(date(2031, 1, 8)) == DayPlan(
        NO_HOURS, DayReason.HOLIDAY, is_official=False
    )
    assert not calendar.plan(date(2031, 6, 3)).is_official
    assert calendar.plan(date(2031, 1, 6)).is_official


@pytest.mark.parametrize(
    ("by_min", "left"),
    [
        (60, "09:00-13:00 14:00-17:00"),
        (240, "09:00-13:00"),
        (241, "09:00-12:59"),
        (480, ""),
        (1440, ""),
    ],
)
def test_a_day_is_shortened_at_its_end(by_min: int, left: str) -> None:
    assert shorten(WORKDAY, by_min) == hours_of(left)


def test_times_of_day_are_read_as_they_are_written() -> None:
    assert [time_of(minute) for minute in (0, 545, 1440)] == ["00:00", "09:05", "24:00"]
    assert [minute_of(time_of(minute)) for minute in range(1441)] == list(range(1441))
    for text in ("", "9:00", "09:60", "09:00:00", "-1:00", "０９:00", "24:60", "noon"):
        assert minute_of(text) == -1
    assert minute_of("24:01") == 1441  # refused where hours are checked


def test_hours_are_put_in_order_and_may_touch() -> None:
    typed = (WorkSpan(840, 1080), WorkSpan(540, 780), WorkSpan(780, 840))

    assert _calendar(week=(typed,) * 7).week[0] == (
        WorkSpan(540, 780),
        WorkSpan(780, 840),
        WorkSpan(840, 1080),
    )


@pytest.mark.parametrize(
    ("hours", "path", "reason"),
    [
        ([(540, 480)], "week.friday.0.end", "hours_over_midnight"),
        ([(1320, 360)], "week.friday.0.end", "hours_over_midnight"),
        ([(540, 540)], "week.friday.0.end", "hours_empty"),
        ([(0, 60), (-1, 30)], "week.friday.1.start", "time_of_day"),
        ([(1440, 1440)], "week.friday.0.start", "time_of_day"),
        ([(540, 1441)], "week.friday.0.end", "time_of_day"),
        ([(540, 780), (779, 900)], "week.friday.1", "hours_overlap"),
        ([(600, 900), (540, 601)], "week.friday.0", "hours_overlap"),
        ([(n, n + 1) for n in range(MAX_SPANS + 1)], "week.friday", "hours_many"),
    ],
)
def test_hours_that_cannot_be_are_refused_with_their_field(
    hours: list[tuple[int, int]], path: str, reason: str
) -> None:
    friday = tuple(WorkSpan(*each) for each in hours)

    with pytest.raises(ValueInvalidError) as refused:
        _calendar(week=(*WEEK[:4], friday, NO_HOURS, NO_HOURS))

    assert (".".join(refused.value.path), refused.value.reason) == (path, reason)


@pytest.mark.parametrize("zone", ["", "Europe", "Mars/Base", "../etc/passwd", "Europe/\0"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(ValueInvalidError) as refused:
        _calendar(zone=zone)

    assert (refused.value.path, refused.value.reason) == (("timeZone",), "time_zone")


def test_a_week_without_work_is_refused() -> None:
    with pytest.raises(ValueInvalidError) as refused:
        _calendar((date(2026, 6, 1), OwnHours(WORKDAY)), week=(NO_HOURS,) * 7)

    assert (refused.value.path, refused.value.reason) == (("week",), "week_empty")


def test_a_week_has_seven_days() -> None:
    with pytest.raises(ValueInvalidError) as refused:
        _calendar(week=WEEK[:5])

    assert (refused.value.path, refused.value.reason) == (("week",), "week_days")


def test_a_long_list_of_days_is_refused_as_a_whole() -> None:
    first = date(2026, 1, 1).toordinal()
    days = [(date.fromordinal(first + n), DayOff()) for n in range(MAX_DAYS + 1)]

    with pytest.raises(ValueInvalidError) as refused:
        _calendar(*days)

    assert (refused.value.path, refused.value.reason) == (("days",), "calendar_days_many")
    assert len(_calendar(*days[1:]).days) == MAX_DAYS


def test_every_wrong_day_is_told_at_once() -> None:
    with pytest.raises(InputInvalidError) as refused:
        _calendar(
            (date(2026, 6, 1), DayOff()),
            (date(1999, 12, 31), DayOff()),
            (date(2026, 6, 1), ShortenedDay(60)),
            (date(2026, 6, 2), ShortenedDay(0)),
            (date(2026, 6, 3), ShortenedDay(1441)),
            (date(2026, 6, 4), OwnHours((WorkSpan(10, 10),))),
            (date(2026, 6, 5), DayOff("x" * (MAX_NAME_LENGTH + 1))),
            (date(2026, 6, 6), DayOff("a\0b")),
            zone="Nowhere",
        )

    assert [_told(each) for each in refused.value.problems] == [
        "timeZone time_zone",
        "days.1.day days_range",
        "days.2.day day_twice",
        "days.3.rule.shortenedByMinutes shortened_by",
        "days.4.rule.shortenedByMinutes shortened_by",
        "days.5.rule.hours.0.end hours_empty",
        "days.6.name ",
        "days.7.name characters",
    ]
    assert isinstance(refused.value.problems[-2], TextTooLongError)


def _told(problem: DomainError) -> str:
    return f"{'.'.join(problem.path)} {problem.reason}"


def test_the_preview_of_a_year_adds_up_to_the_printed_calendar() -> None:
    preview = preview_year(_calendar(), 2026)

    assert (preview.working_days, preview.working_min) == (247, 1972 * 60)
    assert preview.is_official
    assert preview.decree == "Постановление Правительства РФ от 24.09.2025 № 1466"
    assert len(preview.days) == 365
    assert [each.day for each in preview.differing_days][:10] == [
        *(date(2026, 1, day) for day in range(1, 10)),
        date(2026, 2, 23),
    ]


def test_the_preview_of_an_unpublished_year_says_so() -> None:
    preview = preview_year(_calendar(), 2028)

    assert (preview.is_official, preview.decree, len(preview.days)) == (False, None, 366)
    assert preview_year(_calendar(holidays=HolidaySource.NONE), 2028).is_official


@pytest.mark.parametrize("year", [1999, 2200, -1])
def test_a_year_that_no_calendar_reaches_has_no_preview(year: int) -> None:
    with pytest.raises(ValueInvalidError) as refused:
        preview_year(_calendar(), year)

    assert (refused.value.path, refused.value.reason) == (("year",), "days_range")
