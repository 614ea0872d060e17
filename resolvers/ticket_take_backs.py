"""Take an answer of the desk back before it is sent, with the status that came with it."""

from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import NotFoundError
from models.files import FileOwnerKind
from models.rules.audit_actions import AuditAction
from models.rules.moments import from_sql
from models.rules.ticket_states import MessageVisibility, TicketResolution, TicketStatus
from models.ticket_errors import MessageSentError
from models.ticket_messages import TicketEvent, TicketMessage
from models.tickets import Ticket
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.file_owners import release_files
from resolvers.link_filters import MAX_ID
from resolvers.ticket_filters import require_desk
from resolvers.ticket_replies import Reply
from resolvers.ticket_saving import locked_ticket, save_quietly, snapshot
from resolvers.ticket_search import index_ticket


async def take_back_message(context: RequestContext, *, message_id: int) -> Reply:
    """Take an answer back that was not sent yet; the status that came with it goes back, too.

    If the ticket was changed since the answer, the change stays, and only the answer goes.
    Its files are the author's again, for a day.

    Args:
        context: of the author, with the desk's rights.
        message_id: of a public answer.

    Returns:
        The ticket and the message, with its text for another try.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such answer of the viewer's, or taken back already.
        MessageSentError: too late.
    """
    require_desk(context.viewer)
    now = context.ports.clock.now()
    async with in_transaction("default") as connection:
        found = await TicketMessage.filter(id=_row_id(message_id)).using_db(connection).first()
        if found is None or found.author_id != context.viewer.user_id or not found.is_from_staff:
            raise NotFoundError
        ticket = await locked_ticket(context, connection, ticket_id=found.ticket_id)
        mine = TicketMessage.filter(id=found.id, taken_back_at=None)
        message = await mine.using_db(connection).first()  # as it is now that nobody moves it
        if message is None:
            raise NotFoundError
        if message.due_at <= now:
            raise MessageSentError
        await mine.using_db(connection).update(taken_back_at=now)
        message.taken_back_at = now
        await release_files(
            context, connection, owner_kind=FileOwnerKind.TICKET_MESSAGE, owner_id=message.id
        )
        await index_ticket(connection, ticket_id=ticket.id, now=now)
        before = snapshot(ticket)
        if ticket.revision == message.ticket_revision:
            await _restore(connection, ticket, message)
        await _count_answers(connection, ticket)
        await save_quietly(context, connection, ticket, before)
        await log_action(
            context,
            connection,
            AuditAction.TICKET_TAKE_BACK,
            subject_id=ticket.id,
            after={"message_id": message.id},
        )
    return Reply(ticket, message)


async def _restore(connection: BaseDBAsyncClient, ticket: Ticket, message: TicketMessage) -> None:
    """Put the ticket back to where it was before a message that nothing came after."""
    rows = TicketEvent.filter(
        ticket_id=ticket.id,
        author_id=message.author_id,
        created_at=message.created_at,
        due_at=message.due_at,
        taken_back_at=None,
    )
    for event in await rows.using_db(connection):
        for name, value in event.values_before.items():
            setattr(ticket, name, _read(name, value))
    await rows.using_db(connection).update(taken_back_at=message.taken_back_at)


def _read(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever an event holds
    if value is None:
        return None
    if name in {"status", "status_before"}:
        return TicketStatus(value)
    if name == "resolution":
        return TicketResolution(value)
    return from_sql(value) if name.endswith(("_at", "_until")) else value


async def _count_answers(connection: BaseDBAsyncClient, ticket: Ticket) -> None:
    """Set when the desk first and last wrote by the answers that are left."""
    left = TicketMessage.filter(
        ticket_id=ticket.id,
        is_from_staff=True,
        visibility=MessageVisibility.PUBLIC,
        taken_back_at=None,
    ).using_db(connection)
    first = await left.order_by("created_at").first()
    last = await left.order_by("-created_at").first()
    ticket.first_answered_at = None if first is None else first.created_at
    ticket.staff_wrote_at = None if last is None else last.created_at


def _row_id(row_id: int) -> int:
    return row_id if 0 <= row_id <= MAX_ID else -1
