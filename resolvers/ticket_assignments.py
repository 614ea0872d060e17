"""Who works on a ticket, and in which queue it waits."""

from models.errors import NotFoundError
from models.orm import reader
from models.rules.audit_actions import AuditAction
from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_lifecycle import TicketMove
from models.rules.ticket_states import TicketStatus
from models.tickets import Ticket
from models.users import User
from resolvers.context import RequestContext
from resolvers.ticket_changes import TicketChange, ticket_change
from resolvers.ticket_filters import require_desk
from resolvers.tickets import check_queue


async def list_assignees(context: RequestContext) -> list[User]:
    """Return whom tickets can be given to, by name, with their roles. For the desk.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
    """
    require_desk(context.viewer, writes=False)
    rows = User.filter(deactivated_at=None, erased_at=None, role__reach=Reach.ALL)
    found = await rows.using_db(reader()).select_related("role").order_by("name", "id")
    return [user for user in found if works_on_tickets(user)]


async def assign_ticket(
    context: RequestContext,
    *,
    ticket_id: int,
    assignee_id: int,
    if_revision: int | None = None,
) -> Ticket:
    """Give a ticket to somebody of the desk; a new one is open from then on.

    Args:
        context: needs the desk's rights.
        ticket_id: of any ticket.
        assignee_id: of an account in use that may work on tickets.
        if_revision: None lets the last writer win; a number must be the present revision.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such ticket, or nobody of the desk.
        RevisionConflictError: somebody saved since `if_revision`.
    """
    require_desk(context.viewer)
    async with ticket_change(
        context, ticket_id=ticket_id, if_revision=if_revision, for_user_id=assignee_id
    ) as change:
        await _assign(change, assignee_id)
    return change.ticket


async def take_ticket(
    context: RequestContext, *, ticket_id: int, if_revision: int | None = None
) -> Ticket:
    """Take a ticket oneself, see assign_ticket. Two who take it at once: the second is refused.

    Raises:
        RevisionConflictError: somebody saved since `if_revision`; without it, whoever comes
            last has the ticket.
        DomainError: see assign_ticket; who has no account takes nothing.
    """
    require_desk(context.viewer)
    taker_id = context.viewer.user_id or -1
    async with ticket_change(
        context, ticket_id=ticket_id, if_revision=if_revision, for_user_id=taker_id
    ) as change:
        await _assign(change, taker_id)
    return change.ticket


async def unassign_ticket(
    context: RequestContext, *, ticket_id: int, if_revision: int | None = None
) -> Ticket:
    """Let a ticket be nobody's; it waits in its queue.

    Raises:
        DomainError: see assign_ticket.
    """
    require_desk(context.viewer)
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        change.ticket.assignee_id = None
        await change.save(TicketEventKind.ASSIGNED, action=AuditAction.TICKET_ASSIGN)
    return change.ticket


async def move_ticket_to_queue(
    context: RequestContext,
    *,
    ticket_id: int,
    queue_id: int | None,
    if_revision: int | None = None,
) -> Ticket:
    """Let a ticket wait in another queue; None for none. Its line stays: see escalate_ticket.

    Raises:
        NotFoundError: no such ticket, or no such queue in use.
        DomainError: see assign_ticket.
    """
    require_desk(context.viewer)
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        if queue_id != change.ticket.queue_id:
            await check_queue(change.connection, queue_id)
        change.ticket.queue_id = queue_id
        await change.save(TicketEventKind.QUEUE_CHANGED, action=AuditAction.TICKET_ASSIGN)
    return change.ticket


async def _assign(change: TicketChange, assignee_id: int) -> None:
    rows = User.filter(id=assignee_id, deactivated_at=None, erased_at=None)
    user = await rows.using_db(change.connection).select_related("role").first()
    if user is None or not works_on_tickets(user):
        raise NotFoundError(path=("assigneeId",))
    change.ticket.assignee_id = user.id
    if change.ticket.status is TicketStatus.NEW:
        change.step(TicketMove.OPEN)
    await change.save(TicketEventKind.ASSIGNED, action=AuditAction.TICKET_ASSIGN)


def works_on_tickets(user: User) -> bool:
    """Tell whether tickets can be given to somebody, whose role is loaded."""
    is_able = {Scope.TICKET_STAFF, Scope.TICKET_WRITE} <= user.scopes()
    return is_able and user.role.reach is Reach.ALL
