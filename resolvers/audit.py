"""Notes for the audit log, in the transaction of what they tell of."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from models.audit_entries import AuditVia
from models.orm import is_sqlite, placeholders
from models.raw_sql import execute
from models.rules.audit_actions import AuditAction, masked
from models.rules.moments import to_sql
from resolvers.context import RequestContext, Viewer

Values = Mapping[str, object]
NOTHING: Final[Values] = MappingProxyType({})
_COLUMNS: Final = (
    "at, action, actor_id, via, via_id, address, request_id, subject_type, subject_id,"
    " before, after"
)


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
    """Add an entry to the audit log.

    Args:
        context: who acts, and from where.
        connection: of the open transaction that makes the change; the entry comes and
            goes with it.
        action: its first half names the type of the subject.
        subject_id: row id of what was changed.
        before: fields that changed, as they were; values as orjson writes them.
        after: the same fields as they are now. Secrets are masked here.
        actor_id: of the person, where the viewer is nobody yet: a sign-in.
    """
    viewer = context.viewer
    via, via_id = _way(viewer)
    at = to_sql(context.ports.clock.now(), sqlite=is_sqlite(connection))
    await execute(
        connection,
        f"INSERT INTO audit_entry ({_COLUMNS}) VALUES ({placeholders(connection, 11)})",
        [
            at,
            action.value,
            viewer.user_id if actor_id is None else actor_id,
            via.value,
            via_id,
            context.origin.address,
            context.origin.request_id,
            action.value.partition(".")[0],
            subject_id,
            _json(before),
            _json(after),
        ],
    )


def _way(viewer: Viewer) -> tuple[AuditVia, int | None]:
    if viewer.session_id is not None:
        return AuditVia.SESSION, viewer.session_id
    if viewer.api_key_id is not None:
        return AuditVia.API_KEY, viewer.api_key_id
    return (AuditVia.COMMAND if viewer.scopes else AuditVia.NOBODY), None


def _json(values: Values) -> str:
    return orjson.dumps(masked(values), option=orjson.OPT_SORT_KEYS, default=str).decode()
