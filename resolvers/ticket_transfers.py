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
from models.rules.ticket_states import ACTIVE, TicketStatus
from models.ticket_errors import TicketTransferNotPossibleError
from models.ticket_rows import insert_records
from models.tickets import Ticket, TicketFollower
from models.users import User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.leavers import both_people
from resolvers.person_holds import hold_people
from resolvers.sessions import require_fresh
from resolvers.ticket_assignments import works_on_tickets
from resolvers.ticket_followers import may_see_ticket
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Transfer:
    """Who leaves tickets to whom, both held as they are, and which of them.

    Attributes:
        takes_work: what the giver works on goes, too: a matter of who sees everything.
    """

    giver: User
    taker: User
    takes_work: bool

    @property
    def is_within(self) -> bool:
        return self.giver.organization_id == self.taker.organization_id

    @property
    def may_ask(self) -> bool:
        return Scope.TICKET_READ in self.taker.scopes()

    def is_asked(self, ticket: Ticket) -> bool:
        """Whether it goes as a matter of the giver's, and stays in its organization."""
        if ticket.requester_id != self.giver.id or not self.may_ask:
            return False
        is_nobodys = ticket.organization_id is None
        return self.is_within if is_nobodys else ticket.organization_id == self._place

    def is_worked_on(self, ticket: Ticket) -> bool:
        """Whether it goes as work of the giver's."""
        is_work = ticket.assignee_id == self.giver.id and ticket.status in ACTIVE
        return is_work and self.takes_work and works_on_tickets(self.taker)

    @property
    def _place(self) -> int | None:
        return self.taker.organization_id


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
            transfer = await _opened(context, connection, ids)
            if is_first:
                await _check(connection, transfer)
            found = await _next_ids(connection, from_user_id, after)
            moved += await _move(context, connection, transfer, found)
        if len(found) < BATCH:
            return moved
        after, is_first = found[-1], False


async def _opened(
    context: RequestContext, connection: BaseDBAsyncClient, ids: tuple[int, int]
) -> _Transfer:
    await both_people(context, ids, fields=("fromId", "toId"))  # before anybody is held up
    await hold_people(connection, ids)
    giver, taker = await both_people(context, ids, fields=("fromId", "toId"))
    return _Transfer(giver=giver, taker=taker, takes_work=context.viewer.is_staff)


async def _check(connection: BaseDBAsyncClient, transfer: _Transfer) -> None:
    """Refuse what would leave some of the person's tickets behind.

    Raises:
        TicketTransferNotPossibleError: see there.
    """
    giver, place = transfer.giver, mark(connection, 2)
    if not (transfer.is_within and transfer.may_ask):
        asked = await _count(
            connection,
            f"ticket.requester_id = {mark(connection, 1)}"
            f" AND (ticket.organization_id IS NULL OR ticket.organization_id = {place})",
            [giver.id, -1 if giver.organization_id is None else giver.organization_id],
        )
        reason = "right" if transfer.is_within else "organization"
        _refuse(asked, reason)
    if transfer.takes_work and not works_on_tickets(transfer.taker):
        condition = f"ticket.assignee_id = {mark(connection, 1)} AND {ACTIVE_SQL}"
        _refuse(await _count(connection, condition, [giver.id]), "desk")


def _refuse(tickets: int, reason: str) -> None:
    if tickets:
        raise TicketTransferNotPossibleError(reason=reason, tickets=tickets)


async def _count(connection: BaseDBAsyncClient, condition: str, arguments: Sequence[object]) -> int:
    [row] = await fetch(
        connection,
        f"SELECT COUNT(*) AS tickets FROM ticket WHERE deleted_at IS NULL AND {condition}",
        arguments,
    )
    return int(row["tickets"])


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
    transfer: _Transfer,
    ids: Sequence[int],
) -> TicketTransfer:
    """Give the tickets of one transaction; they are looked at again under their locks."""
    tickets = await locked_tickets(connection, ids)
    requested = [ticket for ticket in tickets if transfer.is_asked(ticket)]
    worked_on = [ticket for ticket in tickets if transfer.is_worked_on(ticket)]
    for ticket in requested:
        await _give_matter(context, connection, ticket, transfer.taker)
    for ticket in worked_on:
        await _give_work(context, connection, ticket, transfer.taker)
    followed = await _give_followed(connection, tickets, transfer)
    parts = {"requested": requested, "assigned": worked_on, "followed": followed}
    counts = {name: _living(part) for name, part in parts.items()}
    if any(parts.values()):
        await log_action(
            context,
            connection,
            AuditAction.USER_TICKETS_TRANSFER,
            subject_id=transfer.giver.id,
            before={"user_id": transfer.giver.id},
            after={"user_id": transfer.taker.id, **counts},
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
    connection: BaseDBAsyncClient, tickets: Sequence[Ticket], transfer: _Transfer
) -> list[Ticket]:
    """Tell the other person instead, once each; the locks of the tickets guard who follows."""
    if not tickets:
        return []
    giver, taker = transfer.giver, transfer.taker
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
