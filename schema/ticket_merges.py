"""GraphQL face of tickets that are one matter, and of one ticket that is two."""

from typing import Annotated, TypeAlias

import strawberry

from models.rules.scopes import Scope
from resolvers import ticket_merges, ticket_splits
from schema.access import requires
from schema.context import Info
from schema.nodes import row_id_of
from schema.problems import ValidationProblem
from schema.ticket_answers import (
    WHAT,
    WHICH,
    EditProblem,
    MoveProblem,
    TicketAnswer,
    TicketChoice,
    ticket_row_id,
)


@strawberry.input(description="Which ticket goes on in which other one.")
class TicketMergeInput(TicketChoice):
    into_id: strawberry.ID = strawberry.field(description="Of the ticket that goes on.")
    across_organizations: bool = strawberry.field(
        default=False,
        description="True: also when they are of different customers, which administrators of the "
        "desk alone may do. Each customer goes on seeing their own messages alone.",
    )


@strawberry.type(
    description="The ticket goes on in another one. Nothing was moved: its people still see it, "
    "their answers wake the other one, and `ticketUnmerge` brings everything back."
)
class TicketMergeSuccess(TicketAnswer): ...


TicketMergeResult: TypeAlias = Annotated[
    TicketMergeSuccess | ValidationProblem | MoveProblem,
    strawberry.union("TicketMergeResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which merged ticket goes on by itself.")
class TicketUnmergeInput(TicketChoice): ...


@strawberry.type(description="The ticket is where it was before it was merged.")
class TicketUnmergeSuccess(TicketAnswer): ...


TicketUnmergeResult: TypeAlias = Annotated[
    TicketUnmergeSuccess | MoveProblem,
    strawberry.union("TicketUnmergeResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which messages of a ticket become a ticket of their own.")
class TicketSplitInput(TicketChoice):
    message_ids: list[strawberry.ID] = strawberry.field(
        description="Of messages of the ticket that were sent: at least one of the customer's, and "
        "not all."
    )
    subject: str = strawberry.field(
        description="Of the new ticket, in one line, at most 300 characters."
    )


@strawberry.type(description="There is a new ticket of the same customer, linked to the old one.")
class TicketSplitSuccess(TicketAnswer): ...


TicketSplitResult: TypeAlias = Annotated[
    TicketSplitSuccess | EditProblem,
    strawberry.union("TicketSplitResult", description="The new ticket, or the reason why not."),
]


@strawberry.type
class TicketMergeMutations:
    @strawberry.mutation(
        description="Let a ticket go on in another one that is about the same.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_merge(
        self, info: Info, input: Annotated[TicketMergeInput, WHAT]
    ) -> TicketMergeResult:
        row = await ticket_merges.merge_tickets(
            info.context,
            **input.named(),
            into_id=ticket_row_id(input.into_id),
            across_organizations=input.across_organizations,
        )
        return TicketMergeSuccess.of(row, info)

    @strawberry.mutation(
        description="Let a merged ticket go on by itself again.", **requires(Scope.TICKET_STAFF)
    )
    async def ticket_unmerge(
        self, info: Info, input: Annotated[TicketUnmergeInput, WHICH]
    ) -> TicketUnmergeResult:
        row = await ticket_merges.unmerge_ticket(info.context, **input.named())
        return TicketUnmergeSuccess.of(row, info)

    @strawberry.mutation(
        description="Make a ticket of the messages of another one that are about something else.",
        **requires(Scope.TICKET_STAFF, cost=5),
    )
    async def ticket_split(
        self, info: Info, input: Annotated[TicketSplitInput, WHAT]
    ) -> TicketSplitResult:
        row = await ticket_splits.split_ticket(
            info.context,
            **input.named(),
            message_ids=[row_id_of(each, "TicketMessage") or 0 for each in input.message_ids],
            subject=input.subject,
        )
        return TicketSplitSuccess.of(row, info)
