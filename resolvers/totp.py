"""The authenticator app of a person: made, confirmed by its first code, deleted."""

from dataclasses import dataclass
from typing import Final

import structlog
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import (
    NotFoundError,
    SecondFactorUnreadableError,
    SecondFactorWrongError,
    TotpExistsError,
)
from models.rules.audit_actions import AuditAction
from models.rules.mail_templates import FactorChange
from models.rules.rate_limits import RateLimit
from models.rules.totp import app_uri, new_secret, step_of
from models.second_factors import Totp
from models.users import User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.factor_changes import (
    drop_useless_codes,
    lock_person,
    require_owner,
    tell_change,
)
from resolvers.limits import forgive, spend
from resolvers.ports import SealBrokenError
from resolvers.recovery_codes import replace_codes
from resolvers.sessions import end_sessions

SEALED_FOR: Final = "totp"
_log = structlog.stdlib.get_logger("linkyard.secrets")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTotp:
    """What an app has to know: the secret in base32, and the address of a QR code."""

    secret: str
    uri: str


async def create_totp(context: RequestContext, *, issuer: str) -> NewTotp:
    """Make a secret for the viewer's app; it counts once confirm_totp has seen a code of it.

    Args:
        context: of a person who just proved who they are.
        issuer: name of the portal, shown by the app.

    Raises:
        SessionRequiredError, StepUpRequiredError: see require_owner.
        TotpExistsError: there is one that counts; it must be deleted first.
    """
    user_id = await require_owner(context)
    secret = new_secret()
    async with in_transaction("default") as connection:
        user = await lock_person(connection, user_id)
        if await _confirmed(user_id, connection) is not None:
            raise TotpExistsError
        await Totp.filter(user_id=user_id).using_db(connection).delete()
        totp = await Totp.create(
            using_db=connection,
            user_id=user_id,
            sealed_secret=context.ports.sealer.seal(secret, purpose=SEALED_FOR),
        )
        await log_action(context, connection, AuditAction.TOTP_CREATE, subject_id=totp.id)
    return NewTotp(secret=secret, uri=app_uri(secret, account=user.email, issuer=issuer))


async def confirm_totp(context: RequestContext, *, code: str) -> list[str]:
    """Let the app count from now on, and return new recovery codes, shown this once.

    The person's other sessions end: they were begun without the second factor.

    Raises:
        SessionRequiredError, StepUpRequiredError: see require_owner.
        NotFoundError: no app waits for its first code, or none whose secret a key of ours opens.
        SecondFactorWrongError: the code is not the app's; the audit log tells of it.
        RateLimitedError: too many tries.
    """
    user_id = await require_owner(context)
    await spend(context, RateLimit.SECOND_FACTOR, str(user_id))
    try:
        codes = await _confirm(context, user_id, code)
    except SecondFactorWrongError:
        async with in_transaction("default") as connection:
            action = AuditAction.SECOND_FACTOR_REFUSE
            await log_action(context, connection, action, subject_id=user_id)
        raise
    await forgive(context, RateLimit.SECOND_FACTOR, str(user_id))
    return codes


async def _confirm(context: RequestContext, user_id: int, code: str) -> list[str]:
    now = context.ports.clock.now()
    async with in_transaction("default") as connection:
        user = await lock_person(connection, user_id)
        totp = await Totp.filter(user_id=user_id, confirmed_at=None).using_db(connection).first()
        if totp is None:
            raise NotFoundError(path=())
        try:
            step = _step(context, totp, code)
        except SecondFactorUnreadableError:  # it counts for nothing yet: the person begins anew
            raise NotFoundError(path=()) from None
        if step is None:
            raise SecondFactorWrongError
        rows = Totp.filter(id=totp.id).using_db(connection)
        await rows.update(confirmed_at=now, last_step=step)
        await log_action(context, connection, AuditAction.TOTP_CONFIRM, subject_id=totp.id)
        codes = await replace_codes(context, connection, user=user)
        await end_sessions(context, connection, user_id=user_id, but=context.viewer.session_id)
        await tell_change(context, connection, user=user, change=FactorChange.TOTP_ADDED)
    return codes


async def delete_totp(context: RequestContext) -> None:
    """Take the viewer's app away, and the recovery codes with it if there is no passkey.

    Raises:
        SessionRequiredError, StepUpRequiredError: see require_owner.
        NotFoundError: there is none.
    """
    user_id = await require_owner(context)
    async with in_transaction("default") as connection:
        user = await lock_person(connection, user_id)
        totp = await Totp.filter(user_id=user_id).using_db(connection).first()
        if totp is None:
            raise NotFoundError(path=())
        await totp.delete(using_db=connection)
        await drop_useless_codes(connection, user_id)
        await log_action(context, connection, AuditAction.TOTP_DELETE, subject_id=totp.id)
        if totp.confirmed_at is not None:
            await tell_change(context, connection, user=user, change=FactorChange.TOTP_REMOVED)


async def has_totp(user_id: int, connection: BaseDBAsyncClient | None = None) -> bool:
    """Tell whether a person's sign-in needs a second factor beside the password.

    Args:
        user_id: of the person.
        connection: of the open transaction, None outside of one.
    """
    return await _confirmed(user_id, connection) is not None


async def use_totp_code(
    context: RequestContext, connection: BaseDBAsyncClient, *, user: User, code: str
) -> bool:
    """Use a code up and tell whether it was good; of parallel uses one wins.

    Raises:
        SecondFactorUnreadableError: no key of ours opens the app's secret.
    """
    totp = await _confirmed(user.id, connection)
    if totp is None:
        return False
    step = _step(context, totp, code)
    if step is None:
        return False
    rows = Totp.filter(id=totp.id, last_step__lt=step).using_db(connection)
    return await rows.update(last_step=step) == 1


async def _confirmed(user_id: int, connection: BaseDBAsyncClient | None) -> Totp | None:
    rows = Totp.filter(user_id=user_id, confirmed_at__isnull=False)
    return await (rows if connection is None else rows.using_db(connection)).first()


def _step(context: RequestContext, totp: Totp, code: str) -> int | None:
    try:
        secret = context.ports.sealer.open(totp.sealed_secret, purpose=SEALED_FOR)
    except SealBrokenError:
        _log.error(
            "the secret of an authenticator app is sealed by a secret key that is gone",
            user=totp.user_id,
        )
        raise SecondFactorUnreadableError from None
    return step_of(code, secret=secret, now=context.ports.clock.now(), after=totp.last_step)
