"""Clocks against the clock that is told by minutes: 100,000 random timelines.

Each timeline is a ticket's: it waits for the customer, is answered, resolved, opened again,
and its policy, its calendar and so its time zone change on the way, over holidays, shorter
days, days of half an hour more or less, and midnights that come twice.
"""

from collections.abc import Callable
from random import Random
from typing import Final

import pytest

from models.rules.business_time import BusinessTime
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
from models.rules.service_clocks import ClockKind, PauseReason, ServiceClock, Terms
from tests.told_clock import ToldClock
from tests.working_minutes import (
    FIRST_S,
    LAST_S,
    SAMPLES,
    WorkingMinutes,
    minutes_by_name,
    versions_of,
)

TIMELINES = 100_000
PARTS = 10
HOUR = 3600
NAMES: Final = tuple(SAMPLES)
TIMES: Final = tuple(BusinessTime(versions_of(sample)) for sample in SAMPLES.values())
BUDGETS: Final = (60, 601, HOUR, 4 * HOUR, 8 * HOUR, 40 * HOUR, 120 * HOUR)
WARNINGS: Final = ((50, 75, 90), (), (99,))
GAPS_S: Final = (60, HOUR, 20 * HOUR, 24 * HOUR, 100 * HOUR, 600 * HOUR)


class _Ticket:
    """A clock and its told twin, taken through the same steps."""

    def __init__(self, chance: Random) -> None:
        self.draw = chance.random
        self.at_s = FIRST_S + int(self.draw() * (LAST_S - FIRST_S))
        self.policy = 0
        terms, self.time = self._terms()
        self.clock: ServiceClock = start(ClockKind.RESOLUTION, terms, self.at_s).clock
        self.entries: list[ClockEntry] = []
        self.told = ToldClock(self._minutes(terms), terms.budget_s, terms.warn_at, self.at_s)

    def _terms(self) -> tuple[Terms, BusinessTime]:
        self.policy += 1
        number = int(self.draw() * len(NAMES))
        terms = Terms(
            policy_id=self.policy,
            policy_version=1,
            calendar_id=number,
            calendar_version=1,
            budget_s=BUDGETS[int(self.draw() * len(BUDGETS))],
            warn_at=WARNINGS[int(self.draw() * len(WARNINGS))],
        )
        return terms, TIMES[number]

    def _minutes(self, terms: Terms) -> WorkingMinutes:
        return minutes_by_name(NAMES[terms.calendar_id])

    def step(self) -> None:
        gap_s = GAPS_S[int(self.draw() * len(GAPS_S))]
        self.at_s = min(LAST_S - 1, self.at_s + int(self.draw() * gap_s))
        taken = STEPS[int(self.draw() * len(STEPS))](self)
        self.clock = taken.clock
        self.entries += taken.entries


def _look(ticket: _Ticket) -> ClockStep:
    ticket.told.look(ticket.at_s)
    return settle(ticket.clock, ticket.time, ticket.at_s)


def _wait(ticket: _Ticket) -> ClockStep:
    if not ticket.told.is_met:
        ticket.told.pause(ticket.at_s)
    return pause(ticket.clock, ticket.time, PauseReason.WAITING_FOR_CUSTOMER, ticket.at_s)


def _answer(ticket: _Ticket) -> ClockStep:
    if not ticket.told.is_met:
        ticket.told.go_on(ticket.at_s)
    return resume(ticket.clock, ticket.at_s)


def _resolve(ticket: _Ticket) -> ClockStep:
    ticket.told.meet(ticket.at_s)
    return meet(ticket.clock, ticket.time, ticket.at_s)


def _open_again(ticket: _Ticket) -> ClockStep:
    if ticket.told.is_met:
        ticket.told.go_on(ticket.at_s)
    return reopen(ticket.clock, ticket.at_s)


def _change(ticket: _Ticket) -> ClockStep:
    terms, time = ticket._terms()
    ticket.told.change(ticket._minutes(terms), terms.budget_s, terms.warn_at, ticket.at_s)
    taken = recalculate(ticket.clock, ticket.time, time, terms, ticket.at_s)
    if not ticket.told.is_met:
        ticket.time = time
    return taken


STEPS: Final[tuple[Callable[[_Ticket], ClockStep], ...]] = (
    _look,
    _wait,
    _answer,
    _answer,
    _resolve,
    _open_again,
    _change,
)


def _compare(ticket: _Ticket) -> None:
    ticket.clock, entries = settle(ticket.clock, ticket.time, ticket.at_s)
    ticket.entries += entries
    clock, told = ticket.clock, ticket.told
    told.look(ticket.at_s)
    assert clock.used_s(ticket.time, ticket.at_s) == told.used_s
    assert clock.breached_at_s == told.breached_at_s
    assert (clock.met_at_s is not None, clock.late_by_s) == (told.is_met, told.late_by_s)
    assert clock.terms.budget_s == told.budget_s
    expected = told.deadline_s()
    assert expected is None or clock.deadline_s(ticket.time) == expected
    assert (clock.running_since_s is None) is (told.since_s is None)
    warned = {e.percent: e.at_s for e in ticket.entries if e.kind is ClockEntryKind.WARNED}
    assert warned == told.warned
    assert sum(e.kind is ClockEntryKind.BREACHED for e in ticket.entries) == (
        told.breached_at_s is not None
    )


@pytest.mark.parametrize("part", range(PARTS))
def test_a_clock_is_as_its_minutes_are(part: int) -> None:
    chance = Random(part)  # noqa: S311 - the same timelines every time
    for _ in range(TIMELINES // PARTS):
        ticket = _Ticket(chance)
        for _ in range(2 + int(chance.random() * 3)):
            ticket.step()
        _compare(ticket)
