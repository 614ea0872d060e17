"""Why the desk refuses: a GraphQL type for each reason of its own."""

from typing import Final, Self

import strawberry

from models.ticket_errors import (
    CategoryInUseError,
    MessageSentError,
    TicketMoveNotPossibleError,
    TicketTransferNotPossibleError,
)
from schema.context import Info
from schema.problems import PlainProblem, Problem, ProblemHandler, problem_fields
from schema.scalars import Count
from schema.ticket_enums import TicketStatus


@strawberry.type(
    description="A ticket of this status cannot be moved so, or lacks what the move needs first: "
    "`viewerCan` of a ticket tells beforehand what its status allows."
)
class TicketMoveNotPossibleProblem(Problem):
    status: TicketStatus = strawberry.field(description="What the ticket has now.")
    missing: list[str] = strawberry.field(
        description="What it lacks: names of fields of Ticket or of the input, or keys of custom "
        "fields. Empty when nothing is missing, and the status, or the line, does not allow it."
    )

    @classmethod
    def of(cls, error: TicketMoveNotPossibleError, info: Info) -> Self:
        name, _, lack = error.reason.rpartition("_")
        single = [name] if lack == "missing" and not error.missing else []
        return cls(
            **problem_fields(error, info),
            status=TicketStatus(error.status),
            missing=single or list(error.missing),
        )


@strawberry.type(
    description="Some tickets cannot be that person's: asked for in another organization, or "
    "worked on while the person is not of the desk. None of the tickets went."
)
class TicketTransferNotPossibleProblem(Problem):
    tickets: Count = strawberry.field(description="How many cannot go.")

    @classmethod
    def of(cls, error: TicketTransferNotPossibleError, info: Info) -> Self:
        return cls(**problem_fields(error, info), tickets=Count(error.tickets))


@strawberry.type(
    description="The message has gone out: it could be taken back for some seconds, and those are "
    "over."
)
class MessageSentProblem(PlainProblem, Problem): ...


@strawberry.type(
    description="The category has others below it that are in use: archive, or move, those first."
)
class CategoryInUseProblem(PlainProblem, Problem): ...


TICKET_HANDLERS: Final = (
    ProblemHandler(TicketMoveNotPossibleError, TicketMoveNotPossibleProblem),
    ProblemHandler(TicketTransferNotPossibleError, TicketTransferNotPossibleProblem),
    ProblemHandler(MessageSentError, MessageSentProblem),
    ProblemHandler(CategoryInUseError, CategoryInUseProblem),
)
