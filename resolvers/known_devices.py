"""Devices that an account has signed in on, whose tries are counted apart from strangers'.

So somebody who guesses at an account slows down themselves and not its owner. A device
shows a sealed token that it got when its person signed in; it opens nothing, and each
device has a counter of its own, so that a stolen token is worth a few slow guesses. All
devices of an account share a second counter, so that many tokens are not worth many times
as much; and a new password makes strangers of all of them.

Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast

import orjson

from models.rules.moments import microseconds_of
from models.rules.rate_limits import RateLimit
from models.users import User
from resolvers.context import RequestContext
from resolvers.limits import forgive, spend
from resolvers.ports import SealBrokenError

DEVICE_LIFE: Final = timedelta(days=180)  # without a sign-in
MAX_TOKEN_LENGTH: Final = 1024  # characters; one of the longest address has 700
_PURPOSE: Final = "known device"
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class PasswordTry:
    """Where a try of a password was counted: limits and their subjects."""

    counters: tuple[tuple[RateLimit, str], ...]


async def spend_password_try(
    context: RequestContext, account: str, user: User | None
) -> PasswordTry:
    """Count a try of an account's password, for the device or for all strangers together.

    The store is asked the same for any account, whether or not it exists.

    Args:
        context: of the request; its origin may show a token.
        account: the address in its normal form.
        user: whose account it is, None for nobody's.

    Raises:
        RateLimitedError: too many tries.
    """
    device = _device_of(context, user)
    counted = PasswordTry(((RateLimit.SIGN_IN_ACCOUNT, account),))
    if device is not None:
        own = (RateLimit.SIGN_IN_DEVICE, f"{account}\0{device}")
        counted = PasswordTry((own, (RateLimit.SIGN_IN_DEVICES, account)))
    for limit, subject in counted.counters:
        await spend(context, limit, subject)
    return counted


async def forgive_password_try(context: RequestContext, counted: PasswordTry) -> None:
    """Forget the failures where this try was counted: the password was right."""
    for limit, subject in counted.counters:
        await forgive(context, limit, subject)


async def forget_password_tries(context: RequestContext, account: str) -> None:
    """Forget whatever anybody tried at an account: it has another password now."""
    await forgive(context, RateLimit.SIGN_IN_ACCOUNT, account)
    await forgive(context, RateLimit.SIGN_IN_DEVICES, account)


def is_known_device(context: RequestContext, user: User) -> bool:
    """Tell whether the browser has signed in to the account since it got its present password."""
    return _device_of(context, user) is not None


def device_token(context: RequestContext, user: User) -> str:
    """Return what the browser of a person who has just signed in shows the next time.

    A device that is known already stays the same one, so that its failures are not forgotten.
    """
    device = _device_of(context, user) or secrets.token_hex(_ID_BYTES)
    until = context.ports.clock.now() + DEVICE_LIFE
    token = orjson.dumps({**_facts(user), "device": device, "until": int(until.timestamp())})
    return context.ports.sealer.seal(token.decode(), purpose=_PURPOSE)


def _facts(user: User) -> dict[str, str | int | None]:
    """Return what must still be so when a token is shown."""
    changed_at = user.password_changed_at
    return {
        "account": user.email,
        "password": None if changed_at is None else microseconds_of(changed_at),
    }


def _device_of(context: RequestContext, user: User | None) -> str | None:
    """Return the id of the device, None unless it has signed in to this very account.

    A token is opened for an account that does not exist, too: it takes the same time.
    """
    said = _said(context)
    if said is None or user is None:
        return None
    is_over = int(said["until"] or 0) <= context.ports.clock.now().timestamp()
    is_same = all(said.get(name) == fact for name, fact in _facts(user).items())
    return str(said["device"]) if is_same and not is_over else None


def _said(context: RequestContext) -> dict[str, str | int | None] | None:
    """Return what the token says that the browser shows, None if we did not seal it."""
    token = context.origin.device_token
    if not token or len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        return None
    try:
        opened = context.ports.sealer.open(token, purpose=_PURPOSE)
    except SealBrokenError:
        return None
    return cast("dict[str, str | int | None]", orjson.loads(opened))
