"""GraphQL face of the list of people."""

from typing import Annotated, TypeAlias

import strawberry

from models.rules.scopes import Scope
from models.users import User
from resolvers.paging import Page
from resolvers.user_lists import UserFilter, count_users, user_cursor, users_page
from schema.access import requires
from schema.context import Info
from schema.nodes import row_id_of
from schema.paging import AFTER, BEFORE, FIRST, LAST, PageInfoType, page_window
from schema.scalars import Count
from schema.users import UserState, UserType

_Search: TypeAlias = Annotated[
    str | None,
    strawberry.argument(description="Found in name or address; capitals do not matter."),
]
_Role: TypeAlias = Annotated[str | None, strawberry.argument(description="Name of a role.")]
_Organization: TypeAlias = Annotated[
    strawberry.ID | None, strawberry.argument(description="Id of an organization.")
]
_State: TypeAlias = Annotated[
    UserState | None, strawberry.argument(description="Null or absent: both.")
]


@strawberry.type(description="A person and their place in the list.")
class UserEdge:
    cursor: str = strawberry.field(description="For `after` and `before`.")
    node: UserType = strawberry.field(description="The person.")


@strawberry.type(description="A page of people, the newest first.")
class UserConnection:
    page: strawberry.Private[Page[User]]
    filter: strawberry.Private[UserFilter]

    @strawberry.field(description="The people, without their cursors.")
    def nodes(self, info: Info) -> list[UserType]:
        return [UserType.of(row, info) for row in self.page.rows]

    @strawberry.field(description="The people with their cursors.")
    def edges(self, info: Info) -> list[UserEdge]:
        return [
            UserEdge(cursor=user_cursor(row), node=UserType.of(row, info)) for row in self.page.rows
        ]

    @strawberry.field(description="Where this page lies in the list.")
    def page_info(self) -> PageInfoType:
        return PageInfoType.of(self.page, user_cursor)

    @strawberry.field(description="On all pages; costs a query of its own.")
    async def total_count(self, info: Info) -> Count | None:
        return Count(await count_users(info.context, self.filter))


@strawberry.type
class UserQueries:
    @strawberry.field(
        description="People in your reach: all, or those of your organization.",
        **requires(Scope.USER_ADMIN),
    )
    async def users(  # noqa: PLR0913, PLR0917 - one for each argument of the field
        self,
        info: Info,
        search: _Search = None,
        role: _Role = None,
        organization: _Organization = None,
        state: _State = None,
        first: Annotated[int | None, FIRST] = None,
        after: Annotated[str | None, AFTER] = None,
        last: Annotated[int | None, LAST] = None,
        before: Annotated[str | None, BEFORE] = None,
    ) -> UserConnection:
        place = None
        if organization is not None:
            place = row_id_of(organization, "Organization") or 0
        wanted = UserFilter(
            search=search,
            role=role,
            organization_id=place,
            is_active=None if state is None else state is UserState.ACTIVE,
        )
        window = page_window(first, after, last, before)
        page = await users_page(info.context, filter=wanted, window=window)
        return UserConnection(page=page, filter=wanted)
