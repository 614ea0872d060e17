"""The steps of a ticket, one use case for each, and those that time takes."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from tortoise.queryset import QuerySet

from models.errors import NotFoundError
from models.orm import reader
from models.rules.audit_actions import AuditAction
from models.rules.message_bodies import check_body
from models.rules.scopes import Scope
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_lifecycle import TicketMove
from models.rules.ticket_states import TicketResolution, TicketStatus
from models.ticket_errors import TicketMoveNotPossibleError
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.ticket_changes import ticket_change
from resolvers.ticket_filters import is_desk, require_desk
from resolvers.ticket_steps import NO_INPUT, StepInput
from resolvers.tickets import spend_writing

MAX_NOTE_LENGTH: Final = 10_000  # characters
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


async def open_ticket(
    context: RequestContext, *, ticket_id: int, if_revision: int | None = None
) -> Ticket:
    """Say that the desk works on a ticket, whatever it waited for.

    Args:
        context: needs the desk's rights, as all steps but close_ticket and reopen_ticket.
        ticket_id: of any ticket.
        if_revision: None takes the step from wherever the ticket is; a number must be the
            present revision.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: absent or deleted.
        RevisionConflictError: somebody saved since `if_revision`.
        TicketMoveNotPossibleError: not from where the ticket is.
    """
    return await _desk_step(context, ticket_id, if_revision, TicketMove.OPEN)


async def wait_for_customer(
    context: RequestContext, *, ticket_id: int, if_revision: int | None = None
) -> Ticket:
    """Say that the customer has to do something next, see open_ticket."""
    return await _desk_step(context, ticket_id, if_revision, TicketMove.WAIT_FOR_CUSTOMER)


async def wait_internal(
    context: RequestContext,
    *,
    ticket_id: int,
    note: str | None = None,
    if_revision: int | None = None,
) -> Ticket:
    """Say that somebody else of ours has to do something, see open_ticket.

    `note`: whom or what the ticket waits for; the desk alone reads it.
    """
    text = check_body(note, field="note", length=MAX_NOTE_LENGTH, required=False)
    said = _NOTHING if text is None else {"note": text}
    return await _desk_step(context, ticket_id, if_revision, TicketMove.WAIT_INTERNAL, said=said)


async def schedule_ticket(
    context: RequestContext,
    *,
    ticket_id: int,
    until: datetime,
    if_revision: int | None = None,
) -> Ticket:
    """Lay a ticket aside until a moment that is ahead; then it is open again. See open_ticket."""
    given = StepInput(until=until)
    return await _desk_step(context, ticket_id, if_revision, TicketMove.SCHEDULE, given)


async def resolve_ticket(
    context: RequestContext,
    *,
    ticket_id: int,
    resolution: TicketResolution,
    note: str | None = None,
    if_revision: int | None = None,
) -> Ticket:
    """Say why a ticket needs nothing more, see open_ticket. `note` is for the desk."""
    text = check_body(note, field="note", length=MAX_NOTE_LENGTH, required=False)
    given = StepInput(resolution=resolution, resolution_note=text)
    return await _desk_step(context, ticket_id, if_revision, TicketMove.RESOLVE, given)


async def close_ticket(
    context: RequestContext, *, ticket_id: int, if_revision: int | None = None
) -> Ticket:
    """End a ticket for good.

    The desk closes what is resolved. Customers close their tickets at any time: that
    resolves them, as answered when the desk has answered, else as withdrawn.

    Raises:
        NotPermittedError: no TICKET_WRITE.
        DomainError: see open_ticket.
    """
    context.viewer.require(Scope.TICKET_WRITE)
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        given = NO_INPUT
        if not is_desk(context.viewer):
            answered = change.ticket.first_answered_at is not None
            ended = TicketResolution.SOLVED if answered else TicketResolution.WITHDRAWN
            given = StepInput(resolution=ended)
        change.step(TicketMove.CLOSE, given)
        await change.save(TicketEventKind.STATUS_CHANGED, action=AuditAction.TICKET_MOVE)
    return change.ticket


async def reopen_ticket(
    context: RequestContext,
    *,
    ticket_id: int,
    reason: str,
    if_revision: int | None = None,
) -> Ticket:
    """Go on with a ticket that ended: customers within DeskPolicy.reopen_days, the desk ever.

    Raises:
        NotPermittedError: no TICKET_WRITE.
        RateLimitedError: a customer wrote too often within the hour.
        DomainError: see open_ticket; a reason is needed.
    """
    context.viewer.require(Scope.TICKET_WRITE)
    text = check_body(reason, field="reason", length=MAX_NOTE_LENGTH, required=False)
    await spend_writing(context)
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        change.step(TicketMove.REOPEN, StepInput(text=text))
        await change.save(
            TicketEventKind.REOPENED, action=AuditAction.TICKET_MOVE, said={"reason": text}
        )
    return change.ticket


async def mark_spam(
    context: RequestContext, *, ticket_id: int, if_revision: int | None = None
) -> Ticket:
    """Put a ticket among what nobody should have sent, see open_ticket."""
    return await _desk_step(context, ticket_id, if_revision, TicketMove.MARK_SPAM)


async def unmark_spam(
    context: RequestContext, *, ticket_id: int, if_revision: int | None = None
) -> Ticket:
    """Put a ticket back to where it was before it was taken for spam, see open_ticket."""
    return await _desk_step(context, ticket_id, if_revision, TicketMove.UNMARK_SPAM)


async def wake_due_tickets(context: RequestContext, *, limit: int = 200) -> int:
    """Open scheduled tickets whose moment has come; a job does this again and again.

    Each has a transaction of its own, and is looked at again under its lock: what somebody
    scheduled anew meanwhile sleeps on.

    Args:
        context: of a job.
        limit: of tickets at a time.

    Returns:
        How many were opened; `limit` means that there may be more.
    """
    now = context.ports.clock.now()
    due = Ticket.filter(status=TicketStatus.SCHEDULED, snoozed_until__lte=now, deleted_at=None)
    woken = 0
    for ticket_id in await _ids(due.order_by("snoozed_until", "id").limit(limit)):
        woken += await _by_time(context, ticket_id, TicketMove.WAKE, now=now)
    return woken


async def close_resolved(context: RequestContext, *, before: datetime, limit: int = 200) -> int:
    """Close tickets that were resolved before a moment, see wake_due_tickets."""
    ended = Ticket.filter(status=TicketStatus.RESOLVED, resolved_at__lt=before, deleted_at=None)
    closed = 0
    for ticket_id in await _ids(ended.order_by("resolved_at", "id").limit(limit)):
        closed += await _by_time(context, ticket_id, TicketMove.CLOSE_BY_TIME, now=before)
    return closed


async def _ids(rows: QuerySet[Ticket]) -> list[int]:
    return [ticket.id for ticket in await rows.using_db(reader()).only("id")]


async def _by_time(
    context: RequestContext, ticket_id: int, move: TicketMove, *, now: datetime
) -> bool:
    try:
        async with ticket_change(context, ticket_id=ticket_id) as change:
            ticket = change.ticket
            moment = ticket.snoozed_until if move is TicketMove.WAKE else ticket.resolved_at
            if moment is None or moment > now:
                return False
            change.step(move)
            await change.save(TicketEventKind.STATUS_CHANGED, action=AuditAction.TICKET_MOVE)
    except (NotFoundError, TicketMoveNotPossibleError):  # somebody was faster
        return False
    return True


async def _desk_step(  # noqa: PLR0913 - one for each part of a step
    context: RequestContext,
    ticket_id: int,
    if_revision: int | None,
    move: TicketMove,
    given: StepInput = NO_INPUT,
    *,
    said: Mapping[str, object] = _NOTHING,
) -> Ticket:
    require_desk(context.viewer)
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        change.step(move, given)
        await change.save(TicketEventKind.STATUS_CHANGED, action=AuditAction.TICKET_MOVE, said=said)
    return change.ticket
