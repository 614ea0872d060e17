"""How tickets are filtered and sorted, and what inputs of several mutations hold."""

from datetime import datetime

import strawberry

from models.rules.severities import SeverityInputs
from resolvers.paging import SortDirection
from resolvers.ticket_filters import TicketFilter, TicketOrder
from resolvers.ticket_requesters import Requester
from schema.nodes import row_id_of
from schema.ticket_enums import (
    TicketEffect,
    TicketImpact,
    TicketKind,
    TicketLine,
    TicketOrderField,
    TicketSeverity,
    TicketStatus,
    TicketWorkaround,
)


@strawberry.input(
    name="TicketFilter",
    description="All given conditions hold at once; null and absent set none. What you may not "
    "see of a ticket, you cannot search it by either.",
)
class TicketFilterInput:
    search: str | None = strawberry.field(
        default=None,
        description="The number; or what is found in the subject; or words of what was said, in "
        "any of their forms, as far as you may read it.",
    )
    status: list[TicketStatus] | None = strawberry.field(default=None, description="Any of these.")
    severity: list[TicketSeverity] | None = strawberry.field(
        default=None, description="Any of these."
    )
    kind: list[TicketKind] | None = strawberry.field(default=None, description="Any of these.")
    line: list[TicketLine] | None = strawberry.field(default=None, description="Any of these.")
    queue_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the Queue that it waits in."
    )
    assignee_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the User who works on it."
    )
    unassigned: bool = strawberry.field(default=False, description="True: nobody works on it.")
    mine: bool = strawberry.field(default=False, description="True: you work on it.")
    followed: bool = strawberry.field(default=False, description="True: you follow it.")
    requester_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the User who asked."
    )
    organization_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the Organization that it is of."
    )
    category_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of its TicketCategory; those below that one do not count."
    )
    tag: str | None = strawberry.field(default=None, description="One of its tags.")
    created_after: datetime | None = strawberry.field(
        default=None, description="It came at this moment or later."
    )
    created_before: datetime | None = strawberry.field(
        default=None, description="It came before this moment."
    )
    updated_after: datetime | None = strawberry.field(
        default=None, description="Something happened to it at this moment or later."
    )
    updated_before: datetime | None = strawberry.field(
        default=None, description="Nothing has happened to it since this moment."
    )
    due_before: datetime | None = strawberry.field(
        default=None,
        description="One of its `clocks` is used up before this moment, or is overdue already.",
    )
    deleted: bool = strawberry.field(
        default=False,
        description="True: deleted ones alone, for those who may restore them; nobody else finds "
        "any.",
    )

    def to_filter(self) -> TicketFilter:
        """Return the use cases' filter. An id of another type matches nothing."""
        return TicketFilter(
            search=self.search,
            statuses=tuple(self.status or ()),
            severities=tuple(self.severity or ()),
            kinds=tuple(self.kind or ()),
            lines=tuple(self.line or ()),
            queue_id=optional_row_id(self.queue_id, "Queue"),
            assignee_id=optional_row_id(self.assignee_id, "User"),
            is_unassigned=self.unassigned,
            is_mine=self.mine,
            is_followed=self.followed,
            requester_id=optional_row_id(self.requester_id, "User"),
            organization_id=optional_row_id(self.organization_id, "Organization"),
            category_id=optional_row_id(self.category_id, "TicketCategory"),
            tag=self.tag,
            created_after=self.created_after,
            created_before=self.created_before,
            updated_after=self.updated_after,
            updated_before=self.updated_before,
            due_before=self.due_before,
            is_deleted=self.deleted,
        )


def optional_row_id(text: str | None, type_name: str) -> int | None:
    """Return the row id of an optional argument: None for null, 0 for an id of nothing."""
    return None if text is None else row_id_of(text, type_name) or 0


@strawberry.input(name="TicketOrder", description="How to sort tickets.")
class TicketOrderInput:
    field: TicketOrderField = strawberry.field(
        default=TicketOrderField.UPDATED_AT, description="What to sort by."
    )
    direction: SortDirection = strawberry.field(
        default=SortDirection.DESC, description="Which end first."
    )

    def to_order(self) -> TicketOrder:
        """Return the use cases' order."""
        return TicketOrder(field=self.field, direction=self.direction)


@strawberry.input(description="What happens, to how many, and whether there is a way round.")
class TicketSeverityInput:
    effect: TicketEffect = strawberry.field(description="What happens to the work.")
    impact: TicketImpact = strawberry.field(description="To how many it happens.")
    workaround: TicketWorkaround = strawberry.field(description="Whether there is a way round.")

    def to_inputs(self) -> SeverityInputs:
        """Return the answers as the use cases take them."""
        return SeverityInputs(effect=self.effect, impact=self.impact, workaround=self.workaround)


@strawberry.input(
    description="Whose a ticket is: a person with an account, or somebody with an address alone."
)
class TicketRequesterInput:
    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of a User; the rest is then taken from the account."
    )
    email: str | None = strawberry.field(
        default=None, description="Address of a person without an account."
    )
    name: str | None = strawberry.field(
        default=None, description="Of a person without an account, at most 200 characters."
    )
    organization_id: strawberry.ID | None = strawberry.field(
        default=None, description="Whose customer a person without an account is."
    )

    def to_requester(self) -> Requester:
        """Return the person as the use cases take them."""
        return Requester(
            user_id=optional_row_id(self.user_id, "User"),
            email=self.email,
            name=self.name,
            organization_id=optional_row_id(self.organization_id, "Organization"),
        )
