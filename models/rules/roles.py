"""The roles that every installation has. An administrator can define more."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from models.rules.reach import Reach
from models.rules.scopes import Scope

CUSTOMER: Final = "customer"
PARTNER: Final = "partner"
FIRST_LINE: Final = "first_line"
SECOND_LINE: Final = "second_line"
DEVELOPER: Final = "developer"
ADMINISTRATOR: Final = "administrator"
AUDITOR: Final = "auditor"


@dataclass(frozen=True, slots=True)
class BuiltInRole:
    """What a built-in role lets its people do, and to whose things."""

    reach: Reach
    scopes: frozenset[Scope]


_TICKETS: Final = frozenset({Scope.TICKET_READ, Scope.TICKET_WRITE})
_FILES: Final = frozenset({Scope.FILE_READ, Scope.FILE_WRITE})
_LINKS: Final = frozenset({Scope.LINK_READ, Scope.LINK_WRITE, Scope.STATS_READ}) | _TICKETS | _FILES
_WATCH: Final = frozenset({Scope.LINK_READ, Scope.STATS_READ, Scope.TICKET_READ, Scope.FILE_READ})
_DESK: Final = _WATCH | {Scope.TICKET_WRITE, Scope.TICKET_STAFF} | _FILES
ROLES: Final[Mapping[str, BuiltInRole]] = MappingProxyType(
    {
        CUSTOMER: BuiltInRole(Reach.OWN, _LINKS),
        PARTNER: BuiltInRole(Reach.ORGANIZATION, _LINKS),
        FIRST_LINE: BuiltInRole(Reach.ALL, _DESK),
        SECOND_LINE: BuiltInRole(Reach.ALL, _DESK | {Scope.OPS_READ}),
        DEVELOPER: BuiltInRole(Reach.ALL, _WATCH | {Scope.TICKET_STAFF, Scope.OPS_READ} | _FILES),
        ADMINISTRATOR: BuiltInRole(Reach.ALL, frozenset(Scope)),
        AUDITOR: BuiltInRole(Reach.ALL, _WATCH | {Scope.AUDIT_READ, Scope.OPS_READ}),
    }
)


def is_beyond_customer(scopes: frozenset[Scope], reach: Reach) -> bool:
    """Tell whether somebody may do more than every customer may, or to more than their own."""
    plain = ROLES[CUSTOMER]
    return not scopes <= plain.scopes or not plain.reach.covers(reach)
