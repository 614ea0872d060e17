"""What a customer's reply does to a ticket: goes on with it, reopens it, or begins a new one."""

from dataclasses import dataclass
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.orm import is_sqlite
from models.raw_sql import fetch
from models.rules.audit_actions import AuditAction
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_lifecycle import TicketMove
from models.rules.ticket_states import TicketStatus
from models.ticket_messages import TicketMessage
from models.ticket_rows import selected, ticket_of
from models.tickets import Ticket
from models.users import User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.ticket_requesters import KnownRequester
from resolvers.ticket_saving import add_event, save_quietly, save_ticket, snapshot
from resolvers.ticket_steps import StepInput, may_go_on, take_step
from resolvers.ticket_storing import NewMessage, NewTicket, store_message, store_ticket

_MAX_HOPS: Final = 10  # from a merged ticket to the one that it is in by now


@dataclass(frozen=True, slots=True)
class Reply:
    """A message, and the ticket it came to be in: as that is now."""

    ticket: Ticket
    message: TicketMessage


async def receive_reply(
    context: RequestContext, connection: BaseDBAsyncClient, ticket: Ticket, new: NewMessage
) -> Reply:
    """Store what a customer wrote about a ticket, and take the ticket where that leads.

    A reply to what ended long ago begins a new ticket, linked to the old one. A reply to a
    merged ticket stays there, where its writer sees it, and moves the ticket that it is
    in; if that one was deleted, or is spam, a new one begins, so that nobody's words wait
    where nobody looks. Automatic mail moves nothing, and begins nothing.

    Args:
        context: of the customer, or of the job that reads mail.
        connection: of the open transaction that has the ticket's lock.
        ticket: not deleted.
        new: not from the desk.
    """
    if new.is_automatic:
        return await _park(context, connection, ticket, new)
    if not may_go_on(context, ticket):
        return await _follow_up(context, connection, ticket, new)
    if ticket.status is TicketStatus.MERGED:
        root = await _root_of(connection, ticket)
        if root is None or not may_go_on(context, root):
            return await _follow_up(context, connection, root or ticket, new)
        await _move(context, connection, root)
        before = snapshot(ticket)
        ticket.customer_wrote_at = context.ports.clock.now()
        await save_quietly(context, connection, ticket, before)
    else:
        await _move(context, connection, ticket)
    return await _stored(context, connection, ticket, new)


async def _park(
    context: RequestContext, connection: BaseDBAsyncClient, ticket: Ticket, new: NewMessage
) -> Reply:
    await save_quietly(context, connection, ticket, snapshot(ticket))
    return await _stored(context, connection, ticket, new)


async def _move(context: RequestContext, connection: BaseDBAsyncClient, ticket: Ticket) -> None:
    before = snapshot(ticket)
    take_step(context, ticket, TicketMove.CUSTOMER_REPLY, StepInput())
    ticket.customer_wrote_at = context.ports.clock.now()
    is_again = ticket.reopen_count != before["reopen_count"]
    await save_ticket(
        context,
        connection,
        ticket,
        before,
        kind=TicketEventKind.REOPENED if is_again else TicketEventKind.STATUS_CHANGED,
        action=AuditAction.TICKET_MOVE,
        is_touched=True,
    )


async def _stored(
    context: RequestContext, connection: BaseDBAsyncClient, ticket: Ticket, new: NewMessage
) -> Reply:
    message = await store_message(context, connection, ticket, new)
    await log_action(
        context,
        connection,
        AuditAction.TICKET_REPLY,
        subject_id=ticket.id,
        after={"message_id": message.id},
    )
    return Reply(ticket, message)


async def _follow_up(
    context: RequestContext, connection: BaseDBAsyncClient, ticket: Ticket, new: NewMessage
) -> Reply:
    """Begin a new ticket of whoever writes, with what is known of the old one."""
    made = NewTicket(
        subject=ticket.subject,
        message=new,
        requester=await _writer(connection, ticket, new),
        kind=ticket.kind,
        category_id=ticket.category_id,
        module=ticket.module,
        installation=ticket.installation,
        follows=ticket,
    )
    followed, message = await store_ticket(context, connection, made)
    await add_event(
        context,
        connection,
        ticket_id=ticket.id,
        kind=TicketEventKind.LINKED,
        after={"follow_up": followed.number},
    )
    return Reply(followed, message)


async def _writer(connection: BaseDBAsyncClient, ticket: Ticket, new: NewMessage) -> KnownRequester:
    if new.author_id is None:
        return KnownRequester(
            email=new.author_email,
            name=new.author_name,
            organization_id=ticket.organization_id,
            locale=ticket.locale,
        )
    user = await User.filter(id=new.author_id).using_db(connection).get()
    return KnownRequester(user_id=user.id, organization_id=user.organization_id, locale=user.locale)


async def _root_of(connection: BaseDBAsyncClient, ticket: Ticket) -> Ticket | None:
    """Lock and return the ticket that a merged one is in by now; None if it is gone."""
    lock = "" if is_sqlite(connection) else " FOR NO KEY UPDATE"
    into = ticket.merged_into_id
    for _ in range(_MAX_HOPS):
        rows = await fetch(
            connection,
            f"SELECT {selected(Ticket)} FROM ticket WHERE deleted_at IS NULL"
            f" AND id = {int(into or 0)}{lock}",
        )
        if not rows:
            return None
        found = ticket_of(rows[0])
        if found.status is not TicketStatus.MERGED:
            return None if found.status is TicketStatus.SPAM else found
        into = found.merged_into_id
    return None
