"""Signing in by a passkey: the device verified the person, so it stands for both factors."""

from dataclasses import dataclass
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import PasskeyRefusedError, SignInRefusedError
from models.one_time_tokens import TokenPurpose
from models.rules.audit_actions import AuditAction
from models.rules.passkeys import Assertion, Site, check_assertion, handle_of, may_follow
from models.rules.rate_limits import RateLimit
from models.second_factors import Passkey
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.factor_changes import active_person, lock_person
from resolvers.limits import spend
from resolvers.one_time_tokens import issue_token, use_token
from resolvers.passkeys import LIFE, challenge_in, new_challenge
from resolvers.refused_tokens import refuse_token
from resolvers.sessions import StartedSession
from resolvers.sign_in import finish_sign_in, require_secure

FACTOR: Final = "passkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyQuestion:
    """What a browser is asked: `token` comes back with the answer, `challenge` is base64url."""

    token: str
    challenge: str


async def begin_passkey_sign_in(context: RequestContext) -> PasskeyQuestion:
    """Return a challenge for any passkey of this portal.

    Raises:
        InsecureTransportError: others could read the cookie on its way.
        RateLimitedError: too many from this address.
    """
    require_secure(context)
    await spend(context, RateLimit.SIGN_IN_ADDRESS, context.origin.address)
    challenge = new_challenge()
    async with in_transaction("default") as connection:
        token = await issue_token(
            context,
            connection,
            purpose=TokenPurpose.PASSKEY_SIGN_IN,
            life=LIFE,
            payload={"challenge": challenge},
        )
    return PasskeyQuestion(token=token, challenge=challenge)


async def sign_in_by_passkey(
    context: RequestContext, *, token: str, answer: Assertion, site: Site
) -> StartedSession:
    """Begin a session; the challenge is used up either way, and every refusal is logged.

    Raises:
        PasskeyRefusedError: anything is wrong; nobody is told what.
        InsecureTransportError: see finish_sign_in.
        RateLimitedError: too many from this address.
    """
    require_secure(context)
    await spend(context, RateLimit.SIGN_IN_ADDRESS, context.origin.address)
    async with in_transaction("default") as connection:
        found = await use_token(context, connection, token, purpose=TokenPurpose.PASSKEY_SIGN_IN)
        if found is not None:
            passkey = await passkey_of(connection, answer)
            if passkey is None:
                await note_passkey_refusal(context, connection, None, reason="unknown")
            else:
                reason = await fault_of(
                    context,
                    connection,
                    passkey,
                    answer=answer,
                    challenge=challenge_in(found.payload),
                    site=site,
                )
                if not reason:
                    return await finish_sign_in(context, connection, passkey.user, [FACTOR])
                await note_passkey_refusal(context, connection, passkey, reason=reason)
    if found is None:
        await refuse_token(context, TokenPurpose.PASSKEY_SIGN_IN)
    raise PasskeyRefusedError


async def passkey_of(connection: BaseDBAsyncClient, answer: Assertion) -> Passkey | None:
    """Return the passkey that an answer names, with its person, whom it locks."""
    passkey = await Passkey.filter(credential_id=answer.credential_id).using_db(connection).first()
    if passkey is not None:
        passkey.user = await lock_person(connection, passkey.user_id)
    return passkey


async def fault_of(  # noqa: PLR0913 - the parts of one question and its answer
    context: RequestContext,
    connection: BaseDBAsyncClient,
    passkey: Passkey,
    *,
    answer: Assertion,
    challenge: bytes,
    site: Site,
) -> str:
    """Return what is wrong, for the log; "" for nothing, and the use of the passkey is noted."""
    try:
        await active_person(connection, passkey.user_id)
    except SignInRefusedError:
        return "deactivated"
    if answer.user_handle != handle_of(passkey.user_id):
        return "person"
    try:
        count = check_assertion(
            answer, challenge=challenge, site=site, public_key=passkey.public_key
        )
    except PasskeyRefusedError:
        return "signature"
    if not may_follow(count, passkey.sign_count):
        return "counter"
    rows = Passkey.filter(id=passkey.id, sign_count=passkey.sign_count).using_db(connection)
    now = context.ports.clock.now()
    return "" if await rows.update(sign_count=count, last_used_at=now) else "counter"


async def note_passkey_refusal(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    passkey: Passkey | None,
    *,
    reason: str,
) -> None:
    """Write down that a passkey was refused, None for one that nobody here has."""
    await log_action(
        context,
        connection,
        AuditAction.PASSKEY_REFUSE,
        subject_id=None if passkey is None else passkey.id,
        after={"reason": reason, "user": None if passkey is None else passkey.user_id},
    )
