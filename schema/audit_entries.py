"""GraphQL face of the audit log."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

import strawberry
from strawberry.dataloader import DataLoader

from models.audit_entries import AuditVia
from models.rules.scopes import Scope
from resolvers.audit_entries import (
    AuditFilter,
    AuditRow,
    audit_cursor,
    audit_entries_by_ids,
    audit_page,
)
from resolvers.paging import Page
from schema.access import requires
from schema.context import Info
from schema.enums import describe_enum
from schema.lookups import add_loader, load_nodes
from schema.nodes import Node, decode_id, encode_id, row_id_of
from schema.paging import AFTER, BEFORE, FIRST, LAST, PageInfoType, page_window
from schema.scalars import Count
from schema.users import UserType

describe_enum(
    AuditVia,
    {
        AuditVia.SESSION: "A signed-in browser.",
        AuditVia.API_KEY: "A program's key.",
        AuditVia.COMMAND: "The command line, or the start of the service.",
        AuditVia.NOBODY: "A visitor who was not signed in.",
    },
    description="What the actor came through.",
)


@strawberry.type(description="One field that an action changed.")
class AuditChange:
    field: str = strawberry.field(description="Name of the field, in snake_case.")
    before: str | None = strawberry.field(
        description="As it was: text as it is, anything else as JSON; null for nothing. Secrets "
        "are masked."
    )
    after: str | None = strawberry.field(description="As it became, in the same form.")


@strawberry.type(
    name="AuditEntry",
    description="One event of the audit log. Entries are never changed; `python -m api audit "
    "verify` shows that nobody did.",
)
class AuditEntryType(Node):
    at: datetime = strawberry.field(description="When it happened.")
    action: str = strawberry.field(description="Noun and verb, as in `link.update`.")
    via: AuditVia = strawberry.field(description="What the actor came through.")
    address: str | None = strawberry.field(
        description="Internet address of the actor; null where there is none, as for commands."
    )
    request_id: str | None = strawberry.field(
        description="Of the request, as the server's log has it; null for commands."
    )
    subject_type: str = strawberry.field(
        description="What kind of thing was acted on, as in `link`."
    )
    changes: list[AuditChange] = strawberry.field(description="The fields that changed, by name.")
    seq: Count | None = strawberry.field(
        description="Place in the chain of hashes; null in the first seconds."
    )
    row: strawberry.Private[AuditRow]
    subjects: strawberry.Private[DataLoader[str, Node | None]]

    @classmethod
    def load(cls, rows: Sequence[AuditRow], info: Info) -> list[Self]:
        """Return the entries of many rows; their subjects are looked up together."""

        async def loaded(ids: list[str]) -> list[Node | None]:
            return await load_nodes(ids, info)

        subjects = DataLoader(load_fn=loaded)
        return [cls._of(row, subjects) for row in rows]

    @classmethod
    def _of(cls, row: AuditRow, subjects: DataLoader[str, Node | None]) -> Self:
        return cls(
            id=encode_id("AuditEntry", row.id),
            at=row.at,
            action=row.action,
            via=row.via,
            address=row.address or None,
            request_id=row.request_id or None,
            subject_type=row.subject_type,
            changes=[
                AuditChange(field=each.field, before=each.before, after=each.after)
                for each in row.changes
            ],
            seq=None if row.seq is None else Count(row.seq),
            row=row,
            subjects=subjects,
        )

    @strawberry.field(
        description="Who did it; null for commands, for visitors who were not signed in, and when "
        "the account is gone."
    )
    async def actor(self, info: Info) -> UserType | None:
        if self.row.actor_id is None:
            return None
        try:
            user = await info.context.loaders.user.load(self.row.actor_id)
        except LookupError:
            return None
        return UserType.of(user, info)

    @strawberry.field(
        description="What was acted on; null when it is gone, when there was none, and when it is "
        "not yours to see."
    )
    async def subject(self) -> Node | None:
        if self.row.subject_id is None:
            return None
        return await self.subjects.load(
            encode_id(_node_name(self.subject_type), self.row.subject_id)
        )


@strawberry.input(
    name="AuditFilter",
    description="All given conditions hold at once; null and absent set none.",
)
class AuditFilterInput:
    actor_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the User who acted."
    )
    action: str | None = strawberry.field(
        default=None, description="Noun and verb, as in `link.update`."
    )
    subject_type: str | None = strawberry.field(
        default=None, description="Kind of the thing that was acted on, as in `link`."
    )
    subject_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the thing that was acted on, also when it is gone."
    )
    since: datetime | None = strawberry.field(default=None, description="At this moment or later.")
    until: datetime | None = strawberry.field(default=None, description="Before this moment.")
    address: str | None = strawberry.field(
        default=None, description="Internet address of the actor, in any spelling."
    )

    def to_filter(self) -> AuditFilter:
        """Return the filter; ids of nothing match nothing."""
        subject_type, subject_id = self.subject_type, None
        if self.subject_id is not None:
            type_name, row_id = decode_id(self.subject_id) or ("", 0)
            named = _subject_type(type_name)
            subject_id = row_id if subject_type in {None, named} else 0
            subject_type = named
        return AuditFilter(
            actor_id=None if self.actor_id is None else row_id_of(self.actor_id, "User") or 0,
            action=self.action,
            subject_type=subject_type,
            subject_id=subject_id,
            since=self.since,
            until=self.until,
            address=self.address,
        )


@strawberry.type(description="An entry and its place in the list.")
class AuditEntryEdge:
    cursor: str = strawberry.field(description="For `after` and `before`.")
    node: AuditEntryType = strawberry.field(description="The entry.")


@strawberry.type(description="A page of the audit log.")
class AuditEntryConnection:
    nodes: list[AuditEntryType] = strawberry.field(
        description="The entries, without their cursors."
    )
    page: strawberry.Private[Page[AuditRow]]

    @strawberry.field(description="The entries with their cursors.")
    def edges(self) -> list[AuditEntryEdge]:
        return [AuditEntryEdge(cursor=audit_cursor(node.row), node=node) for node in self.nodes]

    @strawberry.field(description="Where this page lies in the list.")
    def page_info(self) -> PageInfoType:
        rows = self.page.rows
        return PageInfoType(
            has_next_page=self.page.has_next,
            has_previous_page=self.page.has_previous,
            start_cursor=audit_cursor(rows[0]) if rows else None,
            end_cursor=audit_cursor(rows[-1]) if rows else None,
        )


@strawberry.type
class AuditEntryQueries:
    @strawberry.field(
        description="The audit log, the newest first: everything for who sees everything, else "
        "what you, or the people of your organization, did.",
        **requires(Scope.AUDIT_READ),
    )
    async def audit_entries(  # noqa: PLR0913, PLR0917 - one for each argument of the field
        self,
        info: Info,
        filter: Annotated[
            AuditFilterInput | None, strawberry.argument(description="Null: all of them.")
        ] = None,
        first: Annotated[int | None, FIRST] = None,
        after: Annotated[str | None, AFTER] = None,
        last: Annotated[int | None, LAST] = None,
        before: Annotated[str | None, BEFORE] = None,
    ) -> AuditEntryConnection:
        page = await audit_page(
            info.context,
            filter=filter.to_filter() if filter else AuditFilter(),
            window=page_window(first, after, last, before),
        )
        return AuditEntryConnection(nodes=AuditEntryType.load(page.rows, info), page=page)


async def _audit_entries(ids: Sequence[int], info: Info) -> dict[int, Node]:
    """What the log shows you, nothing without AUDIT_READ."""
    if Scope.AUDIT_READ not in info.context.viewer.scopes:
        return {}
    rows = await audit_entries_by_ids(info.context, ids)
    return dict(zip((row.id for row in rows), AuditEntryType.load(rows, info), strict=True))


add_loader("AuditEntry", _audit_entries)


def _node_name(subject_type: str) -> str:
    """Return the GraphQL type of a kind of subject: `ApiKey` for `api_key`."""
    return "".join(word.capitalize() for word in subject_type.split("_"))


def _subject_type(node_name: str) -> str:
    """Return the kind of subject of a GraphQL type: `api_key` for `ApiKey`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", node_name).lower()
