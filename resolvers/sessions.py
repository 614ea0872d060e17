"""Signed-in browsers: begun, found by their cookie, listed, ended."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from models.errors import SessionRequiredError, StepUpRequiredError
from models.ids import new_id
from models.rules.audit_actions import AuditAction
from models.rules.scopes import Scope
from models.rules.session_ends import is_fresh
from models.rules.tokens import hash_token, new_token
from models.sessions import Session
from models.users import User
from resolvers.audit import Note, log_action, log_actions
from resolvers.context import RequestContext, Viewer
from resolvers.proof_ways import ways_of
from resolvers.user_lists import visible_users_by_ids

MAX_SESSIONS: Final = 100  # of one person; the oldest make room


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedSession:
    """A session whose token only the browser has from now on.

    Attributes:
        token: the cookie's value; nobody can read it again.
        ends_at: when the session is over, however much it is used.
        device_token: see resolvers.known_devices; "" where nobody has just signed in.
    """

    session_id: int
    user_id: int
    token: str = field(repr=False)
    ends_at: datetime
    device_token: str = field(default="", repr=False)


async def start_session(
    context: RequestContext, connection: BaseDBAsyncClient, *, user: User, factors: Sequence[str]
) -> StartedSession:
    """Begin a session of a person who has proved who they are; see resolvers.sign_in.

    Args:
        context: tells where from.
        connection: of the open transaction.
        user: who signs in.
        factors: how they proved it: "password", "totp", "recovery_code", "passkey", ...
    """
    now = context.ports.clock.now()
    ends_at = now + context.ports.access.sessions.life
    token = new_token()
    session = await Session.create(
        using_db=connection,
        id=new_id(),
        created_at=now,
        user_id=user.id,
        token_hash=hash_token(token),
        factors=" ".join(factors),
        authenticated_at=now,
        last_seen_at=now,
        expires_at=ends_at,
        address=context.origin.address,
        user_agent=context.origin.user_agent,
    )
    await _make_room(context, connection, user.id)
    return StartedSession(session_id=session.id, user_id=user.id, token=token, ends_at=ends_at)


async def rotate_session(
    context: RequestContext, connection: BaseDBAsyncClient, *, is_proved: bool = True
) -> StartedSession:
    """Give the viewer's session a new token.

    The old token opens nothing any more, and the session ends when it would have.

    Args:
        context: of the session.
        connection: of the open transaction.
        is_proved: the person has just proved who they are by one of their ways.

    Raises:
        SessionRequiredError: the viewer came through no session, or it is over.
    """
    session_id = require_session(context)
    token = new_token()
    session = await _live(context).filter(id=session_id).using_db(connection).first()
    if session is None:
        raise SessionRequiredError
    proved_at = context.ports.clock.now() if is_proved else session.authenticated_at
    await (
        Session.filter(id=session_id)
        .using_db(connection)
        .update(token_hash=hash_token(token), authenticated_at=proved_at)
    )
    return StartedSession(
        session_id=session.id, user_id=session.user_id, token=token, ends_at=session.expires_at
    )


async def end_sessions(
    context: RequestContext, connection: BaseDBAsyncClient, *, user_id: int, but: int | None = None
) -> list[int]:
    """End a person's sessions in the open transaction, and return the ids of those that ended.

    They open nothing from the commit on; open sockets close within seconds.

    Args:
        context: tells the time.
        connection: of the open transaction.
        user_id: whose.
        but: id of a session that goes on.
    """
    sessions = _live(context).filter(user_id=user_id).using_db(connection)
    if but is not None:
        sessions = sessions.exclude(id=but)
    return await _end(context, connection, sessions)


async def sessions_of(context: RequestContext) -> list[Session]:
    """Return the viewer's sessions that are not over, the one used last first.

    Empty for API keys: a program has no business with where its owner sits.
    """
    if context.viewer.session_id is None:
        return []
    sessions = _live(context).filter(user_id=context.viewer.user_id)
    return await sessions.order_by("-last_seen_at", "-id")


async def sessions_by_person(
    context: RequestContext, user_ids: Sequence[int]
) -> list[list[Session]]:
    """Return people's sessions that are not over, each person's one used last first.

    Two queries. Order and length are those of `user_ids`; a person whose sessions are not
    the viewer's to see has none: others need USER_ADMIN and the person in their reach, and
    for a key without that right its owner's are not, either.
    """
    is_admin = Scope.USER_ADMIN in context.viewer.scopes
    seen = {user.id for user in await visible_users_by_ids(context, user_ids)}
    if context.viewer.session_id is None and not is_admin:
        seen.clear()
    found: dict[int, list[Session]] = {each: [] for each in user_ids}
    sessions = _live(context).filter(user_id__in=list(seen))
    for session in await sessions.order_by("-last_seen_at", "-id"):
        found[session.user_id].append(session)
    return [found[each] for each in user_ids]


async def revoke_sessions(context: RequestContext, *, ids: Sequence[int] | None) -> list[int]:
    """End sessions, and return the ids of those that ended now.

    Those of others are ended by who may change them: with USER_ADMIN, the person in reach,
    and every right of the person.

    Args:
        context: of a session.
        ids: of sessions; those that are over, or not the viewer's to end, are left out.
            None for all of the viewer's but the one of this request.

    Raises:
        SessionRequiredError: the viewer came through no session.
    """
    current, user_id = require_session(context), context.viewer.user_id
    async with in_transaction("default") as connection:
        sessions = _live(context).using_db(connection)
        if ids is None:
            sessions = sessions.filter(user_id=user_id).exclude(id=current)
        else:
            sessions = sessions.filter(id__in=await _endable(context, ids))
        ended = await _end(context, connection, sessions)
        for session_id in ended:
            await log_action(context, connection, AuditAction.SESSION_REVOKE, subject_id=session_id)
    return ended


async def sign_out(context: RequestContext) -> None:
    """End the session of this request.

    Raises:
        SessionRequiredError: the viewer came through none.
    """
    session_id = require_session(context)
    async with in_transaction("default") as connection:
        sessions = _live(context).filter(id=session_id).using_db(connection)
        for ended in await _end(context, connection, sessions):
            await log_action(context, connection, AuditAction.SESSION_DELETE, subject_id=ended)


def require_session(context: RequestContext) -> int:
    """Return the id of the viewer's session.

    Raises:
        SessionRequiredError: the viewer came through none.
    """
    if context.viewer.session_id is None:
        raise SessionRequiredError
    return context.viewer.session_id


async def require_fresh(context: RequestContext) -> None:
    """Let dangerous actions pass only shortly after the person proved who they are.

    API keys and the command line pass: they prove it each time.

    Raises:
        StepUpRequiredError: the session's proof is ten minutes old; sessionRenew makes a
            new one.
    """
    viewer = context.viewer
    if viewer.session_id is None:
        return
    if not is_fresh(viewer.authenticated_at, now=context.ports.clock.now()):
        raise StepUpRequiredError(ways=await ways_of(context, viewer.user_id or 0))


async def _endable(context: RequestContext, ids: Sequence[int]) -> list[int]:
    """Return which of the sessions the viewer may end: their own, and by the rights of others."""
    found = await Session.filter(id__in=list(ids)).only("id", "user_id")
    owners = {session.user_id for session in found}
    people = await visible_users_by_ids(context, list(owners))
    mine = {user.id for user in people if _may_end(context.viewer, user)}
    return [session.id for session in found if session.user_id in mine]


def _may_end(viewer: Viewer, user: User) -> bool:
    if user.id == viewer.user_id:
        return True
    return user.scopes() <= viewer.scopes and viewer.reach.covers(user.role.reach)


def _live(context: RequestContext) -> QuerySet[Session]:
    """Ask for the sessions that are not over."""
    now = context.ports.clock.now()
    idle_since = now - context.ports.access.sessions.idle
    return Session.filter(revoked_at=None, expires_at__gt=now, last_seen_at__gt=idle_since)


async def _end(
    context: RequestContext, connection: BaseDBAsyncClient, sessions: QuerySet[Session]
) -> list[int]:
    """End those of the sessions that nobody ended before us."""
    now = context.ports.clock.now()
    ended: list[int] = []
    for session in await sessions.order_by("id").only("id"):
        rows = Session.filter(id=session.id, revoked_at=None).using_db(connection)
        if await rows.update(revoked_at=now):
            ended.append(session.id)
    return ended


async def _make_room(context: RequestContext, connection: BaseDBAsyncClient, user_id: int) -> None:
    rows = Session.filter(user_id=user_id, revoked_at=None).using_db(connection)
    beyond = await rows.order_by("-id").offset(MAX_SESSIONS).limit(MAX_SESSIONS).only("id")
    if beyond:
        ids, now = [session.id for session in beyond], context.ports.clock.now()
        await Session.filter(id__in=ids).using_db(connection).update(revoked_at=now)
        notes = [
            Note(
                action=AuditAction.SESSION_REVOKE,
                subject_id=each,
                after={"reason": "too_many"},
                actor_id=user_id,
            )
            for each in ids
        ]
        await log_actions(context, connection, notes)
