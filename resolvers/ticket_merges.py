"""Two tickets of one matter: the one leads to the other, and both can be had apart again.

Nothing is moved or copied. A merged ticket keeps what was said in it, its people go on
seeing it, and its replies move the ticket that it is in (resolvers.ticket_replies). The
other one shows what was said in both to whoever sees both (resolvers.ticket_timeline).
"""

from models.errors import NotFoundError, RevisionConflictError, ValueInvalidError
from models.rules.audit_actions import AuditAction
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_lifecycle import TicketMove
from models.rules.ticket_states import TicketStatus
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.ticket_changes import ticket_change, tickets_change
from resolvers.ticket_filters import is_desk_administrator, require_desk
from resolvers.ticket_saving import add_event


async def merge_tickets(
    context: RequestContext,
    *,
    ticket_id: int,
    into_id: int,
    across_organizations: bool = False,
    if_revision: int | None = None,
) -> Ticket:
    """Let a ticket lead to another one.

    Args:
        context: needs the desk's rights.
        ticket_id: of the one that ends; others may be merged into it already.
        into_id: of the one that goes on: neither spam nor merged itself.
        across_organizations: whoever tends the desk may merge what belongs to different
            organizations; each goes on seeing its own alone.
        if_revision: of the ticket that ends; None lets the last writer win.

    Returns:
        The ticket that ended.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such ticket, one or the other.
        ValueInvalidError: into itself, into what is spam or merged, or across organizations.
        RevisionConflictError: somebody saved since `if_revision`.
        TicketMoveNotPossibleError: spam and merged tickets are not merged.
    """
    require_desk(context.viewer)
    if ticket_id == into_id:
        raise ValueInvalidError(path=("intoId",), reason="merge_self")
    async with tickets_change(context, ticket_ids=(ticket_id, into_id)) as changes:
        child, into = changes
        if child is None:
            raise NotFoundError
        if into is None:
            raise NotFoundError(path=("intoId",))
        if if_revision is not None and if_revision != child.ticket.revision:
            raise RevisionConflictError(current_revision=child.ticket.revision)
        _check_target(context, child.ticket, into.ticket, across=across_organizations)
        child.step(TicketMove.MERGE)
        child.ticket.merged_into_id = into.ticket.id
        await child.save(
            TicketEventKind.MERGED,
            action=AuditAction.TICKET_MERGE,
            said={"into": into.ticket.number},
        )
        await into.touch()
        await add_event(
            context,
            into.connection,
            ticket_id=into.ticket.id,
            kind=TicketEventKind.MERGED,
            after={"from": child.ticket.number},
        )
    return child.ticket


async def unmerge_ticket(
    context: RequestContext, *, ticket_id: int, if_revision: int | None = None
) -> Ticket:
    """Let a merged ticket be one of its own again, as it was.

    Raises:
        DomainError: see merge_tickets.
    """
    require_desk(context.viewer)
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        was_in = change.ticket.merged_into_id
        change.step(TicketMove.UNMERGE)
        change.ticket.merged_into_id = None
        await change.save(TicketEventKind.UNMERGED, action=AuditAction.TICKET_UNMERGE)
        if was_in is not None:  # its own row is not changed: nobody there waits for a lock
            await add_event(
                context,
                change.connection,
                ticket_id=was_in,
                kind=TicketEventKind.UNMERGED,
                before={"from": change.ticket.number},
            )
    return change.ticket


def _check_target(context: RequestContext, child: Ticket, into: Ticket, *, across: bool) -> None:
    if into.status in {TicketStatus.MERGED, TicketStatus.SPAM}:
        raise ValueInvalidError(path=("intoId",), reason="merge_target")
    if child.organization_id == into.organization_id and (
        child.organization_id is not None or _is_of_one(child, into)
    ):
        return
    if not (across and is_desk_administrator(context.viewer)):
        raise ValueInvalidError(path=("intoId",), reason="merge_organizations")


def _is_of_one(child: Ticket, into: Ticket) -> bool:
    """Tell whether two tickets of no organization are one person's."""
    return (child.requester_id, child.requester_email) == (
        into.requester_id,
        into.requester_email,
    )
