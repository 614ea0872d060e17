"""Proving anew, within a session, who one is: before what is dangerous.

A person with a second factor shows that one, or a recovery code: a password beside a
stolen session must not be enough to take the second factor away. The way by the
organization's own provider is in resolvers.provider_sign_ins.
"""

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import (
    PasskeyRefusedError,
    PasswordWrongError,
    SecondFactorWrongError,
    SessionRequiredError,
    SignInRefusedError,
    StepUpRequiredError,
)
from models.one_time_tokens import TokenPurpose
from models.rules.audit_actions import AuditAction
from models.rules.passkeys import Assertion, Site
from models.rules.passwords import may_be_password
from models.rules.rate_limits import RateLimit
from models.rules.sign_in_methods import ProofWay
from models.users import User
from resolvers import passkey_sign_ins
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.directory_sign_ins import DIRECTORY, knows_password
from resolvers.factor_changes import lock_person, person_of_session, still_proved
from resolvers.limits import forgive, spend
from resolvers.local_passwords import password_of
from resolvers.one_time_tokens import issue_token, use_token
from resolvers.passkey_sign_ins import PasskeyQuestion, fault_of, note_passkey_refusal, passkey_of
from resolvers.passkeys import LIFE, challenge_in, new_challenge
from resolvers.proof_ways import ways_of
from resolvers.second_factors import prove_code
from resolvers.sessions import StartedSession, require_session, rotate_session
from resolvers.sign_in import PASSWORD, refuse_sign_in, require_secure


async def renew_by_password(context: RequestContext, *, password: str) -> StartedSession:
    """Take the password, ours or the directory's, of a person who has no second factor.

    Raises:
        SessionRequiredError: the viewer came through no session.
        StepUpRequiredError: a password alone does not prove who this person is.
        PasswordWrongError: another password.
        InsecureTransportError: others could read it on its way.
        RateLimitedError: too many tries.
    """
    user_id = person_of_session(context)
    require_secure(context)
    await _require_password_way(context, user_id)
    await spend(context, RateLimit.STEP_UP, str(user_id))
    user = await User.get(id=user_id).select_related("role")
    factor = await _factor_of(context, user, password)
    if not factor:
        await refuse_sign_in(context, user=user, factor=PASSWORD)
        raise PasswordWrongError(path=("password",))
    await forgive(context, RateLimit.STEP_UP, str(user_id))
    try:
        async with in_transaction("default") as connection:
            await still_proved(connection, user)
            await _require_password_way(context, user_id)  # no app was added meanwhile
            return await finish_renewal(context, connection, user, factor)
    except SignInRefusedError:  # it was the password until a moment ago
        await refuse_sign_in(context, user=user, factor=PASSWORD)
        raise PasswordWrongError(path=("password",)) from None


async def renew_by_code(context: RequestContext, *, code: str) -> StartedSession:
    """Take a code of the viewer's app, or a recovery code; it is used up.

    Tries count together with those at sign-in: they guess at the same secret.

    Raises:
        SessionRequiredError: the viewer came through no session.
        SecondFactorWrongError: the code is wrong or used up, or the person has none.
        SecondFactorUnreadableError: see prove_code.
        InsecureTransportError: others could read it on its way.
        RateLimitedError: too many tries.
    """
    user_id = person_of_session(context)
    require_secure(context)
    await spend(context, RateLimit.SECOND_FACTOR, str(user_id))
    try:
        async with in_transaction("default") as connection:
            user = await lock_person(connection, user_id)
            factor = await prove_code(context, connection, user=user, code=code)
            started = await finish_renewal(context, connection, user, factor)
    except SecondFactorWrongError:
        async with in_transaction("default") as connection:
            action = AuditAction.SECOND_FACTOR_REFUSE
            await log_action(context, connection, action, subject_id=user_id)
        raise
    await forgive(context, RateLimit.SECOND_FACTOR, str(user_id))
    return started


async def begin_passkey_renewal(context: RequestContext) -> PasskeyQuestion:
    """Return a challenge for a passkey of the viewer, good in this session alone.

    Raises:
        SessionRequiredError: the viewer came through no session.
        InsecureTransportError: others could read the cookie on its way.
    """
    session_id, user_id = require_session(context), person_of_session(context)
    require_secure(context)
    challenge = new_challenge()
    async with in_transaction("default") as connection:
        token = await issue_token(
            context,
            connection,
            purpose=TokenPurpose.PASSKEY_RENEW,
            life=LIFE,
            user_id=user_id,
            payload={"challenge": challenge, "session": session_id},
        )
    return PasskeyQuestion(token=token, challenge=challenge)


async def renew_by_passkey(
    context: RequestContext, *, token: str, answer: Assertion, site: Site
) -> StartedSession:
    """Take the answer of the viewer's passkey; the challenge is used up either way.

    Raises:
        SessionRequiredError: the viewer came through no session.
        PasskeyRefusedError: anything is wrong, or it is another person's.
        InsecureTransportError: others could read the cookie on its way.
        RateLimitedError: too many tries.
    """
    session_id, user_id = require_session(context), person_of_session(context)
    require_secure(context)
    await spend(context, RateLimit.STEP_UP, str(user_id))
    started = None
    async with in_transaction("default") as connection:
        await lock_person(connection, user_id)
        found = await use_token(context, connection, token, purpose=TokenPurpose.PASSKEY_RENEW)
        if found is not None and found.payload["session"] == session_id:
            passkey = await passkey_of(connection, answer)
            if passkey is None or passkey.user_id != user_id:
                reason = "unknown" if passkey is None else "person"
            else:
                reason = await fault_of(
                    context,
                    connection,
                    passkey,
                    answer=answer,
                    challenge=challenge_in(found.payload),
                    site=site,
                )
            if passkey is not None and not reason:
                factor = passkey_sign_ins.FACTOR
                started = await finish_renewal(context, connection, passkey.user, factor)
            else:
                await note_passkey_refusal(context, connection, passkey, reason=reason)
    if started is None:
        raise PasskeyRefusedError
    await forgive(context, RateLimit.STEP_UP, str(user_id))
    return started


async def finish_renewal(
    context: RequestContext, connection: BaseDBAsyncClient, user: User, factor: str
) -> StartedSession:
    """Rotate the session of a person who has just shown a factor; the last step of each way.

    Args:
        context: of the session.
        connection: of the open transaction.
        user: who it is, as read before the proof was looked at.
        factor: how they proved it.

    Raises:
        SessionRequiredError: the session is over, or the proof outdated.
    """
    try:
        await still_proved(connection, user)
    except SignInRefusedError:
        raise SessionRequiredError from None
    started = await rotate_session(context, connection)
    await log_action(
        context,
        connection,
        AuditAction.SESSION_RENEW,
        subject_id=started.session_id,
        actor_id=user.id,
        after={"factor": factor},
    )
    return started


async def _require_password_way(context: RequestContext, user_id: int) -> None:
    ways = await ways_of(context, user_id)
    if ProofWay.PASSWORD not in ways:
        raise StepUpRequiredError(ways=ways)


async def _factor_of(context: RequestContext, user: User, password: str) -> str:
    """Return by whom the password is known, "" if by nobody."""
    stored = password_of(context, user)
    if stored is not None:
        checked = password if may_be_password(password) else ""
        if (await context.ports.passwords.verify(checked, stored)).is_right:
            return PASSWORD
    is_known = await knows_password(context, user_id=user.id, password=password)
    return DIRECTORY if is_known else ""
