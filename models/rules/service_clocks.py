"""Clocks of the service terms: how much working time of a promise has been used.

A clock keeps the seconds of working time that were used until it last stopped or changed,
and since when it runs; its deadline follows from these and is never stored as truth. It
stops only while nobody owes the customer anything: when the next word is the customer's,
between resolving and reopening, and while a ticket is set aside. A promise is broken when
more working time was used than it gave, once and for good; whatever is late is late by
working time. Steps that change a clock are in models.rules.clock_steps.
"""

from dataclasses import dataclass
from enum import StrEnum

from models.rules.business_time import BusinessTime


class ClockKind(StrEnum):
    """What is promised. Stored; never renamed."""

    FIRST_RESPONSE = "FIRST_RESPONSE"
    NEXT_RESPONSE = "NEXT_RESPONSE"  # a clock of its own for each time the customer wrote
    RESOLUTION = "RESOLUTION"


class PauseReason(StrEnum):
    """Why a clock that is not met does not run. Stored; never renamed.

    Waiting for the customer is the only pause of a promise; for the others there is no
    promise to keep: the ticket is merged, spam or deleted, or its new policy has none.
    """

    WAITING_FOR_CUSTOMER = "WAITING_FOR_CUSTOMER"
    SET_ASIDE = "SET_ASIDE"
    NOT_PROMISED = "NOT_PROMISED"


class ClockState(StrEnum):
    """What a clock says now."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    MET = "MET"
    BREACHED = "BREACHED"  # not met yet, running or paused
    MET_LATE = "MET_LATE"


@dataclass(frozen=True, slots=True)
class Terms:
    """The version of a policy and of its calendar that a clock keeps.

    Attributes:
        policy_id: of the policy.
        policy_version: 1, 2, 3 ...
        calendar_id: of the calendar that counts the working time.
        calendar_version: the newest version that the calendar had.
        budget_s: working seconds that are promised, 1 or more.
        warn_at: percents of the budget, ascending, each warned of once.
    """

    policy_id: int
    policy_version: int
    calendar_id: int
    calendar_version: int
    budget_s: int
    warn_at: tuple[int, ...] = ()

    def warning_s(self, percent: int) -> int:
        """Return after how many working seconds such a share of the budget is used up."""
        return -(-self.budget_s * percent // 100)


@dataclass(frozen=True, slots=True)
class ServiceClock:
    """One promise about one ticket. Moments are seconds since 1970.

    Attributes:
        kind: what is promised.
        terms: by which policy and calendar.
        consumed_s: working seconds used before `running_since_s`, or in all when that is None.
        running_since_s: None when the clock stands.
        paused_for: why it stands, None when it runs or is met.
        met_at_s: None while the promise is not kept. A ticket that is reopened loses it.
        breached_at_s: the moment at which more was used than promised; never taken back.
        late_by_s: working seconds beyond the budget when it was met; None before.
        warned: percents that were warned of, in the order of the warnings.
    """

    kind: ClockKind
    terms: Terms
    consumed_s: int = 0
    running_since_s: int | None = None
    paused_for: PauseReason | None = None
    met_at_s: int | None = None
    breached_at_s: int | None = None
    late_by_s: int | None = None
    warned: tuple[int, ...] = ()

    @property
    def state(self) -> ClockState:
        """What the clock says, as far as it was looked after."""
        is_late = self.breached_at_s is not None
        if self.met_at_s is not None:
            return ClockState.MET_LATE if is_late else ClockState.MET
        if is_late:
            return ClockState.BREACHED
        return ClockState.PAUSED if self.running_since_s is None else ClockState.RUNNING

    def used_s(self, time: BusinessTime, at_s: int) -> int:
        """Return the working seconds used until a moment."""
        if self.running_since_s is None:
            return self.consumed_s
        return self.consumed_s + time.between(self.running_since_s, at_s)

    def deadline_s(self, time: BusinessTime) -> int | None:
        """Return the moment at which the budget is used up if the clock runs on.

        Of a broken promise that is not met yet, the moment at which it broke.

        Returns:
            None: it is met, the clock stands, or the calendar never gets there
                (models.rules.business_time).
        """
        if self.met_at_s is None and self.breached_at_s is not None:
            return self.breached_at_s
        if self.running_since_s is None:
            return None
        return time.after(self.running_since_s, self.terms.budget_s - self.consumed_s)

    def next_look_s(self, time: BusinessTime) -> int | None:
        """Return when the next warning or the breach is due, None for never.

        A warning is due when its share is used up, a breach when a second more is.
        """
        if self.running_since_s is None or self.breached_at_s is not None:
            return None
        dues = [self.terms.budget_s + 1]
        dues += [
            self.terms.warning_s(each) for each in self.terms.warn_at if each not in self.warned
        ]
        return time.after(self.running_since_s, max(0, min(dues) - self.consumed_s))
