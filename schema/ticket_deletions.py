"""GraphQL face of deleting tickets, and of bringing them back."""

from typing import Annotated, TypeAlias

import strawberry

from models.rules.scopes import Scope
from resolvers import ticket_deletions
from schema.access import requires
from schema.context import Info
from schema.nodes import encode_id
from schema.ticket_answers import WHICH, ChangeProblem, TicketAnswer, TicketChoice


@strawberry.input(description="Which ticket shall be seen no more.")
class TicketDeleteInput(TicketChoice): ...


@strawberry.type(description="The ticket is gone, as if it never was, and can be restored.")
class TicketDeleteSuccess:
    deleted_id: strawberry.ID = strawberry.field(description="To take it out of a cache.")


TicketDeleteResult: TypeAlias = Annotated[
    TicketDeleteSuccess | ChangeProblem,
    strawberry.union("TicketDeleteResult", description="Success, or the reason why not."),
]


@strawberry.input(description="Which ticket shall come back.")
class TicketRestoreInput(TicketChoice): ...


@strawberry.type(description="The ticket is back.")
class TicketRestoreSuccess(TicketAnswer): ...


TicketRestoreResult: TypeAlias = Annotated[
    TicketRestoreSuccess | ChangeProblem,
    strawberry.union("TicketRestoreResult", description="The ticket, or the reason why not."),
]


@strawberry.type
class TicketDeletionMutations:
    @strawberry.mutation(
        description="Delete a ticket. Administrators of the desk alone, who find deleted ones by "
        "`tickets(filter: {deleted: true})`.",
        **requires(Scope.USER_ADMIN),
    )
    async def ticket_delete(
        self, info: Info, input: Annotated[TicketDeleteInput, WHICH]
    ) -> TicketDeleteResult:
        row = await ticket_deletions.delete_ticket(info.context, **input.named())
        return TicketDeleteSuccess(deleted_id=encode_id("Ticket", row.id))

    @strawberry.mutation(
        description="Bring a deleted ticket back as it was.", **requires(Scope.USER_ADMIN)
    )
    async def ticket_restore(
        self, info: Info, input: Annotated[TicketRestoreInput, WHICH]
    ) -> TicketRestoreResult:
        row = await ticket_deletions.restore_ticket(info.context, **input.named())
        return TicketRestoreSuccess.of(row, info)
