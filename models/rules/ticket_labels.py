"""Words for what a ticket is: ids of models.texts, for customers and for the desk."""

from models.rules.severities import TicketSeverity
from models.rules.ticket_states import TicketKind, TicketResolution, TicketStatus


def status_label_id(status: TicketStatus, *, is_for_desk: bool) -> str:
    """Return the id of what a status is called."""
    return _id("STATUS", status, is_for_desk=is_for_desk)


def kind_label_id(kind: TicketKind, *, is_for_desk: bool) -> str:
    """Return the id of what a kind is called."""
    return _id("KIND", kind, is_for_desk=is_for_desk)


def severity_label_id(severity: TicketSeverity, *, is_for_desk: bool) -> str:
    """Return the id of what a severity is called."""
    return _id("SEVERITY", severity, is_for_desk=is_for_desk)


def resolution_label_id(resolution: TicketResolution, *, is_for_desk: bool) -> str:
    """Return the id of what a resolution is called."""
    return _id("RESOLUTION", resolution, is_for_desk=is_for_desk)


def field_label_id(key: str) -> str:
    """Return the id of the label of one of our own fields, see models.rules.ticket_fields."""
    return f"TICKET_FIELD_{key.upper()}_TITLE"


def _id(noun: str, name: str, *, is_for_desk: bool) -> str:
    return f"{'DESK' if is_for_desk else 'TICKET'}_{noun}_{name}_TITLE"
