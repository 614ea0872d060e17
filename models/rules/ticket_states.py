"""What a ticket is and where it stands. Stored by name; never renamed or reused."""

from enum import StrEnum
from typing import Final


class TicketKind(StrEnum):
    """What the customer wants of us."""

    QUESTION = "QUESTION"
    FAULT = "FAULT"
    INSTALLATION = "INSTALLATION"
    UPDATE_FAILURE = "UPDATE_FAILURE"
    DATA_RESTORE = "DATA_RESTORE"
    CHANGE_REQUEST = "CHANGE_REQUEST"


class TicketStatus(StrEnum):
    """Who has to do something next; the moves between them: models.rules.ticket_lifecycle."""

    NEW = "NEW"
    OPEN = "OPEN"
    WAITING_FOR_CUSTOMER = "WAITING_FOR_CUSTOMER"
    WAITING_INTERNAL = "WAITING_INTERNAL"
    SCHEDULED = "SCHEDULED"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"
    MERGED = "MERGED"
    SPAM = "SPAM"


class TicketLine(StrEnum):
    """Which line of the desk has the ticket, whatever its status."""

    FIRST = "FIRST"
    SECOND = "SECOND"


class TicketChannel(StrEnum):
    """The way a ticket or a message came."""

    PORTAL = "PORTAL"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    API = "API"


class MessageVisibility(StrEnum):
    """Who reads a message: everybody who sees the ticket, or the desk alone."""

    PUBLIC = "PUBLIC"
    INTERNAL = "INTERNAL"


class TicketResolution(StrEnum):
    """Why a ticket needs nothing more."""

    SOLVED = "SOLVED"
    ANSWERED = "ANSWERED"
    WORKAROUND = "WORKAROUND"
    NOT_REPRODUCED = "NOT_REPRODUCED"
    AS_DESIGNED = "AS_DESIGNED"
    NO_REPLY = "NO_REPLY"
    WITHDRAWN = "WITHDRAWN"
    DUPLICATE = "DUPLICATE"
    DECLINED = "DECLINED"


class TicketLinkKind(StrEnum):
    """What the second ticket of a link is to the first one."""

    FOLLOW_UP = "FOLLOW_UP"
    SPLIT = "SPLIT"
    RELATED = "RELATED"
    INCIDENT = "INCIDENT"


# Somebody of the desk, or the customer, has to do something, now or later.
ACTIVE: Final = (
    TicketStatus.NEW,
    TicketStatus.OPEN,
    TicketStatus.WAITING_FOR_CUSTOMER,
    TicketStatus.WAITING_INTERNAL,
    TicketStatus.SCHEDULED,
)
