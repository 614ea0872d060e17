"""Notes for the audit log, in the transaction of what they tell of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from models.audit_entries import AuditVia
from models.orm import is_sqlite, placeholders
from models.raw_sql import execute, execute_many
from models.rules.audit_actions import AuditAction, masked
from models.rules.moments import to_sql
from resolvers.context import RequestContext, Viewer

Values = Mapping[str, object]
NOTHING: Final[Values] = MappingProxyType({})
_COLUMNS: Final = (
    "at, action, actor_id, via, via_id, address, request_id, subject_type, subject_id,"
    " before, after, organization_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What an entry tells of.

    Attributes:
        action: its first half names the type of the subject.
        subject_id: row id of what was changed.
        before: fields that changed, as they were; values as orjson writes them.
        after: the same fields as they are now. Secrets are masked in both.
        actor_id: of the person, where the viewer is nobody yet: a sign-in.
    """

    action: AuditAction
    subject_id: int | None = None
    before: Values = field(default_factory=lambda: NOTHING)
    after: Values = field(default_factory=lambda: NOTHING)
    actor_id: int | None = None


async def log_action(  # noqa: PLR0913 - one for each part of an entry
    context: RequestContext,
    connection: BaseDBAsyncClient,
    action: AuditAction,
    *,
    subject_id: int | None = None,
    before: Values = NOTHING,
    after: Values = NOTHING,
    actor_id: int | None = None,
) -> None:
    """Add an entry to the audit log, see Note.

    Args:
        context: who acts, and from where.
        connection: of the open transaction that makes the change; the entry comes and
            goes with it.
        action: see Note, as the others.
        subject_id: as there.
        before: as there.
        after: as there.
        actor_id: as there.
    """
    note = Note(action=action, subject_id=subject_id, before=before, after=after, actor_id=actor_id)
    await log_actions(context, connection, [note])


async def log_actions(
    context: RequestContext, connection: BaseDBAsyncClient, notes: Sequence[Note]
) -> None:
    """Add many entries, in their order, see log_action."""
    viewer, origin = context.viewer, context.origin
    way = _Way(
        *_way(viewer), viewer.user_id, viewer.organization_id, origin.address, origin.request_id
    )
    await _insert(connection, notes, way, at=context.ports.clock.now())


async def log_setup(connection: BaseDBAsyncClient, notes: Sequence[Note], *, at: datetime) -> None:
    """Add entries of what a start of the service does by itself, see log_action."""
    await _insert(connection, notes, _Way(AuditVia.COMMAND), at=at)


@dataclass(frozen=True, slots=True)
class _Way:
    via: AuditVia
    via_id: int | None = None
    actor_id: int | None = None
    organization_id: int | None = None
    address: str = ""
    request_id: str = ""


async def _insert(
    connection: BaseDBAsyncClient, notes: Sequence[Note], way: _Way, *, at: datetime
) -> None:
    moment = to_sql(at, sqlite=is_sqlite(connection))
    rows = [
        [
            moment,
            note.action.value,
            way.actor_id if note.actor_id is None else note.actor_id,
            way.via.value,
            way.via_id,
            way.address,
            way.request_id,
            note.action.value.partition(".")[0],
            note.subject_id,
            _json(note.before),
            _json(note.after),
            way.organization_id if note.actor_id in {None, way.actor_id} else None,
            way.actor_id if note.actor_id is None else note.actor_id,
        ]
        for note in notes
    ]
    values, known, actor = (
        placeholders(connection, count, start=start) for count, start in ((11, 1), (1, 12), (1, 13))
    )
    # Who signs in is nobody before: the organization is the actor's as this transaction has it.
    organization = (
        f"COALESCE({known}, (SELECT organization_id FROM app_user WHERE app_user.id = {actor}))"
    )
    sql = f"INSERT INTO audit_entry ({_COLUMNS}) VALUES ({values}, {organization})"
    if len(rows) == 1:
        await execute(connection, sql, rows[0])
    elif rows:
        await execute_many(connection, sql, rows)


def _way(viewer: Viewer) -> tuple[AuditVia, int | None]:
    if viewer.session_id is not None:
        return AuditVia.SESSION, viewer.session_id
    if viewer.api_key_id is not None:
        return AuditVia.API_KEY, viewer.api_key_id
    return (AuditVia.COMMAND if viewer.scopes else AuditVia.NOBODY), None


def _json(values: Values) -> str:
    return orjson.dumps(masked(values), option=orjson.OPT_SORT_KEYS, default=str).decode()
