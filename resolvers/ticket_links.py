"""Tickets that have to do with each other; one incident that many tickets wait for."""

from dataclasses import dataclass

from tortoise.backends.base.client import BaseDBAsyncClient

from models.errors import DomainError, NotFoundError, ValueInvalidError
from models.orm import reader
from models.rules.audit_actions import AuditAction
from models.rules.message_bodies import check_body
from models.rules.plain_text import check_text
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_states import TicketLinkKind
from models.ticket_messages import MAX_BODY_LENGTH
from models.tickets import Ticket, TicketLink
from resolvers.context import RequestContext
from resolvers.replays import MAX_REQUEST_ID_LENGTH, body_hash
from resolvers.ticket_changes import tickets_change
from resolvers.ticket_filters import require_desk
from resolvers.ticket_messages import Reply, ReplyThen, reply_to_ticket
from resolvers.ticket_saving import add_event
from resolvers.ticket_storing import link

# The others tell how a ticket came about, and are nobody's to set.
_SETTABLE = frozenset({TicketLinkKind.RELATED, TicketLinkKind.INCIDENT})
MAX_INCIDENT_TICKETS = 500  # that one answer goes to


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentAnswer:
    """What became of an answer to one of the tickets of an incident: one of the two.

    Attributes:
        ticket_id: of the ticket.
        reply: what was written.
        refusal: why nothing was.
    """

    ticket_id: int
    reply: Reply | None = None
    refusal: DomainError | None = None


async def link_tickets(
    context: RequestContext, *, ticket_id: int, other_id: int, kind: TicketLinkKind
) -> Ticket:
    """Note what another ticket is to this one; twice is no error.

    Args:
        context: needs the desk's rights.
        ticket_id: of any ticket; of an INCIDENT the one that is worked on.
        other_id: of another one; one that waits for the incident.
        kind: RELATED, which is the same from both sides, or INCIDENT.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such ticket, one or the other.
        ValueInvalidError: of itself, or of a kind that nobody sets.
    """
    require_desk(context.viewer)
    _check(ticket_id, other_id, kind)
    async with tickets_change(context, ticket_ids=(ticket_id, other_id)) as (one, other):
        if one is None:
            raise NotFoundError
        if other is None:
            raise NotFoundError(path=("otherId",))
        if await _held(one.connection, ticket_id, other_id, kind) is None:
            await link(one.connection, ticket_id, other_id, kind)
            for change, number in ((one, other.ticket.number), (other, one.ticket.number)):
                await change.touch()
                await add_event(
                    context,
                    change.connection,
                    ticket_id=change.ticket.id,
                    kind=TicketEventKind.LINKED,
                    after={"number": number, "link": kind},
                )
            await one.log(AuditAction.TICKET_LINK, after={"other_id": other_id, "kind": kind})
    return one.ticket


async def unlink_tickets(
    context: RequestContext, *, ticket_id: int, other_id: int, kind: TicketLinkKind
) -> Ticket:
    """Take a link away again; none is no error.

    Raises:
        DomainError: see link_tickets.
    """
    require_desk(context.viewer)
    _check(ticket_id, other_id, kind)
    async with tickets_change(context, ticket_ids=(ticket_id, other_id)) as (one, other):
        if one is None:
            raise NotFoundError
        if other is None:
            raise NotFoundError(path=("otherId",))
        row = await _held(one.connection, ticket_id, other_id, kind)
        if row is not None:
            await row.delete(using_db=one.connection)
            for change, number in ((one, other.ticket.number), (other, one.ticket.number)):
                await change.touch()
                await add_event(
                    context,
                    change.connection,
                    ticket_id=change.ticket.id,
                    kind=TicketEventKind.LINKED,
                    before={"number": number, "link": kind},
                )
            await one.log(AuditAction.TICKET_LINK, before={"other_id": other_id, "kind": kind})
    return one.ticket


async def answer_incident(
    context: RequestContext,
    *,
    ticket_id: int,
    body: str,
    then: ReplyThen | None = None,
    request_id: str | None = None,
) -> list[IncidentAnswer]:
    """Answer all tickets that wait for an incident, each in its own conversation.

    Each answer has a transaction of its own: one that is refused stops no other.

    Args:
        context: needs the desk's rights.
        ticket_id: of the incident.
        body: see reply_to_ticket.
        then: see reply_to_ticket; of every ticket.
        request_id: the same one with the same input within 24 h answers no ticket twice.

    Returns:
        One answer for each ticket, the oldest link first, at most MAX_INCIDENT_TICKETS.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such ticket.
        ValueRequiredError, TextTooLongError, ValueInvalidError: body or request id.
    """
    require_desk(context.viewer)
    check_body(body, field="bodyMarkdown", length=MAX_BODY_LENGTH)
    check_text(request_id, field="requestId", length=MAX_REQUEST_ID_LENGTH)
    async with tickets_change(context, ticket_ids=(ticket_id,)) as (incident,):
        if incident is None:
            raise NotFoundError
    rows = TicketLink.filter(ticket_id=ticket_id, kind=TicketLinkKind.INCIDENT)
    answers: list[IncidentAnswer] = []
    for row in await rows.using_db(reader()).order_by("id").limit(MAX_INCIDENT_TICKETS):
        own = None if request_id is None else body_hash([request_id, str(row.other_id)])
        try:
            reply = await reply_to_ticket(
                context, ticket_id=row.other_id, body=body, then=then, request_id=own
            )
        except DomainError as refusal:
            answers.append(IncidentAnswer(ticket_id=row.other_id, refusal=refusal))
        else:
            answers.append(IncidentAnswer(ticket_id=row.other_id, reply=reply))
    return answers


def _check(ticket_id: int, other_id: int, kind: TicketLinkKind) -> None:
    if ticket_id == other_id:
        raise ValueInvalidError(path=("otherId",), reason="link_self")
    if kind not in _SETTABLE:
        raise ValueInvalidError(path=("kind",), reason="link_kind")


async def _held(
    connection: BaseDBAsyncClient, ticket_id: int, other_id: int, kind: TicketLinkKind
) -> TicketLink | None:
    """Return the link, for RELATED also the other way round."""
    rows = TicketLink.filter(ticket_id=ticket_id, other_id=other_id, kind=kind)
    found = await rows.using_db(connection).first()
    if found is None and kind is TicketLinkKind.RELATED:
        rows = TicketLink.filter(ticket_id=other_id, other_id=ticket_id, kind=kind)
        found = await rows.using_db(connection).first()
    return found
