"""GraphQL face of working calendars: when is worked, and a year to look through."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Self

import strawberry

from models.rules.calendar_years import DayPreview, YearPreview
from models.rules.calendars import (
    WEEKDAYS,
    DayOff,
    DayRule,
    OwnHours,
    ShortenedDay,
    WorkingDayLike,
)
from models.rules.scopes import Scope
from models.rules.working_hours import DayHours, WorkSpan, time_of
from resolvers import service_calendars
from resolvers.service_calendars import ServiceCalendarView
from resolvers.ticket_filters import is_desk
from schema.access import requires
from schema.context import Info
from schema.costs import costs
from schema.lookups import add_loader
from schema.nodes import Node, encode_id
from schema.scalars import Count, TimeZone
from schema.service_enums import DayReason, HolidaySource, Weekday


@strawberry.type(name="WorkSpan", description="Working time by the wall clock.")
class WorkSpanType:
    start: str = strawberry.field(description="Such as 09:00.")
    end: str = strawberry.field(description="Such as 18:00; 24:00 is the end of the day.")

    @classmethod
    def of(cls, span: WorkSpan) -> Self:
        """Return the span in words."""
        return cls(start=time_of(span.start_min), end=time_of(span.end_min))


def _spans(hours: DayHours) -> list[WorkSpanType]:
    return [WorkSpanType.of(span) for span in hours]


@strawberry.type(description="The hours of a weekday.")
class ServiceWeekday:
    weekday: Weekday = strawberry.field(description="Which one.")
    hours: list[WorkSpanType] = strawberry.field(description="In order; none on a day off.")


@strawberry.type(description="A day that is listed in a calendar; one of the four says how.")
class ServiceOwnDay:
    day: date = strawberry.field(description="Which one.")
    name: str = strawberry.field(description="What people call it; may be empty.")
    off: bool = strawberry.field(description="Nobody works.")
    shortened_by_minutes: int | None = strawberry.field(
        description="It is so much shorter, at its end; null for other days."
    )
    like_weekday: Weekday | None = strawberry.field(
        description="It is worked like this one; null for other days."
    )
    hours: list[WorkSpanType] = strawberry.field(description="Its own hours; none for other days.")

    @classmethod
    def of(cls, day: date, rule: DayRule) -> Self:
        """Return the day of a rule."""
        return cls(
            day=day,
            name=rule.name,
            off=isinstance(rule, DayOff),
            shortened_by_minutes=rule.by_min if isinstance(rule, ShortenedDay) else None,
            like_weekday=rule.weekday if isinstance(rule, WorkingDayLike) else None,
            hours=_spans(rule.hours) if isinstance(rule, OwnHours) else [],
        )


@strawberry.type(description="A day of a calendar.")
class ServiceCalendarDay:
    day: date = strawberry.field(description="Which one.")
    reason: DayReason = strawberry.field(description="Why it has its hours.")
    name: str = strawberry.field(description="What people call a listed day; else empty.")
    hours: list[WorkSpanType] = strawberry.field(description="In order; none on a day off.")

    @classmethod
    def of(cls, preview: DayPreview) -> Self:
        """Return the day of a preview."""
        plan = preview.plan
        return cls(day=preview.day, reason=plan.reason, name=plan.name, hours=_spans(plan.hours))


@strawberry.type(description="A year of a calendar, to look through before anybody relies on it.")
class ServiceCalendarYear:
    year: int = strawberry.field(description="Four digits.")
    official: bool = strawberry.field(
        description="False: nobody has published yet which days off are moved in this year, so "
        "its holidays follow from the Labour Code alone. Say so beside the year."
    )
    decree: str | None = strawberry.field(
        description="What moved the days off; null for none that is known."
    )
    working_days: Count = strawberry.field(description="Days with some working time.")
    working_minutes: Count = strawberry.field(description="By the wall clock.")
    differing_days: list[ServiceCalendarDay] = strawberry.field(
        description="The days that are not as their weekday says."
    )

    @classmethod
    def of(cls, preview: YearPreview) -> Self:
        """Return the year of a preview."""
        return cls(
            year=preview.year,
            official=preview.is_official,
            decree=preview.decree,
            working_days=Count(preview.working_days),
            working_minutes=Count(preview.working_min),
            differing_days=[ServiceCalendarDay.of(each) for each in preview.differing_days],
        )


@strawberry.type(
    name="ServiceCalendar",
    description="When is worked, by the version that was published last.",
)
class ServiceCalendarType(Node):
    name: str = strawberry.field(description="Unique.")
    revision: int = strawberry.field(
        description="Number of the version; send it back as `ifRevision` to notice a parallel edit."
    )
    valid_from: datetime = strawberry.field(
        description="When this version begins to count; the one before counts until then."
    )
    time_zone: TimeZone = strawberry.field(description="Whose wall clock is meant.")
    holidays: HolidaySource = strawberry.field(description="Which are days off by themselves.")
    week: list[ServiceWeekday] = strawberry.field(description="The seven days, Monday first.")
    own_days: list[ServiceOwnDay] = strawberry.field(
        description="Days that are listed: they go before holidays and week."
    )
    view: strawberry.Private[ServiceCalendarView]

    @classmethod
    def of(cls, view: ServiceCalendarView) -> Self:
        """Return the calendar of a view."""
        calendar = view.calendar
        return cls(
            id=encode_id("ServiceCalendar", view.row.id),
            name=view.row.name,
            revision=view.row.revision,
            valid_from=view.version.valid_from,
            time_zone=TimeZone(calendar.zone),
            holidays=calendar.holidays,
            week=[
                ServiceWeekday(weekday=day, hours=_spans(hours))
                for day, hours in zip(WEEKDAYS, calendar.week, strict=True)
            ],
            own_days=[ServiceOwnDay.of(day, rule) for day, rule in sorted(calendar.days.items())],
            view=view,
        )

    @strawberry.field(description="A year by this version.", **costs(20))
    async def preview(
        self,
        info: Info,
        year: Annotated[int, strawberry.argument(description="From 2000 to 2199.")],
    ) -> ServiceCalendarYear:
        preview = await service_calendars.preview_year_of(
            info.context, calendar=self.view.calendar, year=year
        )
        return ServiceCalendarYear.of(preview)


async def calendar_of(row_id: int, info: Info) -> ServiceCalendarType | None:
    """Return the calendar of a row id; None for who is not of the desk."""
    view = await info.context.loaders.desk.calendar.load(row_id)
    return None if view is None else ServiceCalendarType.of(view)


async def _calendars(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Every one for the desk."""
    if not is_desk(info.context.viewer):
        return {}
    views = await info.context.loaders.desk.calendar.load_many(ids)
    return {view.row.id: ServiceCalendarType.of(view) for view in views if view is not None}


add_loader("ServiceCalendar", _calendars)


@strawberry.type
class ServiceCalendarQueries:
    @strawberry.field(description="The working calendars, by name.", **requires(Scope.TICKET_STAFF))
    async def service_calendars(self, info: Info) -> list[ServiceCalendarType]:
        views = await service_calendars.list_calendars(info.context)
        return [ServiceCalendarType.of(view) for view in views]
