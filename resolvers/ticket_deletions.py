"""Take a ticket out of sight, and bring it back: for who tends the desk."""

from models.rules.audit_actions import AuditAction
from models.rules.ticket_events import TicketEventKind
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.ticket_changes import ticket_change
from resolvers.ticket_filters import require_desk_administrator


async def delete_ticket(
    context: RequestContext, *, ticket_id: int, if_revision: int | None = None
) -> Ticket:
    """Let nobody see a ticket any more; its number stays its own.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: absent or deleted.
        RevisionConflictError: somebody saved since `if_revision`.
    """
    require_desk_administrator(context.viewer)
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        change.ticket.deleted_at = context.ports.clock.now()
        await change.save(TicketEventKind.DELETED, action=AuditAction.TICKET_DELETE)
    return change.ticket


async def restore_ticket(
    context: RequestContext, *, ticket_id: int, if_revision: int | None = None
) -> Ticket:
    """Bring a deleted ticket back as it was.

    Raises:
        NotFoundError: absent, or not deleted.
        DomainError: see delete_ticket.
    """
    require_desk_administrator(context.viewer)
    async with ticket_change(
        context, ticket_id=ticket_id, if_revision=if_revision, is_deleted=True
    ) as change:
        change.ticket.deleted_at = None
        await change.save(TicketEventKind.RESTORED, action=AuditAction.TICKET_RESTORE)
    return change.ticket
