"""Which steps a ticket can take from where it stands: a table, and the guards of its cells.

The line is no part of the status: ESCALATE and RETURN change it, and leave the ticket OPEN.
A cell without a target leads back to where the ticket stood before it was spam or merged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from models.rules.ticket_states import ACTIVE, TicketLine, TicketResolution, TicketStatus
from models.ticket_errors import TicketMoveNotPossibleError


class TicketMove(StrEnum):
    """What happens to a ticket. Never renamed: refusals name it."""

    OPEN = "OPEN"
    WAIT_FOR_CUSTOMER = "WAIT_FOR_CUSTOMER"
    WAIT_INTERNAL = "WAIT_INTERNAL"
    SCHEDULE = "SCHEDULE"
    WAKE = "WAKE"
    RESOLVE = "RESOLVE"
    CLOSE = "CLOSE"
    CLOSE_BY_TIME = "CLOSE_BY_TIME"
    REOPEN = "REOPEN"
    CUSTOMER_REPLY = "CUSTOMER_REPLY"
    DESK_REPLY = "DESK_REPLY"
    ESCALATE = "ESCALATE"
    RETURN = "RETURN"
    MARK_SPAM = "MARK_SPAM"
    UNMARK_SPAM = "UNMARK_SPAM"
    MERGE = "MERGE"
    UNMERGE = "UNMERGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A step that somebody wants a ticket to take, and all that guards look at.

    Attributes:
        status, line: of the ticket.
        move: the step.
        status_before: of a ticket that is spam or merged.
        has_category, has_severity: whether the ticket was classified.
        missing: items that a ticket of its kind must hold, and this one does not.
        text: the reason, or the note, that goes with the step.
        checklist: how many things are said to have been done.
        resolution: why the ticket needs nothing more.
        is_ahead: the moment to come back at is in the future.
        is_in_window: the ticket ended so recently that it can be gone on with, or whoever
            asks need not care.
        is_automatic: no person wrote the mail.
    """

    status: TicketStatus
    line: TicketLine
    move: TicketMove
    status_before: TicketStatus | None = None
    has_category: bool = False
    has_severity: bool = False
    missing: tuple[str, ...] = ()
    text: str | None = None
    checklist: int = 0
    resolution: TicketResolution | None = None
    is_ahead: bool = False
    is_in_window: bool = False
    is_automatic: bool = False


Guard: TypeAlias = Callable[[Attempt], None]  # raises TicketMoveNotPossibleError
Cell: TypeAlias = tuple[TicketStatus | None, tuple[Guard, ...]]


def _on_first_line(attempt: Attempt) -> None:
    if attempt.line is not TicketLine.FIRST:
        raise TicketMoveNotPossibleError(
            status=attempt.status, move=attempt.move, reason="line_second"
        )


def _on_second_line(attempt: Attempt) -> None:
    if attempt.line is not TicketLine.SECOND:
        raise TicketMoveNotPossibleError(
            status=attempt.status, move=attempt.move, reason="line_first"
        )


def _categorized(attempt: Attempt) -> None:
    if not attempt.has_category:
        raise TicketMoveNotPossibleError(
            status=attempt.status, move=attempt.move, reason="category_missing"
        )


def _rated(attempt: Attempt) -> None:
    if not attempt.has_severity:
        raise TicketMoveNotPossibleError(
            status=attempt.status, move=attempt.move, reason="severity_missing"
        )


def _complete(attempt: Attempt) -> None:
    if attempt.missing:
        raise TicketMoveNotPossibleError(
            status=attempt.status,
            move=attempt.move,
            reason="items_missing",
            missing=attempt.missing,
        )


def _with_reason(attempt: Attempt) -> None:
    if not attempt.text:
        raise TicketMoveNotPossibleError(
            status=attempt.status, move=attempt.move, reason="reason_missing"
        )


def _with_note(attempt: Attempt) -> None:
    if not attempt.text:
        raise TicketMoveNotPossibleError(
            status=attempt.status, move=attempt.move, reason="note_missing"
        )


def _with_checklist(attempt: Attempt) -> None:
    if attempt.checklist < 1:
        raise TicketMoveNotPossibleError(
            status=attempt.status, move=attempt.move, reason="checklist_missing"
        )


def _with_resolution(attempt: Attempt) -> None:
    if attempt.resolution is None:
        raise TicketMoveNotPossibleError(
            status=attempt.status, move=attempt.move, reason="resolution_missing"
        )


def _ahead(attempt: Attempt) -> None:
    if not attempt.is_ahead:
        raise TicketMoveNotPossibleError(
            status=attempt.status, move=attempt.move, reason="until_not_ahead"
        )


def _in_window(attempt: Attempt) -> None:
    if not attempt.is_in_window:
        raise TicketMoveNotPossibleError(
            status=attempt.status, move=attempt.move, reason="window_over"
        )


def _by_a_person(attempt: Attempt) -> None:
    if attempt.is_automatic:
        raise TicketMoveNotPossibleError(
            status=attempt.status, move=attempt.move, reason="automatic"
        )


_ESCALATION: Final = (
    _on_first_line,
    _categorized,
    _rated,
    _complete,
    _with_reason,
    _with_checklist,
)
_ASIDE: Final[Mapping[TicketMove, Cell]] = {
    TicketMove.MARK_SPAM: (TicketStatus.SPAM, ()),
    TicketMove.MERGE: (TicketStatus.MERGED, ()),
}
_ENDED: Final[Mapping[TicketMove, Cell]] = {
    TicketMove.REOPEN: (TicketStatus.OPEN, (_in_window, _with_reason)),
    TicketMove.CUSTOMER_REPLY: (TicketStatus.OPEN, (_by_a_person, _in_window)),
    **_ASIDE,
}
_UNDER_WAY: Final[Mapping[TicketMove, Cell]] = {
    TicketMove.OPEN: (TicketStatus.OPEN, ()),
    TicketMove.WAIT_FOR_CUSTOMER: (TicketStatus.WAITING_FOR_CUSTOMER, ()),
    TicketMove.WAIT_INTERNAL: (TicketStatus.WAITING_INTERNAL, ()),
    TicketMove.SCHEDULE: (TicketStatus.SCHEDULED, (_ahead,)),
    TicketMove.RESOLVE: (TicketStatus.RESOLVED, (_with_resolution,)),
    TicketMove.CLOSE: (TicketStatus.CLOSED, (_with_resolution,)),
    TicketMove.ESCALATE: (TicketStatus.OPEN, _ESCALATION),
    TicketMove.RETURN: (TicketStatus.OPEN, (_on_second_line, _with_note)),
    **_ASIDE,
}


def _under_way(
    status: TicketStatus, *, reply: TicketStatus, reply_guards: tuple[Guard, ...] = (), **more: Cell
) -> Mapping[TicketMove, Cell]:
    """Return the row of a ticket that somebody has to do something about."""
    answered = TicketStatus.OPEN if status is TicketStatus.NEW else status
    row = {
        **_UNDER_WAY,
        TicketMove.CUSTOMER_REPLY: (reply, reply_guards),
        TicketMove.DESK_REPLY: (answered, ()),
        **{TicketMove[name]: cell for name, cell in more.items()},
    }
    pointless = {
        TicketStatus.OPEN: TicketMove.OPEN,
        TicketStatus.WAITING_FOR_CUSTOMER: TicketMove.WAIT_FOR_CUSTOMER,
        TicketStatus.WAITING_INTERNAL: TicketMove.WAIT_INTERNAL,
    }.get(status)  # a scheduled ticket can be scheduled for another moment
    return MappingProxyType({move: cell for move, cell in row.items() if move is not pointless})


TRANSITIONS: Final[Mapping[TicketStatus, Mapping[TicketMove, Cell]]] = MappingProxyType(
    {
        TicketStatus.NEW: _under_way(TicketStatus.NEW, reply=TicketStatus.NEW),
        TicketStatus.OPEN: _under_way(TicketStatus.OPEN, reply=TicketStatus.OPEN),
        TicketStatus.WAITING_FOR_CUSTOMER: _under_way(
            TicketStatus.WAITING_FOR_CUSTOMER,
            reply=TicketStatus.OPEN,
            reply_guards=(_by_a_person,),
        ),
        TicketStatus.WAITING_INTERNAL: _under_way(
            TicketStatus.WAITING_INTERNAL, reply=TicketStatus.WAITING_INTERNAL
        ),
        TicketStatus.SCHEDULED: _under_way(
            TicketStatus.SCHEDULED,
            reply=TicketStatus.OPEN,
            reply_guards=(_by_a_person,),
            WAKE=(TicketStatus.OPEN, ()),
        ),
        TicketStatus.RESOLVED: MappingProxyType(
            {
                TicketMove.CLOSE: (TicketStatus.CLOSED, ()),
                TicketMove.CLOSE_BY_TIME: (TicketStatus.CLOSED, ()),
                TicketMove.DESK_REPLY: (TicketStatus.RESOLVED, ()),
                **_ENDED,
            }
        ),
        TicketStatus.CLOSED: MappingProxyType(
            {TicketMove.DESK_REPLY: (TicketStatus.CLOSED, ()), **_ENDED}
        ),
        TicketStatus.MERGED: MappingProxyType({TicketMove.UNMERGE: (None, ())}),
        TicketStatus.SPAM: MappingProxyType(
            {
                TicketMove.UNMARK_SPAM: (None, ()),
                TicketMove.CUSTOMER_REPLY: (TicketStatus.SPAM, ()),
            }
        ),
    }
)


def next_status(attempt: Attempt) -> TicketStatus:
    """Return where the step leads.

    Raises:
        TicketMoveNotPossibleError: the table has no such step, or a guard refuses.
    """
    cell = TRANSITIONS[attempt.status].get(attempt.move)
    if cell is None:
        raise TicketMoveNotPossibleError(status=attempt.status, move=attempt.move)
    target, guards = cell
    for guard in guards:
        guard(attempt)
    return target or attempt.status_before or TicketStatus.OPEN


def possible_moves(status: TicketStatus) -> tuple[TicketMove, ...]:
    """Return the steps that some ticket of a status can take, in the order of the enum."""
    return tuple(move for move in TicketMove if move in TRANSITIONS[status])


def is_in_window(ended_at: datetime | None, *, now: datetime, days: int) -> bool:
    """Tell whether a ticket that ended at a moment can be gone on with; the last moment counts."""
    return ended_at is None or now <= ended_at + timedelta(days=days)


def is_active(status: TicketStatus) -> bool:
    """Tell whether somebody has to do something."""
    return status in ACTIVE
