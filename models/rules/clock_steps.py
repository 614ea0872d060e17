"""Steps of a clock of the service terms, and the entries of its log that they write.

A step first notes what has fallen due since the last one, warnings and the breach, each
with the moment at which it did, however late anybody looks; then it does its own. It
gives back a new clock and the entries, in order; a step that changes nothing gives none,
so that it may be taken twice. A step that comes in late, with a moment before the last
one, counts as taken at the last one: working time is never given back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from models.rules.business_time import BusinessTime
from models.rules.service_clocks import ClockKind, PauseReason, ServiceClock, Terms


class ClockEntryKind(StrEnum):
    """What happened to a clock. Stored; never renamed."""

    STARTED = "STARTED"
    PAUSED = "PAUSED"
    RESUMED = "RESUMED"
    WARNED = "WARNED"
    BREACHED = "BREACHED"
    MET = "MET"
    REOPENED = "REOPENED"
    RECALCULATED = "RECALCULATED"


@dataclass(frozen=True, slots=True)
class ClockEntry:
    """One line of the log of a clock; never changed, never deleted.

    Attributes:
        kind: what happened.
        at_s: when, in seconds since 1970.
        consumed_s: working seconds used until then.
        terms: by which it counts from then on.
        percent: of a warning.
        late_by_s: of being met, and of a breach: working seconds beyond the budget.
        paused_for: of a pause.
        old_terms: of a recalculation, by which it counted until then.
    """

    kind: ClockEntryKind
    at_s: int
    consumed_s: int
    terms: Terms
    percent: int | None = None
    late_by_s: int | None = None
    paused_for: PauseReason | None = None
    old_terms: Terms | None = None


class ClockStep(NamedTuple):
    """A clock after a step, and what the step adds to its log."""

    clock: ServiceClock
    entries: tuple[ClockEntry, ...] = ()


def start(kind: ClockKind, terms: Terms, at_s: int) -> ClockStep:
    """Begin to count."""
    clock = ServiceClock(kind, terms, running_since_s=at_s)
    return ClockStep(clock, (ClockEntry(ClockEntryKind.STARTED, at_s, 0, terms),))


def settle(clock: ServiceClock, time: BusinessTime, at_s: int) -> ClockStep:
    """Note the warnings and the breach that fell due until a moment; each once.

    After a breach there are no warnings. Of several warnings that are found at once the
    last one is worth telling people.
    """
    if clock.met_at_s is not None or clock.breached_at_s is not None:
        return ClockStep(clock)
    entries = tuple(_due(clock, time, at_s))
    if not entries:
        return ClockStep(clock)
    warned = tuple(entry.percent for entry in entries if entry.percent is not None)
    last = entries[-1]
    breached_at_s = last.at_s if last.kind is ClockEntryKind.BREACHED else None
    settled = replace(clock, warned=(*clock.warned, *warned), breached_at_s=breached_at_s)
    return ClockStep(settled, entries)


def _due(clock: ServiceClock, time: BusinessTime, at_s: int) -> Iterator[ClockEntry]:
    used_s, terms = clock.used_s(time, at_s), clock.terms
    for percent in terms.warn_at:
        wanted_s = terms.warning_s(percent)
        if percent not in clock.warned and wanted_s <= used_s:
            yield ClockEntry(
                ClockEntryKind.WARNED,
                _moment(clock, time, wanted_s, at_s),
                max(wanted_s, clock.consumed_s),
                terms,
                percent=percent,
            )
    if used_s > terms.budget_s:
        wanted_s = max(terms.budget_s + 1, clock.consumed_s)
        yield ClockEntry(
            ClockEntryKind.BREACHED,
            _moment(clock, time, wanted_s, at_s),
            wanted_s,
            terms,
            late_by_s=wanted_s - terms.budget_s,
        )


def _moment(clock: ServiceClock, time: BusinessTime, wanted_s: int, at_s: int) -> int:
    """Return when so much was used; a clock that stands has used it, so that counts as now."""
    since_s = clock.running_since_s
    if since_s is None:
        return at_s
    work_s = max(0, wanted_s - clock.consumed_s)
    found_s = time.after(since_s, work_s, limit_s=max(0, at_s - since_s))
    return at_s if found_s is None else found_s


def pause(clock: ServiceClock, time: BusinessTime, reason: PauseReason, at_s: int) -> ClockStep:
    """Stop counting until `resume`; a clock that stands for another reason changes it."""
    if clock.met_at_s is not None or clock.paused_for is reason:
        return ClockStep(clock)
    at_s = _not_before(clock, at_s)
    settled, entries = settle(clock, time, at_s)
    paused = _stopped(settled, time, at_s, paused_for=reason)
    entry = ClockEntry(
        ClockEntryKind.PAUSED, at_s, paused.consumed_s, clock.terms, paused_for=reason
    )
    return ClockStep(paused, (*entries, entry))


def resume(clock: ServiceClock, at_s: int) -> ClockStep:
    """Go on counting after a pause."""
    if clock.paused_for is None:
        return ClockStep(clock)
    running = replace(clock, running_since_s=at_s, paused_for=None)
    entry = ClockEntry(ClockEntryKind.RESUMED, at_s, clock.consumed_s, clock.terms)
    return ClockStep(running, (entry,))


def meet(clock: ServiceClock, time: BusinessTime, at_s: int) -> ClockStep:
    """The promise is kept, in time or late; also out of a pause."""
    if clock.met_at_s is not None:
        return ClockStep(clock)
    at_s = _not_before(clock, at_s)
    settled, entries = settle(clock, time, at_s)
    stopped = _stopped(settled, time, at_s, paused_for=None)
    late_by_s = max(0, stopped.consumed_s - clock.terms.budget_s)
    met = replace(stopped, met_at_s=at_s, late_by_s=late_by_s)
    entry = ClockEntry(ClockEntryKind.MET, at_s, met.consumed_s, clock.terms, late_by_s=late_by_s)
    return ClockStep(met, (*entries, entry))


def reopen(clock: ServiceClock, at_s: int) -> ClockStep:
    """Go on counting where a clock that was met stopped: the time between is a pause."""
    if clock.met_at_s is None:
        return ClockStep(clock)
    running = replace(clock, running_since_s=at_s, met_at_s=None, late_by_s=None)
    entry = ClockEntry(ClockEntryKind.REOPENED, at_s, clock.consumed_s, clock.terms)
    return ClockStep(running, (entry,))


def recalculate(
    clock: ServiceClock, old: BusinessTime, new: BusinessTime, terms: Terms, at_s: int
) -> ClockStep:
    """Count by other terms from a moment on.

    What was used until then stays used, counted by the old calendar; the rest is counted
    by the new one, against the new budget. A breach stays a breach. A promise that was
    met was met by the terms of its time, and does not change.
    """
    if clock.met_at_s is not None or clock.terms == terms:
        return ClockStep(clock)
    at_s = _not_before(clock, at_s)
    settled, before = settle(clock, old, at_s)
    used_s = settled.used_s(old, at_s)
    since_s = None if settled.running_since_s is None else at_s
    changed = replace(settled, terms=terms, consumed_s=used_s, running_since_s=since_s)
    entry = ClockEntry(ClockEntryKind.RECALCULATED, at_s, used_s, terms, old_terms=clock.terms)
    due, after = settle(changed, new, at_s)
    return ClockStep(due, (*before, entry, *after))


def _stopped(
    clock: ServiceClock, time: BusinessTime, at_s: int, *, paused_for: PauseReason | None
) -> ServiceClock:
    used_s = clock.used_s(time, at_s)
    return replace(clock, consumed_s=used_s, running_since_s=None, paused_for=paused_for)


def _not_before(clock: ServiceClock, at_s: int) -> int:
    return at_s if clock.running_since_s is None else max(at_s, clock.running_since_s)
