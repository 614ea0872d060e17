"""How somebody becomes a signed-in person: by password, then by whatever else they have.

An unknown address and a wrong password are answered alike, after the same work: two
limits, one query, one slow hash, one entry in the audit log.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import (
    InsecureTransportError,
    PasswordWrongError,
    SecondFactorRequiredError,
    SignInRefusedError,
)
from models.one_time_tokens import TokenPurpose
from models.rules.audit_actions import AuditAction
from models.rules.mail_addresses import normal_address
from models.rules.mail_templates import MailTemplate
from models.rules.passwords import may_be_password
from models.rules.rate_limits import RateLimit
from models.rules.sign_in_methods import SecondFactor
from models.second_factors import Passkey, RecoveryCode, Totp
from models.sessions import Session
from models.users import MAX_EMAIL_LENGTH, User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.directory_sign_ins import DIRECTORY, person_of_directory
from resolvers.factor_changes import still_proved
from resolvers.known_devices import (
    device_token,
    forgive_password_try,
    is_known_device,
    spend_password_try,
)
from resolvers.limits import forgive, spend
from resolvers.local_passwords import password_of
from resolvers.mails import post_mail
from resolvers.one_time_tokens import issue_token
from resolvers.sessions import StartedSession, start_session

PASSWORD: Final = "password"  # noqa: S105 - the name of a factor
_MAX_TYPED: Final = 1000  # characters that are looked at
SECOND_FACTOR_LIFE: Final = timedelta(minutes=10)


async def sign_in(context: RequestContext, *, email: str, password: str) -> StartedSession:
    """Begin a session by address and password.

    Raises:
        SecondFactorRequiredError: the password is right, and the person has more to show.
        InsecureTransportError: others could read the password on its way.
        SignInRefusedError: no such account, another password, deactivated: all the same.
        RateLimitedError: too many tries for this account or from this address.
    """
    require_secure(context)
    account = normal_address(email[:_MAX_TYPED])[:MAX_EMAIL_LENGTH]
    await spend(context, RateLimit.SIGN_IN_ADDRESS, context.origin.address)
    user = await _active(account)
    counted = await spend_password_try(context, account, user)
    stored = password_of(context, user)
    checked = password if may_be_password(password) else ""
    verdict = await context.ports.passwords.verify(checked, stored)
    factor = PASSWORD
    if user is None or not verdict.is_right:
        known, factor = user, DIRECTORY
        user = await person_of_directory(context, name=email.strip(), password=password)
        if user is None:
            await refuse_sign_in(context, user=known, factor=PASSWORD)
            raise SignInRefusedError
    elif verdict.is_outdated:
        await _hash_again(context, user, password)
    await forgive_password_try(context, counted)
    try:
        async with in_transaction("default") as connection:
            await still_proved(connection, user)
            factors = await _second_factors(connection, user.id)
            if not factors:
                return await finish_sign_in(context, connection, user, (factor,))
            token = await issue_token(
                context,
                connection,
                purpose=TokenPurpose.SECOND_FACTOR,
                user_id=user.id,
                payload={"factors": [factor]},
                life=SECOND_FACTOR_LIFE,
            )
    except SignInRefusedError:
        await refuse_sign_in(context, user=user, factor=factor)
        raise
    raise SecondFactorRequiredError(token=token, factors=factors)


async def finish_sign_in(
    context: RequestContext, connection: BaseDBAsyncClient, user: User, factors: Sequence[str]
) -> StartedSession:
    """Begin the session of a person who has shown all that is needed; the last step of each way.

    The session the browser had before ends. On a device that has never signed in to the
    account, and says so by what it does not show, the person gets a letter; what a browser
    calls itself is known to everybody and counts for nothing.

    Args:
        context: of the request that shows the last factor.
        connection: of the open transaction.
        user: who it is, as read before the proof was looked at.
        factors: how they proved it, see start_session.

    Raises:
        InsecureTransportError: others could read the cookie on its way.
        SignInRefusedError: deactivated meanwhile, or given another password.
    """
    require_secure(context)
    await still_proved(connection, user)
    await _replace_session(context, connection)
    has_been_here = user.last_seen_at is not None or (
        await Session.filter(user_id=user.id).using_db(connection).exists()
    )
    started = await start_session(context, connection, user=user, factors=factors)
    await log_action(
        context,
        connection,
        AuditAction.SESSION_CREATE,
        subject_id=started.session_id,
        actor_id=user.id,
        after={"factors": list(factors), "user_agent": context.origin.user_agent},
    )
    if has_been_here and not is_known_device(context, user):
        await _tell_of_device(context, connection, user)
    return replace(started, device_token=device_token(context, user))


async def refuse_sign_in(context: RequestContext, *, user: User | None, factor: str) -> None:
    """Write down that somebody failed to sign in, whether or not the account exists."""
    async with in_transaction("default") as connection:
        await log_action(
            context,
            connection,
            AuditAction.SIGN_IN_REFUSE,
            subject_id=None if user is None else user.id,
            after={"factor": factor},
        )


async def check_own_password(context: RequestContext, *, password: str, field: str) -> User:
    """Return the viewer as a person once their password is right, counting each try.

    Raises:
        PasswordWrongError: it is not, or the account has none; `field` is its path.
        RateLimitedError: too many tries.
    """
    user = await User.get(id=context.viewer.user_id).select_related("role")
    await spend(context, RateLimit.STEP_UP, str(user.id))
    checked = password if may_be_password(password) else ""
    verdict = await context.ports.passwords.verify(checked, password_of(context, user))
    if not verdict.is_right:
        await refuse_sign_in(context, user=user, factor=PASSWORD)
        raise PasswordWrongError(path=(field,))
    await forgive(context, RateLimit.STEP_UP, str(user.id))
    return user


def require_secure(context: RequestContext) -> None:
    """Raise InsecureTransportError unless nobody on the way can read what is said."""
    if not context.origin.is_secure:
        raise InsecureTransportError


async def _active(account: str) -> User | None:
    """Find a person who may sign in, by one query."""
    found = User.filter(email=account, deactivated_at=None, organization__deactivated_at=None)
    return await found.select_related("role").first()


async def _second_factors(connection: BaseDBAsyncClient, user_id: int) -> tuple[SecondFactor, ...]:
    apps = Totp.filter(user_id=user_id, confirmed_at__isnull=False).using_db(connection)
    passkeys = Passkey.filter(user_id=user_id).using_db(connection)
    codes = RecoveryCode.filter(user_id=user_id, used_at=None).using_db(connection)
    found = [SecondFactor.TOTP] * await apps.exists()
    found += [SecondFactor.PASSKEY] * await passkeys.exists()
    if found and await codes.exists():
        found.append(SecondFactor.RECOVERY_CODE)
    return tuple(found)


async def _hash_again(context: RequestContext, user: User, password: str) -> None:
    """Store the hash with today's parameters, unless the password was changed meanwhile."""
    fresh = await context.ports.passwords.hash(password)
    same = User.filter(id=user.id, password_hash=user.password_hash)
    await same.update(password_hash=fresh)


async def _replace_session(context: RequestContext, connection: BaseDBAsyncClient) -> None:
    session_id = context.viewer.session_id
    if session_id is None:
        return
    rows = Session.filter(id=session_id, revoked_at=None).using_db(connection)
    if await rows.update(revoked_at=context.ports.clock.now()):
        await log_action(context, connection, AuditAction.SESSION_DELETE, subject_id=session_id)


async def _tell_of_device(
    context: RequestContext, connection: BaseDBAsyncClient, user: User
) -> None:
    await post_mail(
        context,
        connection,
        to=user.email,
        locale=user.locale,
        template=MailTemplate.SIGN_IN_NEW_DEVICE,
        params={
            "name": user.name,
            "at": context.ports.clock.now().isoformat(),
            "address": context.origin.address,
            "device": context.origin.user_agent,
            "time_zone": user.time_zone,
        },
    )
