"""GraphQL face of people."""

from datetime import datetime
from typing import Self

import strawberry

from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.users import User
from resolvers.api_keys import api_keys_of
from resolvers.sessions import sessions_of
from resolvers.users import viewer_user
from schema.api_keys import ApiKeyType
from schema.context import Info
from schema.nodes import Node, encode_id
from schema.scalars import Locale, TimeZone
from schema.sessions import SessionType


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
    deactivated_at: datetime | None = strawberry.field(
        description="From then on the person cannot sign in; null for active people."
    )

    @classmethod
    def of(cls, row: User, info: Info) -> Self:
        """Return a person as the viewer may see them; the role must be loaded."""
        viewer = info.context.viewer
        sees_address = (
            row.id == viewer.user_id or viewer.is_staff or Scope.USER_ADMIN in viewer.scopes
        )
        return cls(
            id=encode_id("User", row.id),
            name=row.name,
            email=row.email if sees_address else None,
            role=row.role.name,
            is_staff=row.role.reach is Reach.ALL,
            created_at=row.created_at,
            updated_at=row.updated_at,
            deactivated_at=row.deactivated_at,
        )


@strawberry.type(name="Viewer", description="The signed-in person, with what only they may see.")
class ViewerType:
    user: UserType = strawberry.field(description="The person.")
    scopes: list[Scope] = strawberry.field(
        description="What the key of this request holds and the role still allows."
    )
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
