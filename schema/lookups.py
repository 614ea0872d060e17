"""`node` and `nodes`: anything again by its id, as far as the viewer may see it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Final, TypeAlias

import strawberry

from models.errors import ValueInvalidError
from models.rules.scopes import Scope
from resolvers.api_keys import api_keys_by_ids
from resolvers.invitation_lists import invitations_by_ids
from resolvers.organization_lists import organizations_by_id, sees_organization
from resolvers.passkeys import passkeys_of
from resolvers.roles import roles_by_ids
from resolvers.sessions import sessions_of
from resolvers.user_lists import visible_users_by_ids
from schema.access import signed_in
from schema.api_keys import ApiKeyType
from schema.context import Info
from schema.invitations import InvitationType
from schema.links import LinkType
from schema.nodes import Node, decode_id
from schema.organizations import OrganizationType
from schema.passkeys import PasskeyType
from schema.roles import RoleType
from schema.sessions import SessionType
from schema.users import UserType

MAX_NODES: Final = 100


async def _links(ids: Sequence[int], info: Info) -> dict[int, Node]:
    if Scope.LINK_READ not in info.context.viewer.scopes:
        return {}
    rows = [row for row in await info.context.loaders.link.load_many(ids) if row is not None]
    return dict(zip((row.id for row in rows), await LinkType.load(rows, info), strict=True))


async def _users(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Yourself, and for those who manage people everybody in their reach."""
    rows = await visible_users_by_ids(info.context, ids)
    return {row.id: UserType.of(row, info) for row in rows}


async def _organizations(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Your own, and every one for administrators."""
    seen = [each for each in ids if sees_organization(info.context.viewer, each)]
    rows = await organizations_by_id(seen)
    return {row.id: OrganizationType.of(row) for row in rows if row is not None}


async def _invitations(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Those in the reach of who manages people."""
    rows = await invitations_by_ids(info.context, ids)
    return {row.id: InvitationType.of(row) for row in rows}


async def _roles(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Every one for those who manage people."""
    rows = await roles_by_ids(info.context, ids)
    return {row.id: RoleType.of(row) for row in rows}


async def _api_keys(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Your own that still open something."""
    return {row.id: ApiKeyType.of(row) for row in await api_keys_by_ids(info.context, ids)}


async def _sessions(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Your own that are not over."""
    rows = await sessions_of(info.context)
    return {row.id: SessionType.of(row, info) for row in rows if row.id in ids}


async def _passkeys(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Your own."""
    rows = await passkeys_of(info.context)
    return {row.id: PasskeyType.of(row) for row in rows if row.id in ids}


NodeLoader: TypeAlias = Callable[[Sequence[int], Info], Awaitable[dict[int, Node]]]


_LOADERS: Final[dict[str, NodeLoader]] = {
    "Link": _links,
    "User": _users,
    "Organization": _organizations,
    "Invitation": _invitations,
    "Role": _roles,
    "ApiKey": _api_keys,
    "Session": _sessions,
    "Passkey": _passkeys,
}


def add_loader(type_name: str, loader: NodeLoader) -> None:
    """Let `node` find one more type, whose own module needs load_nodes."""
    _LOADERS[type_name] = loader


async def load_nodes(ids: Sequence[str], info: Info) -> list[Node | None]:
    """Return what each id stands for, by a bounded number of queries.

    None stands for an id of nothing, of something deleted, and of something that
    the viewer may not see; an anonymous caller sees nothing.
    """
    if info.context.viewer.user_id is None:
        return [None] * len(ids)
    decoded = [decode_id(text) for text in ids]
    wanted: dict[str, list[int]] = {}
    for item in decoded:
        if item is not None and item[0] in _LOADERS:
            rows = wanted.setdefault(item[0], [])
            if item[1] not in rows:
                rows.append(item[1])
    found = {name: await _LOADERS[name](rows, info) for name, rows in wanted.items()}
    return [None if item is None else found.get(item[0], {}).get(item[1]) for item in decoded]


@strawberry.type
class NodeQueries:
    @strawberry.field(
        description="Any object by its id; null when it is absent or not yours to see.",
        **signed_in(),
    )
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="As `id` was answered.")],
    ) -> Node | None:
        return (await load_nodes([id], info))[0]

    @strawberry.field(
        description=f"At most {MAX_NODES} ids; answers keep the order, with null for the unknown "
        "ones.",
        **signed_in(),
    )
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Of any types.")],
    ) -> list[Node | None]:
        if len(ids) > MAX_NODES:
            raise ValueInvalidError(path=("ids",), reason="too_many_ids", maximum=MAX_NODES)
        return await load_nodes(ids, info)
