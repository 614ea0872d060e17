"""Signing in at the customer's own provider, and which account here that is."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import SessionRequiredError
from models.one_time_tokens import TokenPurpose
from models.rules.base64url import to_base64url
from models.rules.id_tokens import LEEWAY_S
from models.rules.identities import ProvedIdentity
from models.rules.rate_limits import RateLimit
from models.rules.tokens import is_token, new_token
from models.second_factors import Identity
from resolvers.context import RequestContext
from resolvers.factor_changes import lock_person
from resolvers.identity_accounts import ProviderSignInError, account_of, note_refusal
from resolvers.limits import spend
from resolvers.one_time_tokens import FoundToken, Payload, issue_token, use_token
from resolvers.ports import (
    Challenge,
    IdentityProvider,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from resolvers.renewals import finish_renewal
from resolvers.sessions import StartedSession, require_session
from resolvers.sign_in import finish_sign_in, require_secure

FACTOR: Final = "oidc"
LIFE: Final = timedelta(minutes=10)  # the person may have to find a phone for the provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A browser on its way to the provider: where to, and the secret that it keeps meanwhile."""

    url: str
    browser: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """What a browser brought back from the provider; None for what it did not bring.

    Attributes:
        browser: the secret of Departure.
        state, code, error, issuer: from the address.
    """

    browser: str | None
    state: str | None
    code: str | None
    error: str | None
    issuer: str | None


async def leave_for_provider(
    context: RequestContext, provider: IdentityProvider, *, is_renewal: bool = False
) -> Departure:
    """Begin a sign-in at the provider.

    Args:
        context: of whoever comes; of a session for a renewal.
        provider: to be asked.
        is_renewal: the viewer proves anew who they are, for the session they have.

    Raises:
        SessionRequiredError: nobody is signed in who could renew anything.
        InsecureTransportError: others could read the cookie on its way.
        RateLimitedError: too many from this address.
        ProviderSignInError: the provider cannot be asked.
    """
    require_secure(context)
    await spend(context, RateLimit.PROVIDER_START, context.origin.address)
    renewed: Payload = _renewed(context) if is_renewal else {}
    browser, nonce, verifier = new_token(), new_token(), secrets.token_urlsafe(48)
    async with in_transaction("default") as connection:
        state = await issue_token(
            context,
            connection,
            purpose=TokenPurpose.OIDC,
            life=LIFE,
            payload={
                "browser": _hashed(browser),
                "nonce": nonce,
                "verifier": verifier,
                **renewed,
            },
        )
    challenge = Challenge(
        state=state,
        nonce=nonce,
        code_challenge=to_base64url(sha256(verifier.encode()).digest()),
        is_anew=is_renewal,
    )
    try:
        url = await provider.address(challenge)
    except (ProviderRefusedError, ProviderUnavailableError) as error:
        raise await _refusal(context, error) from error
    return Departure(url=url, browser=browser)


async def return_from_provider(
    context: RequestContext, provider: IdentityProvider, back: Return, *, may_create: bool
) -> StartedSession:
    """Begin the session of whom the provider names, or renew that of the viewer.

    The state is used up at once, whatever follows: an address cannot be used twice, and
    in no other browser than the one that left.

    Args:
        context: of whoever comes back.
        provider: that was asked.
        back: what the browser brought.
        may_create: a stranger with a verified address gets an account.

    Raises:
        InsecureTransportError: others could read the cookie on its way.
        ProviderSignInError: see there.
        RateLimitedError: too many from this address.
    """
    require_secure(context)
    if back.state is None or not is_token(back.state):
        raise ProviderSignInError("state")  # nobody's: nothing is worth writing down
    await spend(context, RateLimit.PROVIDER_RETURN, context.origin.address)
    async with in_transaction("default") as connection:
        found = await use_token(context, connection, back.state, purpose=TokenPurpose.OIDC)
    if found is None or not _is_same_browser(found, back.browser):
        await note_refusal(context, reason="state")
        raise ProviderSignInError("state")
    if back.code is None or back.error is not None:
        await note_refusal(context, reason="denied", detail=(back.error or "")[:100])
        raise ProviderSignInError("denied")
    try:
        identity = await provider.identify(
            code=back.code,
            verifier=str(found.payload["verifier"]),
            nonce=str(found.payload["nonce"]),
            issuer=back.issuer,
            now=context.ports.clock.now(),
        )
    except (ProviderRefusedError, ProviderUnavailableError) as error:
        raise await _refusal(context, error) from error
    try:
        if "session" in found.payload:
            return await _renew(context, identity, found.payload)
        return await _sign_in(context, identity, may_create=may_create)
    except ProviderSignInError as error:
        await note_refusal(context, reason=error.reason)
        raise


def _renewed(context: RequestContext) -> Payload:
    """Return what the way back has to know of the session that is renewed."""
    asked_at = context.ports.clock.now().timestamp()
    return {"session": require_session(context), "asked_at": asked_at}


async def _renew(
    context: RequestContext, identity: ProvedIdentity, asked: Payload
) -> StartedSession:
    """Renew the viewer's session, if the provider proved the same person just now.

    Raises:
        ProviderSignInError: another session or person, or the proof is an old one: a
            provider may ignore that it was to ask anew.
    """
    viewer, now = context.viewer, context.ports.clock.now().timestamp()
    if viewer.session_id is None or viewer.session_id != asked["session"]:
        raise ProviderSignInError("session")
    proved_at, asked_at = identity.authenticated_at, float(str(asked["asked_at"]))
    if proved_at is None or not asked_at - LEEWAY_S <= proved_at <= now + LEEWAY_S:
        raise ProviderSignInError("stale")
    async with in_transaction("default") as connection:
        rows = Identity.filter(issuer=identity.issuer, subject=identity.subject)
        known = await rows.using_db(connection).first()
        if known is None or known.user_id != viewer.user_id:
            raise ProviderSignInError("person")
        user = await lock_person(connection, known.user_id)
        await rows.using_db(connection).update(last_used_at=context.ports.clock.now())
        try:
            return await finish_renewal(context, connection, user, FACTOR)
        except SessionRequiredError:
            raise ProviderSignInError("session") from None


async def _sign_in(
    context: RequestContext, identity: ProvedIdentity, *, may_create: bool
) -> StartedSession:
    try:
        return await _sign_in_once(context, identity, may_create=may_create)
    except IntegrityError:  # the same person came by two ways at once: now the row is there
        return await _sign_in_once(context, identity, may_create=may_create)


async def _sign_in_once(
    context: RequestContext, identity: ProvedIdentity, *, may_create: bool
) -> StartedSession:
    async with in_transaction("default") as connection:
        user = await account_of(context, connection, identity, may_create=may_create)
        return await finish_sign_in(context, connection, user, [FACTOR])


def _is_same_browser(found: FoundToken, browser: str | None) -> bool:
    return browser is not None and compare_digest(str(found.payload["browser"]), _hashed(browser))


def _hashed(browser: str) -> str:
    return sha256(browser.encode("utf-8", "replace")).hexdigest()


async def _refusal(
    context: RequestContext, error: ProviderRefusedError | ProviderUnavailableError
) -> ProviderSignInError:
    reason = "unavailable" if isinstance(error, ProviderUnavailableError) else "provider"
    await note_refusal(context, reason=reason, detail=str(error)[:300])
    return ProviderSignInError(reason)
