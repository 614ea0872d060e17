"""Who wants to be told of a ticket, and what else hangs on tickets, for many at once."""

from collections.abc import Sequence

from tortoise.transactions import in_transaction

from models.errors import NotFoundError
from models.ids import new_id
from models.orm import reader
from models.rules.audit_actions import AuditAction
from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.ticket_rows import insert_record
from models.tickets import Ticket, TicketFollower, TicketLink, TicketTag
from models.users import User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.ticket_filters import is_desk, require_desk
from resolvers.ticket_lists import tickets_by_ids
from resolvers.ticket_saving import locked_ticket


async def follow_ticket(
    context: RequestContext, *, ticket_id: int, user_id: int | None = None
) -> Ticket:
    """Tell somebody of what happens to a ticket from now on; twice is no error.

    Args:
        context: needs TICKET_READ; for somebody else the desk's rights.
        ticket_id: of a ticket the viewer may see.
        user_id: of somebody who may see the ticket; None for the viewer.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: absent, deleted, or not the viewer's; no such person, or one who may
            not see the ticket.
    """
    follower_id = _follower(context, user_id)
    async with in_transaction("default") as connection:
        # Under the lock of the ticket nobody else can begin to follow it meanwhile.
        ticket = await locked_ticket(context, connection, ticket_id=ticket_id)
        rows = User.filter(id=follower_id, deactivated_at=None, erased_at=None)
        user = await rows.using_db(connection).select_related("role").first()
        if user is None or not may_see_ticket(user, ticket):
            raise NotFoundError(path=("userId",))
        found = TicketFollower.filter(ticket_id=ticket.id, user_id=user.id)
        if not await found.using_db(connection).exists():
            row = TicketFollower(id=new_id(), ticket_id=ticket.id, user_id=user.id)
            await insert_record(connection, row)
            await log_action(
                context,
                connection,
                AuditAction.TICKET_FOLLOW,
                subject_id=ticket.id,
                after={"user_id": user.id},
            )
    return ticket


async def unfollow_ticket(
    context: RequestContext, *, ticket_id: int, user_id: int | None = None
) -> Ticket:
    """Tell somebody no more; who does not follow is no error.

    Raises:
        DomainError: see follow_ticket.
    """
    follower_id = _follower(context, user_id)
    async with in_transaction("default") as connection:
        ticket = await locked_ticket(context, connection, ticket_id=ticket_id)
        rows = TicketFollower.filter(ticket_id=ticket.id, user_id=follower_id)
        if await rows.using_db(connection).delete():
            await log_action(
                context,
                connection,
                AuditAction.TICKET_UNFOLLOW,
                subject_id=ticket.id,
                before={"user_id": follower_id},
            )
    return ticket


async def followers_by_ticket_ids(context: RequestContext, ids: Sequence[int]) -> list[list[int]]:
    """Return the ids of who follows visible tickets; customers learn of themselves alone."""
    seen = await _seen(context, ids)
    rows = TicketFollower.filter(ticket_id__in=seen)
    if not is_desk(context.viewer):
        rows = rows.filter(user_id=context.viewer.user_id or -1)
    found: dict[int, list[int]] = {each: [] for each in ids}
    if seen:
        for row in await rows.using_db(reader()).order_by("id"):
            found[row.ticket_id].append(row.user_id)
    return [found[each] for each in ids]


async def tags_by_ticket_ids(context: RequestContext, ids: Sequence[int]) -> list[list[str]]:
    """Return the tags of tickets in the order of the alphabet, for the desk alone."""
    found: dict[int, list[str]] = {each: [] for each in ids}
    seen = await _seen(context, ids) if is_desk(context.viewer) else []
    if seen:
        rows = TicketTag.filter(ticket_id__in=seen).using_db(reader())
        for row in await rows.order_by("name"):
            found[row.ticket_id].append(row.name)
    return [found[each] for each in ids]


async def links_by_ticket_ids(
    context: RequestContext, ids: Sequence[int]
) -> list[list[TicketLink]]:
    """Return the links of visible tickets to tickets that are visible, too, in both directions.

    A link stands with its `ticket` and with its `other`.
    """
    found: dict[int, list[TicketLink]] = {each: [] for each in ids}
    seen = await _seen(context, ids)
    if not seen:
        return [found[each] for each in ids]
    rows = await TicketLink.filter(ticket_id__in=seen).using_db(reader()).order_by("id")
    rows += await TicketLink.filter(other_id__in=seen).using_db(reader()).order_by("id")
    ends = list({end for row in rows for end in (row.ticket_id, row.other_id)})
    shown = set(await _seen(context, ends))
    for row in {row.id: row for row in rows}.values():
        if row.ticket_id in shown and row.other_id in shown:
            for end in (row.ticket_id, row.other_id):
                if end in found:
                    found[end].append(row)
    return [found[each] for each in ids]


async def _seen(context: RequestContext, ids: Sequence[int]) -> list[int]:
    return [each.id for each in await tickets_by_ids(context, ids) if each is not None]


def _follower(context: RequestContext, user_id: int | None) -> int:
    context.viewer.require(Scope.TICKET_READ)
    if user_id is not None and user_id != context.viewer.user_id:
        require_desk(context.viewer)
        return user_id
    return context.viewer.user_id or -1


def may_see_ticket(user: User, ticket: Ticket) -> bool:
    """The rule of add_visible_tickets, about somebody else; a test compares the two."""
    if Scope.TICKET_READ not in user.scopes():
        return False
    if user.role.reach is Reach.ALL:
        return True
    if user.role.reach is Reach.ORGANIZATION and user.organization_id is not None:
        return ticket.organization_id == user.organization_id
    return ticket.requester_id == user.id and ticket.organization_id in {
        None,
        user.organization_id,
    }
