"""What happened to a ticket, and which of it is for customers to know."""

from enum import StrEnum
from typing import Final


class TicketEventKind(StrEnum):
    """Stored by name; never renamed or reused."""

    CREATED = "CREATED"
    STATUS_CHANGED = "STATUS_CHANGED"
    CLASSIFIED = "CLASSIFIED"
    SUBJECT_CHANGED = "SUBJECT_CHANGED"
    REQUESTER_CHANGED = "REQUESTER_CHANGED"
    ASSIGNED = "ASSIGNED"
    QUEUE_CHANGED = "QUEUE_CHANGED"
    TAGS_CHANGED = "TAGS_CHANGED"
    FIELDS_CHANGED = "FIELDS_CHANGED"
    ESCALATED = "ESCALATED"
    RETURNED = "RETURNED"
    REOPENED = "REOPENED"
    DELETED = "DELETED"
    RESTORED = "RESTORED"
    MERGED = "MERGED"
    UNMERGED = "UNMERGED"
    LINKED = "LINKED"
    SPLIT = "SPLIT"
    TERM_WARNED = "TERM_WARNED"
    TERM_BROKEN = "TERM_BROKEN"


# Who works on it, in which queue, and what they noted, is the desk's business.
FOR_CUSTOMERS: Final = frozenset(
    {
        TicketEventKind.CREATED,
        TicketEventKind.STATUS_CHANGED,
        TicketEventKind.SUBJECT_CHANGED,
        TicketEventKind.ESCALATED,
        TicketEventKind.REOPENED,
    }
)
