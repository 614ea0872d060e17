"""A ticket from its first word to its last: messages and events as one list, page by page.

Both stand where customers came to see them. A ticket shows what was said in those that are
merged into it, too; nothing was moved there.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from models.errors import CursorInvalidError
from models.orm import reader
from models.raw_sql import SqlRow, fetch
from models.rules.moments import microseconds_of
from models.rules.scopes import Scope
from models.ticket_messages import TicketEvent, TicketMessage
from models.ticket_rows import event_of, message_of, selected
from resolvers.context import RequestContext
from resolvers.link_filters import Conditions
from resolvers.paging import Page, PageWindow, decode_cursor, encode_cursor
from resolvers.ticket_event_texts import CUSTOMER_FIELDS, event_text
from resolvers.ticket_filters import (
    add_visible_events,
    add_visible_messages,
    add_visible_tickets,
    is_desk,
)
from resolvers.ticket_lists import tickets_by_ids

__all__ = (
    "TimelineEntry",
    "count_timeline",
    "count_timelines",
    "entry_cursor",
    "event_text",
    "timeline_page",
    "timeline_pages",
)

TimelineEntry: TypeAlias = TicketMessage | TicketEvent
_CURSOR: Final = "timeline"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_US: Final = microseconds_of(datetime.max.replace(tzinfo=UTC))


async def timeline_page(
    context: RequestContext, *, ticket_id: int, window: PageWindow
) -> Page[TimelineEntry]:
    """Return one page of what the viewer may know of a ticket, the oldest first.

    Customers see public messages once they were sent, and the events that are for them. A
    ticket that the viewer does not see has an empty page.

    Raises:
        NotPermittedError: no TICKET_READ.
        CursorInvalidError, ValueInvalidError: the window makes no sense.
    """
    [page] = await timeline_pages(context, ticket_ids=[ticket_id], window=window)
    return page


async def timeline_pages(
    context: RequestContext, *, ticket_ids: Sequence[int], window: PageWindow
) -> list[Page[TimelineEntry]]:
    """Return the same page of many tickets, by as many queries as of one; see timeline_page."""
    wanted = window.check()
    backwards = window.last is not None
    connection, sources = reader(), await _sources(context, ticket_ids)
    bounds = [
        (*_bound(cursor, path), sign)
        for cursor, path, sign in ((window.after, "after", ">"), (window.before, "before", "<"))
        if cursor is not None
    ]
    rows = await _ranked(
        context, connection, sources, bounds=bounds, backwards=backwards, limit=wanted + 1
    )
    entries = await _entries(context, connection, rows)
    found: dict[int, list[TimelineEntry]] = {each: [] for each in ticket_ids}
    for row in rows:
        found[row["shown_id"]].append(entries[row["id"]])
    pages: list[Page[TimelineEntry]] = []
    for each in ticket_ids:
        has_more, shown = len(found[each]) > wanted, found[each][:wanted]
        if backwards:
            page = Page(shown[::-1], has_next=window.before is not None, has_previous=has_more)
        else:
            page = Page(shown, has_next=has_more, has_previous=window.after is not None)
        pages.append(page)
    return pages


async def count_timeline(context: RequestContext, *, ticket_id: int) -> int:
    """Count the entries of timeline_page on all pages. Needs TICKET_READ."""
    [entries] = await count_timelines(context, [ticket_id])
    return entries


async def count_timelines(context: RequestContext, ticket_ids: Sequence[int]) -> list[int]:
    """Count the entries of many tickets, by as many queries as of one; see count_timeline."""
    connection, sources = reader(), await _sources(context, ticket_ids)
    if not sources:
        return [0] * len(ticket_ids)
    union = _union(context, connection, sources, [])
    rows = await fetch(
        connection,
        f"SELECT entry.shown_id, COUNT(*) AS entries FROM ({union.sql}) AS entry"
        " GROUP BY entry.shown_id",
        union.arguments,
    )
    found = {int(row["shown_id"]): int(row["entries"]) for row in rows}
    return [found.get(each, 0) for each in ticket_ids]


def entry_cursor(entry: TimelineEntry) -> str:
    """Return the cursor of an entry of timeline_page."""
    return encode_cursor(_CURSOR, microseconds_of(entry.due_at), entry.id)


Source: TypeAlias = tuple[int, int]  # ids of the ticket that is shown, and of whose entries
Bound: TypeAlias = tuple[datetime, int, str]


class _Union:
    """Both halves of the list as one SELECT, with the arguments of both."""

    def __init__(self, halves: Sequence[tuple[str, Conditions]]) -> None:
        self.arguments = [each for _, half in halves for each in half.arguments]
        self.sql = " UNION ALL ".join(
            f"{select} WHERE {conditions.sql}" for select, conditions in halves
        )


async def _sources(context: RequestContext, ticket_ids: Sequence[int]) -> list[Source]:
    """Return whose entries each visible ticket shows: its own, and of those merged into it."""
    context.viewer.require(Scope.TICKET_READ)
    seen = [each.id for each in await tickets_by_ids(context, ticket_ids) if each is not None]
    if not seen:
        return []
    sources = [(each, each) for each in seen]
    level = sources
    while level:  # as a rule there is nothing to be found
        level = [each for each in await _merged(context, level) if each not in sources]
        sources += level
    return sources


async def _merged(context: RequestContext, level: Sequence[Source]) -> list[Source]:
    """Return what is merged into the sources of a level, right into them."""
    ids = sorted({source for _, source in level})
    conditions = Conditions(reader())
    add_visible_tickets(conditions, context.viewer)
    conditions.add(f"ticket.merged_into_id IN ({', '.join('?' * len(ids))})", *ids)
    # No recursive query: SQLite reads the whole table for it.
    rows = await fetch(
        conditions.connection,
        f"SELECT ticket.id, ticket.merged_into_id FROM ticket WHERE {conditions.sql}",
        conditions.arguments,
    )
    return [
        (shown, int(row["id"]))
        for shown, source in level
        for row in rows
        if row["merged_into_id"] == source
    ]


def _union(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    sources: Sequence[Source],
    bounds: Sequence[Bound],
) -> _Union:
    values = ", ".join(f"({shown}, {source})" for shown, source in sources)
    halves: list[tuple[str, Conditions]] = []
    start = 1
    for table, add_visible in (
        ("ticket_message", add_visible_messages),
        ("ticket_event", add_visible_events),
    ):
        conditions = Conditions(connection, start)
        add_visible(conditions, context.viewer, now=context.ports.clock.now())
        for moment, row_id, sign in bounds:
            conditions.add(f"({table}.due_at, {table}.id) {sign} (?, ?)", moment, row_id)
        start += len(conditions.arguments)
        select = (
            f"SELECT source.column1 AS shown_id, {table}.due_at, {table}.id,"
            f" '{table}' AS part FROM (VALUES {values}) AS source"
            f" JOIN {table} ON {table}.ticket_id = source.column2"
        )
        halves.append((select, conditions))
    return _Union(halves)


async def _ranked(  # noqa: PLR0913 - one for each part of a page
    context: RequestContext,
    connection: BaseDBAsyncClient,
    sources: Sequence[Source],
    *,
    bounds: Sequence[Bound],
    backwards: bool,
    limit: int,
) -> list[SqlRow]:
    if not sources:
        return []
    union = _union(context, connection, sources, bounds)
    way = "DESC" if backwards else "ASC"
    order = f"entry.due_at {way}, entry.id {way}"
    return await fetch(
        connection,
        "SELECT * FROM (SELECT entry.shown_id, entry.due_at, entry.id, entry.part,"
        f" ROW_NUMBER() OVER (PARTITION BY entry.shown_id ORDER BY {order}) AS place"
        f" FROM ({union.sql}) AS entry) AS placed WHERE place <= {limit} ORDER BY place",
        union.arguments,
    )


async def _entries(
    context: RequestContext, connection: BaseDBAsyncClient, rows: Sequence[SqlRow]
) -> Mapping[int, TimelineEntry]:
    found: dict[int, TimelineEntry] = {}
    messages = _ids(rows, "ticket_message")
    if messages:
        sql = f"SELECT {selected(TicketMessage)} FROM ticket_message WHERE id IN ({messages})"
        for message in map(message_of, await fetch(connection, sql)):
            found[message.id] = message
    events = _ids(rows, "ticket_event")
    if events:
        sql = f"SELECT {selected(TicketEvent)} FROM ticket_event WHERE id IN ({events})"
        for event in map(event_of, await fetch(connection, sql)):
            found[event.id] = event if is_desk(context.viewer) else _for_customers(event)
    return found


def _ids(rows: Sequence[SqlRow], part: str) -> str:
    return ", ".join(str(int(row["id"])) for row in rows if row["part"] == part)


def _for_customers(event: TicketEvent) -> TicketEvent:
    """Leave of an event what customers may know."""
    event.before = _cut(event.values_before)
    event.after = _cut(event.values_after)
    if event.is_from_staff:
        event.author_id = None
    return event


def _cut(values: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in values.items() if name in CUSTOMER_FIELDS}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode()


def _bound(cursor: str, path: str) -> tuple[datetime, int]:
    key, row_id = decode_cursor(cursor, order=_CURSOR, path=(path,))
    if not isinstance(key, int) or not 0 <= key <= _MAX_US:
        raise CursorInvalidError(path=(path,))
    return _EPOCH + timedelta(microseconds=key), row_id
