"""GraphQL face of organizations: what one is, and lists of them."""

from datetime import datetime
from typing import Annotated, Self

import strawberry

from models.organizations import Organization, OrganizationKind
from models.rules.scopes import Scope
from resolvers.organization_lists import (
    count_organizations,
    organization_cursor,
    organizations_page,
    sees_organization,
)
from resolvers.paging import Page
from schema.access import requires
from schema.context import Info
from schema.enums import describe_enum
from schema.nodes import Node, encode_id
from schema.paging import AFTER, BEFORE, FIRST, LAST, PageInfoType, page_window
from schema.scalars import Count

describe_enum(
    OrganizationKind,
    {
        OrganizationKind.CUSTOMER: "Uses the installation.",
        OrganizationKind.PARTNER: "Brings customers, and uses the installation for them.",
    },
    description="What an organization is to the operator.",
)


@strawberry.type(name="Organization", description="A company whose people use the installation.")
class OrganizationType(Node):
    name: str = strawberry.field(description="Unique.")
    kind: OrganizationKind = strawberry.field(description="What it is to the operator.")
    max_links: Count | None = strawberry.field(
        description="Most links of all its people together; null for no bound."
    )
    max_users: Count | None = strawberry.field(description="Most active people; null for no bound.")
    revision: int = strawberry.field(
        description="Rises on every save; send it back as `ifRevision` to notice a parallel edit."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    deactivated_at: datetime | None = strawberry.field(
        description="From then on none of its people can sign in; null while they can."
    )

    @classmethod
    def of(cls, row: Organization) -> Self:
        """Return the organization of a row."""
        return cls(
            id=encode_id("Organization", row.id),
            name=row.name,
            kind=row.kind,
            max_links=None if row.max_links is None else Count(row.max_links),
            max_users=None if row.max_users is None else Count(row.max_users),
            revision=row.revision,
            created_at=row.created_at,
            updated_at=row.updated_at,
            deactivated_at=row.deactivated_at,
        )


async def organization_of(row_id: int | None, info: Info) -> OrganizationType | None:
    """Return where somebody belongs, None for nowhere and where the viewer may not see it."""
    if row_id is None or not sees_organization(info.context.viewer, row_id):
        return None
    row = await info.context.loaders.organization.load(row_id)
    return None if row is None else OrganizationType.of(row)


@strawberry.type(description="An organization and its place in the list.")
class OrganizationEdge:
    cursor: str = strawberry.field(description="For `after` and `before`.")
    node: OrganizationType = strawberry.field(description="The organization.")


@strawberry.type(description="A page of organizations, the newest first.")
class OrganizationConnection:
    page: strawberry.Private[Page[Organization]]
    search: strawberry.Private[str | None]

    @strawberry.field(description="The organizations, without their cursors.")
    def nodes(self) -> list[OrganizationType]:
        return [OrganizationType.of(row) for row in self.page.rows]

    @strawberry.field(description="The organizations with their cursors.")
    def edges(self) -> list[OrganizationEdge]:
        return [
            OrganizationEdge(cursor=organization_cursor(row), node=OrganizationType.of(row))
            for row in self.page.rows
        ]

    @strawberry.field(description="Where this page lies in the list.")
    def page_info(self) -> PageInfoType:
        return PageInfoType.of(self.page, organization_cursor)

    @strawberry.field(description="On all pages; costs a query of its own.")
    async def total_count(self, info: Info) -> Count | None:
        return Count(await count_organizations(info.context, self.search))


@strawberry.type
class OrganizationQueries:
    @strawberry.field(
        description="Organizations in your reach: all, or your own.",
        **requires(Scope.USER_ADMIN),
    )
    async def organizations(  # noqa: PLR0913, PLR0917 - one for each argument of the field
        self,
        info: Info,
        search: Annotated[
            str | None,
            strawberry.argument(description="Found in the name; capitals do not matter."),
        ] = None,
        first: Annotated[int | None, FIRST] = None,
        after: Annotated[str | None, AFTER] = None,
        last: Annotated[int | None, LAST] = None,
        before: Annotated[str | None, BEFORE] = None,
    ) -> OrganizationConnection:
        window = page_window(first, after, last, before)
        page = await organizations_page(info.context, search=search, window=window)
        return OrganizationConnection(page=page, search=search)
