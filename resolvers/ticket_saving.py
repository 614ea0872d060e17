"""Change a ticket: under its lock, compare and set, with its event and the audit log's entry."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from models.errors import NotFoundError, RevisionConflictError
from models.ids import new_id
from models.orm import is_sqlite
from models.raw_sql import fetch
from models.rules.audit_actions import MASK, AuditAction
from models.rules.ticket_events import FOR_CUSTOMERS, TicketEventKind
from models.ticket_messages import TicketEvent
from models.ticket_rows import insert_record, selected, ticket_of
from models.tickets import Ticket
from resolvers.audit import NOTHING, Values, log_action
from resolvers.context import RequestContext
from resolvers.link_filters import MAX_ID, Conditions
from resolvers.ticket_clocks import keep_clocks
from resolvers.ticket_filters import add_visible_tickets, is_desk
from resolvers.ticket_search import index_ticket

# What an edit may change; events tell of all of it but the bookkeeping.
_STATUS: Final = (
    "status",
    "snoozed_until",
    "resolution",
    "resolution_note",
    "resolved_at",
    "closed_at",
    "merged_into_id",
    "status_before",
    "reopen_count",
)
_OTHERS: Final = (
    "subject",
    "kind",
    "severity",
    "effect",
    "impact",
    "workaround",
    "line",
    "requester_id",
    "requester_email",
    "requester_name",
    "organization_id",
    "installation",
    "module",
    "category_id",
    "queue_id",
    "assignee_id",
    "bounce_count",
    "deleted_at",
)
_SILENT: Final = ("first_answered_at", "customer_wrote_at", "staff_wrote_at")
_COLUMNS: Final = (*_STATUS, *_OTHERS, *_SILENT)
# Who somebody is goes with them when their data is erased, and stands in no history.
_PERSONAL: Final = frozenset({"requester_email", "requester_name"})
# The audit log knows that texts changed; what they say is the ticket's.
_TEXTS: Final = frozenset({"subject", "resolution_note", "reason", "note", "checklist", "fields"})
# These tell of the status themselves; other changes have an event for the status beside.
_TELL_STATUS: Final = frozenset(
    {
        TicketEventKind.STATUS_CHANGED,
        TicketEventKind.ESCALATED,
        TicketEventKind.REOPENED,
    }
)


async def locked_ticket(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    *,
    ticket_id: int,
    if_revision: int | None = None,
    is_deleted: bool = False,
) -> Ticket:
    """Return a ticket, which nobody else can change before the transaction ends.

    Raises:
        NotFoundError: absent, deleted, or not the viewer's.
        RevisionConflictError: somebody saved since `if_revision`.
    """
    conditions = Conditions(connection)
    add_visible_tickets(conditions, context.viewer, is_deleted=is_deleted)
    conditions.add("ticket.id = ?", ticket_id if 0 <= ticket_id <= MAX_ID else -1)
    lock = "" if is_sqlite(connection) else " FOR NO KEY UPDATE"
    rows = await fetch(
        connection,
        f"SELECT {selected(Ticket)} FROM ticket WHERE {conditions.sql}{lock}",
        conditions.arguments,
    )
    if not rows:
        raise NotFoundError
    ticket = ticket_of(rows[0])
    if if_revision is not None and if_revision != ticket.revision:
        raise RevisionConflictError(current_revision=ticket.revision)
    return ticket


def snapshot(ticket: Ticket) -> dict[str, object]:
    """Return what save_ticket compares with; take it before the change."""
    kept = {name: getattr(ticket, name) for name in _COLUMNS}
    return {**kept, "revision": ticket.revision}


async def save_ticket(  # noqa: PLR0913 - one for each part of a change
    context: RequestContext,
    connection: BaseDBAsyncClient,
    ticket: Ticket,
    before: Mapping[str, object],
    *,
    kind: TicketEventKind,
    action: AuditAction,
    was: Values = NOTHING,
    said: Values = NOTHING,
    due_at: datetime | None = None,
    is_touched: bool = False,
) -> bool:
    """Write what differs from the snapshot, and tell of it; nothing for no difference.

    Args:
        context: who does it.
        connection: of the open transaction that has the ticket's lock.
        ticket: as it is to be; its revision and moment are set here.
        before: its snapshot.
        kind: of the event.
        action: how the audit log names it.
        was: what the event says beside the fields, as it was.
        said: the same as it is now, such as a reason.
        due_at: from when on customers know of it; None at once.
        is_touched: the revision rises all the same.

    Returns:
        Whether anything was written.

    Raises:
        RevisionConflictError: the ticket is not as the snapshot says any more.
    """
    changed = [name for name in _COLUMNS if getattr(ticket, name) != before[name]]
    told = [name for name in changed if name not in _SILENT]
    is_told = bool(told or said or was)
    if not (changed or is_told or is_touched):
        return False
    await _write(context, connection, ticket, before, changed)
    if not is_told:
        return True
    old = {**{name: before[name] for name in told}, **was}
    new = {**{name: getattr(ticket, name) for name in told}, **said}
    for event_kind, names in _events_of(kind, told):
        is_main = event_kind is kind
        await add_event(
            context,
            connection,
            ticket_id=ticket.id,
            kind=event_kind,
            before={name: old[name] for name in names} | (dict(was) if is_main else {}),
            after={name: new[name] for name in names} | (dict(said) if is_main else {}),
            due_at=due_at,
        )
    await log_action(
        context,
        connection,
        action,
        subject_id=ticket.id,
        before=_audited(old),
        after=_audited(new),
    )
    return True


async def save_quietly(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    ticket: Ticket,
    before: Mapping[str, object],
) -> None:
    """Raise the revision and write what differs, without an event: a message tells enough.

    Raises:
        RevisionConflictError: see save_ticket.
    """
    changed = [name for name in _COLUMNS if getattr(ticket, name) != before[name]]
    await _write(context, connection, ticket, before, changed)


async def _write(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    ticket: Ticket,
    before: Mapping[str, object],
    changed: list[str],
) -> None:
    """Compare and set; the clocks of the service terms go along."""
    ticket.revision += 1
    ticket.updated_at = max(context.ports.clock.now(), ticket.updated_at)
    values = {name: getattr(ticket, name) for name in (*changed, "revision", "updated_at")}
    same = Ticket.filter(id=ticket.id, revision=before["revision"], status=before["status"])
    if not await same.using_db(connection).update(**values):
        current = await Ticket.filter(id=ticket.id).using_db(connection).first()
        raise RevisionConflictError(current_revision=current.revision if current else 0)
    await keep_clocks(context, connection, ticket)
    if "subject" in changed:
        await index_ticket(connection, ticket_id=ticket.id, now=context.ports.clock.now())


def _events_of(kind: TicketEventKind, told: list[str]) -> list[tuple[TicketEventKind, list[str]]]:
    """Return the events of a change, and the fields that each tells of."""
    if kind in _TELL_STATUS or "status" not in told:
        return [(kind, told)]
    own = [name for name in told if name not in _STATUS]
    return [(kind, own), (TicketEventKind.STATUS_CHANGED, [n for n in told if n in _STATUS])]


async def add_event(  # noqa: PLR0913 - one for each part of an event
    context: RequestContext,
    connection: BaseDBAsyncClient,
    *,
    ticket_id: int,
    kind: TicketEventKind,
    before: Values = NOTHING,
    after: Values = NOTHING,
    due_at: datetime | None = None,
) -> None:
    """Add to the history of a ticket, in the transaction of the change."""
    now = context.ports.clock.now()
    await insert_record(
        connection,
        TicketEvent(
            id=new_id(),
            created_at=now,
            ticket_id=ticket_id,
            kind=kind,
            author_id=context.viewer.user_id,
            is_from_staff=is_desk(context.viewer),
            is_for_customer=kind in FOR_CUSTOMERS,
            before=_json(_masked(before, _PERSONAL)),
            after=_json(_masked(after, _PERSONAL)),
            due_at=due_at or now,
        ),
    )


def _masked(values: Values, hidden: frozenset[str]) -> dict[str, object]:
    return {
        name: MASK if name in hidden and value is not None else value
        for name, value in values.items()
    }


def _audited(values: Values) -> dict[str, object]:
    return _masked(values, _PERSONAL | _TEXTS)


def _json(values: Values) -> str:
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS, default=str).decode()
