"""Tickets by their words: the number, the subject, and what was said.

Customers find by what they may read: public messages, answers of the desk from the moment
that they are sent. Answers that their author can still take back lie in a document of their
own, which staff alone find; the worker joins it to the ticket's when they are due.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.orm import is_sqlite, mark, reader
from models.raw_sql import SqlRow, fetch
from models.rules.moments import from_sql
from models.rules.search_query import read_question
from models.rules.ticket_states import MessageVisibility
from models.search_documents import SearchKind
from models.ticket_messages import TicketMessage
from models.ticket_rows import selected, ticket_of
from models.tickets import Ticket
from resolvers.context import RequestContext, Viewer
from resolvers.link_filters import Conditions
from resolvers.search import owners_in_language, search
from resolvers.search_index import SearchText, add_to_document, forget_document, index_document
from resolvers.ticket_filters import (
    TicketFilter,
    add_visible_tickets,
    audience_of,
    ticket_conditions,
)

MAX_FOUND: Final = 100  # tickets of one search
_TICKET: Final = SearchKind.TICKET
_NOT_SENT: Final = "unsent"  # the language of answers that can still be taken back
_MESSAGES: Final = (
    "SELECT visibility, is_from_staff, due_at, body_markdown FROM ticket_message"
    " WHERE taken_back_at IS NULL AND ticket_id = {} ORDER BY id"
)


async def index_ticket(connection: BaseDBAsyncClient, *, ticket_id: int, now: datetime) -> None:
    """Let a ticket be found by its number, its subject and all of its messages.

    Args:
        connection: of the open transaction that has the ticket's lock.
        ticket_id: of the ticket; one that is not there is found no longer.
        now: answers that are due later are found by staff alone.
    """
    first = mark(connection, 1)
    tickets = await fetch(
        connection, f"SELECT number, subject FROM ticket WHERE id = {first}", [ticket_id]
    )
    rows = await fetch(connection, _MESSAGES.format(first), [ticket_id])
    await forget_document(connection, kind=_TICKET, owner_id=ticket_id)
    for row in tickets:
        title = _title(row["number"], row["subject"])
        public, internal, unsent = _sorted(rows, now)
        text = SearchText(title=title, body=public, staff_body=internal)
        await index_document(connection, kind=_TICKET, owner_id=ticket_id, text=text)
        if unsent:
            await _index_unsent(connection, ticket_id, title, unsent)


async def index_message(
    connection: BaseDBAsyncClient, ticket: Ticket, message: TicketMessage, *, now: datetime
) -> None:
    """Let a ticket be found by one more message, at a price that does not grow with the others.

    Args:
        connection: of the open transaction that has the ticket's lock.
        ticket: as it is stored.
        message: of it, just stored.
        now: see index_ticket.
    """
    title = _title(ticket.number, ticket.subject)
    text, is_public = message.body_markdown, message.visibility is MessageVisibility.PUBLIC
    if is_public and message.due_at > now:
        await _index_unsent(connection, ticket.id, title, text)
        return
    added = (
        SearchText(title=title, body=text)
        if is_public
        else SearchText(title=title, staff_body=text)
    )
    await add_to_document(connection, kind=_TICKET, owner_id=ticket.id, text=added)


async def index_sent_answers(context: RequestContext, *, limit: int = 200) -> int:
    """Let customers find tickets by the answers that were sent meanwhile; a job of the worker.

    Returns:
        How many tickets had such answers.
    """
    now = context.ports.clock.now()
    due = await _due(context, limit)
    for ticket_id in due:
        async with in_transaction("default") as connection:
            locked = Ticket.filter(id=ticket_id).using_db(connection)
            if not is_sqlite(connection):
                locked = locked.select_for_update(no_key=True)
            await locked.first()
            await index_ticket(connection, ticket_id=ticket_id, now=now)
    return len(due)


async def search_tickets(
    context: RequestContext,
    *,
    typed: str,
    filter: TicketFilter | None = None,
    limit: int = 20,
    is_typing: bool = False,
) -> list[Ticket]:
    """Return the tickets that answer what was typed, the best first.

    Args:
        context: finds what the viewer may see, by what they may read.
        typed: see models.rules.search_query.
        filter: conditions that hold besides; its `search` is a search of its own.
        limit: most of them, at most MAX_FOUND.
        is_typing: the last word may go on.
    """
    viewer = context.viewer

    def narrow(conditions: Conditions) -> None:
        chosen = ticket_conditions(
            conditions.connection, viewer=viewer, filter=filter, start=conditions.start
        )
        conditions.clauses.extend(chosen.clauses)
        conditions.arguments.extend(chosen.arguments)

    found = await search(
        reader(),
        question=read_question(typed, is_typing=is_typing),
        kind=_TICKET,
        audience=audience_of(viewer),
        limit=max(0, min(limit, MAX_FOUND)),
        narrow=narrow,
    )
    return await _tickets(viewer, [each.owner_id for each in found])


def _title(number: int, subject: str) -> str:
    return f"{number} {subject}"


def _sorted(rows: Sequence[SqlRow], now: datetime) -> tuple[str, str, str]:
    """Return what customers read, what the desk alone reads, and what is not sent yet."""
    public: list[str] = []
    internal: list[str] = []
    unsent: list[str] = []
    for row in rows:
        due_at = from_sql(row["due_at"])
        if row["visibility"] != MessageVisibility.PUBLIC.value:
            internal.append(row["body_markdown"])
        elif row["is_from_staff"] and due_at is not None and due_at > now:
            unsent.append(row["body_markdown"])
        else:
            public.append(row["body_markdown"])
    return "\n".join(public), "\n".join(internal), "\n".join(unsent)


async def _index_unsent(
    connection: BaseDBAsyncClient, ticket_id: int, title: str, text: str
) -> None:
    await add_to_document(
        connection,
        kind=_TICKET,
        owner_id=ticket_id,
        language=_NOT_SENT,
        text=SearchText(staff_title=title, staff_body=text),
    )


async def _due(context: RequestContext, limit: int) -> list[int]:
    """Return the tickets whose answers cannot be taken back any more."""
    waiting = await owners_in_language(reader(), kind=_TICKET, language=_NOT_SENT, limit=limit)
    if not waiting:
        return []
    conditions = Conditions(reader())
    conditions.add(f"ticket_id IN ({', '.join('?' * len(waiting))})", *waiting)
    conditions.add("due_at > ? AND taken_back_at IS NULL", context.ports.clock.now())
    rows = await fetch(
        conditions.connection,
        f"SELECT DISTINCT ticket_id FROM ticket_message WHERE {conditions.sql}",
        conditions.arguments,
    )
    later = {row["ticket_id"] for row in rows}
    return [ticket_id for ticket_id in waiting if ticket_id not in later]


async def _tickets(viewer: Viewer, ids: Sequence[int]) -> list[Ticket]:
    """Return the tickets in the order of their ids' sequence, those that are gone left out."""
    if not ids:
        return []
    conditions = Conditions(reader())
    add_visible_tickets(conditions, viewer)
    conditions.add(f"ticket.id IN ({', '.join('?' * len(ids))})", *ids)
    rows = await fetch(
        conditions.connection,
        f"SELECT {selected(Ticket)} FROM ticket WHERE {conditions.sql}",
        conditions.arguments,
    )
    found = {ticket.id: ticket for ticket in map(ticket_of, rows)}
    return [found[each] for each in ids if each in found]
