"""GraphQL face of tickets that have to do with each other, and of incidents."""

from collections.abc import Sequence
from typing import Annotated, Final, Self, TypeAlias

import strawberry

from models.errors import DomainError
from models.rules.scopes import Scope
from resolvers import ticket_links
from resolvers.ticket_links import IncidentAnswer
from schema.access import requires
from schema.context import Info
from schema.handlers import ALL_HANDLERS
from schema.problems import (
    ForbiddenProblem,
    NotFoundProblem,
    Problem,
    ReachNotHeldProblem,
    ValidationProblem,
)
from schema.ticket_answers import TicketAnswer, ticket_row_id
from schema.ticket_conversation import TicketReplyThenInput
from schema.ticket_enums import TicketLinkKind
from schema.ticket_messages import TicketMessageType
from schema.tickets import TicketType

_WHICH: Final = strawberry.argument(description="Which two tickets, and what they are.")
_Refused: TypeAlias = ValidationProblem | NotFoundProblem | ReachNotHeldProblem | ForbiddenProblem


@strawberry.input(description="What one ticket is to another one.")
class TicketLinkInput:
    id: strawberry.ID = strawberry.field(
        description="Of a ticket; of an INCIDENT the one that is worked on."
    )
    other_id: strawberry.ID = strawberry.field(
        description="Of another one; of an INCIDENT one that waits for it."
    )
    kind: TicketLinkKind = strawberry.field(description="RELATED or INCIDENT.")


@strawberry.type(description="The tickets are linked.")
class TicketLinkSuccess(TicketAnswer): ...


TicketLinkResult: TypeAlias = Annotated[
    TicketLinkSuccess | _Refused,
    strawberry.union("TicketLinkResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="Which link shall be no more.")
class TicketUnlinkInput:
    id: strawberry.ID = strawberry.field(description="Of the ticket.")
    other_id: strawberry.ID = strawberry.field(description="Of the other one.")
    kind: TicketLinkKind = strawberry.field(description="RELATED or INCIDENT.")


@strawberry.type(description="The tickets are not linked so.")
class TicketUnlinkSuccess(TicketAnswer): ...


TicketUnlinkResult: TypeAlias = Annotated[
    TicketUnlinkSuccess | _Refused,
    strawberry.union("TicketUnlinkResult", description="The ticket, or the reason why not."),
]


@strawberry.input(description="What all who wait for an incident shall read.")
class TicketIncidentAnswerInput:
    id: strawberry.ID = strawberry.field(description="Of the incident's ticket.")
    body_markdown: str = strawberry.field(description="In CommonMark, at most 100,000 characters.")
    then: TicketReplyThenInput | None = strawberry.field(
        default=None, description="Where each of the tickets goes with it; null: it stays."
    )
    request_id: str | None = strawberry.field(
        default=None,
        description="Makes a retry safe: the same value with the same input answers no ticket "
        "twice within 24 hours.",
    )


@strawberry.type(description="What became of an answer to one of the tickets of an incident.")
class TicketIncidentReply:
    ticket: TicketType | None = strawberry.field(
        description="As it is now; null when it was deleted meanwhile."
    )
    ticket_message: TicketMessageType | None = strawberry.field(
        description="What was written; null when it was refused."
    )
    problem: Problem | None = strawberry.field(
        description="Why it was refused; null when it was written."
    )

    @classmethod
    async def load(cls, answers: Sequence[IncidentAnswer], info: Info) -> list[Self]:
        """Return the answers with their tickets."""
        refused = [each.ticket_id for each in answers if each.reply is None]
        rows = await info.context.loaders.desk.ticket.load_many(refused)
        unchanged = dict(zip(refused, rows, strict=True))
        found: list[Self] = []
        for each in answers:
            row = unchanged[each.ticket_id] if each.reply is None else each.reply.ticket
            message = None if each.reply is None else each.reply.message
            found.append(
                cls(
                    ticket=None if row is None else TicketType.of(row, info),
                    ticket_message=None if message is None else TicketMessageType.of(message, info),
                    problem=None if each.refusal is None else _problem(each.refusal, info),
                )
            )
        return found


@strawberry.type(description="Each of the tickets that wait was answered, or says why not.")
class TicketIncidentAnswerSuccess:
    replies: list[TicketIncidentReply] = strawberry.field(
        description="One for each ticket, the one that waits longest first, at most 500."
    )


TicketIncidentAnswerResult: TypeAlias = Annotated[
    TicketIncidentAnswerSuccess
    | ValidationProblem
    | NotFoundProblem
    | ReachNotHeldProblem
    | ForbiddenProblem,
    strawberry.union(
        "TicketIncidentAnswerResult", description="The answers, or the reason why none was given."
    ),
]


@strawberry.type
class TicketLinkMutations:
    @strawberry.mutation(
        description="Say that two tickets have to do with each other.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_link(
        self, info: Info, input: Annotated[TicketLinkInput, _WHICH]
    ) -> TicketLinkResult:
        row = await ticket_links.link_tickets(
            info.context,
            ticket_id=ticket_row_id(input.id),
            other_id=ticket_row_id(input.other_id),
            kind=input.kind,
        )
        return TicketLinkSuccess.of(row, info)

    @strawberry.mutation(
        description="Say that two tickets have nothing to do with each other.",
        **requires(Scope.TICKET_STAFF),
    )
    async def ticket_unlink(
        self, info: Info, input: Annotated[TicketUnlinkInput, _WHICH]
    ) -> TicketUnlinkResult:
        row = await ticket_links.unlink_tickets(
            info.context,
            ticket_id=ticket_row_id(input.id),
            other_id=ticket_row_id(input.other_id),
            kind=input.kind,
        )
        return TicketUnlinkSuccess.of(row, info)

    @strawberry.mutation(
        description="Answer all tickets that wait for an incident, each in its own conversation. "
        "One that refuses the answer stops no other.",
        **requires(Scope.TICKET_STAFF, cost=50),
    )
    async def ticket_incident_answer(
        self,
        info: Info,
        input: Annotated[
            TicketIncidentAnswerInput, strawberry.argument(description="Which one, and what.")
        ],
    ) -> TicketIncidentAnswerResult:
        answers = await ticket_links.answer_incident(
            info.context,
            ticket_id=ticket_row_id(input.id),
            body=input.body_markdown,
            then=input.then.to_then() if input.then else None,
            request_id=input.request_id,
        )
        replies = await TicketIncidentReply.load(answers, info)
        return TicketIncidentAnswerSuccess(replies=replies)


def _problem(refusal: DomainError, info: Info) -> Problem | None:
    """Return the problem of a refusal; in lists nobody else makes it."""
    handlers = (each for each in ALL_HANDLERS if each.exception_type is type(refusal))
    found: Problem | None = next(handlers).error_type.of(refusal, info)
    return found
