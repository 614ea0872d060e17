"""Who calls by a session: on every request, so by one query."""

from datetime import datetime
from typing import Final

from models.orm import is_sqlite, placeholders, reader, writer
from models.raw_sql import SqlRow, execute, fetch
from models.rules.moments import from_sql, to_sql
from models.rules.reach import Reach
from models.rules.scopes import parse_scopes
from models.rules.session_ends import SessionSpan
from models.rules.tokens import hash_token, is_token
from models.sessions import Session
from resolvers.context import Viewer
from resolvers.use_notes import UseNotes

_SELECT: Final = (
    "SELECT session.id, session.user_id, session.authenticated_at, session.last_seen_at,"
    " session.expires_at, app_user.locale, app_user.organization_id,"
    " role.scopes AS role_scopes, role.reach"
    " FROM session JOIN app_user ON app_user.id = session.user_id"
    " JOIN role ON role.id = app_user.role_id"
    " LEFT JOIN organization ON organization.id = app_user.organization_id"
    " WHERE session.revoked_at IS NULL AND app_user.deactivated_at IS NULL"
    " AND organization.deactivated_at IS NULL"
)


async def find_session(token: str, *, span: SessionSpan, now: datetime) -> Viewer | None:
    """Return whose session a cookie's value opens, None for none; note its use.

    What is not of the form of a token is refused without a query. A session is as good
    as its person: deactivated people, and those of deactivated organizations, have none.
    """
    if not is_token(token):
        return None
    connection = reader()
    rows = await fetch(
        connection,
        f"{_SELECT} AND session.token_hash = {placeholders(connection, 1)}",
        [hash_token(token)],
    )
    return _viewer(rows[0], span=span, now=now) if rows else None


async def find_session_by_id(
    session_id: int, *, span: SessionSpan, now: datetime, is_use: bool
) -> Viewer | None:
    """Do as find_session does, for a socket whose cookie was looked at when it opened.

    Args:
        session_id: of a row.
        span: how long sessions last.
        now: the present.
        is_use: somebody does something; an open page alone keeps no session alive.
    """
    connection = reader()
    rows = await fetch(
        connection, f"{_SELECT} AND session.id = {placeholders(connection, 1)}", [session_id]
    )
    return _viewer(rows[0], span=span, now=now, is_use=is_use) if rows else None


def _viewer(row: SqlRow, *, span: SessionSpan, now: datetime, is_use: bool = True) -> Viewer | None:
    if _end_of(row, span) <= now:
        _endings.note(row["id"], now=now, known=None)
        return None
    if is_use:
        _uses.note(row["id"], now=now, known=from_sql(row["last_seen_at"]))
    return Viewer(
        user_id=row["user_id"],
        organization_id=row["organization_id"],
        scopes=parse_scopes(row["role_scopes"]),
        reach=Reach(row["reach"]),
        locale=row["locale"],
        session_id=row["id"],
        authenticated_at=from_sql(row["authenticated_at"]),
        expires_at=from_sql(row["expires_at"]),
    )


def _end_of(row: SqlRow, span: SessionSpan) -> datetime:
    last_seen_at, expires_at = from_sql(row["last_seen_at"]), from_sql(row["expires_at"])
    assert last_seen_at is not None and expires_at is not None  # noqa: PT018, S101 - NOT NULL
    return span.end_of(last_seen_at=last_seen_at, expires_at=expires_at)


async def _write_use(session_id: int, now: datetime) -> None:
    await Session.filter(id=session_id, last_seen_at__lt=now).update(last_seen_at=now)
    connection = writer()
    [at, of] = (placeholders(connection, 1, start=number) for number in (1, 2))
    await execute(
        connection,
        f"UPDATE app_user SET last_seen_at = {at}"
        f" WHERE id = (SELECT user_id FROM session WHERE id = {of})",
        [to_sql(now, sqlite=is_sqlite(connection)), session_id],
    )


async def _write_end(session_id: int, now: datetime) -> None:
    """Let no clock that is set back revive the session."""
    await Session.filter(id=session_id, revoked_at=None).update(revoked_at=now)


_uses: Final = UseNotes(_write_use)
_endings: Final = UseNotes(_write_end)


async def session_uses_written() -> None:
    """Wait for the writes under way: before the connections close."""
    await _uses.written()
    await _endings.written()
