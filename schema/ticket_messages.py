"""GraphQL face of what is said about a ticket, and of what happened to it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry

from models.rules.markdown import to_html
from models.rules.scopes import Scope
from models.ticket_messages import TicketEvent, TicketMessage
from resolvers.paging import Page
from resolvers.ticket_files import MESSAGE_FILES
from resolvers.ticket_filters import is_desk
from resolvers.ticket_messages import messages_by_ids
from resolvers.ticket_rights import may_take_back
from resolvers.ticket_timeline import TimelineEntry, entry_cursor, event_text
from schema.context import Info
from schema.files import StoredFileType, files_of
from schema.lookups import add_loader
from schema.nodes import Node, encode_id
from schema.paging import PageInfoType
from schema.people import person_of
from schema.scalars import Count
from schema.ticket_changes import TicketFieldChange, field_changes
from schema.ticket_enums import MessageVisibility, TicketChannel, TicketEventKind
from schema.users import UserType


@strawberry.type(
    name="TicketMessage",
    description="An answer, a question, or a note of the desk. Customers read public ones alone.",
)
class TicketMessageType(Node):
    at: datetime = strawberry.field(description="When it was written.")
    visibility: MessageVisibility = strawberry.field(description="Who reads it.")
    channel: TicketChannel = strawberry.field(description="The way it came.")
    author_name: str | None = strawberry.field(
        description="What a letter said of who wrote it; null for people with an account."
    )
    author_address: str | None = strawberry.field(
        description="Where the letter came from; null for people with an account, and for "
        "everybody but the desk."
    )
    is_from_staff: bool = strawberry.field(description="Somebody of the desk wrote it.")
    is_automatic: bool = strawberry.field(description="A program wrote it, as out-of-office does.")
    body_markdown: str = strawberry.field(description="As it was written, in CommonMark.")
    sent_at: datetime = strawberry.field(
        description="From then on the others read it; some seconds after `at` for answers of the "
        "desk, which their author may take back until then."
    )
    taken_back_at: datetime | None = strawberry.field(
        description="When its author took it back before anybody else read it; null for others."
    )
    row: strawberry.Private[TicketMessage]

    @strawberry.field(description="What is attached, in the order it was sent; at most 20 by hand.")
    async def attachments(self, info: Info) -> list[StoredFileType]:
        return await files_of(info, MESSAGE_FILES, self.row.id)

    @strawberry.field(
        description="How many files are attached; a list of messages asks this, and `node` of one "
        "message what they are."
    )
    async def attachment_count(self, info: Info) -> Count:
        return Count(len(await files_of(info, MESSAGE_FILES, self.row.id)))

    @classmethod
    def of(cls, row: TicketMessage, info: Info) -> Self:
        """Return the message of a row that the viewer may read."""
        return cls(
            id=encode_id("TicketMessage", row.id),
            at=row.created_at,
            visibility=row.visibility,
            channel=row.channel,
            author_name=row.author_name,
            author_address=row.author_email if is_desk(info.context.viewer) else None,
            is_from_staff=row.is_from_staff,
            is_automatic=row.is_automatic,
            body_markdown=row.body_markdown,
            sent_at=row.due_at,
            taken_back_at=row.taken_back_at,
            row=row,
        )

    @strawberry.field(
        description="The same as HTML that is safe to put into a page: no scripts, no styles, no "
        "pictures from elsewhere."
    )
    def body_html(self) -> str:
        return to_html(self.row.body_markdown)

    @strawberry.field(
        description="Who wrote it; null for people without an account, and when it is gone."
    )
    async def author(self, info: Info) -> UserType | None:
        return await person_of(self.row.author_id, info)

    @strawberry.field(description="`ticketMessageTakeBack` will not be refused right now.")
    def viewer_can_take_back(self, info: Info) -> bool:
        return may_take_back(info.context, self.row)


@strawberry.type(name="TicketChange", description="Something that happened to a ticket.")
class TicketChangeType:
    id: strawberry.ID = strawberry.field(description="Opaque, for a list's keys.")
    at: datetime = strawberry.field(description="When it happened.")
    kind: TicketEventKind = strawberry.field(description="What happened.")
    is_from_staff: bool = strawberry.field(description="Somebody of the desk did it.")
    row: strawberry.Private[TicketEvent]

    @classmethod
    def of(cls, row: TicketEvent) -> Self:
        """Return the change of a row that the viewer may see."""
        return cls(
            id=encode_id("TicketChange", row.id),
            at=row.created_at,
            kind=row.kind,
            is_from_staff=row.is_from_staff,
            row=row,
        )

    @strawberry.field(description="What happened, as a sentence in the viewer's language.")
    def text(self, info: Info) -> str:
        context = info.context
        return event_text(self.row, context.locale, is_for_desk=is_desk(context.viewer))

    @strawberry.field(description="Who did it; null for jobs, and when the account is gone.")
    async def author(self, info: Info) -> UserType | None:
        return await person_of(self.row.author_id, info)

    @strawberry.field(
        description="The values that changed; empty for everybody but the desk, who reads `text`."
    )
    def changes(self, info: Info) -> list[TicketFieldChange]:
        if not is_desk(info.context.viewer):
            return []
        return field_changes(self.row.values_before, self.row.values_after)


TicketTimelineEntryType: TypeAlias = Annotated[
    TicketMessageType | TicketChangeType,
    strawberry.union(
        "TicketTimelineEntry",
        description="What is said about a ticket, or what happened to it. New kinds may come: "
        "keep a default branch.",
    ),
]


@strawberry.type(description="An entry and its place in the timeline.")
class TicketTimelineEdge:
    cursor: str = strawberry.field(description="For `after` and `before`.")
    node: TicketTimelineEntryType = strawberry.field(description="The entry.")


@strawberry.type(description="A page of a ticket's timeline, the oldest first.")
class TicketTimelineConnection:
    page: strawberry.Private[Page[TimelineEntry]]
    ticket_id: strawberry.Private[int]

    @strawberry.field(description="The entries, without their cursors.")
    def nodes(self, info: Info) -> list[TicketTimelineEntryType]:
        return [_entry(row, info) for row in self.page.rows]

    @strawberry.field(description="The entries with their cursors.")
    def edges(self, info: Info) -> list[TicketTimelineEdge]:
        return [
            TicketTimelineEdge(cursor=entry_cursor(row), node=_entry(row, info))
            for row in self.page.rows
        ]

    @strawberry.field(description="Where this page lies in the timeline.")
    def page_info(self) -> PageInfoType:
        return PageInfoType.of(self.page, entry_cursor)

    @strawberry.field(
        description="On all pages, as far as you may see them; costs a query of its own."
    )
    async def total_count(self, info: Info) -> Count | None:
        return Count(await info.context.loaders.desk.timeline_count.load(self.ticket_id))


def _entry(row: TimelineEntry, info: Info) -> TicketMessageType | TicketChangeType:
    if isinstance(row, TicketMessage):
        return TicketMessageType.of(row, info)
    return TicketChangeType.of(row)


async def _messages(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """Those that the viewer may read."""
    if Scope.TICKET_READ not in info.context.viewer.scopes:
        return {}
    rows = await messages_by_ids(info.context, ids)
    return {row.id: TicketMessageType.of(row, info) for row in rows if row is not None}


add_loader("TicketMessage", _messages)
