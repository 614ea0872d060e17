"""The second factor: proved after the password, and taken away when it is lost."""

from collections.abc import Mapping
from typing import Final, cast

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import (
    SecondFactorUnreadableError,
    SecondFactorWrongError,
    TokenInvalidError,
)
from models.one_time_tokens import TokenPurpose
from models.orm import reader
from models.rules.audit_actions import AuditAction
from models.rules.mail_templates import FactorChange
from models.rules.rate_limits import RateLimit
from models.rules.scopes import Scope
from models.rules.totp import is_code
from models.second_factors import Passkey, RecoveryCode, Totp
from models.users import User
from resolvers.audit import NOTHING, log_action
from resolvers.context import RequestContext
from resolvers.factor_changes import active_person, tell_change
from resolvers.limits import forgive, spend
from resolvers.one_time_tokens import find_token, use_token, void_tokens
from resolvers.recovery_codes import use_recovery_code
from resolvers.refused_tokens import refuse_token
from resolvers.sessions import StartedSession, end_sessions, require_fresh
from resolvers.sign_in import finish_sign_in, require_secure
from resolvers.totp import use_totp_code
from resolvers.user_edits import locked_person

TOTP: Final = "totp"
RECOVERY_CODE: Final = "recovery_code"


async def confirm_session(context: RequestContext, *, token: str, code: str) -> StartedSession:
    """Begin the session that a right password promised.

    A wrong code leaves the token as good as before, so that a slip of the fingers costs no
    password; how often is for the limit to say.

    Args:
        context: of nobody yet.
        token: from create_session.
        code: of the authenticator app, or a recovery code.

    Raises:
        TokenInvalidError: the token is unknown, used or expired.
        SecondFactorWrongError: the code is wrong or used up.
        SecondFactorUnreadableError: no key of ours opens the app's secret; a recovery code
            still works, and the token is as good as before.
        SignInRefusedError: deactivated meanwhile.
        InsecureTransportError: others could read the cookie on its way.
        RateLimitedError: too many tries for this account.
    """
    require_secure(context)
    promised = await find_token(context, reader(), token, purpose=TokenPurpose.SECOND_FACTOR)
    if promised is None or promised.user_id is None:
        await refuse_token(context, TokenPurpose.SECOND_FACTOR)
        raise TokenInvalidError
    subject = str(promised.user_id)
    await spend(context, RateLimit.SECOND_FACTOR, subject)
    try:
        async with in_transaction("default") as connection:
            user = await active_person(connection, promised.user_id)
            found = await use_token(context, connection, token, purpose=TokenPurpose.SECOND_FACTOR)
            if found is None:  # somebody was faster, or a new password voided it
                raise TokenInvalidError
            factor = await prove_code(context, connection, user=user, code=code)
            shown = [str(each) for each in cast("list[object]", found.payload["factors"])]
            started = await finish_sign_in(context, connection, user, [*shown, factor])
    except SecondFactorWrongError:
        await _note_refusal(context, promised.user_id)
        raise
    except SecondFactorUnreadableError:
        await _note_refusal(context, promised.user_id, {"reason": "unreadable"})
        raise
    await forgive(context, RateLimit.SECOND_FACTOR, subject)
    return started


async def prove_code(
    context: RequestContext, connection: BaseDBAsyncClient, *, user: User, code: str
) -> str:
    """Use a code up and return which factor it proves.

    Raises:
        SecondFactorWrongError: it proves none. The caller undoes its transaction.
        SecondFactorUnreadableError: nobody can say; the same.
    """
    if is_code(code):
        if await use_totp_code(context, connection, user=user, code=code):
            return TOTP
    elif await use_recovery_code(context, connection, user=user, code=code):
        return RECOVERY_CODE
    raise SecondFactorWrongError


async def reset_second_factors(context: RequestContext, *, user_id: int) -> User:
    """Take all second factors and passkeys from a person who lost theirs.

    All of the person's sessions end, and so do sign-ins that wait for a code: what was
    lost may have been found by somebody else.

    Args:
        context: needs USER_ADMIN, and all that the person's role has.
        user_id: of a person in the viewer's reach.

    Raises:
        NotPermittedError: no USER_ADMIN.
        ScopeNotHeldError, ReachNotHeldError: the person may do more than the viewer.
        StepUpRequiredError: the proof of identity is too old.
        NotFoundError: no such person, or not in the viewer's reach.
    """
    context.viewer.require(Scope.USER_ADMIN)
    await require_fresh(context)
    async with in_transaction("default") as connection:
        user = await locked_person(context, connection, user_id)
        before = await _taken(connection, user.id)
        ended = await end_sessions(context, connection, user_id=user.id)
        await void_tokens(context, connection, user_id=user.id)
        await log_action(
            context,
            connection,
            AuditAction.SECOND_FACTOR_RESET,
            subject_id=user.id,
            before=before,
            after={"sessions_ended": len(ended)},
        )
        change = FactorChange.RESET_BY_ADMINISTRATOR
        await tell_change(context, connection, user=user, change=change)
    return user


async def _taken(connection: BaseDBAsyncClient, user_id: int) -> dict[str, int]:
    """Delete what the person has, and return how much of each there was."""
    return {
        "totp": await Totp.filter(user_id=user_id).using_db(connection).delete(),
        "recovery_codes_left": await RecoveryCode.filter(user_id=user_id)
        .using_db(connection)
        .delete(),
        "passkeys": await Passkey.filter(user_id=user_id).using_db(connection).delete(),
    }


async def _note_refusal(
    context: RequestContext, user_id: int, why: Mapping[str, object] = NOTHING
) -> None:
    async with in_transaction("default") as connection:
        await log_action(
            context,
            connection,
            AuditAction.SECOND_FACTOR_REFUSE,
            subject_id=user_id,
            actor_id=user_id,
            after=why,
        )
