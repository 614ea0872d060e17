"""Answer in a ticket, and note something on it; take an answer back: ticket_take_backs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import NotFoundError, RequestUndoneError, ValueInvalidError
from models.ids import new_id
from models.orm import reader
from models.raw_sql import fetch
from models.rules.audit_actions import AuditAction
from models.rules.message_bodies import check_body
from models.rules.plain_text import check_text
from models.rules.scopes import Scope
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_lifecycle import TicketMove
from models.rules.ticket_states import (
    MessageVisibility,
    TicketChannel,
    TicketResolution,
    TicketStatus,
)
from models.ticket_messages import MAX_BODY_LENGTH, TicketMessage
from models.ticket_rows import message_of, selected
from models.tickets import Ticket
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.file_owners import check_files
from resolvers.link_filters import MAX_ID, Conditions
from resolvers.replays import MAX_REQUEST_ID_LENGTH, Repeatable, claim
from resolvers.ticket_filters import (
    add_visible_messages,
    add_visible_tickets,
    is_desk,
    require_desk,
)
from resolvers.ticket_replies import Reply, receive_reply
from resolvers.ticket_saving import locked_ticket, save_quietly, save_ticket, snapshot
from resolvers.ticket_steps import StepInput, take_step
from resolvers.ticket_storing import NewMessage, due_at, store_message
from resolvers.ticket_take_backs import take_back_message
from resolvers.tickets import repeatable, spend_writing

__all__ = (
    "Reply",
    "ReplyThen",
    "messages_by_ids",
    "note_on_ticket",
    "reply_to_ticket",
    "take_back_message",
)

_THEN: Final[Mapping[TicketStatus, TicketMove]] = {
    TicketStatus.OPEN: TicketMove.OPEN,
    TicketStatus.WAITING_FOR_CUSTOMER: TicketMove.WAIT_FOR_CUSTOMER,
    TicketStatus.WAITING_INTERNAL: TicketMove.WAIT_INTERNAL,
    TicketStatus.SCHEDULED: TicketMove.SCHEDULE,
    TicketStatus.RESOLVED: TicketMove.RESOLVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyThen:
    """Where an answer of the desk leaves the ticket: one click for both.

    Attributes:
        status: a key of the table above; where the ticket is already is fine, too.
        resolution: with RESOLVED.
        until: with SCHEDULED.
    """

    status: TicketStatus
    resolution: TicketResolution | None = None
    until: datetime | None = None


async def reply_to_ticket(  # noqa: PLR0913 - one for each part of an answer
    context: RequestContext,
    *,
    ticket_id: int,
    body: str,
    then: ReplyThen | None = None,
    expected_revision: int | None = None,
    request_id: str | None = None,
    file_ids: Sequence[int] = (),
) -> Reply:
    """Write to the other side: the customer to the desk, or the desk to the customer.

    An answer of the desk is sent once DeskPolicy.undo_s is over. What a customer writes
    about a ticket that ended reopens it, or after DeskPolicy.reopen_days begins a new one.
    Whose matter the ticket is writes as a customer, also when they work on the desk.

    Args:
        context: needs TICKET_WRITE; `then` also the desk's rights.
        ticket_id: of a ticket the viewer may see.
        body: in Markdown.
        then: where the ticket goes with the answer.
        expected_revision: None answers whatever was written meanwhile.
        request_id: the same one with the same input within 24 h gives the same answer.
        file_ids: what the viewer has sent for it, at most MAX_FILES.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: absent, deleted, or not the viewer's; with the path `fileIds` a file.
        RevisionConflictError: somebody wrote or changed something since.
        TicketMoveNotPossibleError: spam and merged tickets get no answer, or see `then`.
        ValueRequiredError, TextTooLongError, ValueInvalidError: body, then or request id.
        RequestIdReusedError: the request id came before with another input.
        RequestUndoneError: it came before, and its message was taken back since.
        RateLimitedError: a customer wrote too often within the hour.
    """
    context.viewer.require(Scope.TICKET_WRITE)
    text = check_body(body, field="bodyMarkdown", length=MAX_BODY_LENGTH) or ""
    if then is not None:
        require_desk(context.viewer)
        if then.status not in _THEN:
            raise ValueInvalidError(path=("then", "status"), reason="reply_status")
    files = check_files(file_ids)
    request = _request(context, "ticketReply", request_id, [ticket_id, text, then, *files])
    await spend_writing(context)
    message_id = new_id()
    async with in_transaction("default") as connection:
        made = await _made_before(context, connection, request, message_id)
        if made is not None:
            return made
        ticket = await locked_ticket(
            context, connection, ticket_id=ticket_id, if_revision=expected_revision
        )
        is_staff = is_desk(context.viewer) and ticket.requester_id != context.viewer.user_id
        new = NewMessage(
            body=text,
            visibility=MessageVisibility.PUBLIC,
            channel=_channel(context),
            author_id=context.viewer.user_id,
            is_from_staff=is_staff,
            message_id=message_id,
            file_ids=files,
        )
        if is_staff:
            return await _answer(context, connection, ticket, new, then)
        return await receive_reply(context, connection, ticket, new)


async def note_on_ticket(  # noqa: PLR0913 - one for each part of a note
    context: RequestContext,
    *,
    ticket_id: int,
    body: str,
    expected_revision: int | None = None,
    request_id: str | None = None,
    file_ids: Sequence[int] = (),
) -> Reply:
    """Write to the desk alone; the status stays.

    Args:
        context: needs TICKET_STAFF and the reach ALL.
        ticket_id: of any ticket.
        body: in Markdown.
        expected_revision: None notes whatever was written meanwhile.
        request_id: the same one with the same input within 24 h gives the same note.
        file_ids: what the viewer has sent for it, at most MAX_FILES.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        DomainError: the same as reply_to_ticket, for the same fields.
    """
    require_desk(context.viewer, writes=False)
    text = check_body(body, field="bodyMarkdown", length=MAX_BODY_LENGTH) or ""
    files = check_files(file_ids)
    request = _request(context, "ticketNote", request_id, [ticket_id, text, *files])
    message_id = new_id()
    async with in_transaction("default") as connection:
        made = await _made_before(context, connection, request, message_id)
        if made is not None:
            return made
        ticket = await locked_ticket(
            context, connection, ticket_id=ticket_id, if_revision=expected_revision
        )
        await save_quietly(context, connection, ticket, snapshot(ticket))
        new = NewMessage(
            body=text,
            visibility=MessageVisibility.INTERNAL,
            channel=_channel(context),
            author_id=context.viewer.user_id,
            is_from_staff=True,
            message_id=message_id,
            file_ids=files,
        )
        message = await store_message(context, connection, ticket, new)
        await log_action(
            context,
            connection,
            AuditAction.TICKET_NOTE,
            subject_id=ticket.id,
            after={"message_id": message.id},
        )
    return Reply(ticket, message)


async def messages_by_ids(
    context: RequestContext, ids: Sequence[int]
) -> list[TicketMessage | None]:
    """Return messages that the viewer may read, None for others, in the order of `ids`.

    Needs TICKET_READ.
    """
    context.viewer.require(Scope.TICKET_READ)
    wanted = [each for each in dict.fromkeys(ids) if 0 <= each <= MAX_ID]
    if not wanted:
        return [None] * len(ids)
    conditions = Conditions(reader())
    add_visible_tickets(conditions, context.viewer)
    add_visible_messages(conditions, context.viewer, now=context.ports.clock.now())
    conditions.add(f"ticket_message.id IN ({', '.join('?' * len(wanted))})", *wanted)
    rows = await fetch(
        conditions.connection,
        f"SELECT {selected(TicketMessage)} FROM ticket_message"
        f" JOIN ticket ON ticket.id = ticket_message.ticket_id WHERE {conditions.sql}",
        conditions.arguments,
    )
    found = {message.id: message for message in map(message_of, rows)}
    return [found.get(each) for each in ids]


async def _answer(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    ticket: Ticket,
    new: NewMessage,
    then: ReplyThen | None,
) -> Reply:
    before = snapshot(ticket)
    take_step(context, ticket, TicketMove.DESK_REPLY)
    if then is not None and then.status is not ticket.status:
        given = StepInput(resolution=then.resolution, until=then.until)
        take_step(context, ticket, _THEN[then.status], given)
    now = context.ports.clock.now()
    ticket.first_answered_at = ticket.first_answered_at or now
    ticket.staff_wrote_at = now
    await save_ticket(
        context,
        connection,
        ticket,
        before,
        kind=TicketEventKind.STATUS_CHANGED,
        action=AuditAction.TICKET_MOVE,
        due_at=due_at(context, new),
        is_touched=True,
    )
    message = await store_message(context, connection, ticket, new)
    await log_action(
        context,
        connection,
        AuditAction.TICKET_REPLY,
        subject_id=ticket.id,
        after={"message_id": message.id},
    )
    return Reply(ticket, message)


def _channel(context: RequestContext) -> TicketChannel:
    return TicketChannel.PORTAL if context.viewer.api_key_id is None else TicketChannel.API


def _request(
    context: RequestContext, mutation: str, request_id: str | None, body: Sequence[object]
) -> Repeatable | None:
    checked = check_text(request_id, field="requestId", length=MAX_REQUEST_ID_LENGTH)
    return repeatable(context, mutation, checked, body)


async def _made_before(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    request: Repeatable | None,
    message_id: int,
) -> Reply | None:
    """Return what the same request made before, None for a new one."""
    if request is None:
        return None
    made = await claim(connection, request, result_id=message_id, now=context.ports.clock.now())
    if made == message_id:
        return None
    message = await TicketMessage.filter(id=made, taken_back_at=None).using_db(connection).first()
    if message is None:
        raise RequestUndoneError
    try:
        ticket = await locked_ticket(context, connection, ticket_id=message.ticket_id)
    except NotFoundError:
        raise RequestUndoneError from None
    return Reply(ticket, message)
