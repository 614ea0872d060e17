"""One ticket with two matters: the chosen messages become a ticket of their own."""

from collections.abc import Sequence

from models.errors import ValueInvalidError, ValueRequiredError
from models.rules.audit_actions import AuditAction
from models.rules.plain_text import check_text
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_states import MessageVisibility, TicketLinkKind
from models.ticket_messages import TicketMessage
from models.tickets import MAX_SUBJECT_LENGTH, Ticket
from resolvers.context import RequestContext
from resolvers.ticket_changes import TicketChange, ticket_change
from resolvers.ticket_filters import require_desk
from resolvers.ticket_requesters import KnownRequester
from resolvers.ticket_search import index_ticket
from resolvers.ticket_storing import NewTicket, Told, link, store_bare_ticket


async def split_ticket(
    context: RequestContext,
    *,
    ticket_id: int,
    message_ids: Sequence[int],
    subject: str,
    if_revision: int | None = None,
) -> Ticket:
    """Move the chosen messages, and no others, into a new ticket of the same customer.

    The old ticket keeps a note of what went where, and at least one message; both are
    linked.

    Args:
        context: needs the desk's rights.
        ticket_id: of any ticket.
        message_ids: of messages of the ticket that were sent; at least one from outside.
        subject: of the new ticket.
        if_revision: None lets the last writer win; a number must be the present revision.

    Returns:
        The new ticket.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such ticket.
        RevisionConflictError: somebody saved since `if_revision`.
        ValueRequiredError: no message, or no subject.
        ValueInvalidError: a message that cannot be moved, or all of them.
        TextTooLongError: the subject.
    """
    require_desk(context.viewer)
    text = check_text(subject, field="subject", length=MAX_SUBJECT_LENGTH, required=True) or ""
    wanted = set(message_ids)
    if not wanted:
        raise ValueRequiredError(path=("messageIds",))
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        moved = await _movable(change, wanted)
        made = await _made_of(context, change, text, moved)
        rows = TicketMessage.filter(id__in=list(wanted)).using_db(change.connection)
        await rows.update(ticket_id=made.id)
        await _recount(change)
        await link(change.connection, ticket_id, made.id, TicketLinkKind.SPLIT)
        for each in (ticket_id, made.id):
            now = context.ports.clock.now()
            await index_ticket(change.connection, ticket_id=each, now=now)
        await change.save(
            TicketEventKind.SPLIT,
            action=AuditAction.TICKET_SPLIT,
            said={"number": made.number, "message_ids": sorted(wanted)},
        )
    return made


async def _recount(change: TicketChange) -> None:
    """Set who wrote last in the old ticket by what is left of it."""
    left = TicketMessage.filter(
        ticket_id=change.ticket.id, taken_back_at=None, visibility=MessageVisibility.PUBLIC
    )
    rows = await left.using_db(change.connection).order_by("created_at", "id")
    answers = [each.created_at for each in rows if each.is_from_staff]
    questions = [each.created_at for each in rows if not each.is_from_staff]
    change.ticket.first_answered_at = answers[0] if answers else None
    change.ticket.staff_wrote_at = answers[-1] if answers else None
    change.ticket.customer_wrote_at = questions[-1] if questions else None


async def _movable(change: TicketChange, wanted: set[int]) -> list[TicketMessage]:
    """Return the chosen messages, if they can go and something stays."""
    now = change.context.ports.clock.now()
    rows = TicketMessage.filter(ticket_id=change.ticket.id, taken_back_at=None)
    messages = await rows.using_db(change.connection).order_by("due_at", "id")
    moved = [each for each in messages if each.id in wanted and each.due_at <= now]
    if len(moved) != len(wanted):
        raise ValueInvalidError(path=("messageIds",), reason="split_messages")
    if len(moved) == len(messages):
        raise ValueInvalidError(path=("messageIds",), reason="split_all")
    if not any(_is_from_outside(each) for each in moved):
        raise ValueInvalidError(path=("messageIds",), reason="split_outside")
    return moved


async def _made_of(
    context: RequestContext, change: TicketChange, subject: str, moved: Sequence[TicketMessage]
) -> Ticket:
    old = change.ticket
    outside = [each for each in moved if _is_from_outside(each)]
    answers = [
        each for each in moved if each.is_from_staff and each.visibility is MessageVisibility.PUBLIC
    ]
    new = NewTicket(
        subject=subject,
        requester=KnownRequester(
            user_id=old.requester_id,
            email=old.requester_email,
            name=old.requester_name,
            organization_id=old.organization_id,
            locale=old.locale,
        ),
        kind=old.kind,
        category_id=old.category_id,
        module=old.module,
        installation=old.installation,
        queue_id=old.queue_id,
    )
    told = Told(
        channel=outside[0].channel,
        customer_wrote_at=outside[-1].created_at,
        first_answered_at=answers[0].created_at if answers else None,
        staff_wrote_at=answers[-1].created_at if answers else None,
    )
    return await store_bare_ticket(context, change.connection, new, told)


def _is_from_outside(message: TicketMessage) -> bool:
    return not message.is_from_staff and message.visibility is MessageVisibility.PUBLIC
