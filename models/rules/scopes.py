"""Rights. Roles and API keys are sets of them."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """Stored by name, shown by name; never renamed or reused."""

    LINK_READ = "LINK_READ"
    LINK_WRITE = "LINK_WRITE"
    STATS_READ = "STATS_READ"
    USER_ADMIN = "USER_ADMIN"
    AUDIT_READ = "AUDIT_READ"
    OPS_READ = "OPS_READ"
    TICKET_READ = "TICKET_READ"
    TICKET_WRITE = "TICKET_WRITE"
    TICKET_STAFF = "TICKET_STAFF"
    FILE_READ = "FILE_READ"
    FILE_WRITE = "FILE_WRITE"


def parse_scopes(text: str) -> frozenset[Scope]:
    """Read names with spaces between; a name this version does not know is left out."""
    known = Scope.__members__
    return frozenset(known[name] for name in text.split() if name in known)


def format_scopes(scopes: Iterable[Scope]) -> str:
    """Write scopes the way parse_scopes reads them, in the order of the enum."""
    held = set(scopes)
    return " ".join(scope.value for scope in Scope if scope in held)
