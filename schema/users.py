"""GraphQL face of people."""

from datetime import datetime
from enum import StrEnum
from typing import Self

import strawberry

from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.users import User
from resolvers.api_keys import api_keys_of
from resolvers.passkeys import passkeys_of
from resolvers.recovery_codes import recovery_codes_left
from resolvers.sessions import sessions_of
from resolvers.totp import has_totp
from resolvers.user_lists import sees_person
from resolvers.users import viewer_user
from schema.api_keys import ApiKeyType
from schema.context import Info
from schema.enums import describe_enum
from schema.nodes import Node, encode_id
from schema.organizations import OrganizationType, organization_of
from schema.passkeys import PasskeyType
from schema.scalars import Count, Locale, TimeZone
from schema.sessions import SessionType


class UserState(StrEnum):
    """Whether somebody may sign in."""

    ACTIVE = "ACTIVE"
    DEACTIVATED = "DEACTIVATED"


describe_enum(
    UserState,
    {
        UserState.ACTIVE: "May sign in, unless their organization is deactivated.",
        UserState.DEACTIVATED: "Cannot sign in.",
    },
    description="Whether a person may sign in.",
)


@strawberry.type(name="User", description="A person with an account.")
class UserType(Node):
    name: str = strawberry.field(description="As the person wishes to be called.")
    email: str | None = strawberry.field(
        description="In lower case; null where you may not see it."
    )
    role: str = strawberry.field(description="Name of the role, a set of scopes.")
    is_staff: bool = strawberry.field(description="Sees every link, not only their own.")
    created_at: datetime = strawberry.field(description="When the account was made.")
    updated_at: datetime = strawberry.field(description="When the account was last changed.")
    state: UserState = strawberry.field(description="Whether the person may sign in.")
    deactivated_at: datetime | None = strawberry.field(
        description="From then on the person cannot sign in; null for active people."
    )
    erased_at: datetime | None = strawberry.field(
        description="When all that tells who it was went; null for everybody else."
    )
    reach: Reach = strawberry.field(description="Whose things the role shows.")
    revision: int = strawberry.field(
        description="Rises on every save; send it back as `ifRevision` to notice a parallel edit."
    )
    max_links: Count | None = strawberry.field(
        description="Most links of the person; null for no bound of their own, and where you may "
        "not see it."
    )
    last_seen_at: datetime | None = strawberry.field(
        description="Last use of a session; null for never, and where you may not see it."
    )
    row: strawberry.Private[User]

    @classmethod
    def of(cls, row: User, info: Info) -> Self:
        """Return a person as the viewer may see them; the role must be loaded."""
        sees_all = sees_person(info.context.viewer, row)
        return cls(
            id=encode_id("User", row.id),
            name=row.name,
            email=row.email if sees_all and row.erased_at is None else None,
            role=row.role.name,
            is_staff=row.role.reach is Reach.ALL,
            created_at=row.created_at,
            updated_at=row.updated_at,
            state=UserState.ACTIVE if row.deactivated_at is None else UserState.DEACTIVATED,
            deactivated_at=row.deactivated_at,
            erased_at=row.erased_at,
            reach=row.role.reach,
            revision=row.revision,
            max_links=Count(row.max_links) if sees_all and row.max_links is not None else None,
            last_seen_at=row.last_seen_at if sees_all else None,
            row=row,
        )

    @strawberry.field(
        description="Where the person belongs; null for nowhere, and where you may not see it."
    )
    async def organization(self, info: Info) -> OrganizationType | None:
        return await organization_of(self.row.organization_id, info)

    @strawberry.field(
        description="The person's keys that still open something, newest first, at most 50; "
        "empty where you may not see them."
    )
    async def api_keys(self, info: Info) -> list[ApiKeyType]:
        rows = await info.context.loaders.api_keys.load(self.row.id)
        return [ApiKeyType.of(row) for row in rows]

    @strawberry.field(
        description="Where the person is signed in, the session used last first, at most 100; "
        "empty where you may not see it."
    )
    async def sessions(self, info: Info) -> list[SessionType]:
        rows = await info.context.loaders.sessions.load(self.row.id)
        return [SessionType.of(row, info) for row in rows]


@strawberry.type(name="Viewer", description="The signed-in person, with what only they may see.")
class ViewerType:
    user: UserType = strawberry.field(description="The person.")
    scopes: list[Scope] = strawberry.field(
        description="What the key of this request holds and the role still allows."
    )
    reach: Reach = strawberry.field(description="Whose things the viewer sees.")
    locale: Locale = strawberry.field(
        description="Language of messages when a request names none in Accept-Language."
    )
    time_zone: TimeZone = strawberry.field(description="For charts, unless another is chosen.")

    @classmethod
    async def load(cls, info: Info) -> Self | None:
        """Return who asks, None for an anonymous caller."""
        row = await viewer_user(info.context)
        if row is None:
            return None
        held = info.context.viewer.scopes
        return cls(
            user=UserType.of(row, info),
            scopes=[scope for scope in Scope if scope in held],
            reach=info.context.viewer.reach,
            locale=Locale(row.locale),
            time_zone=TimeZone(row.time_zone),
        )

    @strawberry.field(
        description="The person's keys that still open something, newest first, at most 50."
    )
    async def api_keys(self, info: Info) -> list[ApiKeyType]:
        return [ApiKeyType.of(row) for row in await api_keys_of(info.context)]

    @strawberry.field(
        description="Where the person is signed in, the session used last first; empty for keys."
    )
    async def sessions(self, info: Info) -> list[SessionType]:
        return [SessionType.of(row, info) for row in await sessions_of(info.context)]

    @strawberry.field(description="The person's passkeys, newest first, at most 20.")
    async def passkeys(self, info: Info) -> list[PasskeyType]:
        return [PasskeyType.of(row) for row in await passkeys_of(info.context)]

    @strawberry.field(
        description="A sign-in by password needs a code of the person's authenticator app."
    )
    async def has_totp(self, info: Info) -> bool:
        return await has_totp(info.context.viewer.user_id or 0)

    @strawberry.field(description="Of the recovery codes, how many are still good.")
    async def recovery_codes_left(self, info: Info) -> Count:
        return Count(await recovery_codes_left(info.context))
