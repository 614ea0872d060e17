"""GraphQL face of giving a person's tickets to another one."""

from typing import Annotated, Self, TypeAlias

import strawberry

from models.rules.scopes import Scope
from resolvers.ticket_transfers import TicketTransfer, transfer_tickets
from schema.access import requires
from schema.context import Info
from schema.nodes import row_id_of
from schema.problems import (
    ForbiddenProblem,
    NotFoundProblem,
    ReachNotHeldProblem,
    ScopeNotHeldProblem,
    StepUpRequiredProblem,
    ValidationProblem,
)
from schema.scalars import Count
from schema.ticket_problems import TicketTransferNotPossibleProblem


@strawberry.input(description="Whose tickets become whose.")
class TicketsTransferInput:
    from_id: strawberry.ID = strawberry.field(description="Of the person who has them.")
    to_id: strawberry.ID = strawberry.field(
        description="Of the person who gets them: active, of the same organization, and of the "
        "desk for what is worked on."
    )


@strawberry.type(description="The tickets are the other person's; deleted ones are not counted.")
class TicketsTransferSuccess:
    requested: Count = strawberry.field(description="How many the person had asked for.")
    assigned: Count = strawberry.field(description="How many the person worked on.")
    followed: Count = strawberry.field(description="Of how many the person was told.")

    @classmethod
    def of(cls, moved: TicketTransfer) -> Self:
        return cls(
            requested=Count(moved.requested),
            assigned=Count(moved.assigned),
            followed=Count(moved.followed),
        )


TicketsTransferResult: TypeAlias = Annotated[
    TicketsTransferSuccess
    | TicketTransferNotPossibleProblem
    | ValidationProblem
    | NotFoundProblem
    | ScopeNotHeldProblem
    | ReachNotHeldProblem
    | StepUpRequiredProblem
    | ForbiddenProblem,
    strawberry.union("TicketsTransferResult", description="How many, or the reason why not."),
]


@strawberry.type
class TicketTransferMutations:
    @strawberry.mutation(
        description="Give the tickets of one person to another one: what they asked for, the "
        "active ones they work on, and what they follow where the other person may see it. "
        "Give them away before you deactivate somebody of the desk: afterwards nobody has them.",
        **requires(Scope.USER_ADMIN),
    )
    async def tickets_transfer(
        self,
        info: Info,
        input: Annotated[TicketsTransferInput, strawberry.argument(description="Whose.")],
    ) -> TicketsTransferResult:
        moved = await transfer_tickets(
            info.context,
            from_user_id=row_id_of(input.from_id, "User") or 0,
            to_user_id=row_id_of(input.to_id, "User") or 0,
        )
        return TicketsTransferSuccess.of(moved)
