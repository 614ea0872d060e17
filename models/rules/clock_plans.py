"""What a ticket asks of its clocks: the steps that bring each to where the ticket stands.

The ticket is the truth. Whatever changed it, and how often this is asked, the clocks end
up the same; so a step that was missed, or taken back with an answer, is made good by the
next one. A first response is given by the desk's first public message, a next one by its
first after the customer's, and resolving a ticket answers whatever was still open.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from models.rules.business_time import BusinessTime
from models.rules.clock_steps import (
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
from models.rules.ticket_states import TicketStatus

_PAUSES: Final[Mapping[TicketStatus, PauseReason]] = MappingProxyType(
    {
        TicketStatus.WAITING_FOR_CUSTOMER: PauseReason.WAITING_FOR_CUSTOMER,
        TicketStatus.MERGED: PauseReason.SET_ASIDE,
        TicketStatus.SPAM: PauseReason.SET_ASIDE,
    }
)
_ENDED: Final = frozenset({TicketStatus.RESOLVED, TicketStatus.CLOSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFacts:
    """What clocks have to know of a ticket; moments in seconds since 1970.

    Attributes:
        status: where it stands.
        is_deleted: nobody serves it.
        ended_s: when it was resolved, or closed at once; of an ended ticket only.
        answered_s: when the desk first wrote to the customer, None for not yet.
        customer_wrote_s, staff_wrote_s: last public messages of both.
        is_awaited: after its first response the desk owes the customer the next one.
    """

    status: TicketStatus
    is_deleted: bool = False
    ended_s: int | None = None
    answered_s: int | None = None
    customer_wrote_s: int | None = None
    staff_wrote_s: int | None = None
    is_awaited: bool = False

    @property
    def pause(self) -> PauseReason | None:
        """Why clocks that are not met stand, None when they run."""
        return PauseReason.SET_ASIDE if self.is_deleted else _PAUSES.get(self.status)

    @property
    def is_aside(self) -> bool:
        """Whether nobody serves it."""
        return self.pause is PauseReason.SET_ASIDE

    def done_s(self, kind: ClockKind) -> int | None:
        """Return when the promise was kept, None while it is not."""
        ended_s = self.ended_s if self.status in _ENDED else None
        answered_s = {
            ClockKind.FIRST_RESPONSE: self.answered_s,
            ClockKind.NEXT_RESPONSE: None if self.is_awaited else self.staff_wrote_s,
            ClockKind.RESOLUTION: None,
        }[kind]
        moments = [each for each in (answered_s, ended_s) if each is not None]
        return min(moments, default=None)

    def is_owed(self, kind: ClockKind, last: ServiceClock | None) -> bool:
        """Tell whether the ticket needs a new clock beside its last one of a kind."""
        if self.is_aside or self.done_s(kind) is not None:
            return False
        if kind is not ClockKind.NEXT_RESPONSE:
            return last is None
        if not self.is_awaited or self.customer_wrote_s is None:
            return False
        return last is None or (last.met_at_s is not None and self.customer_wrote_s > last.met_at_s)


class Promise(NamedTuple):
    """The terms of a kind of clock, and the calendar that counts it."""

    terms: Terms
    time: BusinessTime


def new_clock(kind: ClockKind, facts: TicketFacts, promise: Promise, now_s: int) -> ClockStep:
    """Start a clock that the ticket is owed; it may stand from the first second."""
    clock, started = start(kind, promise.terms, now_s)
    if facts.pause is None:
        return ClockStep(clock, started)
    paused, entries = pause(clock, promise.time, facts.pause, now_s)
    return ClockStep(paused, (*started, *entries))


def follow(
    clock: ServiceClock,
    facts: TicketFacts,
    *,
    time: BusinessTime,
    promise: Promise | None,
    now_s: int,
) -> ClockStep:
    """Bring a clock to where its ticket stands, and note what has fallen due.

    Args:
        clock: the ticket's only one of its kind, or the last of several.
        facts: of the ticket.
        time: of the calendar by which the clock counts.
        promise: by which it is to count from now on; None for no promise any more.
        now_s: the present.
    """
    done_s = facts.done_s(clock.kind)
    if done_s is not None:
        return meet(clock, time, done_s)
    is_met = clock.met_at_s is not None
    if is_met and (facts.is_aside or not _is_unanswered_again(clock, facts)):
        return ClockStep(clock)
    step = _Steps(reopen(clock, now_s))
    if promise is not None:
        step.add(recalculate(step.clock, time, promise.time, promise.terms, now_s))
        time = promise.time
    reason = facts.pause or (None if promise else PauseReason.NOT_PROMISED)
    if reason is None:
        step.add(resume(step.clock, now_s))
    else:
        step.add(pause(step.clock, time, reason, now_s))
    step.add(settle(step.clock, time, now_s))
    return step.taken


def _is_unanswered_again(clock: ServiceClock, facts: TicketFacts) -> bool:
    """Tell whether what met a clock was taken back; a next response is met for its message."""
    if clock.kind is not ClockKind.NEXT_RESPONSE:
        return True
    return facts.is_owed(clock.kind, None)


class _Steps:
    """A clock taken through several steps."""

    def __init__(self, first: ClockStep) -> None:
        self.taken = first

    @property
    def clock(self) -> ServiceClock:
        return self.taken.clock

    def add(self, step: ClockStep) -> None:
        self.taken = ClockStep(step.clock, (*self.taken.entries, *step.entries))
