"""Which tickets and messages a viewer may see and asked for, as SQL for every path."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.orm import is_sqlite
from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.rules.search_query import read_question
from models.rules.severities import TicketSeverity
from models.rules.ticket_states import ACTIVE, TicketKind, TicketLine, TicketStatus
from models.rules.ticket_tags import normal_tag
from models.search_documents import SearchAudience, SearchKind
from resolvers.context import Viewer
from resolvers.grants import require_reach
from resolvers.link_filters import MAX_ID, Conditions, add_search
from resolvers.paging import SortDirection
from resolvers.search import add_found

# As the partial indexes have it: the engines see that the one follows from the other.
_ACTIVE_SQL: Final = "ticket.status IN ({})".format(", ".join(f"'{each}'" for each in ACTIVE))

# A clock of a ticket that is set aside, or promised nothing any more, is due for nobody.
_DUE: Final = (
    "ticket.id IN (SELECT service_clock.ticket_id FROM service_clock"
    " WHERE service_clock.met_at_s IS NULL AND service_clock.deadline_s < ?"
    " AND (service_clock.paused_for IS NULL"
    " OR service_clock.paused_for = 'WAITING_FOR_CUSTOMER'))"
)


_BRANCH: Final = (
    "WITH RECURSIVE branch (id) AS (SELECT ticket_category.id FROM ticket_category"
    " WHERE ticket_category.id = ? UNION SELECT ticket_category.id FROM ticket_category"
    " JOIN branch ON ticket_category.parent_id = branch.id) SELECT branch.id FROM branch"
)


class TicketOrderField(StrEnum):
    """What tickets can be sorted by; ties are broken by id."""

    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"
    NUMBER = "NUMBER"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketOrder:
    """Field and direction."""

    field: TicketOrderField = TicketOrderField.UPDATED_AT
    direction: SortDirection = SortDirection.DESC


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFilter:
    """All given conditions hold at once; None, False and () set no condition.

    Attributes:
        search: found in the subject, capitals do not matter; or words of the ticket, see
            models.rules.search_query; or the number, with or without # before it.
        category_id: of the category, or of any below it.
        is_mine: assigned to the viewer.
        is_followed: by the viewer.
        created_after, updated_after: inclusive.
        created_before, updated_before: exclusive.
        due_before: a term of service that is not met is used up before this moment; those
            that are overdue are among them.
        is_deleted: the deleted ones, which administrators alone see, instead of the others.
    """

    search: str | None = None
    statuses: Sequence[TicketStatus] = ()
    severities: Sequence[TicketSeverity] = ()
    kinds: Sequence[TicketKind] = ()
    lines: Sequence[TicketLine] = ()
    queue_id: int | None = None
    assignee_id: int | None = None
    is_unassigned: bool = False
    is_mine: bool = False
    is_followed: bool = False
    requester_id: int | None = None
    organization_id: int | None = None
    category_id: int | None = None
    tag: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    due_before: datetime | None = None
    is_deleted: bool = False


def is_desk(viewer: Viewer) -> bool:
    """Tell whether somebody works on everybody's tickets, and so reads internal notes."""
    return Scope.TICKET_STAFF in viewer.scopes and viewer.reach is Reach.ALL


def is_desk_administrator(viewer: Viewer) -> bool:
    """Tell whether somebody tends the desk: categories, queues, fields, deleted tickets."""
    return is_desk(viewer) and Scope.USER_ADMIN in viewer.scopes


def audience_of(viewer: Viewer) -> SearchAudience:
    """Return whose search it is: the desk also finds by what it alone reads."""
    return SearchAudience.STAFF if is_desk(viewer) else SearchAudience.PUBLIC


def require_desk(viewer: Viewer, *, writes: bool = True) -> None:
    """Refuse who does not work on everybody's tickets.

    Raises:
        NotPermittedError, ReachNotHeldError: see there.
    """
    if writes:
        viewer.require(Scope.TICKET_WRITE)
    viewer.require(Scope.TICKET_STAFF)
    require_reach(viewer, Reach.ALL, path=())


def require_desk_administrator(viewer: Viewer) -> None:
    """Refuse who does not tend the desk.

    Raises:
        NotPermittedError, ReachNotHeldError: see there.
    """
    viewer.require(Scope.USER_ADMIN)
    require_desk(viewer)


def add_visible_tickets(
    conditions: Conditions, viewer: Viewer, *, is_deleted: bool = False
) -> None:
    """Let through what the viewer may see: what their reach has, and nothing deleted.

    With `is_deleted` the deleted ones instead, for who tends the desk.
    """
    if not is_deleted:
        conditions.add("ticket.deleted_at IS NULL")
    elif is_desk_administrator(viewer):
        conditions.add("ticket.deleted_at IS NOT NULL")
    else:
        conditions.add("1 = 0")
    if viewer.reach is Reach.ALL:
        return
    if viewer.user_id is None:
        conditions.add("1 = 0")
    elif viewer.reach is Reach.ORGANIZATION and viewer.organization_id is not None:
        conditions.add("ticket.organization_id = ?", viewer.organization_id)
    else:
        _add_own(conditions, viewer.user_id, viewer.organization_id)


def _add_own(conditions: Conditions, user_id: int, organization_id: int | None) -> None:
    """Let through whose matter it is, but for what they left with a former organization."""
    # Without the plus SQLite may read all tickets of no organization from that column's index.
    plus = "+" if is_sqlite(conditions.connection) else ""
    column = f"{plus}ticket.organization_id"
    if organization_id is None:
        conditions.add(f"ticket.requester_id = ? AND {column} IS NULL", user_id)
    else:
        conditions.add(
            f"ticket.requester_id = ? AND ({column} IS NULL OR {column} = ?)",
            user_id,
            organization_id,
        )


def add_visible_messages(conditions: Conditions, viewer: Viewer, *, now: datetime) -> None:
    """Let through the messages of visible tickets that the viewer may read.

    The desk reads all that were not taken back; others what is public and was sent.
    """
    conditions.add("ticket_message.taken_back_at IS NULL")
    if not is_desk(viewer):
        conditions.add("ticket_message.visibility = 'PUBLIC'")
        conditions.add("NOT ticket_message.is_from_staff OR ticket_message.due_at <= ?", now)


def add_visible_events(conditions: Conditions, viewer: Viewer, *, now: datetime) -> None:
    """Let through the events of visible tickets that the viewer may know, see above."""
    conditions.add("ticket_event.taken_back_at IS NULL")
    if not is_desk(viewer):
        conditions.add("ticket_event.is_for_customer AND ticket_event.due_at <= ?", now)


def ticket_conditions(
    connection: BaseDBAsyncClient,
    *,
    viewer: Viewer,
    filter: TicketFilter | None = None,
    start: int = 1,
) -> Conditions:
    """Return the one condition of every list, count and export of tickets.

    Use it as `... FROM ticket WHERE {conditions.sql}` with `conditions.arguments`; `start` is
    the number of the first of them.
    """
    conditions = Conditions(connection, start)
    add_visible_tickets(conditions, viewer, is_deleted=filter is not None and filter.is_deleted)
    if filter is not None:
        _add_filter(conditions, filter, viewer)
    return conditions


def _add_filter(conditions: Conditions, filter: TicketFilter, viewer: Viewer) -> None:
    if filter.search is not None:
        _add_search(conditions, filter.search, viewer)
    _add_statuses(conditions, filter.statuses)
    for column, values in (
        ("severity", filter.severities),
        ("kind", filter.kinds),
        ("line", filter.lines),
    ):
        if values:
            names = [value.value for value in dict.fromkeys(values)]
            conditions.add(f"ticket.{column} IN ({', '.join('?' * len(names))})", *names)
    for column, row_id in (
        ("queue_id", filter.queue_id),
        ("assignee_id", filter.assignee_id),
        ("requester_id", filter.requester_id),
        ("organization_id", filter.organization_id),
    ):
        if row_id is not None:
            conditions.add(f"ticket.{column} = ?", _row_id(row_id))
    if filter.category_id is not None:
        conditions.add(f"ticket.category_id IN ({_BRANCH})", _row_id(filter.category_id))
    if filter.is_followed:
        conditions.add(
            "ticket.id IN (SELECT ticket_follower.ticket_id FROM ticket_follower"
            " WHERE ticket_follower.user_id = ?)",
            viewer.user_id or -1,
        )
    _add_desk_filter(conditions, filter, viewer)
    for clause, moment in (
        ("ticket.created_at >= ?", filter.created_after),
        ("ticket.created_at < ?", filter.created_before),
        ("ticket.updated_at >= ?", filter.updated_after),
        ("ticket.updated_at < ?", filter.updated_before),
    ):
        if moment is not None:
            conditions.add(clause, moment)


def _row_id(row_id: int) -> int:
    return row_id if 0 <= row_id <= MAX_ID else -1  # the engines' range


def _add_statuses(conditions: Conditions, statuses: Sequence[TicketStatus]) -> None:
    if not statuses:
        return
    names = [status.value for status in dict.fromkeys(statuses)]
    conditions.add(f"ticket.status IN ({', '.join('?' * len(names))})", *names)
    if set(statuses) <= set(ACTIVE):
        conditions.add(_ACTIVE_SQL)


def _add_desk_filter(conditions: Conditions, filter: TicketFilter, viewer: Viewer) -> None:
    """Let through by what the desk alone sees: others find nothing by it, not even a hint."""
    is_by_assignee = filter.is_unassigned or filter.is_mine or filter.assignee_id is not None
    others = (filter.queue_id, filter.tag, filter.due_before)
    if is_by_assignee or any(each is not None for each in others):
        conditions.add("1 = 1" if is_desk(viewer) else "1 = 0")
    if filter.is_unassigned:
        conditions.add("ticket.assignee_id IS NULL")
    if filter.is_mine:
        conditions.add("ticket.assignee_id = ?", viewer.user_id or -1)
    if filter.due_before is not None:
        conditions.add(_DUE, math.ceil(filter.due_before.timestamp()))
    if filter.tag is not None:
        conditions.add(
            "ticket.id IN (SELECT ticket_tag.ticket_id FROM ticket_tag WHERE ticket_tag.name = ?)",
            normal_tag(filter.tag) or "",
        )


def _add_search(conditions: Conditions, search: str, viewer: Viewer) -> None:
    digits = search.strip().removeprefix("#")
    if digits.isascii() and digits.isdigit() and int(digits[:20]) <= MAX_ID:
        conditions.add("ticket.number = ?", int(digits[:20]))
    elif search.strip():
        either = Conditions(conditions.connection, conditions.start + len(conditions.arguments))
        add_search(either, search, columns=("ticket.subject",))
        add_found(
            either,
            question=read_question(search, is_typing=True),
            kind=SearchKind.TICKET,
            audience=audience_of(viewer),
            column="ticket.id",
        )
        conditions.clauses.append(f"({' OR '.join(either.clauses)})")
        conditions.arguments.extend(either.arguments)
