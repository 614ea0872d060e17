"""Read the audit log: pages of it, single entries, and all of it in a stream."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

import orjson

from models.audit_entries import AuditVia
from models.errors import CursorInvalidError
from models.orm import placeholders, reader
from models.raw_sql import SqlRow, fetch
from models.rules.moments import from_sql
from models.rules.plain_text import has_hidden
from models.rules.reach import Reach
from models.rules.scopes import Scope
from resolvers.context import RequestContext, Viewer
from resolvers.link_filters import MAX_ID, Conditions
from resolvers.paging import Page, PageWindow, SortKey, decode_cursor, encode_cursor

_ORDER: Final = "AT"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_EXPORT_BATCH: Final = 2_000
_COLUMNS: Final = (
    "id, at, action, actor_id, via, via_id, address, request_id, subject_type, subject_id,"
    " before, after, seq"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """All given conditions hold at once; None sets no condition.

    Attributes:
        since: inclusive.
        until: exclusive.
        address: in any spelling of the same address.
    """

    actor_id: int | None = None
    action: str | None = None
    subject_type: str | None = None
    subject_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field; texts as they were, anything else as JSON, None for nothing."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One entry as people read it."""

    id: int
    at: datetime
    action: str
    actor_id: int | None
    via: AuditVia
    address: str
    request_id: str
    subject_type: str
    subject_id: int | None
    changes: Sequence[FieldChange]
    seq: int | None


async def audit_page(
    context: RequestContext, *, filter: AuditFilter, window: PageWindow
) -> Page[AuditRow]:
    """Return one page of the entries the viewer may see, the newest first, by one query.

    Raises:
        NotPermittedError: no AUDIT_READ.
        CursorInvalidError, ValueInvalidError: the window makes no sense.
    """
    wanted = window.check()
    conditions = _readable(context)
    _add_filter(conditions, filter)
    _add_bound(conditions, window.after, path="after", sign="<")
    _add_bound(conditions, window.before, path="before", sign=">")
    backwards = window.last is not None
    way = "ASC" if backwards else "DESC"
    rows = await _select(conditions, f" ORDER BY at {way}, id {way} LIMIT {wanted + 1}")
    has_more, rows = len(rows) > wanted, rows[:wanted]
    if backwards:
        rows.reverse()
        return Page(rows, has_next=window.before is not None, has_previous=has_more)
    return Page(rows, has_next=has_more, has_previous=window.after is not None)


async def audit_entries_by_ids(context: RequestContext, ids: Sequence[int]) -> list[AuditRow]:
    """Return those of the entries that the viewer may see, by one query. Needs AUDIT_READ."""
    conditions = _readable(context)
    wanted = [each for each in dict.fromkeys(ids) if 0 <= each <= MAX_ID]
    if not wanted:
        return []
    conditions.add(f"id IN ({', '.join('?' * len(wanted))})", *wanted)
    return await _select(conditions)


def audit_cursor(row: AuditRow) -> str:
    """Return the cursor of a row of audit_page."""
    return encode_cursor(_ORDER, (row.at - _EPOCH) // _MICROSECOND, row.id)


async def export_entries(context: RequestContext) -> AsyncIterator[list[SqlRow]]:
    """Yield batches of all entries with all columns, in the order of their ids.

    Moments are aware; `before` and `after` are the texts of which the hashes were made.

    Raises:
        NotPermittedError: no AUDIT_READ.
    """
    context.viewer.require(Scope.AUDIT_READ)
    connection, after = reader(), 0
    sql = (
        f"SELECT {_COLUMNS}, position, organization_id, chain_hash FROM audit_entry"
        f" WHERE id > {placeholders(connection, 1)} ORDER BY id LIMIT {_EXPORT_BATCH}"
    )
    while rows := await fetch(connection, sql, [after]):
        after = rows[-1]["id"]
        yield [{**row, "at": from_sql(row["at"])} for row in rows]


def _readable(context: RequestContext) -> Conditions:
    context.viewer.require(Scope.AUDIT_READ)
    conditions = Conditions(reader())
    _add_visible(conditions, context.viewer)
    return conditions


def _add_visible(conditions: Conditions, viewer: Viewer) -> None:
    """Let through what people did while they were within the viewer's reach.

    Who changes the organization takes none of the past along, and none is left to be seen
    by those who come later. Entries that are older than the column are in nobody's log but
    their actor's and the whole one.
    """
    if viewer.reach is Reach.ALL:
        return
    if viewer.reach is Reach.ORGANIZATION and viewer.organization_id is not None:
        conditions.add("organization_id = ?", viewer.organization_id)
    else:
        conditions.add("actor_id = ?", -1 if viewer.user_id is None else viewer.user_id)


def _add_filter(conditions: Conditions, filter: AuditFilter) -> None:
    for column, number in (("actor_id", filter.actor_id), ("subject_id", filter.subject_id)):
        if number is not None:
            conditions.add(f"{column} = ?", min(max(number, -1), MAX_ID))
    address = None if filter.address is None else _normal_address(filter.address)
    for column, text in (
        ("action", filter.action),
        ("subject_type", filter.subject_type),
        ("address", address),
    ):
        if text is not None and has_hidden(text):
            conditions.add("1 = 0")  # PostgreSQL knows no NUL
        elif text is not None:
            conditions.add(f"{column} = ?", text)
    if filter.since is not None:
        conditions.add("at >= ?", filter.since)
    if filter.until is not None:
        conditions.add("at < ?", filter.until)


def _normal_address(text: str) -> str:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return text


def _add_bound(conditions: Conditions, cursor: str | None, *, path: str, sign: str) -> None:
    if cursor is None:
        return
    key, row_id = decode_cursor(cursor, order=_ORDER, path=(path,))
    try:
        at = _moment(key)
    except (TypeError, OverflowError):
        raise CursorInvalidError(path=(path,)) from None
    conditions.add(f"(at, id) {sign} (?, ?)", at, row_id)


def _moment(key: SortKey) -> datetime:
    if not isinstance(key, int):
        raise TypeError(key)
    return _EPOCH + timedelta(microseconds=key)


async def _select(conditions: Conditions, tail: str = "") -> list[AuditRow]:
    rows = await fetch(
        conditions.connection,
        f"SELECT {_COLUMNS} FROM audit_entry WHERE {conditions.sql}{tail}",
        conditions.arguments,
    )
    return [_row(row) for row in rows]


def _row(row: SqlRow) -> AuditRow:
    at = from_sql(row["at"])
    if at is None:
        raise TypeError("an entry without a moment")
    return AuditRow(
        id=row["id"],
        at=at,
        action=row["action"],
        actor_id=row["actor_id"],
        via=AuditVia(row["via"]),
        address=row["address"],
        request_id=row["request_id"],
        subject_type=row["subject_type"],
        subject_id=row["subject_id"],
        changes=_changes(orjson.loads(row["before"]), orjson.loads(row["after"])),
        seq=row["seq"],
    )


def _changes(before: dict[str, object], after: dict[str, object]) -> list[FieldChange]:
    names = sorted({*before, *after})
    return [FieldChange(name, _text(before.get(name)), _text(after.get(name))) for name in names]


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
