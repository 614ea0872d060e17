"""GraphQL face of who has a ticket: the assignee, the queue, the line."""

from typing import Annotated, TypeAlias

import strawberry

from models.rules.scopes import Scope
from resolvers import ticket_assignments, ticket_escalations
from schema.access import requires
from schema.context import Info
from schema.nodes import row_id_of
from schema.problems import ValidationProblem
from schema.ticket_answers import (
    WHAT,
    WHICH,
    ChangeProblem,
    MoveProblem,
    TicketAnswer,
    TicketChoice,
)
from schema.ticket_inputs import optional_row_id
from schema.users import UserType


@strawberry.input(description="Who shall work on which ticket.")
class TicketAssignInput(TicketChoice):
    assignee_id: strawberry.ID = strawberry.field(description="Id of a User of the desk.")


@strawberry.type(description="Somebody works on the ticket.")
class TicketAssignSuccess(TicketAnswer): ...


TicketAssignResult: TypeAlias = Annotated[
    TicketAssignSuccess | ChangeProblem,
    strawberry.union("TicketAssignResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket you work on.")
class TicketTakeInput(TicketChoice): ...


@strawberry.type(description="You work on the ticket.")
class TicketTakeSuccess(TicketAnswer): ...


TicketTakeResult: TypeAlias = Annotated[
    TicketTakeSuccess | ChangeProblem,
    strawberry.union("TicketTakeResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket nobody works on.")
class TicketUnassignInput(TicketChoice): ...


@strawberry.type(description="Nobody works on the ticket; anybody of the desk may take it.")
class TicketUnassignSuccess(TicketAnswer): ...


TicketUnassignResult: TypeAlias = Annotated[
    TicketUnassignSuccess | ChangeProblem,
    strawberry.union("TicketUnassignResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Where which ticket waits.")
class TicketQueueSetInput(TicketChoice):
    queue_id: strawberry.ID | None = strawberry.field(
        description="Of a queue in use; null: in none."
    )


@strawberry.type(description="The ticket waits in another queue, or in none.")
class TicketQueueSetSuccess(TicketAnswer): ...


TicketQueueSetResult: TypeAlias = Annotated[
    TicketQueueSetSuccess | ChangeProblem,
    strawberry.union("TicketQueueSetResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="What the second line must know of a ticket before it takes it.")
class TicketEscalateInput(TicketChoice):
    reason: str = strawberry.field(description="Why the first line cannot go on.")
    checklist: list[str] = strawberry.field(
        description="What was done already, at least one thing."
    )
    queue_id: strawberry.ID | None = strawberry.field(
        default=None, description="A queue of the second line; null or absent: none."
    )


@strawberry.type(description="The second line has the ticket.")
class TicketEscalateSuccess(TicketAnswer): ...


TicketEscalateResult: TypeAlias = Annotated[
    TicketEscalateSuccess | ValidationProblem | MoveProblem,
    strawberry.union("TicketEscalateResult", description="The ticket, or what it lacks."),
]


@strawberry.input(description="Why a ticket goes back to the first line.")
class TicketReturnInput(TicketChoice):
    note: str = strawberry.field(description="What the first line shall do.")
    queue_id: strawberry.ID | None = strawberry.field(
        default=None, description="A queue of the first line; null or absent: none."
    )


@strawberry.type(description="The first line has the ticket again; `bounceCount` rose.")
class TicketReturnSuccess(TicketAnswer): ...


TicketReturnResult: TypeAlias = Annotated[
    TicketReturnSuccess | ValidationProblem | MoveProblem,
    strawberry.union("TicketReturnResult", description="The ticket, or the reason why not."),
]


@strawberry.type
class TicketAssigneeQueries:
    @strawberry.field(
        description="Everybody of the desk whom a ticket can be given to, by name.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_assignees(self, info: Info) -> list[UserType]:
        rows = await ticket_assignments.list_assignees(info.context)
        return [UserType.of(row, info) for row in rows]


@strawberry.type
class TicketAssignmentMutations:
    @strawberry.mutation(
        description="Give a ticket to somebody of the desk.", **requires(Scope.TICKET_STAFF)
    )
    async def ticket_assign(
        self, info: Info, input: Annotated[TicketAssignInput, WHAT]
    ) -> TicketAssignResult:
        row = await ticket_assignments.assign_ticket(
            info.context, **input.named(), assignee_id=row_id_of(input.assignee_id, "User") or 0
        )
        return TicketAssignSuccess.of(row, info)

    @strawberry.mutation(
        description="Work on a ticket yourself. Of two who take the same revision, one gets it.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_take(
        self, info: Info, input: Annotated[TicketTakeInput, WHICH]
    ) -> TicketTakeResult:
        row = await ticket_assignments.take_ticket(info.context, **input.named())
        return TicketTakeSuccess.of(row, info)

    @strawberry.mutation(
        description="Give a ticket back to everybody.", **requires(Scope.TICKET_STAFF)
    )
    async def ticket_unassign(
        self, info: Info, input: Annotated[TicketUnassignInput, WHICH]
    ) -> TicketUnassignResult:
        row = await ticket_assignments.unassign_ticket(info.context, **input.named())
        return TicketUnassignSuccess.of(row, info)

    @strawberry.mutation(
        description="Let a ticket wait in a queue, or in none.", **requires(Scope.TICKET_STAFF)
    )
    async def ticket_queue_set(
        self, info: Info, input: Annotated[TicketQueueSetInput, WHAT]
    ) -> TicketQueueSetResult:
        row = await ticket_assignments.move_ticket_to_queue(
            info.context, **input.named(), queue_id=optional_row_id(input.queue_id, "Queue")
        )
        return TicketQueueSetSuccess.of(row, info)

    @strawberry.mutation(
        description="Hand a ticket to the second line. It needs a category, a severity, and what "
        "its kind requires; TicketMoveNotPossibleProblem says what is missing.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_escalate(
        self, info: Info, input: Annotated[TicketEscalateInput, WHAT]
    ) -> TicketEscalateResult:
        row = await ticket_escalations.escalate_ticket(
            info.context,
            **input.named(),
            reason=input.reason,
            checklist=input.checklist,
            queue_id=optional_row_id(input.queue_id, "Queue"),
        )
        return TicketEscalateSuccess.of(row, info)

    @strawberry.mutation(
        description="Hand a ticket back to the first line, with a note.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_return(
        self, info: Info, input: Annotated[TicketReturnInput, WHAT]
    ) -> TicketReturnResult:
        row = await ticket_escalations.return_ticket(
            info.context,
            **input.named(),
            note=input.note,
            queue_id=optional_row_id(input.queue_id, "Queue"),
        )
        return TicketReturnSuccess.of(row, info)
