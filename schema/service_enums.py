"""Enums of the service terms, with descriptions for the SDL: import them from here."""

from models.rules.calendars import DayReason, HolidaySource, Weekday
from models.rules.clock_steps import ClockEntryKind
from models.rules.service_clocks import ClockKind, ClockState, PauseReason
from models.rules.service_policies import PolicyField
from schema.enums import describe_enum

__all__ = (
    "ClockEntryKind",
    "ClockKind",
    "ClockState",
    "DayReason",
    "HolidaySource",
    "PauseReason",
    "PolicyField",
    "Weekday",
)

describe_enum(
    Weekday,
    {day: f"{day.value.capitalize()}." for day in Weekday},
    description="Days of a week.",
)
describe_enum(
    HolidaySource,
    {
        HolidaySource.NONE: "No holidays but the days that are listed.",
        HolidaySource.RUSSIA: "The Russian production calendar of a five-day week.",
    },
    description="Whose holidays a calendar follows by itself.",
)
describe_enum(
    DayReason,
    {
        DayReason.WEEK: "The hours of its weekday, or none.",
        DayReason.HOLIDAY: "A public holiday.",
        DayReason.MOVED_DAY_OFF: "A day off was moved here.",
        DayReason.MOVED_WORKING_DAY: "Its day off was moved away: people work.",
        DayReason.BEFORE_HOLIDAY: "The working day before a holiday is an hour shorter.",
        DayReason.OWN_DAY_OFF: "Listed in the calendar as a day off.",
        DayReason.OWN_SHORTENED: "Listed as a shorter day.",
        DayReason.OWN_WORKING_DAY: "Listed as a day that is worked like another weekday.",
        DayReason.OWN_HOURS: "Listed with hours of its own.",
    },
    name="ServiceDayReason",
    description="Why a day has its hours.",
)
describe_enum(
    ClockKind,
    {
        ClockKind.FIRST_RESPONSE: "From the ticket to the desk's first answer.",
        ClockKind.NEXT_RESPONSE: "From the customer's message to the next answer; one for each.",
        ClockKind.RESOLUTION: "From the ticket to its being resolved.",
    },
    name="ServiceClockKind",
    description="What is promised.",
)
describe_enum(
    ClockEntryKind,
    {
        ClockEntryKind.STARTED: "It began to count.",
        ClockEntryKind.PAUSED: "It stopped: see `pausedFor`.",
        ClockEntryKind.RESUMED: "It goes on after a pause.",
        ClockEntryKind.WARNED: "`percent` of the term were used up.",
        ClockEntryKind.BREACHED: "More was used than promised.",
        ClockEntryKind.MET: "What was promised was done.",
        ClockEntryKind.REOPENED: "It goes on after it was met: the ticket is open again.",
        ClockEntryKind.RECALCULATED: "It counts by other terms from then on.",
    },
    name="ServiceClockEntryKind",
    description="What happened to a clock.",
)
describe_enum(
    ClockState,
    {
        ClockState.RUNNING: "It counts, and there is time left.",
        ClockState.PAUSED: "It stands: see `pausedFor`.",
        ClockState.MET: "Kept in time.",
        ClockState.BREACHED: "Overdue, and not met yet.",
        ClockState.MET_LATE: "Met, but too late.",
    },
    name="ServiceClockState",
    description="What a clock says now.",
)
describe_enum(
    PauseReason,
    {
        PauseReason.WAITING_FOR_CUSTOMER: "The customer has to act.",
        PauseReason.SET_ASIDE: "The ticket is merged, spam, or deleted.",
        PauseReason.NOT_PROMISED: "The policy that serves it now promises nothing of the kind.",
    },
    name="ServicePauseReason",
    description="Why a clock stands.",
)
describe_enum(
    PolicyField,
    {
        PolicyField.ORGANIZATION: "Whose customer it is; tells the most.",
        PolicyField.SEVERITY: "How bad it is.",
        PolicyField.KIND: "What is wanted.",
        PolicyField.LINE: "Which line has it; tells the least.",
    },
    name="ServicePolicyField",
    description="What a condition of a policy is about, the most telling first.",
)
