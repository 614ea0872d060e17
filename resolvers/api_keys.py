"""Make API keys and make them void, and tell who calls by one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from models.api_keys import ApiKey
from models.errors import (
    ApiKeyLimitError,
    DomainError,
    InputInvalidError,
    NotFoundError,
    ScopeNotHeldError,
    ValueInvalidError,
    ValueRequiredError,
)
from models.orm import placeholders, reader, writer
from models.raw_sql import fetch
from models.rules.api_key_format import SHOWN_LENGTH, hash_key, is_key, new_key
from models.rules.audit_actions import AuditAction
from models.rules.moments import from_sql
from models.rules.plain_text import check_text
from models.rules.reach import Reach
from models.rules.scopes import Scope, format_scopes, parse_scopes
from models.users import User
from resolvers.audit import Note, log_actions
from resolvers.context import NotPermittedError, RequestContext, Viewer
from resolvers.grants import check_role
from resolvers.key_uses import note_use
from resolvers.sessions import require_fresh
from resolvers.user_lists import sees_person, visible_users_by_ids

MAX_LABEL_LENGTH: Final = 100  # characters, also the column width
MAX_KEYS: Final = 50  # working ones of one person
MAX_PER_MINUTE: Final = 100_000  # requests of one key


async def create_api_key(  # noqa: PLR0913 - one for each property of a key
    context: RequestContext,
    *,
    label: str,
    scopes: Sequence[Scope] | None = None,
    expires_at: datetime | None = None,
    per_minute: int | None = None,
    user_id: int | None = None,
) -> tuple[ApiKey, str]:
    """Create a key and return it with its secret, which is shown this once.

    Args:
        context: a person for their own keys; USER_ADMIN for those of others.
        label: 1 to 100 characters.
        scopes: None for all that the person has and the caller may pass on.
        expires_at: None for never. No key outlives the one that made it: a later
            moment, and None, become that key's.
        per_minute: requests; None for what the settings say. More than that needs
            USER_ADMIN, and no key may send more than the one that made it.
        user_id: None is the viewer.

    Raises:
        NotPermittedError: anonymous, for another person without USER_ADMIN, or by a key
            that was revoked meanwhile.
        StepUpRequiredError: by a session whose proof of identity is too old.
        NotFoundError: no such person, or deactivated.
        ScopeNotHeldError: a scope beyond the person's or the caller's own.
        ApiKeyLimitError: the person has MAX_KEYS that work.
        ValueRequiredError, TextTooLongError, ValueInvalidError: label, scopes, expiry, requests.
        InputInvalidError: several of these at once.
    """
    viewer = context.viewer
    owner_id = viewer.user_id if user_id is None else user_id
    if owner_id is None or owner_id != viewer.user_id:
        viewer.require(Scope.USER_ADMIN)
    await require_fresh(context)
    owner = await User.filter(id=owner_id, deactivated_at=None).select_related("role").first()
    if owner is None or not sees_person(viewer, owner):
        raise NotFoundError(path=("userId",))
    grantable = owner.scopes() & viewer.scopes
    problems: list[DomainError] = []
    text = ""
    try:
        text = check_text(label, field="label", length=MAX_LABEL_LENGTH, required=True) or ""
    except DomainError as problem:
        problems.append(problem)
    if expires_at is not None and expires_at <= context.ports.clock.now():
        problems.append(ValueInvalidError(path=("expiresAt",), reason="past"))
    wanted = grantable if scopes is None else frozenset(scopes)
    if not wanted:
        problems.append(ValueRequiredError(path=("scopes",)))
    problems += [ScopeNotHeldError(scope=s.value) for s in Scope if s in wanted - grantable]
    most = _most_per_minute(context)
    if per_minute is not None and not 1 <= per_minute <= most:
        wrong = ValueInvalidError(path=("perMinute",), reason="per_minute", maximum=most)
        problems.append(wrong)
    InputInvalidError.raise_for(problems)
    secret = new_key()
    maker_ends_at = viewer.expires_at if viewer.api_key_id is not None else None
    ends = [moment for moment in (expires_at, maker_ends_at) if moment is not None]
    async with in_transaction("default") as connection:
        await _locked(owner.id, viewer.user_id)  # one at a time, for the count
        if viewer.api_key_id is not None and await _is_void(viewer.api_key_id):
            raise NotPermittedError(min(wanted))  # its end ends what it made, so nothing may follow
        if await _live(context, owner.id).count() >= MAX_KEYS:
            raise ApiKeyLimitError(limit=MAX_KEYS)
        key = await ApiKey.create(
            user=owner,
            label=text,
            prefix=secret[:SHOWN_LENGTH],
            secret_hash=hash_key(secret),
            scopes=format_scopes(wanted),
            per_minute=viewer.per_minute if per_minute is None else per_minute,
            expires_at=min(ends, default=None),
            made_by_key_id=viewer.api_key_id,
        )
        await log_actions(context, connection, [made_note(key)])
    return key, secret


async def authenticate_key(secret: str, *, now: datetime) -> Viewer | None:
    """Return who holds a key, None unless it is good at `now`.

    A mistyped key is refused by its checksum without a query. The time of use is
    written after the answer, at most once a minute for each key. A key never
    does more than its owner's role allows today.
    """
    if not is_key(secret):
        return None
    return await _holder("secret_hash", hash_key(secret), now=now)


async def find_key_by_id(key_id: int, *, now: datetime) -> Viewer | None:
    """Do as authenticate_key does, for what was asked for with the key before."""
    return await _holder("id", key_id, now=now)


async def _holder(column: str, value: object, *, now: datetime) -> Viewer | None:
    connection = reader()
    rows = await fetch(
        connection,
        "SELECT api_key.id, api_key.user_id, api_key.scopes, api_key.expires_at,"
        " api_key.per_minute,"
        " api_key.last_used_at, app_user.locale, app_user.organization_id,"
        " role.scopes AS role_scopes, role.reach"
        " FROM api_key JOIN app_user ON app_user.id = api_key.user_id"
        " JOIN role ON role.id = app_user.role_id"
        " LEFT JOIN organization ON organization.id = app_user.organization_id"
        f" WHERE api_key.{column} = {placeholders(connection, 1)}"
        " AND api_key.revoked_at IS NULL AND app_user.deactivated_at IS NULL"
        " AND organization.deactivated_at IS NULL",
        [value],
    )
    if not rows:
        return None
    [row] = rows
    expires_at = from_sql(row["expires_at"])
    if expires_at is not None and expires_at <= now:
        return None
    note_use(row["id"], now=now, known=from_sql(row["last_used_at"]))
    scopes, role_scopes = parse_scopes(row["scopes"]), parse_scopes(row["role_scopes"])
    return Viewer(
        user_id=row["user_id"],
        organization_id=row["organization_id"],
        scopes=scopes & role_scopes,
        reach=Reach(row["reach"]),
        locale=row["locale"],
        api_key_id=row["id"],
        per_minute=row["per_minute"],
        expires_at=expires_at,
        is_narrow=not role_scopes <= scopes,
    )


async def api_keys_of(context: RequestContext) -> list[ApiKey]:
    """Return the viewer's own keys that still open something, newest first, at most MAX_KEYS.

    Through a key that lacks scopes of its person: itself and those that it made.
    """
    if context.viewer.user_id is None:
        return []
    return await (await _own(context)).order_by("-id").limit(MAX_KEYS)


async def api_keys_by_owner(context: RequestContext, user_ids: Sequence[int]) -> list[list[ApiKey]]:
    """Return people's keys that still open something, each person's newest first, by two queries.

    Order and length are those of `user_ids`; a person whose keys are not the viewer's to
    see has none: see sees_person. The viewer's own through a key: as in api_keys_of.
    """
    seen = {user.id for user in await visible_users_by_ids(context, user_ids)}
    own = await _reachable(context)
    found: dict[int, list[ApiKey]] = {each: [] for each in user_ids}
    for key in await _live(context).filter(user_id__in=list(seen)).order_by("-id"):
        if own is None or key.user_id != context.viewer.user_id or key.id in own:
            found[key.user_id].append(key)
    return [found[each] for each in user_ids]


async def api_keys_by_ids(context: RequestContext, ids: Sequence[int]) -> list[ApiKey]:
    """Return those of the viewer's own keys that still open something, however many there are.

    Through a key as in api_keys_of.
    """
    if context.viewer.user_id is None:
        return []
    return await (await _own(context)).filter(id__in=ids)


async def all_api_keys(context: RequestContext, *, prefix: str = "") -> list[ApiKey]:
    """Return every person's keys that still open something, with their owners, oldest first.

    Args:
        context: needs USER_ADMIN.
        prefix: how the key begins; a whole key is cut to what is stored of it.

    Raises:
        NotPermittedError: no USER_ADMIN.
    """
    context.viewer.require(Scope.USER_ADMIN)
    found = _live(context).filter(prefix__startswith=prefix[:SHOWN_LENGTH])
    return await found.select_related("user").order_by("id")


async def revoke_api_key(context: RequestContext, *, key_id: int) -> ApiKey:
    """Make one key void, and those it made; from the next request on. Twice is no error.

    Args:
        context: a person for their own keys, also the one of this request, but a key that
            lacks scopes of its person only for itself and for those that it made;
            USER_ADMIN for those of others in the viewer's reach.
        key_id: of any key.

    Raises:
        NotFoundError: no such key, of a person out of reach, or beyond a narrow key.
        ScopeNotHeldError, ReachNotHeldError: the key's person has more rights than the viewer.
    """
    viewer = context.viewer
    found = await ApiKey.filter(id=key_id).select_related("user__role").first()
    if found is None or not sees_person(viewer, found.user):
        raise NotFoundError
    if found.user_id != viewer.user_id:
        check_role(viewer, found.user.role, path=("id",))
    else:
        own = await _reachable(context)
        if own is not None and key_id not in own:
            raise NotFoundError
    async with in_transaction("default"):
        await _locked(found.user_id)
        await _revoke(context, [key_id])
        return await ApiKey.get(id=key_id)


async def revoke_keys(context: RequestContext, *, user_id: int) -> int:
    """Make every key of a person void, and those they made, and return how many were good.

    Needs USER_ADMIN.
    """
    context.viewer.require(Scope.USER_ADMIN)
    async with in_transaction("default"):
        await _locked(user_id)
        keys = await ApiKey.filter(user_id=user_id).values_list("id", flat=True)
        return await _revoke(context, cast("list[int]", keys))


def _most_per_minute(context: RequestContext) -> int:
    """Return how many requests a minute the caller may grant a key."""
    if context.viewer.per_minute is not None:
        return context.viewer.per_minute
    if Scope.USER_ADMIN in context.viewer.scopes:
        return MAX_PER_MINUTE
    return context.ports.access.key_per_minute or MAX_PER_MINUTE


def made_note(key: ApiKey) -> Note:
    """Return what the audit log tells of a new key."""
    after = {
        "user_id": key.user_id,
        "label": key.label,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "per_minute": key.per_minute,
        "expires_at": key.expires_at,
    }
    return Note(action=AuditAction.API_KEY_CREATE, subject_id=key.id, after=after)


async def _revoke(context: RequestContext, key_ids: Sequence[int]) -> int:
    """Make those of the keys void that are good, and all that came of any of them.

    Returns how many, in the open transaction, which holds their person.
    """
    now, notes = context.ports.clock.now(), list[Note]()
    keys = ApiKey.filter(id__in=await _made_by(writer(), key_ids), revoked_at=None)
    for key in await keys.select_for_update().order_by("id"):
        if await ApiKey.filter(id=key.id, revoked_at=None).update(revoked_at=now):
            note = Note(
                action=AuditAction.API_KEY_REVOKE,
                subject_id=key.id,
                before={"revoked_at": None},
                after={"revoked_at": now},
            )
            notes.append(note)
    await log_actions(context, writer(), notes)
    return len(notes)


async def _made_by(connection: BaseDBAsyncClient, key_ids: Sequence[int]) -> list[int]:
    """Return the keys, those that they made, those that these made, and so on."""
    if not key_ids:
        return []
    numbers = ", ".join(f"{key_id:d}" for key_id in key_ids)
    rows = await fetch(
        connection,
        f"WITH RECURSIVE tree(id) AS (SELECT id FROM api_key WHERE id IN ({numbers})"
        " UNION SELECT api_key.id FROM api_key JOIN tree ON api_key.made_by_key_id = tree.id)"
        " SELECT id FROM tree",
    )
    return [row["id"] for row in rows]


async def _reachable(context: RequestContext) -> list[int] | None:
    """Return which of their person's keys a narrow key reaches; None stands for all of them."""
    viewer = context.viewer
    if viewer.api_key_id is None or not viewer.is_narrow:
        return None
    return await _made_by(reader(), [viewer.api_key_id])


async def _own(context: RequestContext) -> QuerySet[ApiKey]:
    """Ask for the viewer's own keys that still open something, as far as they are theirs to see."""
    keys, own = _live(context, context.viewer.user_id), await _reachable(context)
    return keys if own is None else keys.filter(id__in=own)


async def _locked(*user_ids: int | None) -> None:
    """Let one transaction at a time make or revoke keys of a person."""
    await User.filter(id__in=[*{*user_ids} - {None}]).order_by("id").select_for_update()


async def _is_void(key_id: int) -> bool:
    return not await ApiKey.filter(id=key_id, revoked_at=None).exists()


def _live(context: RequestContext, user_id: int | None = None) -> QuerySet[ApiKey]:
    """Ask for the keys, of one person or of all, that still open something."""
    now = context.ports.clock.now()
    keys = ApiKey.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
    return keys if user_id is None else keys.filter(user_id=user_id)
