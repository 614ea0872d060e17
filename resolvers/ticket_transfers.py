"""The tickets of somebody who leaves go to somebody else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.ids import new_id
from models.orm import mark
from models.raw_sql import fetch
from models.rules.audit_actions import AuditAction
from models.rules.scopes import Scope
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_lifecycle import TicketMove
from models.rules.ticket_states import TicketStatus
from models.ticket_rows import insert_records
from models.tickets import Ticket, TicketFollower
from models.users import User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.leavers import both_people
from resolvers.person_holds import hold_people
from resolvers.sessions import require_fresh
from resolvers.ticket_followers import may_see_ticket
from resolvers.ticket_heirs import TicketHeir, check_heir
from resolvers.ticket_leavers import ACTIVE_SQL, locked_tickets
from resolvers.ticket_saving import save_ticket, snapshot
from resolvers.ticket_steps import take_step

BATCH: Final = 100  # tickets of a transaction, during which others cannot change them


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketTransfer:
    """How many tickets went; deleted ones go along and are not counted.

    Attributes:
        requested: whose matter is the other person's now.
        assigned: that the other person works on now.
        followed: of which the other person is told now.
    """

    requested: int = 0
    assigned: int = 0
    followed: int = 0

    def __add__(self, other: "TicketTransfer") -> "TicketTransfer":
        return TicketTransfer(
            requested=self.requested + other.requested,
            assigned=self.assigned + other.assigned,
            followed=self.followed + other.followed,
        )


async def transfer_tickets(
    context: RequestContext, *, from_user_id: int, to_user_id: int
) -> TicketTransfer:
    """Give the tickets of a person to another one: what they asked for, work on and follow.

    What was asked for stays in its organization: it goes only to somebody of the same one.
    What the person left with a former organization goes to nobody but people of that one.
    Only active tickets go as work, and only to somebody of the desk. Following goes along
    where the other person may see the ticket, and stays where it is otherwise.

    Done in transactions of BATCH tickets, in the order they were made: whoever stops in the
    middle can do it again for the rest. A ticket that was given to a third person meanwhile
    stays with that one.

    Args:
        context: needs USER_ADMIN, every right of both people, and a fresh proof of identity;
            what a person works on is moved only by who sees everything.
        from_user_id: of a person in the viewer's reach, also deactivated.
        to_user_id: of an active person in the viewer's reach.

    Raises:
        TicketTransferNotPossibleError: the other person may not have some of the tickets;
            told before the first one went.
        DomainError: see transfer_links.
    """
    context.viewer.require(Scope.USER_ADMIN)
    await require_fresh(context)
    ids = (from_user_id, to_user_id)
    moved, after, is_first = TicketTransfer(), 0, True
    while True:
        async with in_transaction("default") as connection:
            heir = await _opened(context, connection, ids)
            if is_first:
                await check_heir(connection, heir)
            found = await _next_ids(connection, from_user_id, after)
            moved += await _move(context, connection, heir, found)
        if len(found) < BATCH:
            return moved
        after, is_first = found[-1], False


async def _opened(
    context: RequestContext, connection: BaseDBAsyncClient, ids: tuple[int, int]
) -> TicketHeir:
    await both_people(context, ids, fields=("fromId", "toId"))  # before anybody is held up
    await hold_people(connection, ids)
    giver, taker = await both_people(context, ids, fields=("fromId", "toId"))
    return TicketHeir(giver=giver, taker=taker, takes_work=context.viewer.is_staff)


async def _next_ids(connection: BaseDBAsyncClient, user_id: int, after: int) -> list[int]:
    """Return the next tickets that a person has anything to do with, by their indexes."""
    person, last = mark(connection, 1), mark(connection, 2)
    rows = await fetch(
        connection,
        f"SELECT id FROM ticket WHERE requester_id = {person} AND id > {last}"
        f" UNION SELECT id FROM ticket WHERE assignee_id = {person} AND id > {last}"
        f" AND {ACTIVE_SQL}"
        f" UNION SELECT ticket_id FROM ticket_follower WHERE user_id = {person}"
        f" AND ticket_id > {last} ORDER BY 1 LIMIT {BATCH:d}",
        [user_id, after],
    )
    return [int(row["id"]) for row in rows]


async def _move(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    heir: TicketHeir,
    ids: Sequence[int],
) -> TicketTransfer:
    """Give the tickets of one transaction; they are looked at again under their locks."""
    tickets = await locked_tickets(connection, ids)
    requested = [ticket for ticket in tickets if heir.is_asked(ticket)]
    worked_on = [ticket for ticket in tickets if heir.is_worked_on(ticket)]
    for ticket in requested:
        await _give_matter(context, connection, ticket, heir.taker)
    for ticket in worked_on:
        await _give_work(context, connection, ticket, heir.taker)
    followed = await _give_followed(connection, tickets, heir)
    parts = {"requested": requested, "assigned": worked_on, "followed": followed}
    counts = {name: _living(part) for name, part in parts.items()}
    if any(parts.values()):
        await log_action(
            context,
            connection,
            AuditAction.USER_TICKETS_TRANSFER,
            subject_id=heir.giver.id,
            before={"user_id": heir.giver.id},
            after={"user_id": heir.taker.id, **counts},
        )
    return TicketTransfer(**counts)


def _living(tickets: Sequence[Ticket]) -> int:
    return sum(ticket.deleted_at is None for ticket in tickets)


async def _give_matter(
    context: RequestContext, connection: BaseDBAsyncClient, ticket: Ticket, taker: User
) -> None:
    before = snapshot(ticket)
    ticket.requester_id, ticket.organization_id = taker.id, taker.organization_id
    await save_ticket(
        context,
        connection,
        ticket,
        before,
        kind=TicketEventKind.REQUESTER_CHANGED,
        action=AuditAction.TICKET_UPDATE,
    )


async def _give_work(
    context: RequestContext, connection: BaseDBAsyncClient, ticket: Ticket, taker: User
) -> None:
    before = snapshot(ticket)
    ticket.assignee_id = taker.id
    if ticket.status is TicketStatus.NEW:
        take_step(context, ticket, TicketMove.OPEN)
    await save_ticket(
        context,
        connection,
        ticket,
        before,
        kind=TicketEventKind.ASSIGNED,
        action=AuditAction.TICKET_ASSIGN,
    )


async def _give_followed(
    connection: BaseDBAsyncClient, tickets: Sequence[Ticket], heir: TicketHeir
) -> list[Ticket]:
    """Tell the other person instead, once each; the locks of the tickets guard who follows."""
    if not tickets:
        return []
    giver, taker = heir.giver, heir.taker
    rows = TicketFollower.filter(ticket_id__in=[ticket.id for ticket in tickets])
    found = await rows.filter(user_id__in=[giver.id, taker.id]).using_db(connection)
    held = {row.ticket_id for row in found if row.user_id == taker.id}
    left = {row.ticket_id for row in found if row.user_id == giver.id}
    gone = [ticket for ticket in tickets if ticket.id in left and may_see_ticket(taker, ticket)]
    if gone:
        leaving = TicketFollower.filter(ticket_id__in=[ticket.id for ticket in gone])
        await leaving.filter(user_id=giver.id).using_db(connection).delete()
    made = [
        TicketFollower(id=new_id(), ticket_id=ticket.id, user_id=taker.id)
        for ticket in gone
        if ticket.id not in held
    ]
    await insert_records(connection, made)
    return gone
