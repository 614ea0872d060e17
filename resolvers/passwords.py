"""Passwords of people: changed, forgotten, set anew.

Slow hashes are made before a transaction is opened, never inside.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import (
    NotFoundError,
    PasswordWrongError,
    SignInRefusedError,
    TokenInvalidError,
)
from models.letter_orders import LetterKind, LetterOrder
from models.one_time_tokens import TokenPurpose
from models.rules import portal_paths
from models.rules.audit_actions import AuditAction
from models.rules.mail_templates import MailTemplate
from models.rules.passwords import check_password
from models.rules.rate_limits import RateLimit
from models.rules.scopes import Scope
from models.users import User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.factor_changes import has_factor, lock_person, still_proved
from resolvers.known_devices import device_token, forget_password_tries
from resolvers.letter_orders import order_letter
from resolvers.limits import spend
from resolvers.local_passwords import may_have_password, require_password_allowed
from resolvers.mails import post_mail
from resolvers.one_time_tokens import find_token, issue_token, use_token, void_tokens
from resolvers.refused_tokens import refuse_token
from resolvers.sessions import (
    StartedSession,
    end_sessions,
    require_fresh,
    require_session,
    rotate_session,
)
from resolvers.sign_in import check_own_password, require_secure
from resolvers.users import check_email

RESET_LIFE: Final = timedelta(minutes=30)
FIRST_SIGN_IN_LIFE: Final = timedelta(hours=24)
_SERVER: Final = "localhost"  # where a command was typed


async def change_password(
    context: RequestContext, *, current: str | None, new: str
) -> StartedSession:
    """Set the viewer's password; their other sessions end, and this one's token changes.

    That is a fresh proof of identity only for those who have no second factor.

    Args:
        context: of a session.
        current: the present password; None for an account without one, whose person must
            have proved otherwise who they are, see require_fresh.
        new: see check_password.

    Raises:
        SessionRequiredError: the viewer came through no session.
        PasswordWrongError: `current` is not the present password.
        StepUpRequiredError: the account has no password, and the proof is too old.
        ValueInvalidError, ValueRequiredError: `new` cannot be a password.
        RateLimitedError: too many tries.
    """
    session_id = require_session(context)
    require_secure(context)
    user = await User.get(id=context.viewer.user_id)
    if user.password_hash is None:
        await require_fresh(context)
    else:
        user = await check_own_password(context, password=current or "", field="currentPassword")
    await require_password_allowed(context, user, field="newPassword")
    check_password(new, field="newPassword", own_words=(user.email, user.name))
    fresh = await context.ports.passwords.hash(new)
    async with in_transaction("default") as connection:
        try:
            await still_proved(connection, user)
        except SignInRefusedError:  # somebody was faster
            raise PasswordWrongError(path=("currentPassword",)) from None
        await _store(context, connection, user, fresh, AuditAction.PASSWORD_CHANGE, but=session_id)
        await _tell(context, connection, user)
        is_proved = user.password_hash is not None and not await has_factor(connection, user.id)
        started = await rotate_session(context, connection, is_proved=is_proved)
    return replace(started, device_token=device_token(context, user))


async def request_reset(context: RequestContext, *, email: str) -> str:
    """Send a person an address where they can set a new password; return theirs, normalised.

    The work and the answer are the same for every address: who it belongs to, the
    worker finds out.

    Raises:
        ValueInvalidError, ValueRequiredError, TextTooLongError: it is no address at all.
        RateLimitedError: too many requests for the account or from the client's address.
    """
    account = check_email(email)
    await spend(context, RateLimit.PASSWORD_RESET_ADDRESS, context.origin.address)
    await spend(context, RateLimit.PASSWORD_RESET_ACCOUNT, account)
    await order_letter(
        context, LetterKind.PASSWORD_RESET, email=account, locale=context.viewer.locale
    )
    return account


async def post_reset(
    context: RequestContext, connection: BaseDBAsyncClient, order: LetterOrder
) -> None:
    """Post the letter that somebody ordered, if there is a person who may have a password."""
    person = User.filter(email=order.email, deactivated_at=None).using_db(connection)
    user = await person.first()
    await log_action(
        context,
        connection,
        AuditAction.PASSWORD_RESET_REQUEST,
        subject_id=None if user is None else user.id,
    )
    if user is None or not await may_have_password(context, user):
        return
    path = await issue_reset(context, connection, user_id=user.id)
    ends_at = context.ports.clock.now() + RESET_LIFE
    await post_mail(
        context,
        connection,
        to=user.email,
        locale=user.locale,
        template=MailTemplate.PASSWORD_RESET,
        params={
            "name": user.name,
            "path": path,
            "expires_at": ends_at.isoformat(),
            "time_zone": user.time_zone,
        },
    )


async def reset_password(context: RequestContext, *, token: str, new: str) -> None:
    """Set the password of whoever a letter went to; all their sessions end. Signs nobody in.

    Raises:
        InsecureTransportError: others could read the password on its way.
        TokenInvalidError: unknown, used, expired, or of a deactivated person.
        ValueInvalidError, ValueRequiredError: `new` cannot be a password; the token is as
            good as before.
        RateLimitedError: too many tokens that were none.
    """
    require_secure(context)
    user = await _user_of(context, token)
    if user is None:
        await refuse_token(context, TokenPurpose.PASSWORD_RESET)
        raise TokenInvalidError
    check_password(new, field="newPassword", own_words=(user.email, user.name))
    fresh = await context.ports.passwords.hash(new)
    async with in_transaction("default") as connection:
        await lock_person(connection, user.id)
        found = await use_token(context, connection, token, purpose=TokenPurpose.PASSWORD_RESET)
        if found is None:
            raise TokenInvalidError  # somebody was faster
        await _store(context, connection, user, fresh, AuditAction.PASSWORD_RESET)
        await _tell(context, connection, user)
        # Who reads the person's letters is the person: the address is theirs.
        rows = User.filter(id=user.id, email_verified_at=None).using_db(connection)
        await rows.update(email_verified_at=context.ports.clock.now())
    await forget_password_tries(context, user.email)


async def set_password(
    context: RequestContext, *, email: str, new: str, is_first: bool = False
) -> User:
    """Set anybody's password; all their sessions end. For the command line.

    Args:
        context: needs USER_ADMIN.
        email: in any case.
        new: see check_password.
        is_first: the account was just made, and its person need not be told of a change.

    Raises:
        NotPermittedError: no USER_ADMIN.
        NotFoundError: no such person.
        ValueInvalidError, ValueRequiredError: `new` cannot be a password.
    """
    context.viewer.require(Scope.USER_ADMIN)
    user = await User.by_email(email)
    if user is None:
        raise NotFoundError(path=("email",))
    await require_password_allowed(context, user, field="password")
    check_password(new, field="password", own_words=(user.email, user.name))
    fresh = await context.ports.passwords.hash(new)
    async with in_transaction("default") as connection:
        await _store(context, connection, user, fresh, AuditAction.PASSWORD_RESET)
        if not is_first:
            await _tell(context, connection, user)
    await forget_password_tries(context, user.email)
    return user


async def issue_reset(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    *,
    user_id: int,
    life: timedelta = RESET_LIFE,
) -> str:
    """Return a path of the portal where a person sets their password, once."""
    token = await issue_token(
        context, connection, purpose=TokenPurpose.PASSWORD_RESET, user_id=user_id, life=life
    )
    return portal_paths.with_token(portal_paths.PASSWORD_RESET, token)


async def first_way_in(context: RequestContext, *, email: str) -> str:
    """Return a path where a person sets their first password, within a day, once.

    For the terminal of whoever installs: no letter can be sent yet.

    Raises:
        NotPermittedError: no USER_ADMIN.
        NotFoundError: no such person.
    """
    context.viewer.require(Scope.USER_ADMIN)
    user = await User.by_email(email)
    if user is None:
        raise NotFoundError(path=("email",))
    await require_password_allowed(context, user, field="email")
    async with in_transaction("default") as connection:
        await log_action(
            context, connection, AuditAction.PASSWORD_RESET_REQUEST, subject_id=user.id
        )
        return await issue_reset(context, connection, user_id=user.id, life=FIRST_SIGN_IN_LIFE)


async def _user_of(context: RequestContext, token: str) -> User | None:
    async with in_transaction("default") as connection:
        found = await find_token(context, connection, token, purpose=TokenPurpose.PASSWORD_RESET)
    if found is None or found.user_id is None:
        return None
    user = await User.filter(id=found.user_id, deactivated_at=None).first()
    if user is None or not await may_have_password(context, user):
        return None
    return user


async def _store(  # noqa: PLR0913 - one for each thing that a new password changes
    context: RequestContext,
    connection: BaseDBAsyncClient,
    user: User,
    password_hash: str,
    action: AuditAction,
    *,
    but: int | None = None,
) -> None:
    """Store a hash, end sessions and one-time tokens, and write it down.

    No two passwords of a person have the same moment: see still_proved.
    """
    before = (await lock_person(connection, user.id)).password_changed_at
    now = context.ports.clock.now()
    changed_at = now if before is None else max(now, before + timedelta(microseconds=1))
    rows = User.filter(id=user.id).using_db(connection)
    await rows.update(password_hash=password_hash, password_changed_at=changed_at)
    user.password_changed_at = changed_at
    ended = await end_sessions(context, connection, user_id=user.id, but=but)
    await void_tokens(context, connection, user_id=user.id)
    await log_action(
        context,
        connection,
        action,
        subject_id=user.id,
        after={"sessions_ended": len(ended)},
    )


async def _tell(context: RequestContext, connection: BaseDBAsyncClient, user: User) -> None:
    await post_mail(
        context,
        connection,
        to=user.email,
        locale=user.locale,
        template=MailTemplate.PASSWORD_CHANGED,
        params={
            "name": user.name,
            "at": context.ports.clock.now().isoformat(),
            "address": context.origin.address or _SERVER,
            "time_zone": user.time_zone,
        },
    )
