"""Take a ticket from one status to the next, as models.rules.ticket_lifecycle allows."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from models.rules.ticket_lifecycle import Attempt, TicketMove, is_in_window, next_status
from models.rules.ticket_states import TicketResolution, TicketStatus
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.ticket_filters import is_desk

_ENDED: Final = frozenset({TicketStatus.RESOLVED, TicketStatus.CLOSED})
_ASIDE: Final = frozenset({TicketStatus.SPAM, TicketStatus.MERGED})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInput:
    """What comes with a step, see Attempt. `text` is the reason of the step, or its note."""

    text: str | None = None
    checklist: int = 0
    resolution: TicketResolution | None = None
    resolution_note: str | None = None
    until: datetime | None = None
    missing: tuple[str, ...] = ()
    is_automatic: bool = False


NO_INPUT: Final = StepInput()


def take_step(
    context: RequestContext, ticket: Ticket, move: TicketMove, given: StepInput = NO_INPUT
) -> None:
    """Set the status of a locked ticket, and all that follows from it; nothing is saved.

    Raises:
        TicketMoveNotPossibleError: the table or one of its guards refuses.
    """
    now = context.ports.clock.now()
    was = ticket.status
    wanted = next_status(_attempt(context, ticket, move, given))
    ticket.status = wanted
    if move is TicketMove.SCHEDULE:
        ticket.snoozed_until = given.until
    elif wanted is not TicketStatus.SCHEDULED and wanted not in _ASIDE:
        ticket.snoozed_until = None  # from aside it may come back to its sleep
    if wanted in _ASIDE and was not in _ASIDE:
        ticket.status_before = was
    elif wanted not in _ASIDE:
        ticket.status_before = None
    if was in _ENDED and wanted is TicketStatus.OPEN:
        ticket.reopen_count += 1
        ticket.resolved_at = ticket.closed_at = None
        ticket.resolution = ticket.resolution_note = None
    if wanted in _ENDED and was not in _ENDED | _ASIDE:
        ticket.resolved_at = now
        ticket.resolution, ticket.resolution_note = given.resolution, given.resolution_note
    if wanted is TicketStatus.CLOSED and was is not wanted and was not in _ASIDE:
        ticket.closed_at = now


def may_go_on(context: RequestContext, ticket: Ticket) -> bool:
    """Tell whether a reply of the customer belongs into this ticket, and not into a new one."""
    days = context.ports.desk.reopen_days
    ended_at = ticket.closed_at or ticket.resolved_at
    return ticket.status not in _ENDED or is_in_window(
        ended_at, now=context.ports.clock.now(), days=days
    )


def _attempt(
    context: RequestContext, ticket: Ticket, move: TicketMove, given: StepInput
) -> Attempt:
    attempt = Attempt(
        status=ticket.status,
        line=ticket.line,
        move=move,
        status_before=ticket.status_before,
        has_category=ticket.category_id is not None,
        has_severity=ticket.severity is not None,
        missing=given.missing,
        text=given.text,
        checklist=given.checklist,
        resolution=given.resolution,
        is_ahead=given.until is not None and given.until > context.ports.clock.now(),
        is_automatic=given.is_automatic,
    )
    by_desk = is_desk(context.viewer) and move is TicketMove.REOPEN
    return replace(attempt, is_in_window=by_desk or may_go_on(context, ticket))
