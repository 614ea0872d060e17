"""GraphQL face of a ticket's steps from status to status, one mutation for each intent."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from models.rules.scopes import Scope
from resolvers import ticket_moves
from schema.access import requires
from schema.context import Info
from schema.problems import RateLimitedProblem, ValidationProblem
from schema.ticket_answers import WHAT, WHICH, MoveProblem, TicketAnswer, TicketChoice
from schema.ticket_enums import TicketResolution


@strawberry.input(description="Which ticket the desk has to act on.")
class TicketOpenInput(TicketChoice): ...


@strawberry.type(description="The desk has to act.")
class TicketOpenSuccess(TicketAnswer): ...


TicketOpenResult: TypeAlias = Annotated[
    TicketOpenSuccess | MoveProblem,
    strawberry.union("TicketOpenResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket the customer has to answer.")
class TicketWaitForCustomerInput(TicketChoice): ...


@strawberry.type(description="The customer has to answer. Their clock runs, ours stands.")
class TicketWaitForCustomerSuccess(TicketAnswer): ...


TicketWaitForCustomerResult: TypeAlias = Annotated[
    TicketWaitForCustomerSuccess | MoveProblem,
    strawberry.union(
        "TicketWaitForCustomerResult", description="The ticket, or the reason why not."
    ),
]


@strawberry.input(description="Which ticket waits for somebody outside the desk.")
class TicketWaitInternalInput(TicketChoice):
    note: str | None = strawberry.field(
        default=None, description="For whom, for the desk to read; null or absent: no note."
    )


@strawberry.type(description="Somebody outside the desk has to act.")
class TicketWaitInternalSuccess(TicketAnswer): ...


TicketWaitInternalResult: TypeAlias = Annotated[
    TicketWaitInternalSuccess | ValidationProblem | MoveProblem,
    strawberry.union("TicketWaitInternalResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket comes back when.")
class TicketScheduleInput(TicketChoice):
    until: datetime = strawberry.field(description="In the future.")


@strawberry.type(description="The ticket rests, and comes back by itself.")
class TicketScheduleSuccess(TicketAnswer): ...


TicketScheduleResult: TypeAlias = Annotated[
    TicketScheduleSuccess | ValidationProblem | MoveProblem,
    strawberry.union("TicketScheduleResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket needs nothing more, and why.")
class TicketResolveInput(TicketChoice):
    resolution: TicketResolution = strawberry.field(description="Why it needs nothing more.")
    note: str | None = strawberry.field(
        default=None, description="For the desk to read; null or absent: no note."
    )


@strawberry.type(
    description="The ticket needs nothing more, unless the customer disagrees within some days."
)
class TicketResolveSuccess(TicketAnswer): ...


TicketResolveResult: TypeAlias = Annotated[
    TicketResolveSuccess | ValidationProblem | MoveProblem,
    strawberry.union("TicketResolveResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket is over.")
class TicketCloseInput(TicketChoice): ...


@strawberry.type(description="The ticket is over.")
class TicketCloseSuccess(TicketAnswer): ...


TicketCloseResult: TypeAlias = Annotated[
    TicketCloseSuccess | MoveProblem,
    strawberry.union("TicketCloseResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket is not over, and why.")
class TicketReopenInput(TicketChoice):
    reason: str = strawberry.field(description="What is still wanted.")


@strawberry.type(description="The desk has to act again.")
class TicketReopenSuccess(TicketAnswer): ...


TicketReopenResult: TypeAlias = Annotated[
    TicketReopenSuccess | ValidationProblem | RateLimitedProblem | MoveProblem,
    strawberry.union("TicketReopenResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket is nobody's request.")
class TicketMarkSpamInput(TicketChoice): ...


@strawberry.type(description="The ticket is spam: nobody answers it, and no letter wakes it.")
class TicketMarkSpamSuccess(TicketAnswer): ...


TicketMarkSpamResult: TypeAlias = Annotated[
    TicketMarkSpamSuccess | MoveProblem,
    strawberry.union("TicketMarkSpamResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which ticket is no spam.")
class TicketUnmarkSpamInput(TicketChoice): ...


@strawberry.type(description="The ticket is where it was before it was called spam.")
class TicketUnmarkSpamSuccess(TicketAnswer): ...


TicketUnmarkSpamResult: TypeAlias = Annotated[
    TicketUnmarkSpamSuccess | MoveProblem,
    strawberry.union("TicketUnmarkSpamResult", description="The ticket, or the reason why not."),
]


@strawberry.type
class TicketMoveMutations:
    @strawberry.mutation(
        description="Say that the desk has to act: on a new ticket, or on one that waits or rests.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_open(
        self, info: Info, input: Annotated[TicketOpenInput, WHICH]
    ) -> TicketOpenResult:
        row = await ticket_moves.open_ticket(info.context, **input.named())
        return TicketOpenSuccess.of(row, info)

    @strawberry.mutation(
        description="Say that the customer has to answer.", **requires(Scope.TICKET_STAFF)
    )
    async def ticket_wait_for_customer(
        self, info: Info, input: Annotated[TicketWaitForCustomerInput, WHICH]
    ) -> TicketWaitForCustomerResult:
        row = await ticket_moves.wait_for_customer(info.context, **input.named())
        return TicketWaitForCustomerSuccess.of(row, info)

    @strawberry.mutation(
        description="Say that somebody outside the desk has to act, as a supplier.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_wait_internal(
        self, info: Info, input: Annotated[TicketWaitInternalInput, WHAT]
    ) -> TicketWaitInternalResult:
        row = await ticket_moves.wait_internal(info.context, **input.named(), note=input.note)
        return TicketWaitInternalSuccess.of(row, info)

    @strawberry.mutation(
        description="Let a ticket rest until a moment.", **requires(Scope.TICKET_STAFF)
    )
    async def ticket_schedule(
        self, info: Info, input: Annotated[TicketScheduleInput, WHAT]
    ) -> TicketScheduleResult:
        row = await ticket_moves.schedule_ticket(info.context, **input.named(), until=input.until)
        return TicketScheduleSuccess.of(row, info)

    @strawberry.mutation(
        description="Say that a ticket needs nothing more; `ticketReply` can do so, too.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_resolve(
        self, info: Info, input: Annotated[TicketResolveInput, WHAT]
    ) -> TicketResolveResult:
        row = await ticket_moves.resolve_ticket(
            info.context, **input.named(), resolution=input.resolution, note=input.note
        )
        return TicketResolveSuccess.of(row, info)

    @strawberry.mutation(
        description="Say that a ticket is over: the desk, or the customer whose question is "
        "answered.",
        **requires(Scope.TICKET_WRITE),
    )
    async def ticket_close(
        self, info: Info, input: Annotated[TicketCloseInput, WHICH]
    ) -> TicketCloseResult:
        row = await ticket_moves.close_ticket(info.context, **input.named())
        return TicketCloseSuccess.of(row, info)

    @strawberry.mutation(
        description="Say that a ticket is not over: the desk at any time, customers within some "
        "days; after them `ticketReply` begins a new one that is linked to it.",
        **requires(Scope.TICKET_WRITE),
    )
    async def ticket_reopen(
        self, info: Info, input: Annotated[TicketReopenInput, WHAT]
    ) -> TicketReopenResult:
        row = await ticket_moves.reopen_ticket(info.context, **input.named(), reason=input.reason)
        return TicketReopenSuccess.of(row, info)

    @strawberry.mutation(
        description="Put a ticket aside that is nobody's request.", **requires(Scope.TICKET_STAFF)
    )
    async def ticket_mark_spam(
        self, info: Info, input: Annotated[TicketMarkSpamInput, WHICH]
    ) -> TicketMarkSpamResult:
        row = await ticket_moves.mark_spam(info.context, **input.named())
        return TicketMarkSpamSuccess.of(row, info)

    @strawberry.mutation(
        description="Bring back what was called spam by mistake.", **requires(Scope.TICKET_STAFF)
    )
    async def ticket_unmark_spam(
        self, info: Info, input: Annotated[TicketUnmarkSpamInput, WHICH]
    ) -> TicketUnmarkSpamResult:
        row = await ticket_moves.unmark_spam(info.context, **input.named())
        return TicketUnmarkSpamSuccess.of(row, info)
