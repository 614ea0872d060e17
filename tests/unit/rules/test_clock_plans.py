"""Clocks follow their tickets: by hand, and as a machine that does anything in any order."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from models.rules.business_time import BusinessTime
from models.rules.clock_plans import Promise, TicketFacts, follow, new_clock
from models.rules.clock_steps import ClockEntry, ClockEntryKind, ClockStep
from models.rules.service_clocks import ClockKind, ClockState, PauseReason, ServiceClock, Terms
from models.rules.ticket_states import TicketStatus
from tests.told_clock import ToldClock
from tests.working_minutes import FIRST_S, SAMPLES, minutes_by_name, versions_of

HOUR = 3600
FIRST, NEXT, RESOLUTION = ClockKind
START_S = FIRST_S + 500 * 86_400
OFFICE = "Russian office"
ALWAYS = "day and night"
TIMES = {name: BusinessTime(versions_of(SAMPLES[name])) for name in (OFFICE, ALWAYS)}
TERMS = Terms(1, 1, 1, 1, budget_s=20 * HOUR, warn_at=(50, 90))
NAMES = {1: OFFICE, 2: ALWAYS}  # of the samples, by calendar
PROMISES = {
    OFFICE: Promise(TERMS, TIMES[OFFICE]),
    ALWAYS: Promise(replace(TERMS, policy_version=2, calendar_id=2), TIMES[ALWAYS]),
}
OPEN = TicketFacts(status=TicketStatus.OPEN)


def _follow(
    clock: ServiceClock, facts: TicketFacts, at_s: int, promise: Promise | None = PROMISES[ALWAYS]
) -> ServiceClock:
    return follow(clock, facts, time=TIMES[ALWAYS], promise=promise, now_s=at_s).clock


def _started(kind: ClockKind, facts: TicketFacts = OPEN) -> ServiceClock:
    return new_clock(kind, facts, PROMISES[ALWAYS], START_S).clock


@pytest.mark.parametrize(
    ("kind", "facts", "done_s"),
    [
        (FIRST, TicketFacts(status=TicketStatus.OPEN, answered_s=5), 5),
        (FIRST, TicketFacts(status=TicketStatus.RESOLVED, ended_s=7), 7),
        (FIRST, TicketFacts(status=TicketStatus.RESOLVED, ended_s=7, answered_s=5), 5),
        (FIRST, TicketFacts(status=TicketStatus.OPEN, ended_s=7), None),
        (NEXT, TicketFacts(status=TicketStatus.OPEN, staff_wrote_s=6), 6),
        (NEXT, TicketFacts(status=TicketStatus.OPEN, staff_wrote_s=6, is_awaited=True), None),
        (
            NEXT,
            TicketFacts(status=TicketStatus.CLOSED, ended_s=9, staff_wrote_s=6, is_awaited=True),
            9,
        ),
        (RESOLUTION, TicketFacts(status=TicketStatus.OPEN, answered_s=5, staff_wrote_s=6), None),
        (RESOLUTION, TicketFacts(status=TicketStatus.CLOSED, ended_s=7), 7),
    ],
)
def test_a_promise_is_kept_by_what_it_is_about(
    kind: ClockKind, facts: TicketFacts, done_s: int | None
) -> None:
    assert facts.done_s(kind) == done_s


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (TicketStatus.NEW, None),
        (TicketStatus.OPEN, None),
        (TicketStatus.WAITING_FOR_CUSTOMER, PauseReason.WAITING_FOR_CUSTOMER),
        (TicketStatus.WAITING_INTERNAL, None),
        (TicketStatus.SCHEDULED, None),
        (TicketStatus.RESOLVED, None),
        (TicketStatus.CLOSED, None),
        (TicketStatus.MERGED, PauseReason.SET_ASIDE),
        (TicketStatus.SPAM, PauseReason.SET_ASIDE),
    ],
)
def test_clocks_stand_only_while_the_customer_has_to_act_or_nobody_is_served(
    status: TicketStatus, reason: PauseReason | None
) -> None:
    assert TicketFacts(status=status).pause is reason
    assert TicketFacts(status=status, is_deleted=True).pause is PauseReason.SET_ASIDE


def test_a_clock_may_begin_with_a_pause() -> None:
    waiting = TicketFacts(status=TicketStatus.WAITING_FOR_CUSTOMER)

    step = new_clock(FIRST, waiting, PROMISES[ALWAYS], START_S)

    assert (step.clock.state, [each.kind for each in step.entries]) == (
        ClockState.PAUSED,
        [ClockEntryKind.STARTED, ClockEntryKind.PAUSED],
    )


def test_an_answer_is_owed_once_for_each_time_the_customer_wrote() -> None:
    awaited = TicketFacts(
        status=TicketStatus.OPEN, answered_s=START_S, customer_wrote_s=START_S, is_awaited=True
    )
    clock = _started(NEXT, awaited)
    answered = replace(awaited, staff_wrote_s=START_S + 9, is_awaited=False)
    met = _follow(clock, answered, START_S + 9)
    again = replace(awaited, customer_wrote_s=START_S + 20, staff_wrote_s=START_S + 9)

    assert awaited.is_owed(NEXT, None)
    assert not awaited.is_owed(NEXT, clock)
    assert not answered.is_owed(NEXT, met)
    assert again.is_owed(NEXT, met)
    assert not replace(again, is_deleted=True).is_owed(NEXT, met)


def test_an_answer_that_was_taken_back_is_owed_by_the_same_clock() -> None:
    awaited = TicketFacts(
        status=TicketStatus.OPEN, answered_s=START_S, customer_wrote_s=START_S, is_awaited=True
    )
    met = _follow(
        _started(NEXT, awaited),
        replace(awaited, staff_wrote_s=START_S + 9, is_awaited=False),
        START_S + 9,
    )

    again = _follow(met, awaited, START_S + 12)

    assert not awaited.is_owed(NEXT, met)
    assert (again.state, again.consumed_s, again.running_since_s) == (
        ClockState.RUNNING,
        9,
        START_S + 12,
    )


def test_an_answered_round_is_not_opened_again_by_the_next_change() -> None:
    awaited = TicketFacts(
        status=TicketStatus.OPEN, answered_s=START_S, customer_wrote_s=START_S, is_awaited=True
    )
    answered = replace(awaited, staff_wrote_s=START_S + 9, is_awaited=False)
    met = _follow(_started(NEXT, awaited), answered, START_S + 9)

    spam = replace(answered, status=TicketStatus.SPAM)

    assert _follow(met, answered, START_S + 99) == met
    assert _follow(met, spam, START_S + 99) == met


def test_what_is_met_stays_met_while_the_ticket_is_set_aside() -> None:
    resolved = TicketFacts(status=TicketStatus.RESOLVED, ended_s=START_S + 60)
    met = _follow(_started(RESOLUTION), resolved, START_S + 60)

    aside = _follow(met, replace(resolved, status=TicketStatus.MERGED), START_S + 90)
    back = _follow(aside, resolved, START_S + 120)

    assert (aside, back) == (met, met)


def test_a_promise_that_is_no_more_stands_and_comes_back() -> None:
    gone = _follow(_started(RESOLUTION), OPEN, START_S + 60, promise=None)
    back = _follow(gone, OPEN, START_S + 600)

    assert (gone.paused_for, gone.consumed_s) == (PauseReason.NOT_PROMISED, 60)
    assert (back.paused_for, back.consumed_s, back.running_since_s) == (None, 60, START_S + 600)


class TicketAndClock(RuleBasedStateMachine):
    """A ticket that anything happens to, its clock of resolution, and the told one."""

    def __init__(self) -> None:
        super().__init__()
        self.at_s = START_S
        self.facts = OPEN
        self.name = OFFICE
        self.entries: list[ClockEntry] = []
        self.told = ToldClock(minutes_by_name(OFFICE), TERMS.budget_s, TERMS.warn_at, START_S)

    @initialize()
    def begin(self) -> None:
        """Take the ticket in."""
        self.clock, self.entries = self._keep(*new_clock(RESOLUTION, OPEN, self.promise, START_S))

    @property
    def promise(self) -> Promise:
        """By which the ticket is served now."""
        return PROMISES[self.name]

    def _keep(
        self, clock: ServiceClock, entries: tuple[ClockEntry, ...]
    ) -> tuple[ServiceClock, list[ClockEntry]]:
        return clock, [*self.entries, *entries]

    @property
    def time(self) -> BusinessTime:
        """By which the clock counts now."""
        return TIMES[NAMES[self.clock.terms.calendar_id]]

    def _step(self) -> ClockStep:
        return follow(self.clock, self.facts, time=self.time, promise=self.promise, now_s=self.at_s)

    def _follow(self) -> None:
        self.clock, self.entries = self._keep(*self._step())

    @rule(gap_s=st.sampled_from([0, 1, 59, HOUR, 5 * HOUR, 24 * HOUR, 72 * HOUR]))
    def time_goes_by(self, gap_s: int) -> None:
        """The worker looks."""
        self.at_s += gap_s
        self.told.look(self.at_s)
        self._follow()

    @rule(status=st.sampled_from(TicketStatus))
    def the_status_changes(self, status: TicketStatus) -> None:
        """To any other, whatever the table of moves says."""
        is_over = status in {TicketStatus.RESOLVED, TicketStatus.CLOSED}
        was_over = self.facts.status in {TicketStatus.RESOLVED, TicketStatus.CLOSED}
        ended_s = (self.facts.ended_s if was_over else self.at_s) if is_over else None
        self.facts = replace(self.facts, status=status, ended_s=ended_s)
        self._tell()
        self._follow()

    @rule(is_deleted=st.booleans())
    def it_is_deleted_or_comes_back(self, *, is_deleted: bool) -> None:
        """Whatever its status."""
        self.facts = replace(self.facts, is_deleted=is_deleted)
        self._tell()
        self._follow()

    @rule(name=st.sampled_from([OFFICE, ALWAYS]))
    def another_policy_serves_it(self, name: str) -> None:
        """With another calendar and so another zone."""
        was, self.name = self.name, name
        self._follow()
        if not self.told.is_met and name != was:
            self.told.change(minutes_by_name(name), TERMS.budget_s, TERMS.warn_at, self.at_s)

    def _tell(self) -> None:
        """Tell the told clock what the ticket's new state asks of it."""
        status, is_deleted = self.facts.status, self.facts.is_deleted
        if status in {TicketStatus.RESOLVED, TicketStatus.CLOSED}:
            self.told.meet(self.at_s)
        elif is_deleted or status in {TicketStatus.MERGED, TicketStatus.SPAM}:
            if not self.told.is_met:
                self.told.pause(self.at_s)
        elif status is TicketStatus.WAITING_FOR_CUSTOMER:
            self._change_with_reopening()
            self.told.is_met, self.told.late_by_s = False, None
            self.told.pause(self.at_s)
        else:
            self._change_with_reopening()
            self.told.go_on(self.at_s)

    def _change_with_reopening(self) -> None:
        """A promise that was met is counted by the terms of today once it is open again."""
        if self.told.is_met and self.told.minutes is not minutes_by_name(self.name):
            self.told.minutes = minutes_by_name(self.name)

    @invariant()
    def both_clocks_say_the_same(self) -> None:
        """At every moment."""
        assert self.clock.used_s(self.time, self.at_s) == self.told.used_s
        assert self.clock.breached_at_s == self.told.breached_at_s
        assert (self.clock.met_at_s is not None, self.clock.late_by_s) == (
            self.told.is_met,
            self.told.late_by_s,
        )
        assert (self.clock.running_since_s is None) is (self.told.since_s is None)

    @invariant()
    def asking_twice_changes_nothing(self) -> None:
        """A step that was taken needs no other one."""
        assert self._step() == ClockStep(self.clock)

    @invariant()
    def the_log_only_goes_forward(self) -> None:
        """Nothing used is given back, and nothing is told twice."""
        for earlier, later in pairwise(self.entries):
            assert later.consumed_s >= earlier.consumed_s
        once = [e.percent or e.kind for e in self.entries if e.kind in ONCE]
        assert len(once) == len(set(once))


ONCE = {ClockEntryKind.WARNED, ClockEntryKind.BREACHED, ClockEntryKind.STARTED}
TestTicketAndClock = TicketAndClock.TestCase
TestTicketAndClock.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
