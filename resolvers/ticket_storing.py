"""Put checked tickets and messages into the store, in the transaction of whoever makes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.files import FileOwnerKind
from models.ids import new_id
from models.raw_sql import fetch
from models.rules.audit_actions import AuditAction
from models.rules.severities import SeverityInputs
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_fields import FieldValue
from models.rules.ticket_states import (
    MessageVisibility,
    TicketChannel,
    TicketKind,
    TicketLine,
    TicketLinkKind,
    TicketStatus,
)
from models.ticket_messages import TicketMessage
from models.ticket_rows import insert_record, insert_records
from models.tickets import Ticket, TicketLink, TicketTag
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.file_owners import attach_files
from resolvers.ticket_clocks import keep_clocks
from resolvers.ticket_field_values import write_fields
from resolvers.ticket_requesters import KnownRequester
from resolvers.ticket_saving import add_event
from resolvers.ticket_search import index_message

# A row that is not there is made with the first number; the same statement on both engines.
_NEXT_NUMBER: Final = (
    "INSERT INTO ticket_counter (id, last_number) VALUES (1, 1) ON CONFLICT (id)"
    " DO UPDATE SET last_number = ticket_counter.last_number + 1 RETURNING last_number"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message whose parts were checked.

    Attributes:
        author_id, author_email, author_name: a person with an account, or a stranger.
        is_automatic: no person wrote it, see models.rules.ticket_lifecycle.
        message_id: that it will have; None for any.
        file_ids: what the viewer has sent for it, see resolvers.file_owners.attach_files.
    """

    body: str
    visibility: MessageVisibility
    channel: TicketChannel
    author_id: int | None = None
    author_email: str | None = None
    author_name: str | None = None
    is_from_staff: bool = False
    is_automatic: bool = False
    message_id: int | None = None
    file_ids: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTicket:
    """A ticket whose parts were checked.

    Attributes:
        message: what the customer wrote first; None for one whose messages are there already.
        ticket_id: that it will have; None for any.
        follows: the ticket that it goes on with.
    """

    subject: str
    requester: KnownRequester
    message: NewMessage | None = None
    kind: TicketKind = TicketKind.QUESTION
    severity_inputs: SeverityInputs | None = None
    category_id: int | None = None
    module: str | None = None
    installation: str | None = None
    queue_id: int | None = None
    fields: Mapping[str, FieldValue | None] = field(default_factory=dict[str, "FieldValue | None"])
    tags: Sequence[str] = ()
    ticket_id: int | None = None
    follows: Ticket | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the messages of a new ticket tell of it, see Ticket."""

    channel: TicketChannel
    customer_wrote_at: datetime
    first_answered_at: datetime | None = None
    staff_wrote_at: datetime | None = None


async def store_ticket(
    context: RequestContext, connection: BaseDBAsyncClient, new: NewTicket
) -> tuple[Ticket, TicketMessage]:
    """Insert a ticket with its first message, see store_bare_ticket.

    Raises:
        ValueError: there is no message.
    """
    if new.message is None:
        raise ValueError(new.subject)
    told = Told(channel=new.message.channel, customer_wrote_at=context.ports.clock.now())
    ticket = await store_bare_ticket(context, connection, new, told)
    return ticket, await store_message(context, connection, ticket, new.message)


async def store_bare_ticket(
    context: RequestContext, connection: BaseDBAsyncClient, new: NewTicket, told: Told
) -> Ticket:
    """Insert a ticket under the next number; its messages are the caller's to bring.

    The row of the counter is locked until the transaction ends: numbers rise in the order
    of commits, and one that was given to nobody is given again.
    """
    now = context.ports.clock.now()
    severity = new.severity_inputs
    ticket = Ticket(
        id=new.ticket_id or new_id(),
        created_at=now,
        updated_at=now,
        subject=new.subject,
        kind=new.kind,
        severity=None if severity is None else severity.severity,
        effect=None if severity is None else severity.effect,
        impact=None if severity is None else severity.impact,
        workaround=None if severity is None else severity.workaround,
        status=TicketStatus.NEW,
        line=TicketLine.FIRST,
        channel=told.channel,
        locale=new.requester.locale,
        requester_id=new.requester.user_id,
        requester_email=new.requester.email,
        requester_name=new.requester.name,
        organization_id=new.requester.organization_id,
        installation=new.installation,
        module=new.module,
        category_id=new.category_id,
        queue_id=new.queue_id,
        customer_wrote_at=told.customer_wrote_at,
        first_answered_at=told.first_answered_at,
        staff_wrote_at=told.staff_wrote_at,
        number=await _next_number(connection),
    )
    await insert_record(connection, ticket)
    await keep_clocks(context, connection, ticket)
    tags = [TicketTag(id=new_id(), ticket_id=ticket.id, name=name) for name in new.tags]
    await insert_records(connection, tags)
    await write_fields(connection, ticket.id, new.fields)
    if new.follows is not None:
        await link(connection, new.follows.id, ticket.id, TicketLinkKind.FOLLOW_UP)
    after: dict[str, object] = {"number": ticket.number, "channel": ticket.channel}
    if new.follows is not None:
        after["follows"] = new.follows.number
    await add_event(
        context, connection, ticket_id=ticket.id, kind=TicketEventKind.CREATED, after=after
    )
    await log_action(
        context,
        connection,
        AuditAction.TICKET_CREATE,
        subject_id=ticket.id,
        after={
            **after,
            "kind": ticket.kind,
            "requester_id": ticket.requester_id,
            "organization_id": ticket.organization_id,
        },
    )
    return ticket


async def store_message(
    context: RequestContext, connection: BaseDBAsyncClient, ticket: Ticket, new: NewMessage
) -> TicketMessage:
    """Insert a message of a ticket that is saved already, with its lock held.

    A public one of the desk is due once its author cannot take it back any more.

    Raises:
        NotFoundError: one of its files is not the viewer's to attach; see attach_files.
    """
    now = context.ports.clock.now()
    message = TicketMessage(
        id=new.message_id or new_id(),
        created_at=now,
        updated_at=now,
        ticket_id=ticket.id,
        visibility=new.visibility,
        author_id=new.author_id,
        author_email=new.author_email,
        author_name=new.author_name,
        is_from_staff=new.is_from_staff,
        is_automatic=new.is_automatic,
        channel=new.channel,
        body_markdown=new.body,
        due_at=due_at(context, new),
        ticket_revision=ticket.revision,
    )
    await insert_record(connection, message)
    if new.file_ids:
        await attach_files(
            context,
            connection,
            file_ids=new.file_ids,
            owner_kind=FileOwnerKind.TICKET_MESSAGE,
            owner_id=message.id,
        )
    await index_message(connection, ticket, message, now=now)
    return message


def due_at(context: RequestContext, new: NewMessage) -> datetime:
    """Return from when on customers see a message."""
    now = context.ports.clock.now()
    if not new.is_from_staff or new.visibility is MessageVisibility.INTERNAL:
        return now
    return now + timedelta(seconds=context.ports.desk.undo_s)


async def link(
    connection: BaseDBAsyncClient, ticket_id: int, other_id: int, kind: TicketLinkKind
) -> None:
    """Note that `other_id` is to `ticket_id` what the kind says."""
    row = TicketLink(id=new_id(), ticket_id=ticket_id, other_id=other_id, kind=kind)
    await insert_record(connection, row)


async def _next_number(connection: BaseDBAsyncClient) -> int:
    [row] = await fetch(connection, _NEXT_NUMBER)
    return int(row["last_number"])
