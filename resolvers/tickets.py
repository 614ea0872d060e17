"""Make tickets; find them (ticket_lists), change them (ticket_edits), answer (ticket_messages)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import DomainError, InputInvalidError, NotFoundError, RequestUndoneError
from models.ids import new_id
from models.raw_sql import fetch
from models.rules.message_bodies import check_body
from models.rules.plain_text import check_text
from models.rules.rate_limits import RateLimit
from models.rules.scopes import Scope
from models.rules.severities import SeverityInputs
from models.rules.ticket_states import MessageVisibility, TicketChannel, TicketKind
from models.rules.ticket_tags import check_tags
from models.ticket_categories import TicketCategory
from models.ticket_messages import MAX_BODY_LENGTH
from models.ticket_queues import TicketQueue
from models.ticket_rows import selected, ticket_of
from models.tickets import (
    MAX_INSTALLATION_LENGTH,
    MAX_MODULE_LENGTH,
    MAX_SUBJECT_LENGTH,
    Ticket,
)
from resolvers.context import RequestContext
from resolvers.file_owners import check_files
from resolvers.limits import spend
from resolvers.link_filters import Conditions
from resolvers.replays import MAX_REQUEST_ID_LENGTH, Repeatable, body_hash, claim
from resolvers.ticket_field_values import check_fields
from resolvers.ticket_filters import add_visible_tickets, is_desk, require_desk
from resolvers.ticket_lists import (
    InboxCounts,
    count_tickets,
    inbox_counts,
    ticket_by_id,
    ticket_by_number,
    ticket_cursor,
    tickets_by_ids,
    tickets_page,
)
from resolvers.ticket_requesters import Requester, known_requester, viewer_as_requester
from resolvers.ticket_storing import NewMessage, NewTicket, store_ticket

__all__ = (
    "InboxCounts",
    "Requester",
    "count_tickets",
    "create_ticket",
    "inbox_counts",
    "ticket_by_id",
    "ticket_by_number",
    "ticket_cursor",
    "tickets_by_ids",
    "tickets_page",
)

_NO_FIELDS: Final[Mapping[str, object]] = {}


@dataclass(slots=True)
class _Form:
    """Keeps every refusal, so that a form can show them all at once."""

    problems: list[DomainError] = field(default_factory=list[DomainError])

    def line(self, text: str | None, name: str, length: int, *, required: bool = False) -> Any:  # noqa: ANN401 - str where it is required
        try:
            return check_text(text, field=name, length=length, required=required)
        except DomainError as problem:
            self.problems.append(problem)
            return "" if required else None

    def body(self, text: str) -> str:
        try:
            return check_body(text, field="bodyMarkdown", length=MAX_BODY_LENGTH) or ""
        except DomainError as problem:
            self.problems.append(problem)
            return ""

    def tags(self, tags: Sequence[str]) -> tuple[str, ...]:
        try:
            return check_tags(tags)
        except DomainError as problem:
            self.problems.append(problem)
            return ()


async def create_ticket(  # noqa: PLR0913 - one for each field of the form
    context: RequestContext,
    *,
    subject: str,
    body: str,
    kind: TicketKind = TicketKind.QUESTION,
    channel: TicketChannel = TicketChannel.PORTAL,
    severity_inputs: SeverityInputs | None = None,
    category_id: int | None = None,
    module: str | None = None,
    installation: str | None = None,
    fields: Mapping[str, object] = _NO_FIELDS,
    tags: Sequence[str] = (),
    requester: Requester | None = None,
    queue_id: int | None = None,
    request_id: str | None = None,
    file_ids: Sequence[int] = (),
) -> Ticket:
    """Take a matter of a customer, in their words, under a number of its own.

    Args:
        context: needs TICKET_WRITE; to name a requester, tags or a queue also the desk's
            rights.
        subject: one line.
        body: what they want, in Markdown; it is their message, also if the desk took it down.
        kind: what they want of us.
        channel: the way it came.
        severity_inputs: what happens, to how many, and whether there is a way round.
        category_id: of one in use.
        module: of the product.
        installation: which one it is about.
        fields: values by the keys of the fields of the kind.
        tags: words of the desk.
        requester: whose matter it is; None for the viewer's own.
        queue_id: of one in use.
        request_id: the same one with the same input within 24 h gives the same ticket.
        file_ids: what the viewer has sent for it, at most MAX_FILES.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        ValueRequiredError, TextTooLongError, ValueInvalidError, InputInvalidError: fields.
        NotFoundError: no such requester, category or queue in use; or no such file.
        RequestIdReusedError: the request id came before with another input.
        RequestUndoneError: it came before, and its ticket was deleted since.
        RateLimitedError: a customer wrote too often within the hour.
    """
    context.viewer.require(Scope.TICKET_WRITE)
    if requester is not None or tags or queue_id is not None:
        require_desk(context.viewer)
    form = _Form()
    subject = form.line(subject, "subject", MAX_SUBJECT_LENGTH, required=True)
    message = form.body(body)
    module = form.line(module, "productModule", MAX_MODULE_LENGTH)
    installation = form.line(installation, "installation", MAX_INSTALLATION_LENGTH)
    request_id = form.line(request_id, "requestId", MAX_REQUEST_ID_LENGTH)
    words = form.tags(tags)
    InputInvalidError.raise_for(form.problems)
    files = check_files(file_ids)
    values = await check_fields(context.viewer, kind, fields)
    await spend_writing(context)
    ticket_id, now = new_id(), context.ports.clock.now()
    request = repeatable(
        context,
        "ticketCreate",
        request_id,
        [subject, message, kind, channel, severity_inputs, category_id, module, installation],
        [values, words, requester, queue_id, *files],
    )
    async with in_transaction("default") as connection:
        if request is not None:
            made = await claim(connection, request, result_id=ticket_id, now=now)
            if made != ticket_id:
                return await _made_before(context, connection, made)
        known = (
            await viewer_as_requester(connection, context.viewer)
            if requester is None
            else await known_requester(connection, requester)
        )
        await check_category(connection, category_id)
        await check_queue(connection, queue_id)
        new = NewTicket(
            ticket_id=ticket_id,
            subject=subject,
            requester=known,
            message=NewMessage(
                body=message,
                visibility=MessageVisibility.PUBLIC,
                channel=channel,
                author_id=known.user_id,
                author_email=known.email,
                author_name=known.name,
                file_ids=files,
            ),
            kind=kind,
            severity_inputs=severity_inputs,
            category_id=category_id,
            module=module,
            installation=installation,
            queue_id=queue_id,
            fields=values,
            tags=words,
        )
        ticket, _ = await store_ticket(context, connection, new)
    return ticket


async def check_category(connection: BaseDBAsyncClient, category_id: int | None) -> None:
    """Raise NotFoundError unless there is such a category in use, or none is meant."""
    if category_id is None:
        return
    rows = TicketCategory.filter(id=category_id, archived_at=None)
    if not await rows.using_db(connection).exists():
        raise NotFoundError(path=("categoryId",))


async def check_queue(connection: BaseDBAsyncClient, queue_id: int | None) -> None:
    """Raise NotFoundError unless there is such a queue in use, or none is meant."""
    if queue_id is None:
        return
    if not await TicketQueue.filter(id=queue_id, archived_at=None).using_db(connection).exists():
        raise NotFoundError(path=("queueId",))


async def spend_writing(context: RequestContext) -> None:
    """Count something that a customer writes; the desk and our own jobs write as they must.

    Raises:
        RateLimitedError: too much within the hour.
    """
    if context.viewer.user_id is not None and not is_desk(context.viewer):
        await spend(context, RateLimit.TICKET_WRITE, str(context.viewer.user_id))


def repeatable(
    context: RequestContext, mutation: str, request_id: str | None, *bodies: Sequence[object]
) -> Repeatable | None:
    """Return the request of a person that may come again, None for one that may not."""
    if request_id is None or context.viewer.user_id is None:
        return None
    body = orjson.dumps(bodies, option=orjson.OPT_SORT_KEYS).decode()
    return Repeatable(
        user_id=context.viewer.user_id,
        mutation=mutation,
        request_id=request_id,
        body_hash=body_hash([body]),
    )


async def _made_before(
    context: RequestContext, connection: BaseDBAsyncClient, ticket_id: int
) -> Ticket:
    """Return what the request made, unless it went, or is not the viewer's any more."""
    conditions = Conditions(connection)
    add_visible_tickets(conditions, context.viewer)
    conditions.add("ticket.id = ?", ticket_id)
    rows = await fetch(
        connection,
        f"SELECT {selected(Ticket)} FROM ticket WHERE {conditions.sql}",
        conditions.arguments,
    )
    if not rows:
        raise RequestUndoneError
    return ticket_of(rows[0])
