"""One change of one ticket: its transaction, its lock, and what it was before."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import NotFoundError
from models.rules.audit_actions import AuditAction
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_lifecycle import TicketMove
from models.tickets import Ticket
from resolvers.audit import NOTHING, Values, log_action
from resolvers.context import RequestContext
from resolvers.person_holds import hold_people
from resolvers.ticket_saving import locked_ticket, save_quietly, save_ticket, snapshot
from resolvers.ticket_steps import NO_INPUT, StepInput, take_step


@dataclass(slots=True)
class TicketChange:
    """A ticket that nobody else can change meanwhile."""

    context: RequestContext
    connection: BaseDBAsyncClient
    ticket: Ticket
    before: dict[str, object]

    def step(self, move: TicketMove, given: StepInput = NO_INPUT) -> None:
        """See take_step."""
        take_step(self.context, self.ticket, move, given)

    async def save(
        self,
        kind: TicketEventKind,
        *,
        action: AuditAction = AuditAction.TICKET_UPDATE,
        was: Values = NOTHING,
        said: Values = NOTHING,
    ) -> bool:
        """See save_ticket."""
        return await save_ticket(
            self.context,
            self.connection,
            self.ticket,
            self.before,
            kind=kind,
            action=action,
            was=was,
            said=said,
        )

    async def touch(self) -> None:
        """See save_quietly."""
        await save_quietly(self.context, self.connection, self.ticket, self.before)

    async def log(
        self, action: AuditAction, *, before: Values = NOTHING, after: Values = NOTHING
    ) -> None:
        """See log_action; for what the row of the ticket does not show."""
        await log_action(
            self.context,
            self.connection,
            action,
            subject_id=self.ticket.id,
            before=before,
            after=after,
        )


@asynccontextmanager
async def ticket_change(
    context: RequestContext,
    *,
    ticket_id: int,
    if_revision: int | None = None,
    is_deleted: bool = False,
    for_user_id: int | None = None,
) -> AsyncGenerator[TicketChange]:
    """Open a transaction with the lock of a ticket; see locked_ticket for its refusals.

    Nobody deactivates the person `for_user_id` meanwhile: the one who is to get the ticket.
    """
    async with in_transaction("default") as connection:
        if for_user_id is not None:
            await hold_people(connection, [for_user_id])
        ticket = await locked_ticket(
            context,
            connection,
            ticket_id=ticket_id,
            if_revision=if_revision,
            is_deleted=is_deleted,
        )
        yield TicketChange(context, connection, ticket, snapshot(ticket))


@asynccontextmanager
async def tickets_change(
    context: RequestContext, *, ticket_ids: Sequence[int]
) -> AsyncGenerator[tuple[TicketChange | None, ...]]:
    """Open a transaction with the locks of several tickets; None for those that are not seen.

    Locks are taken in the order of the ids, so that two who want the same ones do not wait
    for each other for ever.
    """
    async with in_transaction("default") as connection:
        found: dict[int, TicketChange] = {}
        for each in sorted(set(ticket_ids)):
            try:
                ticket = await locked_ticket(context, connection, ticket_id=each)
            except NotFoundError:
                continue
            found[each] = TicketChange(context, connection, ticket, snapshot(ticket))
        yield tuple(found.get(each) for each in ticket_ids)
