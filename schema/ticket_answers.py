"""What inputs and answers of mutations on one ticket have in common."""

from typing import Any, Final, Self, TypeAlias

import strawberry

from models.tickets import Ticket
from schema.context import Info
from schema.nodes import row_id_of
from schema.problems import (
    ForbiddenProblem,
    NotFoundProblem,
    ReachNotHeldProblem,
    RevisionConflictProblem,
    ValidationProblem,
)
from schema.ticket_problems import TicketMoveNotPossibleProblem
from schema.tickets import TicketType

WHICH: Final = strawberry.argument(description="Which ticket.")
WHAT: Final = strawberry.argument(description="Which ticket, and what of it.")

# How every change of a ticket, and every step of one, may be refused.
ChangeProblem: TypeAlias = (
    NotFoundProblem | RevisionConflictProblem | ReachNotHeldProblem | ForbiddenProblem
)
EditProblem: TypeAlias = ValidationProblem | ChangeProblem
MoveProblem: TypeAlias = TicketMoveNotPossibleProblem | ChangeProblem


@strawberry.input
class TicketChoice:
    """Names a ticket; every input of a mutation on one begins so."""

    id: strawberry.ID = strawberry.field(description="Of the ticket.")
    if_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` you saw: another one now answers RevisionConflictProblem. "
        "Null or absent: whatever happened meanwhile.",
    )

    def named(self) -> dict[str, Any]:
        """Return the arguments of a use case that name the ticket."""
        return {"ticket_id": ticket_row_id(self.id), "if_revision": self.if_revision}


@strawberry.type
class TicketAnswer:
    """Shows the ticket; every success of a mutation on one does."""

    ticket: TicketType = strawberry.field(description="As stored now, with its new revision.")

    @classmethod
    def of(cls, row: Ticket, info: Info) -> Self:
        """Return the success with the ticket of a row."""
        return cls(ticket=TicketType.of(row, info))


def ticket_row_id(text: str) -> int:
    """Return the row id of a ticket's global id; 0, of no ticket, for any other."""
    return row_id_of(text, "Ticket") or 0
