"""How the fields of the access matrix are asked, and what can come of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from models.rules.scopes import Scope


class Relation(StrEnum):
    """What a thing is to the one who asks."""

    OWN = "own"
    ORGANIZATION = "organization"
    FOREIGN = "foreign"
    DELETED = "deleted"
    ABSENT = "absent"


class Outcome(StrEnum):
    """What came of a request; ABSENT is the same for what is not there and not yours."""

    REACHED = "reached"
    ABSENT = "absent"
    FORBIDDEN = "forbidden"
    UNAUTHENTICATED = "not signed in"


class Sees(StrEnum):
    """Whose things a field reaches."""

    REACH = "by reach"  # own, the organization's, or everybody's, as the role says
    SELF = "own"
    SELF_OR_ADMIN = "own, and with USER_ADMIN by reach"
    ORGANIZATION_OR_ADMIN = "the organization's, and with USER_ADMIN by reach"
    EVERYBODY = "everybody's"  # the scope alone decides
    DESK = "everybody's with TICKET_STAFF and the reach ALL, else none"
    TENDS = "everybody's with TICKET_STAFF, USER_ADMIN and the reach ALL, else none"


@dataclass(frozen=True)
class Probe:
    """How a field is asked.

    Attributes:
        document: with `$id` for the thing's global id, where it is about one, `$number` for
            a ticket's number, `$ticket` for the id of another ticket, `$me` for that of who
            asks, `$other` for that of another person, and `$word` for a new word.
        noun: of the things, as tests.access_world makes them; "" when it is about none.
        scope: needed; None asks for a signed-in person alone.
        also: scopes that are needed beside it.
        sees: whose things it reaches.
        is_public: answers nobody, too.
        refusals: problems that only those meet who reached the thing.
        keeps_deleted: reaches deleted things, too: to do it twice is no error.
        needs_all: of the whole installation, so for those alone who reach everything.
        uses_up: afterwards the thing is gone, or somebody else's; False asks the next about it.
        hides: who lacks the scope is told nothing, not even that.
        reads: the field of an answer that is null, or empty, where it is not reached.
        reads_owner: that field is of the answer's `owner`, not of the answer itself.
    """

    document: str
    noun: str = ""
    scope: Scope | None = None
    also: frozenset[Scope] = frozenset()
    sees: Sees = Sees.REACH
    is_public: bool = False
    refusals: frozenset[str] = frozenset()
    keeps_deleted: bool = False
    needs_all: bool = False
    uses_up: bool = True
    hides: bool = False
    reads: str = ""
    reads_owner: bool = True


def about(field: str, noun: str, scope: Scope | None = None, **more: Any) -> Probe:  # noqa: ANN401
    """Return the probe of a mutation whose input is the id of one thing."""
    document = f"mutation ($id: ID!) {{ {field}(input: {{id: $id}}) {{ __typename }} }}"
    return Probe(document, noun, scope, **more)


def plain(field: str, arguments: str = "", **more: Any) -> Probe:  # noqa: ANN401
    """Return the probe of a mutation that is about no thing of somebody's."""
    asked = f"(input: {{{arguments}}})" if arguments else ""
    return Probe(f"mutation {{ {field}{asked} {{ __typename }} }}", **more)


def node(noun: str, **more: Any) -> Probe:  # noqa: ANN401
    """Return the probe of `node` for the things of a noun."""
    return Probe("query ($id: ID!) { node(id: $id) { id } }", noun, **more)
