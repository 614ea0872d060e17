"""What somebody wants a working calendar to say."""

from collections.abc import Sequence
from datetime import date, datetime

import strawberry

from models.rules.calendars import DayOff, DayRule, OwnHours, ShortenedDay, WorkingDayLike
from models.rules.working_hours import DayHours, WorkSpan, minute_of
from resolvers.service_calendars import CalendarDraft
from schema.scalars import TimeZone
from schema.service_enums import HolidaySource, Weekday


@strawberry.input(
    description="Working time by the wall clock. It ends on the day on which it begins: what goes "
    "over midnight is two of them."
)
class WorkSpanInput:
    start: str = strawberry.field(description="Such as 09:00.")
    end: str = strawberry.field(description="Later than the start; 24:00 is the end of the day.")

    def to_span(self) -> WorkSpan:
        """Return the span; a time that is none becomes one that the rules refuse."""
        return WorkSpan(minute_of(self.start), minute_of(self.end))


def _hours(spans: Sequence[WorkSpanInput]) -> DayHours:
    return tuple(span.to_span() for span in spans)


@strawberry.input(description="The hours of each weekday, in any order; none for a day off.")
class ServiceWeekInput:
    monday: list[WorkSpanInput] = strawberry.field(
        default_factory=list[WorkSpanInput], description="At most ten."
    )
    tuesday: list[WorkSpanInput] = strawberry.field(
        default_factory=list[WorkSpanInput], description="At most ten."
    )
    wednesday: list[WorkSpanInput] = strawberry.field(
        default_factory=list[WorkSpanInput], description="At most ten."
    )
    thursday: list[WorkSpanInput] = strawberry.field(
        default_factory=list[WorkSpanInput], description="At most ten."
    )
    friday: list[WorkSpanInput] = strawberry.field(
        default_factory=list[WorkSpanInput], description="At most ten."
    )
    saturday: list[WorkSpanInput] = strawberry.field(
        default_factory=list[WorkSpanInput], description="At most ten."
    )
    sunday: list[WorkSpanInput] = strawberry.field(
        default_factory=list[WorkSpanInput], description="At most ten."
    )

    def to_week(self) -> list[DayHours]:
        """Return the days, Monday first."""
        days = (
            self.monday,
            self.tuesday,
            self.wednesday,
            self.thursday,
            self.friday,
            self.saturday,
            self.sunday,
        )
        return [_hours(spans) for spans in days]


@strawberry.input(one_of=True, description="How a day differs: exactly one.")
class ServiceDayRuleInput:
    off: strawberry.Maybe[bool] = strawberry.field(description="`true`: nobody works.")
    shortened_by_minutes: strawberry.Maybe[int] = strawberry.field(
        description="The hours of its weekday, less so much at the end."
    )
    like_weekday: strawberry.Maybe[Weekday] = strawberry.field(
        description="It is worked like this weekday."
    )
    hours: strawberry.Maybe[list[WorkSpanInput]] = strawberry.field(
        description="It has these hours."
    )

    def to_rule(self, name: str) -> DayRule:
        """Return the rule; that there is one the validation has seen to."""
        if self.shortened_by_minutes is not None:
            return ShortenedDay(self.shortened_by_minutes.value, name)
        if self.like_weekday is not None:
            return WorkingDayLike(self.like_weekday.value, name)
        if self.hours is not None:
            return OwnHours(_hours(self.hours.value), name)
        return DayOff(name)


@strawberry.input(description="A day that differs from the holidays and the week.")
class ServiceOwnDayInput:
    day: date = strawberry.field(description="Each day once.")
    name: str = strawberry.field(default="", description="At most 100 characters.")
    rule: ServiceDayRuleInput = strawberry.field(description="How it differs.")


@strawberry.input(description="What a calendar shall say.")
class ServiceCalendarDraftInput:
    time_zone: TimeZone = strawberry.field(description="Whose wall clock is meant.")
    week: ServiceWeekInput = strawberry.field(description="At least one day with hours.")
    holidays: HolidaySource = strawberry.field(
        default=HolidaySource.NONE, description="Which are days off by themselves."
    )
    days: list[ServiceOwnDayInput] = strawberry.field(
        default_factory=list[ServiceOwnDayInput], description="At most 1,000 days that differ."
    )

    def to_draft(self) -> CalendarDraft:
        """Return the draft."""
        return CalendarDraft(
            zone=self.time_zone,
            week=self.week.to_week(),
            holidays=self.holidays,
            days=[(each.day, each.rule.to_rule(each.name)) for each in self.days],
        )


@strawberry.input(description="What a new calendar is.")
class ServiceCalendarCreateInput(ServiceCalendarDraftInput):
    name: str = strawberry.field(description="Unique, at most 200 characters.")


@strawberry.input(description="Which calendar, and what it shall say from when on.")
class ServiceCalendarPublishInput(ServiceCalendarDraftInput):
    id: strawberry.ID = strawberry.field(description="Of the calendar.")
    valid_from: datetime | None = strawberry.field(
        default=None, description="Not in the past. Null or absent: at once."
    )
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: the last one to publish wins.",
    )


@strawberry.input(description="Which calendar, and its new name.")
class ServiceCalendarRenameInput:
    id: strawberry.ID = strawberry.field(description="Of the calendar.")
    name: str = strawberry.field(description="Unique, at most 200 characters.")
