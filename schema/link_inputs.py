"""How links are named, filtered and sorted in arguments."""

from datetime import datetime

import strawberry

from models.rules.link_states import LinkState
from resolvers.link_filters import LinkFilter, LinkOrder, LinkOrderField
from resolvers.paging import SortDirection
from schema.enums import describe_enum
from schema.nodes import row_id_of
from schema.scalars import Count

describe_enum(
    LinkState,
    {
        LinkState.ACTIVE: "Leads to its target.",
        LinkState.SCHEDULED: "Will start; answers 404 until then.",
        LinkState.EXPIRED: "Has ended; answers 410.",
        LinkState.DISABLED: "Was switched off; answers 410.",
    },
    description="Why the link does or does not lead anywhere.",
)
describe_enum(
    LinkOrderField,
    {
        LinkOrderField.CREATED_AT: "When the link was made.",
        LinkOrderField.UPDATED_AT: "When it was last changed by a person.",
        LinkOrderField.CLICKS: "Clicks of people.",
        LinkOrderField.LAST_CLICKED_AT: "The last click of a person; never clicked sorts lowest.",
        LinkOrderField.SLUG: "The slug, by code point.",
    },
    description="What links can be sorted by. Ties are broken by the time of creation.",
)
describe_enum(
    SortDirection,
    {SortDirection.ASC: "Least first.", SortDirection.DESC: "Greatest first."},
    description="Order of a sorted list.",
)


@strawberry.input(
    name="LinkFilter",
    description="All given conditions hold at once; null and absent set none. Mirrors the URL "
    "parameters of the list page one to one.",
)
class LinkFilterInput:
    search: str | None = strawberry.field(
        default=None, description="Found in slug, title or target; capitals do not matter."
    )
    state: list[LinkState] | None = strawberry.field(
        default=None, description="Any of these, at the present time."
    )
    domain: str | None = strawberry.field(
        default=None, description="Host of the domain; an unknown one matches nothing."
    )
    owner_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the User who owns the link."
    )
    created_after: datetime | None = strawberry.field(
        default=None, description="At this moment or later."
    )
    created_before: datetime | None = strawberry.field(
        default=None, description="Before this moment."
    )
    min_clicks: Count | None = strawberry.field(
        default=None, description="At least so many clicks of people."
    )

    def to_filter(self) -> LinkFilter:
        """Return the use cases' filter. An id that is no User's matches nothing."""
        owner_id = None
        if self.owner_id is not None:
            owner_id = row_id_of(self.owner_id, "User") or 0
        return LinkFilter(
            search=self.search,
            states=tuple(self.state or ()),
            host=self.domain,
            owner_id=owner_id,
            created_after=self.created_after,
            created_before=self.created_before,
            min_clicks=self.min_clicks,
        )


@strawberry.input(name="LinkOrder", description="How to sort links.")
class LinkOrderInput:
    field: LinkOrderField = strawberry.field(
        default=LinkOrderField.CREATED_AT, description="What to sort by."
    )
    direction: SortDirection = strawberry.field(
        default=SortDirection.DESC, description="Which end first."
    )

    def to_order(self) -> LinkOrder:
        """Return the use cases' order."""
        return LinkOrder(field=self.field, direction=self.direction)


@strawberry.input(description="A slug on a domain.")
class LinkAddressInput:
    slug: str = strawberry.field(description="Also a former one of a renamed link.")
    domain: str | None = strawberry.field(
        default=None, description="Host of the domain; null or absent: the default one."
    )


@strawberry.input(one_of=True, description="Exactly one way to name a link.")
class LinkLookup:
    id: strawberry.Maybe[strawberry.ID] = strawberry.field(
        default=None, description="Its opaque id."
    )
    address: strawberry.Maybe[LinkAddressInput] = strawberry.field(
        default=None, description="What a visitor types."
    )
