"""GraphQL face of tickets: what a ticket is, and lists of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

import strawberry

from models.rules.scopes import Scope
from models.rules.ticket_labels import kind_label_id, severity_label_id, status_label_id
from models.texts import text
from models.tickets import Ticket
from resolvers.paging import Page
from resolvers.ticket_filters import TicketFilter, TicketOrder, is_desk
from resolvers.ticket_lists import (
    InboxCounts,
    count_tickets,
    inbox_counts,
    ticket_by_number,
    ticket_cursor,
    tickets_page,
)
from resolvers.ticket_rights import rights_on_ticket
from schema.access import requires
from schema.context import Info
from schema.costs import costs
from schema.lookups import add_loader
from schema.nodes import Node, encode_id
from schema.organizations import OrganizationType, organization_of
from schema.paging import AFTER, BEFORE, FIRST, LAST, PageInfoType, page_window
from schema.people import people_of, person_of
from schema.scalars import Count
from schema.service_clocks import ServiceClockType, clocks_of
from schema.ticket_categories import TicketCategoryType, category_of
from schema.ticket_enums import (
    TicketChannel,
    TicketEffect,
    TicketImpact,
    TicketKind,
    TicketLine,
    TicketLinkKind,
    TicketResolution,
    TicketSeverity,
    TicketStatus,
    TicketWorkaround,
)
from schema.ticket_fields import TicketFieldValueType, field_values_of
from schema.ticket_inputs import TicketFilterInput, TicketOrderInput
from schema.ticket_messages import TicketTimelineConnection
from schema.ticket_permissions import TicketPermissions
from schema.ticket_queues import QueueType, queue_of
from schema.users import UserType


@strawberry.type(name="Ticket", description="One matter of one customer, from first to last word.")
class TicketType(Node):
    number: Count = strawberry.field(
        description="What people say on the phone; unique, never given out again."
    )
    subject: str = strawberry.field(description="What it is about, in one line.")
    kind: TicketKind = strawberry.field(description="What the customer wants of us.")
    kind_label: str = strawberry.field(description="The kind in the viewer's language.")
    status: TicketStatus = strawberry.field(description="Who has to act.")
    status_label: str = strawberry.field(
        description="The status in the viewer's language: in the words for customers, or in those "
        "of the desk for the desk."
    )
    severity: TicketSeverity | None = strawberry.field(
        description="How bad it is; null until somebody has said what happens."
    )
    severity_label: str | None = strawberry.field(
        description="The severity in the viewer's language."
    )
    effect: TicketEffect | None = strawberry.field(
        description="What happens to the work; one of three answers that make the severity."
    )
    impact: TicketImpact | None = strawberry.field(description="To how many it happens.")
    workaround: TicketWorkaround | None = strawberry.field(
        description="Whether there is a way round."
    )
    line: TicketLine = strawberry.field(description="Which line of the desk has it.")
    channel: TicketChannel = strawberry.field(description="The way it came.")
    requester_name: str | None = strawberry.field(
        description="Of a person without an account; null for one with an account."
    )
    installation: str | None = strawberry.field(description="Which one it is about.")
    product_module: str | None = strawberry.field(description="Part of the product it is about.")
    resolution: TicketResolution | None = strawberry.field(
        description="Why it needs nothing more; null while it does."
    )
    resolution_note: str | None = strawberry.field(
        description="What the desk noted about that; null for everybody but the desk."
    )
    revision: int = strawberry.field(
        description="Rises with everything that happens; send it back as `ifRevision` to notice "
        "what happened meanwhile."
    )
    reopen_count: Count = strawberry.field(description="How often it was over and came back.")
    bounce_count: Count | None = strawberry.field(
        description="How often the second line handed it back; null for everybody but the desk."
    )
    created_at: datetime = strawberry.field(description="When it came.")
    updated_at: datetime = strawberry.field(description="When something last happened to it.")
    resolved_at: datetime | None = strawberry.field(
        description="When it was last resolved; null while it is under way."
    )
    closed_at: datetime | None = strawberry.field(
        description="When it was closed; null until then."
    )
    snoozed_until: datetime | None = strawberry.field(
        description="When a scheduled one comes back; null for every other."
    )
    deleted_at: datetime | None = strawberry.field(
        description="When it was deleted: those alone see it who may restore it."
    )
    row: strawberry.Private[Ticket]

    @classmethod
    def of(cls, row: Ticket, info: Info) -> Self:
        """Return the ticket of a row that the viewer may see."""
        for_desk = is_desk(info.context.viewer)
        locale = info.context.locale
        severity = row.severity
        return cls(
            id=encode_id("Ticket", row.id),
            number=Count(row.number),
            subject=row.subject,
            kind=row.kind,
            kind_label=text(locale, kind_label_id(row.kind, is_for_desk=for_desk)),
            status=row.status,
            status_label=text(locale, status_label_id(row.status, is_for_desk=for_desk)),
            severity=severity,
            severity_label=None
            if severity is None
            else text(locale, severity_label_id(severity, is_for_desk=for_desk)),
            effect=row.effect,
            impact=row.impact,
            workaround=row.workaround,
            line=row.line,
            channel=row.channel,
            requester_name=row.requester_name,
            installation=row.installation,
            product_module=row.module,
            resolution=row.resolution,
            resolution_note=row.resolution_note if for_desk else None,
            revision=row.revision,
            reopen_count=Count(row.reopen_count),
            bounce_count=Count(row.bounce_count) if for_desk else None,
            created_at=row.created_at,
            updated_at=row.updated_at,
            resolved_at=row.resolved_at,
            closed_at=row.closed_at,
            snoozed_until=row.snoozed_until,
            deleted_at=row.deleted_at,
            row=row,
        )

    @strawberry.field(
        description="Who asked; null for a person without an account, and when it is gone."
    )
    async def requester(self, info: Info) -> UserType | None:
        return await person_of(self.row.requester_id, info)

    @strawberry.field(
        description="Where answers to the requester go; null for everybody but the desk."
    )
    async def requester_address(self, info: Info) -> str | None:
        if not is_desk(info.context.viewer):
            return None
        asked = await person_of(self.row.requester_id, info)
        if asked is None:
            return self.row.requester_email
        return None if asked.erased_at is not None else asked.row.email

    @strawberry.field(
        description="Whose customer the requester is; null for nobody's, and where you may not "
        "see it."
    )
    async def organization(self, info: Info) -> OrganizationType | None:
        row_id = self.row.organization_id
        if row_id is None or not is_desk(info.context.viewer):
            return await organization_of(row_id, info)
        row = await info.context.loaders.organization.load(row_id)
        return None if row is None else OrganizationType.of(row)

    @strawberry.field(
        description="Who of the desk works on it; null for nobody, and for everybody but the desk."
    )
    async def assignee(self, info: Info) -> UserType | None:
        if not is_desk(info.context.viewer):
            return None
        return await person_of(self.row.assignee_id, info)

    @strawberry.field(
        description="Where it waits; null for nowhere, and for everybody but the desk."
    )
    async def queue(self, info: Info) -> QueueType | None:
        return await queue_of(self.row.queue_id, info)

    @strawberry.field(description="What it is about; null until it was classified.")
    async def category(self, info: Info) -> TicketCategoryType | None:
        return await category_of(self.row.category_id, info)

    @strawberry.field(description="Words of the desk; empty for everybody else.")
    async def tags(self, info: Info) -> list[str]:
        if not is_desk(info.context.viewer):
            return []
        return await info.context.loaders.desk.tags.load(self.row.id)

    @strawberry.field(
        description="Who is told of it: all for the desk, for everybody else they themselves if "
        "they follow it."
    )
    async def followers(self, info: Info) -> list[UserType]:
        return await people_of(await info.context.loaders.desk.followers.load(self.row.id), info)

    @strawberry.field(
        description="What it says in custom fields, of those that you may see and that have a "
        "value."
    )
    async def custom_fields(self, info: Info) -> list[TicketFieldValueType]:
        return await field_values_of(self.row.id, info)

    @strawberry.field(
        description="The ticket that it goes on in; null for none, and when it is not yours to see."
    )
    async def merged_into(self, info: Info) -> "TicketType | None":
        if self.row.merged_into_id is None:
            return None
        row = await info.context.loaders.desk.ticket.load(self.row.merged_into_id)
        return None if row is None else TicketType.of(row, info)

    @strawberry.field(description="Other tickets that it has to do with, as far as you see them.")
    async def links(self, info: Info) -> list["TicketLinkType"]:
        links = await info.context.loaders.desk.links.load(self.row.id)
        is_first = [link.ticket_id == self.row.id for link in links]
        others = [
            link.other_id if first else link.ticket_id
            for link, first in zip(links, is_first, strict=True)
        ]
        rows = await info.context.loaders.desk.ticket.load_many(others)
        return [
            TicketLinkType(kind=link.kind, is_later=first, ticket=TicketType.of(row, info))
            for link, first, row in zip(links, is_first, rows, strict=True)
            if row is not None
        ]

    @strawberry.field(
        description="What is promised about it, in the order in which the promises began; empty "
        "for everybody but the desk."
    )
    async def clocks(self, info: Info) -> list[ServiceClockType]:
        return await clocks_of(self.row.id, info)

    @strawberry.field(
        description="What was said and what happened, the oldest first, as far as you may see it.",
        **costs(5),
    )
    async def timeline(
        self,
        info: Info,
        first: Annotated[int | None, FIRST] = None,
        after: Annotated[str | None, AFTER] = None,
        last: Annotated[int | None, LAST] = None,
        before: Annotated[str | None, BEFORE] = None,
    ) -> TicketTimelineConnection:
        window = page_window(first, after, last, before)
        page = await info.context.loaders.desk.timeline.load((self.row.id, window))
        return TicketTimelineConnection(page=page, ticket_id=self.row.id)

    @strawberry.field(description="What the viewer may do with it, by their rights and its status.")
    def viewer_can(self, info: Info) -> TicketPermissions:
        return TicketPermissions.of(rights_on_ticket(info.context, self.row))


@strawberry.type(name="TicketLink", description="What another ticket is to this one.")
class TicketLinkType:
    kind: TicketLinkKind = strawberry.field(description="What they are to each other.")
    is_later: bool = strawberry.field(description="The other one came of this one.")
    ticket: TicketType = strawberry.field(description="The other one.")


@strawberry.type(description="A ticket and its place in the list.")
class TicketEdge:
    cursor: str = strawberry.field(description="For `after` and `before`, in the same order.")
    node: TicketType = strawberry.field(description="The ticket.")


@strawberry.type(description="A page of tickets.")
class TicketConnection:
    page: strawberry.Private[Page[Ticket]]
    order: strawberry.Private[TicketOrder]
    filter: strawberry.Private[TicketFilter]

    @strawberry.field(description="The tickets, without their cursors.")
    def nodes(self, info: Info) -> list[TicketType]:
        return [TicketType.of(row, info) for row in self.page.rows]

    @strawberry.field(description="The tickets with their cursors.")
    def edges(self, info: Info) -> list[TicketEdge]:
        return [
            TicketEdge(cursor=ticket_cursor(row, self.order), node=TicketType.of(row, info))
            for row in self.page.rows
        ]

    @strawberry.field(description="Where this page lies in the list.")
    def page_info(self) -> PageInfoType:
        return PageInfoType.of(self.page, lambda row: ticket_cursor(row, self.order))

    @strawberry.field(
        description="Tickets under the filter on all pages, as far as you may see them. Costs a "
        "query of its own: ask for it only where it is shown."
    )
    async def total_count(self, info: Info) -> Count | None:
        return Count(await count_tickets(info.context, self.filter))


@strawberry.type(description="How many tickets have a status.")
class TicketStatusCount:
    status: TicketStatus = strawberry.field(description="Which one.")
    label: str = strawberry.field(description="The status in the viewer's language.")
    count: Count = strawberry.field(description="How many.")


@strawberry.type(description="Tickets by whose they are, for the badges of an inbox.")
class TicketCounts:
    mine: Count = strawberry.field(description="Under way, and you work on them.")
    unassigned: Count = strawberry.field(
        description="Under way, and nobody works on them; 0 for everybody but the desk."
    )
    counts: strawberry.Private[InboxCounts]

    @classmethod
    def of(cls, counts: InboxCounts, info: Info) -> Self:
        """Return the counts as the viewer may see them."""
        for_desk = is_desk(info.context.viewer)
        return cls(
            mine=Count(counts.mine),
            unassigned=Count(counts.unassigned if for_desk else 0),
            counts=counts,
        )

    @strawberry.field(description="All statuses in their usual order, also those with none.")
    def by_status(self, info: Info) -> list[TicketStatusCount]:
        for_desk, locale = is_desk(info.context.viewer), info.context.locale
        return [
            TicketStatusCount(
                status=status,
                label=text(locale, status_label_id(status, is_for_desk=for_desk)),
                count=Count(self.counts.by_status.get(status, 0)),
            )
            for status in TicketStatus
        ]


@strawberry.type
class TicketQueries:
    @strawberry.field(
        description="One ticket by its number; null when it is absent or not yours.",
        **requires(Scope.TICKET_READ),
    )
    async def ticket(
        self,
        info: Info,
        number: Annotated[Count, strawberry.argument(description="As people say it.")],
    ) -> TicketType | None:
        row = await ticket_by_number(info.context, number)
        return None if row is None else TicketType.of(row, info)

    @strawberry.field(
        description="Tickets that you may see: your own, your organization's, or everybody's as "
        "staff.",
        **requires(Scope.TICKET_READ, cost=2),
    )
    async def tickets(  # noqa: PLR0913, PLR0917 - one for each argument of the field
        self,
        info: Info,
        filter: Annotated[
            TicketFilterInput | None, strawberry.argument(description="Null: all of them.")
        ] = None,
        order_by: Annotated[
            TicketOrderInput | None,
            strawberry.argument(description="Null: where something happened last comes first."),
        ] = None,
        first: Annotated[int | None, FIRST] = None,
        after: Annotated[str | None, AFTER] = None,
        last: Annotated[int | None, LAST] = None,
        before: Annotated[str | None, BEFORE] = None,
    ) -> TicketConnection:
        wanted = filter.to_filter() if filter else TicketFilter()
        order = order_by.to_order() if order_by else TicketOrder()
        window = page_window(first, after, last, before)
        page = await tickets_page(info.context, filter=wanted, order=order, window=window)
        return TicketConnection(page=page, order=order, filter=wanted)

    @strawberry.field(
        description="How many tickets there are under a filter, by status, as far as you may see "
        "them.",
        **requires(Scope.TICKET_READ, cost=5),
    )
    async def ticket_counts(
        self,
        info: Info,
        filter: Annotated[
            TicketFilterInput | None, strawberry.argument(description="Null: all of them.")
        ] = None,
    ) -> TicketCounts:
        wanted = filter.to_filter() if filter else TicketFilter()
        return TicketCounts.of(await inbox_counts(info.context, wanted), info)


async def _tickets(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Those that the viewer may see."""
    if Scope.TICKET_READ not in info.context.viewer.scopes:
        return {}
    rows = await info.context.loaders.desk.ticket.load_many(ids)
    return {row.id: TicketType.of(row, info) for row in rows if row is not None}


add_loader("Ticket", _tickets)
