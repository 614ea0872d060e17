"""Clocks of the service terms, step by step."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from models.rules.business_time import BusinessTime, CalendarVersion
from models.rules.calendars import Calendar
from models.rules.clock_steps import (
    ClockEntry,
    ClockEntryKind,
    ClockStep,
    meet,
    pause,
    recalculate,
    reopen,
    resume,
    settle,
    start,
)
from models.rules.service_clocks import ClockKind, ClockState, PauseReason, ServiceClock, Terms
from models.rules.working_hours import ALL_DAY
from tests.working_minutes import OFFICE

HOUR = 3600
TIME = BusinessTime([CalendarVersion(1, 0, OFFICE.calendar())])
ALWAYS = BusinessTime([CalendarVersion(1, 0, Calendar("Europe/Moscow", (ALL_DAY,) * 7))])
TERMS = Terms(1, 1, 1, 1, budget_s=8 * HOUR, warn_at=(50, 75, 90))
WAITING = PauseReason.WAITING_FOR_CUSTOMER


def _at(text: str) -> int:
    return int(
        datetime.fromisoformat(f"2026-11-{text}")
        .replace(tzinfo=ZoneInfo("Europe/Moscow"))
        .timestamp()
    )


MONDAY, TUESDAY = _at("23T09:00"), _at("24T09:00")
RUNNING = start(ClockKind.RESOLUTION, TERMS, MONDAY).clock


def _kinds(step: ClockStep) -> list[str]:
    return [
        entry.kind.value if entry.percent is None else f"{entry.kind.value} {entry.percent}"
        for entry in step.entries
    ]


def _moments(step: ClockStep) -> list[int]:
    return [entry.at_s for entry in step.entries]


def test_a_clock_starts_with_its_whole_budget() -> None:
    step = start(ClockKind.FIRST_RESPONSE, TERMS, MONDAY)

    assert step.clock == ServiceClock(ClockKind.FIRST_RESPONSE, TERMS, running_since_s=MONDAY)
    assert step.clock.state is ClockState.RUNNING
    assert step.clock.deadline_s(TIME) == _at("23T18:00")
    assert step.entries == (ClockEntry(ClockEntryKind.STARTED, MONDAY, 0, TERMS),)


def test_a_ticket_that_comes_outside_working_hours_has_all_of_its_time() -> None:
    clock = start(ClockKind.RESOLUTION, TERMS, _at("21T03:00")).clock

    assert clock.used_s(TIME, _at("23T09:00")) == 0
    assert clock.deadline_s(TIME) == _at("23T18:00")


def test_waiting_for_the_customer_moves_the_deadline_by_working_time() -> None:
    paused, entries = pause(RUNNING, TIME, WAITING, _at("23T11:00"))
    resumed, more = resume(paused, _at("28T12:00"))  # a Saturday

    assert (paused.state, paused.consumed_s, paused.deadline_s(TIME)) == (
        ClockState.PAUSED,
        2 * HOUR,
        None,
    )
    assert resumed.deadline_s(TIME) == _at("30T16:00")
    assert entries == (
        ClockEntry(ClockEntryKind.PAUSED, _at("23T11:00"), 2 * HOUR, TERMS, paused_for=WAITING),
    )
    assert more == (ClockEntry(ClockEntryKind.RESUMED, _at("28T12:00"), 2 * HOUR, TERMS),)


def test_the_same_step_twice_changes_nothing() -> None:
    paused = pause(RUNNING, TIME, WAITING, _at("23T11:00")).clock
    met = meet(RUNNING, TIME, _at("23T11:00")).clock

    assert pause(paused, TIME, WAITING, _at("23T12:00")) == ClockStep(paused)
    assert resume(RUNNING, _at("23T12:00")) == ClockStep(RUNNING)
    assert meet(met, TIME, _at("23T12:00")) == ClockStep(met)
    assert reopen(RUNNING, _at("23T12:00")) == ClockStep(RUNNING)
    assert recalculate(RUNNING, TIME, TIME, TERMS, _at("23T12:00")) == ClockStep(RUNNING)


def test_a_clock_that_is_met_neither_pauses_nor_is_counted_anew() -> None:
    met = meet(RUNNING, TIME, _at("23T11:00")).clock
    shorter = replace(TERMS, budget_s=HOUR)

    assert pause(met, TIME, WAITING, TUESDAY) == ClockStep(met)
    assert resume(met, TUESDAY) == ClockStep(met)
    assert settle(met, TIME, TUESDAY) == ClockStep(met)
    assert recalculate(met, TIME, TIME, shorter, TUESDAY) == ClockStep(met)


def test_a_pause_may_change_its_reason() -> None:
    paused = pause(RUNNING, TIME, WAITING, _at("23T11:00")).clock

    aside = pause(paused, TIME, PauseReason.SET_ASIDE, _at("23T15:00"))

    assert (aside.clock.paused_for, aside.clock.consumed_s) == (PauseReason.SET_ASIDE, 2 * HOUR)
    assert _kinds(aside) == ["PAUSED"]


def test_a_promise_that_is_kept_at_the_last_second_is_kept() -> None:
    in_time = meet(RUNNING, TIME, _at("23T18:00"))

    assert (in_time.clock.state, in_time.clock.late_by_s) == (ClockState.MET, 0)
    assert _kinds(in_time) == ["WARNED 50", "WARNED 75", "WARNED 90", "MET"]
    assert meet(RUNNING, TIME, TUESDAY).clock.state is ClockState.MET


def test_a_promise_that_is_kept_a_second_later_is_late_by_that() -> None:
    late = meet(RUNNING, TIME, TUESDAY + 1)

    assert (late.clock.state, late.clock.late_by_s) == (ClockState.MET_LATE, 1)
    assert _kinds(late)[-2:] == ["BREACHED", "MET"]
    assert _moments(late)[-2:] == [TUESDAY + 1, TUESDAY + 1]


def test_late_is_counted_in_working_time() -> None:
    late = meet(RUNNING, TIME, _at("25T10:00")).clock

    assert (late.late_by_s, late.breached_at_s, late.met_at_s) == (
        9 * HOUR,
        TUESDAY + 1,
        _at("25T10:00"),
    )


def test_a_clock_can_be_met_out_of_a_pause() -> None:
    paused = pause(RUNNING, TIME, WAITING, _at("23T11:00")).clock

    met = meet(paused, TIME, TUESDAY).clock

    assert (met.state, met.consumed_s, met.paused_for) == (ClockState.MET, 2 * HOUR, None)


def test_warnings_are_given_once_at_their_moments() -> None:
    first = settle(RUNNING, TIME, _at("23T16:30"))
    again = settle(first.clock, TIME, _at("23T16:30"))
    last = settle(again.clock, TIME, _at("23T18:00"))

    assert (_kinds(first), _moments(first)) == (
        ["WARNED 50", "WARNED 75"],
        [_at("23T13:00"), _at("23T16:00")],
    )
    assert again == ClockStep(first.clock)
    assert (_kinds(last), _moments(last)) == (["WARNED 90"], [_at("23T17:12")])


def test_a_breach_is_noted_once_with_the_moment_at_which_it_happened() -> None:
    found = settle(RUNNING, TIME, _at("30T12:00"))

    assert found.entries[-1] == ClockEntry(
        ClockEntryKind.BREACHED, TUESDAY + 1, 8 * HOUR + 1, TERMS, late_by_s=1
    )
    assert found.clock.state is ClockState.BREACHED
    assert found.clock.deadline_s(TIME) == TUESDAY + 1
    assert settle(found.clock, TIME, _at("30T13:00")) == ClockStep(found.clock)


def test_the_next_look_is_the_next_warning_then_the_breach_then_never() -> None:
    looks = [RUNNING.next_look_s(TIME)]
    clock = RUNNING
    while looks[-1] is not None:
        clock = settle(clock, TIME, looks[-1]).clock
        looks.append(clock.next_look_s(TIME))

    assert looks == [_at("23T13:00"), _at("23T16:00"), _at("23T17:12"), TUESDAY + 1, None]
    assert pause(RUNNING, TIME, WAITING, MONDAY).clock.next_look_s(TIME) is None


def test_reopening_goes_on_where_resolving_stopped() -> None:
    resolved = meet(RUNNING, TIME, _at("23T11:00")).clock

    again = reopen(resolved, _at("26T09:00"))

    assert (again.clock.state, again.clock.met_at_s, again.clock.late_by_s) == (
        ClockState.RUNNING,
        None,
        None,
    )
    assert again.clock.deadline_s(TIME) == _at("26T16:00")
    assert _kinds(again) == ["REOPENED"]


def test_a_breach_outlives_reopening_and_other_terms() -> None:
    late = meet(RUNNING, TIME, _at("24T10:00")).clock
    reopened = reopen(late, _at("26T09:00")).clock
    longer = replace(TERMS, policy_version=2, budget_s=80 * HOUR)

    changed = recalculate(reopened, TIME, TIME, longer, _at("26T10:00")).clock

    assert (reopened.state, changed.state) == (ClockState.BREACHED, ClockState.BREACHED)
    met = meet(changed, TIME, _at("26T11:00")).clock
    assert (met.state, met.late_by_s) == (ClockState.MET_LATE, 0)


def test_what_was_used_stays_used_when_the_calendar_changes() -> None:
    terms = replace(TERMS, calendar_id=2)

    changed = recalculate(RUNNING, TIME, ALWAYS, terms, _at("23T15:00"))

    assert (changed.clock.consumed_s, changed.clock.running_since_s) == (5 * HOUR, _at("23T15:00"))
    assert changed.clock.deadline_s(ALWAYS) == _at("23T18:00")
    assert changed.clock.used_s(ALWAYS, _at("23T23:00")) == 13 * HOUR
    assert changed.entries[-1] == ClockEntry(
        ClockEntryKind.RECALCULATED, _at("23T15:00"), 5 * HOUR, terms, old_terms=TERMS
    )


def test_a_shorter_budget_may_be_broken_at_once_but_not_earlier() -> None:
    shorter = replace(TERMS, policy_version=2, budget_s=HOUR)

    changed = recalculate(RUNNING, TIME, TIME, shorter, _at("23T12:00"))

    assert _kinds(changed) == ["RECALCULATED", "WARNED 50", "WARNED 75", "WARNED 90", "BREACHED"]
    assert set(_moments(changed)) == {_at("23T12:00")}
    assert changed.entries[-1].late_by_s == 2 * HOUR
    assert changed.clock.deadline_s(TIME) == _at("23T12:00")


def test_a_shorter_budget_breaks_a_paused_promise_at_once() -> None:
    paused = pause(RUNNING, TIME, WAITING, _at("23T12:00")).clock
    shorter = replace(TERMS, policy_version=2, budget_s=HOUR)

    changed = recalculate(paused, TIME, TIME, shorter, _at("24T12:00")).clock

    assert (changed.state, changed.breached_at_s) == (ClockState.BREACHED, _at("24T12:00"))
    assert (changed.running_since_s, changed.paused_for) == (None, WAITING)


def test_a_longer_budget_does_not_warn_of_the_same_share_twice() -> None:
    warned = settle(RUNNING, TIME, _at("23T13:00")).clock
    longer = replace(TERMS, policy_version=2, budget_s=16 * HOUR)

    changed = recalculate(warned, TIME, TIME, longer, _at("23T14:00")).clock

    assert changed.next_look_s(TIME) == _at("24T13:00")  # 75 percent: 12 hours
    assert _kinds(settle(changed, TIME, _at("24T13:00"))) == ["WARNED 75"]


@pytest.mark.parametrize("percent", [1, 33, 99])
def test_a_share_is_rounded_up_to_a_second(percent: int) -> None:
    terms = replace(TERMS, budget_s=101, warn_at=(percent,))

    assert terms.warning_s(percent) == {1: 2, 33: 34, 99: 100}[percent]


def test_a_step_that_comes_in_late_gives_no_time_back() -> None:
    paused = pause(RUNNING, TIME, WAITING, MONDAY - HOUR)
    met = meet(RUNNING, TIME, MONDAY - HOUR)

    assert (paused.clock.consumed_s, paused.entries[-1].at_s) == (0, MONDAY)
    assert (met.clock.consumed_s, met.clock.met_at_s) == (0, MONDAY)


def test_a_calendar_that_never_gets_there_has_no_deadline() -> None:
    far = replace(TERMS, budget_s=6 * 366 * 86_400)

    clock = start(ClockKind.RESOLUTION, far, MONDAY).clock

    assert (clock.deadline_s(ALWAYS), clock.deadline_s(TIME)) == (None, None)
