"""What the operator decided about the support desk."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPolicy:
    """Settings of the desk.

    Attributes:
        undo_s: for so many seconds an answer of the desk can be taken back, and waits.
        reopen_days: a customer's reply reopens a ticket that ended at most so many days
            ago; after that it makes a new one that is linked to it.
        close_days: a resolved ticket is closed after so many working days; 0 never closes one.
    """

    undo_s: int = 15
    reopen_days: int = 14
    close_days: int = 5
