"""Hand a ticket from line to line: with what the other line needs to go on."""

from collections.abc import Sequence
from typing import Final

from models.errors import ValueInvalidError
from models.rules.audit_actions import AuditAction
from models.rules.message_bodies import check_body
from models.rules.plain_text import check_text
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_fields import missing_items
from models.rules.ticket_lifecycle import TicketMove
from models.rules.ticket_states import TicketLine
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.ticket_changes import TicketChange, ticket_change
from resolvers.ticket_field_values import all_definitions, filled_fields
from resolvers.ticket_filters import require_desk
from resolvers.ticket_moves import MAX_NOTE_LENGTH
from resolvers.ticket_steps import StepInput
from resolvers.tickets import check_queue

MAX_CHECKLIST: Final = 50  # items
MAX_ITEM_LENGTH: Final = 300  # characters


async def escalate_ticket(  # noqa: PLR0913 - one for each part of a handing over
    context: RequestContext,
    *,
    ticket_id: int,
    reason: str,
    checklist: Sequence[str],
    queue_id: int | None = None,
    if_revision: int | None = None,
) -> Ticket:
    """Hand a ticket to the second line, where it is open and nobody's.

    Args:
        context: needs the desk's rights.
        ticket_id: of a ticket of the first line that has a category and a severity, and the
            items that its kind needs.
        reason: why the first line cannot go on.
        checklist: what it has done, at least one thing; empty items are left out.
        queue_id: where the ticket waits from now on; None for no queue.
        if_revision: None lets the last writer win; a number must be the present revision.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such ticket, or no such queue in use.
        RevisionConflictError: somebody saved since `if_revision`.
        TicketMoveNotPossibleError: not from where the ticket is, or something is missing.
        TextTooLongError, ValueInvalidError: reason or checklist.
    """
    require_desk(context.viewer)
    why = check_body(reason, field="reason", length=MAX_NOTE_LENGTH, required=False)
    done = _checklist(checklist)
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        await check_queue(change.connection, queue_id)
        given = StepInput(text=why, checklist=len(done), missing=await _missing(change))
        change.step(TicketMove.ESCALATE, given)
        change.ticket.line = TicketLine.SECOND
        change.ticket.queue_id, change.ticket.assignee_id = queue_id, None
        await change.save(
            TicketEventKind.ESCALATED,
            action=AuditAction.TICKET_ESCALATE,
            said={"reason": why, "checklist": list(done)},
        )
    return change.ticket


async def return_ticket(
    context: RequestContext,
    *,
    ticket_id: int,
    note: str,
    queue_id: int | None = None,
    if_revision: int | None = None,
) -> Ticket:
    """Hand a ticket back to the first line, and count that.

    Args:
        context: needs the desk's rights.
        ticket_id: of a ticket of the second line.
        note: what the first line has to do, or to ask.
        queue_id: where the ticket waits from now on; None for no queue.
        if_revision: see escalate_ticket.

    Raises:
        DomainError: see escalate_ticket.
    """
    require_desk(context.viewer)
    text = check_body(note, field="note", length=MAX_NOTE_LENGTH, required=False)
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        await check_queue(change.connection, queue_id)
        change.step(TicketMove.RETURN, StepInput(text=text))
        change.ticket.line = TicketLine.FIRST
        change.ticket.bounce_count += 1
        change.ticket.queue_id, change.ticket.assignee_id = queue_id, None
        await change.save(
            TicketEventKind.RETURNED,
            action=AuditAction.TICKET_RETURN,
            said={"note": text},
        )
    return change.ticket


async def _missing(change: TicketChange) -> tuple[str, ...]:
    return missing_items(
        change.ticket.kind,
        await all_definitions(change.connection),
        filled=await filled_fields(change.connection, change.ticket.id),
        installation=change.ticket.installation,
    )


def _checklist(items: Sequence[str]) -> tuple[str, ...]:
    if len(items) > MAX_CHECKLIST:
        raise ValueInvalidError(path=("checklist",), reason="checklist", maximum=MAX_CHECKLIST)
    found = [check_text(item, field="checklist", length=MAX_ITEM_LENGTH) for item in items]
    return tuple(item for item in found if item is not None)
