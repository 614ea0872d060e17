"""GraphQL face of short links: what a link is, and lists of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Self, cast
from urllib.parse import quote

import strawberry
from strawberry.types.lazy_type import LazyType

from models.links import Link
from models.rules.link_states import LinkState, link_state
from models.rules.scopes import Scope
from resolvers.link_filters import LinkFilter, LinkOrder
from resolvers.links import count_links, link_by_address, link_cursor, links_page
from resolvers.paging import Page
from schema.access import requires
from schema.context import Info
from schema.link_inputs import LinkFilterInput, LinkLookup, LinkOrderInput
from schema.nodes import Node, encode_id, row_id_of
from schema.paging import AFTER, BEFORE, FIRST, LAST, PageInfoType, page_window
from schema.scalars import Count, Url
from schema.stats_ranges import Report, StatsRangeInput, open_report
from schema.users import UserType

# By its name, because a report's rows have links again.
_STATS_REPORT: Final[Any] = cast("Any", LazyType)("StatsReportType", "schema.stats")


@strawberry.type(description="Followed links by class. Only `human` is in `clickCount`.")
class ClickCounts:
    human: Count = strawberry.field(description="People, as far as one can tell.")
    preview: Count = strawberry.field(description="Messengers and mail programs showing a card.")
    prefetch: Count = strawberry.field(description="Browsers loading ahead of a click.")
    scanner: Count = strawberry.field(description="Security products following links in mail.")
    monitor: Count = strawberry.field(description="Uptime checks.")
    bot: Count = strawberry.field(description="Crawlers and all other programs.")


@strawberry.type(description="What the viewer may do with this link.")
class LinkPermissions:
    update: bool = strawberry.field(description="`linkUpdate` will not answer ForbiddenProblem.")
    delete: bool = strawberry.field(description="`linkDelete` will not answer ForbiddenProblem.")


@strawberry.type(name="Link", description="A short address and where it leads.")
class LinkType(Node):
    created_at: datetime = strawberry.field(description="When the link was made.")
    updated_at: datetime = strawberry.field(description="When it was last saved; clicks are none.")
    revision: int = strawberry.field(
        description="Rises on every save; send it back as `ifRevision` to notice a parallel edit."
    )
    slug: str = strawberry.field(
        description="The path part, in Unicode; capitals matter. Unique on its domain."
    )
    domain: str = strawberry.field(
        description="Host that serves the link, with its port unless that is the scheme's own."
    )
    short_url: Url = strawberry.field(description="The address to hand out.")
    url: Url = strawberry.field(description="The target, exactly as browsers are sent there.")
    title: str | None = strawberry.field(
        description="For lists; visitors never see it. A link made without one may get that of "
        "its page a little later, which leaves revision and updatedAt as they are."
    )
    state: LinkState = strawberry.field(description="As of this answer.")
    starts_at: datetime | None = strawberry.field(
        description="Answers 404 before this moment; null for at once."
    )
    expires_at: datetime | None = strawberry.field(
        description="Answers 410 from this moment on; null for never."
    )
    password_protected: bool = strawberry.field(
        description="Visitors have to type a password; the target is told to nobody before."
    )
    click_count: Count = strawberry.field(
        description="All clicks of people, imported history included, which may be older than the "
        "link; seconds behind. Cheap."
    )
    last_clicked_at: datetime | None = strawberry.field(
        description="The last click of a person; null when there was none."
    )
    row: strawberry.Private[Link]

    @classmethod
    def of(cls, row: Link, host: str, info: Info, now: datetime) -> Self:
        """Return the link of a row; `host` is its domain's."""
        slug = row.slug if row.slug.isascii() else quote(row.slug)
        return cls(
            id=encode_id("Link", row.id),
            created_at=row.created_at,
            updated_at=row.updated_at,
            revision=row.revision,
            slug=row.slug,
            domain=host,
            short_url=Url(f"{info.context.portal.scheme}://{host}/{slug}"),
            url=Url(row.target),
            title=row.title,
            state=link_state(row, now=now),
            starts_at=row.starts_at,
            expires_at=row.expires_at,
            password_protected=row.password_hash is not None,
            click_count=Count(row.clicks_human),
            last_clicked_at=row.last_clicked_at,
            row=row,
        )

    @classmethod
    async def load(cls, rows: Sequence[Link], info: Info) -> list[Self]:
        """Return the links of many rows; their domains cost one query."""
        ids = list({row.domain_id for row in rows})
        domains = await info.context.loaders.domain.load_many(ids)
        hosts = {key: domain.host for key, domain in zip(ids, domains, strict=True)}
        now = info.context.ports.clock.now()
        return [cls.of(row, hosts[row.domain_id], info, now) for row in rows]

    @strawberry.field(description="All clicks by class, imported history included.")
    def click_counts(self) -> ClickCounts:
        return ClickCounts(
            human=Count(self.row.clicks_human),
            preview=Count(self.row.clicks_preview),
            prefetch=Count(self.row.clicks_prefetch),
            scanner=Count(self.row.clicks_scanner),
            monitor=Count(self.row.clicks_monitor),
            bot=Count(self.row.clicks_bot),
        )

    @strawberry.field(
        graphql_type=_STATS_REPORT,
        description="Statistics of this link alone.",
        **requires(Scope.STATS_READ, cost=10),
    )
    async def stats(
        self,
        info: Info,
        range: Annotated[StatsRangeInput, strawberry.argument(description="Which clicks.")],
    ) -> Report:
        return await open_report(range, info, link_id=self.row.id)

    @strawberry.field(description="Who made it; null when the account is gone.")
    async def owner(self, info: Info) -> UserType | None:
        if self.row.owner_id is None:
            return None
        return UserType.of(await info.context.loaders.user.load(self.row.owner_id), info)

    @strawberry.field(description="What the viewer may do with it.")
    def viewer_can(self, info: Info) -> LinkPermissions:
        may_write = Scope.LINK_WRITE in info.context.viewer.scopes
        return LinkPermissions(update=may_write, delete=may_write)


@strawberry.type(description="A link and its place in the list.")
class LinkEdge:
    cursor: str = strawberry.field(description="For `after` and `before`, in the same order.")
    node: LinkType = strawberry.field(description="The link.")


@strawberry.type(description="A page of links.")
class LinkConnection:
    nodes: list[LinkType] = strawberry.field(description="The links, without their cursors.")
    page: strawberry.Private[Page[Link]]
    order: strawberry.Private[LinkOrder]
    filter: strawberry.Private[LinkFilter]

    @strawberry.field(description="The links with their cursors.")
    def edges(self) -> list[LinkEdge]:
        return [
            LinkEdge(cursor=link_cursor(node.row, self.order), node=node) for node in self.nodes
        ]

    @strawberry.field(description="Where this page lies in the list.")
    def page_info(self) -> PageInfoType:
        rows = self.page.rows
        return PageInfoType(
            has_next_page=self.page.has_next,
            has_previous_page=self.page.has_previous,
            start_cursor=link_cursor(rows[0], self.order) if rows else None,
            end_cursor=link_cursor(rows[-1], self.order) if rows else None,
        )

    @strawberry.field(
        description="Links under the filter on all pages. Costs a query of its own: ask for it "
        "only where it is shown. Never null today; later it may be where counting would be dear."
    )
    async def total_count(self, info: Info) -> Count | None:
        return Count(await count_links(info.context, self.filter))


@strawberry.type
class LinkQueries:
    @strawberry.field(
        description="One link; null when it is absent or not yours.", **requires(Scope.LINK_READ)
    )
    async def link(
        self,
        info: Info,
        by: Annotated[LinkLookup, strawberry.argument(description="Its id or its address.")],
    ) -> LinkType | None:
        if by.id is not None:
            row_id = row_id_of(by.id.value, "Link")
            row = None if row_id is None else await info.context.loaders.link.load(row_id)
        elif by.address is not None:
            address = by.address.value
            row = await link_by_address(info.context, slug=address.slug, host=address.domain)
        else:
            row = None
        return None if row is None else (await LinkType.load([row], info))[0]

    @strawberry.field(
        description="Links that you may see: your own, or everybody's as staff.",
        **requires(Scope.LINK_READ, cost=2),
    )
    async def links(  # noqa: PLR0913, PLR0917 - one for each argument of the field
        self,
        info: Info,
        filter: Annotated[
            LinkFilterInput | None, strawberry.argument(description="Null: all of them.")
        ] = None,
        order_by: Annotated[
            LinkOrderInput | None, strawberry.argument(description="Null: the newest first.")
        ] = None,
        first: Annotated[int | None, FIRST] = None,
        after: Annotated[str | None, AFTER] = None,
        last: Annotated[int | None, LAST] = None,
        before: Annotated[str | None, BEFORE] = None,
    ) -> LinkConnection:
        wanted = filter.to_filter() if filter else LinkFilter()
        order = order_by.to_order() if order_by else LinkOrder()
        window = page_window(first, after, last, before)
        page = await links_page(info.context, filter=wanted, order=order, window=window)
        nodes = await LinkType.load(page.rows, info)
        return LinkConnection(nodes=nodes, page=page, order=order, filter=wanted)
