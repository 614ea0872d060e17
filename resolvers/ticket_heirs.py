"""Which tickets of somebody who leaves may become whose."""

from collections.abc import Sequence
from dataclasses import dataclass

from tortoise.backends.base.client import BaseDBAsyncClient

from models.orm import mark
from models.raw_sql import fetch
from models.rules.scopes import Scope
from models.rules.ticket_states import ACTIVE
from models.ticket_errors import TicketTransferNotPossibleError
from models.tickets import Ticket
from models.users import User
from resolvers.ticket_assignments import works_on_tickets
from resolvers.ticket_leavers import ACTIVE_SQL


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketHeir:
    """Who leaves tickets to whom, both held as they are, and which of them.

    Attributes:
        takes_work: what the giver works on goes, too: a matter of who sees everything.
    """

    giver: User
    taker: User
    takes_work: bool

    @property
    def is_within(self) -> bool:
        """Whether both belong to the same organization, or neither of them to any."""
        return self.giver.organization_id == self.taker.organization_id

    @property
    def may_ask(self) -> bool:
        """Whether the taker sees tickets of their own."""
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


async def check_heir(connection: BaseDBAsyncClient, heir: TicketHeir) -> None:
    """Refuse what would leave some of the person's tickets behind.

    Raises:
        TicketTransferNotPossibleError: see there.
    """
    giver, place = heir.giver, mark(connection, 2)
    if not (heir.is_within and heir.may_ask):
        asked = await _count(
            connection,
            f"ticket.requester_id = {mark(connection, 1)}"
            f" AND (ticket.organization_id IS NULL OR ticket.organization_id = {place})",
            [giver.id, -1 if giver.organization_id is None else giver.organization_id],
        )
        if asked and heir.is_within:
            raise TicketTransferNotPossibleError(reason="right", tickets=asked)
        if asked:
            raise TicketTransferNotPossibleError(reason="organization", tickets=asked)
    if heir.takes_work and not works_on_tickets(heir.taker):
        condition = f"ticket.assignee_id = {mark(connection, 1)} AND {ACTIVE_SQL}"
        worked_on = await _count(connection, condition, [giver.id])
        if worked_on:
            raise TicketTransferNotPossibleError(reason="desk", tickets=worked_on)


async def _count(connection: BaseDBAsyncClient, condition: str, arguments: Sequence[object]) -> int:
    [row] = await fetch(
        connection,
        f"SELECT COUNT(*) AS tickets FROM ticket WHERE deleted_at IS NULL AND {condition}",
        arguments,
    )
    return int(row["tickets"])
