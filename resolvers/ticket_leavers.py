"""The tickets of somebody of the desk who is away: they wait for somebody else."""

from collections.abc import Sequence
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.orm import is_sqlite, mark, placeholders
from models.raw_sql import SqlRow, fetch
from models.rules.audit_actions import AuditAction
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_states import ACTIVE
from models.ticket_rows import selected, ticket_of
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.ticket_saving import save_ticket, snapshot

ACTIVE_SQL: Final = "ticket.status IN ({})".format(", ".join(f"'{each}'" for each in ACTIVE))


async def unassign_tickets(
    context: RequestContext, connection: BaseDBAsyncClient, *, user_id: int
) -> int:
    """Take a person's active tickets off them, also the deleted ones, which may come back.

    Args:
        context: of who lets the person in no more.
        connection: of the open transaction that has the person's lock.
        user_id: of the person.

    Returns:
        How many tickets were the person's and were not deleted.
    """
    condition = f"ticket.assignee_id = {mark(connection, 1)} AND {ACTIVE_SQL}"
    tickets = await _locked(connection, condition, [user_id])
    for ticket in tickets:
        before = snapshot(ticket)
        ticket.assignee_id = None
        await save_ticket(
            context,
            connection,
            ticket,
            before,
            kind=TicketEventKind.ASSIGNED,
            action=AuditAction.TICKET_ASSIGN,
        )
    return sum(ticket.deleted_at is None for ticket in tickets)


async def locked_tickets(connection: BaseDBAsyncClient, ids: Sequence[int]) -> list[Ticket]:
    """Return tickets as they are now; nobody else changes them before the transaction ends.

    All are locked at once and in the order of their ids, so that two who want the same ones
    do not wait for each other for ever.
    """
    if not ids:
        return []
    condition = f"ticket.id IN ({placeholders(connection, len(ids))})"
    return await _locked(connection, condition, ids)


async def _locked(
    connection: BaseDBAsyncClient, condition: str, arguments: Sequence[object]
) -> list[Ticket]:
    lock = "" if is_sqlite(connection) else " FOR NO KEY UPDATE"
    rows: list[SqlRow] = await fetch(
        connection,
        f"SELECT {selected(Ticket)} FROM ticket WHERE {condition} ORDER BY id{lock}",
        arguments,
    )
    return [ticket_of(row) for row in rows]
