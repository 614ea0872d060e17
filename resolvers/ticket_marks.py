"""Whether something happened to a ticket: for everybody's eyes, and for those of one viewer."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, TypeAlias

from models.orm import is_sqlite, mark, reader
from models.raw_sql import fetch
from models.rules.moments import to_sql
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.ticket_field_values import fields_by_ticket_ids
from resolvers.ticket_filters import is_desk
from resolvers.ticket_lists import ticket_by_id
from resolvers.ticket_timeline import count_timelines

TicketMark: TypeAlias = tuple[object, ...]  # compared with another one, and nothing else
# What customers see of a ticket. The revision, which notes of the desk raise, is left out.
_SHOWN: Final = (
    "subject",
    "kind",
    "severity",
    "status",
    "line",
    "category_id",
    "module",
    "installation",
    "resolution",
    "snoozed_until",
    "requester_id",
    "organization_id",
    "merged_into_id",
)


async def ticket_marks(ids: Collection[int], *, now: datetime) -> Mapping[int, TicketMark]:
    """Return a mark of each ticket that there is, by one query: it differs after each change.

    An answer that waits to be sent counts once more at the moment when it is, and so does
    what happens by itself and changes nothing of the ticket: a term that is used up.
    """
    if not ids:
        return {}
    connection = reader()
    rows = await fetch(
        connection,
        "SELECT ticket.id, ticket.revision, (SELECT MAX(ticket_message.due_at)"
        " FROM ticket_message WHERE ticket_message.ticket_id = ticket.id"
        f" AND ticket_message.due_at <= {mark(connection, 1)}) AS sent_at,"
        " (SELECT MAX(ticket_event.due_at) FROM ticket_event WHERE ticket_event.ticket_id"
        f" = ticket.id AND ticket_event.due_at <= {mark(connection, 1)}) AS told_at"
        f" FROM ticket WHERE ticket.id IN ({', '.join(str(int(each)) for each in ids)})",
        [to_sql(now, sqlite=is_sqlite(connection))],
    )
    return {int(row["id"]): (row["revision"], row["sent_at"], row["told_at"]) for row in rows}


async def ticket_as_seen(
    context: RequestContext, ticket_id: int
) -> tuple[Ticket, TicketMark] | None:
    """Return a ticket and a mark of what the viewer sees of it; None when they see nothing.

    For customers the mark stays the same whatever the desk notes for itself. The ticket is
    looked up last: one that is not the viewer's any more is never taken for a changed one.
    """
    [entries] = await count_timelines(context, [ticket_id])
    [fields] = await fields_by_ticket_ids(context, [ticket_id])
    ticket = await ticket_by_id(context, ticket_id)
    if ticket is None:
        return None
    if is_desk(context.viewer):
        return ticket, (ticket.revision, entries)
    shown = [getattr(ticket, name) for name in _SHOWN]
    return ticket, (*shown, entries, tuple(sorted(fields.items())))
