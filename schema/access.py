"""Who may read a field: shown in the SDL, and held here once more.

The use cases check the same scopes. This guard stands before them so that an
anonymous caller gets one answer from every guarded field, a top-level error
UNAUTHENTICATED, before any argument is looked at.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import strawberry
from graphql import GraphQLError
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location

from models.rules.reach import Reach
from models.rules.scopes import Scope
from resolvers.context import RequestContext
from schema.context import Info
from schema.costs import Cost
from schema.enums import describe_enum

describe_enum(
    Scope,
    {
        Scope.LINK_READ: "See links: your own, or everybody's as staff.",
        Scope.LINK_WRITE: "Create, change and delete links.",
        Scope.STATS_READ: "See statistics and live clicks.",
        Scope.USER_ADMIN: "Manage people and their keys.",
        Scope.AUDIT_READ: "Read the audit log.",
        Scope.OPS_READ: "See health, metrics and logs of the installation.",
        Scope.TICKET_READ: "See tickets: your own, your organization's, or everybody's as staff.",
        Scope.TICKET_WRITE: "Make tickets, and answer in those you see.",
        Scope.TICKET_STAFF: "Work on tickets as the desk does, and read internal notes.",
        Scope.FILE_READ: "Fetch files: your own, and those of what you may see.",
        Scope.FILE_WRITE: "Send files.",
    },
    description="A right; roles are named sets of them, and an API key holds some of its owner's.",
)
describe_enum(
    Reach,
    {
        Reach.OWN: "Their own, and what belongs to no other organization than theirs.",
        Reach.ORGANIZATION: "Everything of their organization; without one as OWN.",
        Reach.ALL: "Everything.",
    },
    description="Whose things somebody sees; scopes say what they may do with them.",
)


@strawberry.schema_directive(
    name="access",
    locations=[Location.FIELD_DEFINITION],
    description="Scope that a key must hold to use the field. A front end reads it from the SDL "
    "to hide what a user cannot do.",
)
class Access:
    scope: Scope = strawberry.directive_field(name="scope")


class UnauthenticatedError(GraphQLError):
    """Nobody is signed in, and the field is not for everybody."""

    def __init__(self) -> None:
        super().__init__(
            "You are not signed in.",
            extensions={"code": "UNAUTHENTICATED"},
        )


def check_access(context: RequestContext, scope: Scope | None) -> None:
    """Let a signed-in viewer with the scope pass; None asks for no scope.

    Raises:
        UnauthenticatedError: nobody is signed in.
        NotPermittedError: the scope is missing.
    """
    if context.viewer.user_id is None:
        raise UnauthenticatedError
    if scope is not None:
        context.viewer.require(scope)


class RequireScope(FieldExtension):
    """Lets nobody without the scope reach the resolver; None asks only for a signed-in viewer."""

    def __init__(self, scope: Scope | None) -> None:
        self.scope: Final = scope

    def resolve(
        self, next_: Callable[..., Any], source: object, info: Info, **kwargs: object
    ) -> object:
        """Check, then go on."""
        self._check(info)
        return next_(source, info, **kwargs)

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: object, info: Info, **kwargs: object
    ) -> object:
        """Check, then go on."""
        self._check(info)
        return await next_(source, info, **kwargs)

    def _check(self, info: Info) -> None:
        check_access(info.context, self.scope)


def signed_in() -> dict[str, Any]:
    """Return the arguments of strawberry.field that keep anonymous callers out."""
    return {"extensions": [RequireScope(None)]}


def labelled(scope: Scope) -> dict[str, Any]:
    """Return the arguments of strawberry.subscription that only label it: it checks itself."""
    return {"directives": [Access(scope=scope)]}


def requires(scope: Scope, *, cost: int | None = None) -> dict[str, Any]:
    """Return the arguments of strawberry.field that guard and label it, and weigh it."""
    weight = [] if cost is None else [Cost(weight=cost)]
    return {"directives": [Access(scope=scope), *weight], "extensions": [RequireScope(scope)]}
