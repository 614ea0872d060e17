"""Find tickets: one, many, a page. Every path shows what the viewer may see, no more."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from models.errors import CursorInvalidError
from models.orm import reader
from models.raw_sql import SqlRow, fetch
from models.rules.moments import microseconds_of
from models.rules.scopes import Scope
from models.rules.ticket_states import ACTIVE, TicketStatus
from models.ticket_rows import selected, ticket_of
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.link_filters import MAX_ID, Conditions
from resolvers.paging import (
    Page,
    PageWindow,
    SortDirection,
    SortKey,
    decode_cursor,
    encode_cursor,
)
from resolvers.ticket_filters import TicketFilter, TicketOrder, TicketOrderField, ticket_conditions

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_US: Final = microseconds_of(datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class _Sorting:
    """How one order is written in SQL and in cursors."""

    column: str
    key: Callable[[Ticket], SortKey]
    argument: Callable[[SortKey], object]  # the reverse of `key`; ValueError if it cannot be one


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxCounts:
    """How many tickets there are, by what an inbox shows beside its folders.

    Attributes:
        by_status: every status, also those with none.
        mine: active ones that are assigned to the viewer.
        unassigned: active ones that are assigned to nobody.
    """

    by_status: Mapping[TicketStatus, int]
    mine: int
    unassigned: int


async def ticket_by_id(context: RequestContext, ticket_id: int) -> Ticket | None:
    """Return one ticket, None when it is absent, deleted or not the viewer's. TICKET_READ."""
    [ticket] = await tickets_by_ids(context, [ticket_id])
    return ticket


async def ticket_by_number(context: RequestContext, number: int) -> Ticket | None:
    """Return one ticket by its number, see ticket_by_id."""
    conditions = _readable(context)
    conditions.add("ticket.number = ?", number if 0 <= number <= MAX_ID else -1)
    found = await _select(conditions)
    return found[0] if found else None


async def tickets_by_ids(context: RequestContext, ids: Sequence[int]) -> list[Ticket | None]:
    """Return many tickets by one query, in the order of `ids`. Needs TICKET_READ."""
    conditions = _readable(context)
    wanted = [each for each in dict.fromkeys(ids) if 0 <= each <= MAX_ID]
    if not wanted:
        return [None] * len(ids)
    conditions.add(f"ticket.id IN ({', '.join('?' * len(wanted))})", *wanted)
    tickets = {ticket.id: ticket for ticket in await _select(conditions)}
    return [tickets.get(each) for each in ids]


async def tickets_page(
    context: RequestContext, *, filter: TicketFilter, order: TicketOrder, window: PageWindow
) -> Page[Ticket]:
    """Return one page of the tickets the viewer may see, by one query. Needs TICKET_READ.

    Raises:
        NotPermittedError: no TICKET_READ.
        CursorInvalidError, ValueInvalidError: the window makes no sense.
    """
    wanted = window.check()
    conditions = _readable(context, filter)
    ascending = order.direction is SortDirection.ASC
    _add_bound(conditions, order, window.after, path="after", above=ascending)
    _add_bound(conditions, order, window.before, path="before", above=not ascending)
    backwards = window.last is not None
    column = _SORTINGS[order.field].column
    way = "ASC" if ascending != backwards else "DESC"
    tickets = await _select(
        conditions, f" ORDER BY {column} {way}, ticket.id {way} LIMIT {wanted + 1}"
    )
    has_more, tickets = len(tickets) > wanted, tickets[:wanted]
    if backwards:
        tickets.reverse()
        return Page(tickets, has_next=window.before is not None, has_previous=has_more)
    return Page(tickets, has_next=has_more, has_previous=window.after is not None)


def ticket_cursor(ticket: Ticket, order: TicketOrder) -> str:
    """Return the cursor of a row of tickets_page."""
    return encode_cursor(_name(order), _SORTINGS[order.field].key(ticket), ticket.id)


async def count_tickets(context: RequestContext, filter: TicketFilter) -> int:
    """Count the tickets the viewer may see under a filter. Needs TICKET_READ."""
    conditions = _readable(context, filter)
    [row] = await _rows(conditions, "COUNT(*) AS tickets")
    return int(row["tickets"])


async def inbox_counts(context: RequestContext, filter: TicketFilter) -> InboxCounts:
    """Count what an inbox shows, under a filter but for its own statuses. Needs TICKET_READ."""
    conditions = _readable(context, replace(filter, statuses=()))
    rows = await _rows(
        conditions, "ticket.status, COUNT(*) AS tickets", tail=" GROUP BY ticket.status"
    )
    found = {str(row["status"]): int(row["tickets"]) for row in rows}
    return InboxCounts(
        by_status=MappingProxyType({each: found.get(each.value, 0) for each in TicketStatus}),
        mine=await count_tickets(context, replace(filter, statuses=ACTIVE, is_mine=True)),
        unassigned=await count_tickets(
            context, replace(filter, statuses=ACTIVE, is_unassigned=True)
        ),
    )


def _readable(context: RequestContext, filter: TicketFilter | None = None) -> Conditions:
    context.viewer.require(Scope.TICKET_READ)
    return ticket_conditions(reader(), viewer=context.viewer, filter=filter)


async def _rows(conditions: Conditions, columns: str, *, tail: str = "") -> list[SqlRow]:
    return await fetch(
        conditions.connection,
        f"SELECT {columns} FROM ticket WHERE {conditions.sql}{tail}",
        conditions.arguments,
    )


async def _select(conditions: Conditions, tail: str = "") -> list[Ticket]:
    rows = await _rows(conditions, selected(Ticket), tail=tail)
    return [ticket_of(row) for row in rows]


def _name(order: TicketOrder) -> str:
    return f"ticket {order.field.value}"


def _add_bound(
    conditions: Conditions, order: TicketOrder, cursor: str | None, *, path: str, above: bool
) -> None:
    """Leave only the rows above (or below) the row of a cursor, in ascending terms."""
    if cursor is None:
        return
    sorting = _SORTINGS[order.field]
    key, row_id = decode_cursor(cursor, order=_name(order), path=(path,))
    try:
        value = sorting.argument(key)
    except (ValueError, OverflowError):
        raise CursorInvalidError(path=(path,)) from None
    conditions.add(f"({sorting.column}, ticket.id) {'>' if above else '<'} (?, ?)", value, row_id)


def _moment(key: SortKey) -> datetime:
    if not isinstance(key, int) or not 0 <= key <= _MAX_US:
        raise ValueError(key)
    return _EPOCH + timedelta(microseconds=key)


def _number(key: SortKey) -> int:
    if not isinstance(key, int) or not 0 <= key <= MAX_ID:
        raise ValueError(key)
    return key


_SORTINGS: Final[dict[TicketOrderField, _Sorting]] = {
    TicketOrderField.CREATED_AT: _Sorting(
        "ticket.created_at", lambda ticket: microseconds_of(ticket.created_at), _moment
    ),
    TicketOrderField.UPDATED_AT: _Sorting(
        "ticket.updated_at", lambda ticket: microseconds_of(ticket.updated_at), _moment
    ),
    TicketOrderField.NUMBER: _Sorting("ticket.number", lambda ticket: ticket.number, _number),
}
