"""The worker's round over the clocks: warnings and breaches, once each, and new terms.

Each ticket is a transaction of its own under the ticket's lock: two workers, or a worker
and a person who answers in the same second, come one after the other, and whoever comes
second finds nothing left to note.
"""

from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.orm import is_sqlite, mark, reader
from models.raw_sql import fetch
from models.ticket_rows import selected, ticket_of
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.service_book import NO_GENERATION, current_book, seconds_of
from resolvers.ticket_clocks import ClockNews, keep_clocks

SWEPT: Final = 100  # tickets at once


async def sweep_clocks(context: RequestContext, *, limit: int = SWEPT) -> list[ClockNews]:
    """Look after the clocks for which something is due; call it again until `is_swept`.

    Args:
        context: gives the present.
        limit: most tickets of this call.

    Returns:
        What was added to the logs; warnings and breaches are among it.
    """
    news: list[ClockNews] = []
    for ticket_id in await _due_tickets(context, limit):
        async with in_transaction("default") as connection:
            ticket = await _locked(connection, ticket_id)
            if ticket is not None:
                news += await keep_clocks(context, connection, ticket)
    return news


async def is_swept(context: RequestContext) -> bool:
    """Tell whether nothing is due any more."""
    return not await _due_tickets(context, 1)


async def _due_tickets(context: RequestContext, limit: int) -> list[int]:
    """Return tickets with clocks that are due, or were counted by terms of another generation."""
    connection = reader()
    book = await current_book(connection)
    if book.generation == NO_GENERATION:
        return []
    now_s = seconds_of(context.ports.clock.now())
    found: dict[int, None] = {}
    for condition, order, value in (
        ("look_at_s <=", "look_at_s", now_s),
        # Two ranges of an index, both empty nearly always; `<>` would read all of it.
        ("generation <", "generation", book.generation),
        ("generation >", "generation", book.generation),
    ):
        rows = await fetch(
            connection,
            f"SELECT ticket_id FROM service_clock WHERE met_at_s IS NULL"
            f" AND {condition} {mark(connection, 1)} ORDER BY {order} LIMIT {limit:d}",
            [value],
        )
        found |= dict.fromkeys(int(row["ticket_id"]) for row in rows)
    return list(found)[:limit]


async def _locked(connection: BaseDBAsyncClient, ticket_id: int) -> Ticket | None:
    lock = "" if is_sqlite(connection) else " FOR NO KEY UPDATE"
    rows = await fetch(
        connection,
        f"SELECT {selected(Ticket)} FROM ticket WHERE id = {mark(connection, 1)}{lock}",
        [ticket_id],
    )
    return ticket_of(rows[0]) if rows else None
