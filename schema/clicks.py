"""GraphQL face of single clicks, as they come in."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Final, Self

import strawberry

from models.rules.click_classes import ClickClass
from models.rules.scopes import Scope
from resolvers.link_filters import LinkFilter
from resolvers.links import link_by_id, matching_link_ids
from resolvers.ports import ClickEvent
from schema.access import UnauthenticatedError, check_access, labelled
from schema.context import GraphQLContext, Info
from schema.enums import describe_enum
from schema.link_inputs import LinkFilterInput
from schema.links import LinkType
from schema.nodes import encode_id

RECHECK_S: Final = 0.5  # how long a permission, and what a filter said of a link, is believed
_MAX_REMEMBERED: Final = 10_000  # links

describe_enum(
    ClickClass,
    {
        ClickClass.HUMAN: "A person, as far as one can tell.",
        ClickClass.PREVIEW: "A messenger or mail program showing a card; also HEAD requests.",
        ClickClass.PREFETCH: "A browser loading ahead what may never be opened.",
        ClickClass.SCANNER: "A security product.",
        ClickClass.MONITOR: "An uptime check.",
        ClickClass.BOT: "A crawler or another program.",
    },
    description="Who followed a link. Only HUMAN is in `clickCount`.",
)


@strawberry.type(
    name="Click",
    description="One followed link. The address is already truncated by the privacy setting.",
)
class ClickType:
    id: strawberry.ID = strawberry.field(description="Opaque, for a list's keys.")
    at: datetime = strawberry.field(description="When the redirect was answered.")
    click_class: ClickClass = strawberry.field(name="class", description="Who it was.")
    reason: str = strawberry.field(description="The rule that told the class, for support.")
    referrer_host: str | None = strawberry.field(description="Null for direct visits.")
    browser: str | None = strawberry.field(description="Family; null when unknown.")
    os: str | None = strawberry.field(description="Family; null when unknown.")
    device: str | None = strawberry.field(
        description="DESKTOP, MOBILE, TABLET, BOT or OTHER; null when unknown."
    )
    address: str | None = strawberry.field(description="Of the network; null when not kept.")
    link_id: strawberry.Private[int]
    context: strawberry.Private[GraphQLContext]

    @classmethod
    def of(cls, event: ClickEvent, context: GraphQLContext) -> Self:
        """Return the click of an event for the viewer of a context of now."""
        return cls(
            id=encode_id("Click", event.click_id),
            at=event.at,
            click_class=ClickClass(event.click_class),
            reason=event.reason,
            referrer_host=event.referrer_host or None,
            browser=event.browser or None,
            os=event.os or None,
            device=event.device or None,
            address=event.address,
            link_id=event.link_id,
            context=context,
        )

    @strawberry.field(description="The link, as it is now; null when it was deleted meanwhile.")
    async def link(self, info: Info) -> LinkType | None:
        row = await link_by_id(self.context, self.link_id)
        return None if row is None else (await LinkType.load([row], info))[0]


class _Watch:
    """What one subscription may see: asked anew every RECHECK_S."""

    def __init__(self, context: GraphQLContext, filter: LinkFilter) -> None:
        self.context = context
        self._filter = filter
        self._known: dict[int, bool] = {}
        self._checked_at = time.monotonic()

    async def lets_through(self, link_id: int) -> bool:
        """Tell whether the viewer sees this link under the filter.

        Raises:
            UnauthenticatedError: the key is worth nothing any more.
            NotPermittedError: it, or its owner's role, lost a scope.
        """
        if time.monotonic() - self._checked_at >= RECHECK_S or len(self._known) > _MAX_REMEMBERED:
            await self._renew()
        if link_id not in self._known:
            seen = await matching_link_ids(self.context, self._filter, [link_id])
            self._known[link_id] = link_id in seen
        return self._known[link_id]

    async def _renew(self) -> None:
        context = await self.context.renew()
        if context is None:
            raise UnauthenticatedError
        for scope in _SCOPES:
            check_access(context, scope)
        self.context = context
        self._known.clear()
        self._checked_at = time.monotonic()


_SCOPES: Final = (Scope.STATS_READ, Scope.LINK_READ)


@strawberry.type
class ClickSubscriptions:
    @strawberry.subscription(
        description="Clicks as they are stored, newest last. Best effort: a client that is slow "
        "or was away has missed some, and asks `stats` for the truth. Also needs LINK_READ.",
        **labelled(Scope.STATS_READ),
    )
    async def click_recorded(
        self,
        info: Info,
        links: Annotated[
            LinkFilterInput | None, strawberry.argument(description="Null: of all your links.")
        ] = None,
    ) -> AsyncGenerator[ClickType, None]:
        for scope in _SCOPES:
            check_access(info.context, scope)
        watch = _Watch(info.context, links.to_filter() if links else LinkFilter())
        async with aclosing(info.context.ports.click_feed.watch()) as events:
            async for event in events:
                if await watch.lets_through(event.link_id):
                    info.context.loaders.renew(watch.context)
                    yield ClickType.of(event, watch.context)
