"""Refusals of the support desk, see models.errors."""

from typing import ClassVar

from models.errors import DomainError


class TicketMoveNotPossibleError(DomainError):
    """A ticket cannot take a step from where it stands; `reason` says which guard refused.

    Without a reason, no ticket of that status can take it.

    Attributes:
        status: name of the ticket's TicketStatus.
        move: name of the TicketMove.
        missing: names of the items that the ticket lacks, for the reason "items_missing".
    """

    code: ClassVar[str] = "TICKET_MOVE_NOT_POSSIBLE"

    def __init__(
        self, *, status: str, move: str, reason: str = "", missing: tuple[str, ...] = ()
    ) -> None:
        super().__init__(reason=reason)
        self.status = status
        self.move = move
        self.missing = missing


class TicketTransferNotPossibleError(DomainError):
    """Some tickets of a person cannot be another one's; `reason` says why. None went.

    Attributes:
        reason: "organization": asked for in another organization; "right": who would get
            them reads no tickets; "desk": who would get them does not work on the desk.
        tickets: how many cannot go.
    """

    code: ClassVar[str] = "TICKET_TRANSFER_NOT_POSSIBLE"

    def __init__(self, *, reason: str, tickets: int) -> None:
        super().__init__(path=("toId",), reason=reason, count=tickets)
        self.tickets = tickets


class MessageSentError(DomainError):
    """The message was sent: the time for taking it back is over."""

    code: ClassVar[str] = "MESSAGE_SENT"

    def __init__(self) -> None:
        super().__init__(path=("id",))


class CategoryInUseError(DomainError):
    """A category with others below it that are in use cannot be archived."""

    code: ClassVar[str] = "CATEGORY_IN_USE"

    def __init__(self) -> None:
        super().__init__(path=("id",))
