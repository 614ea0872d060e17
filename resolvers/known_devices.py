"""Devices that an account has signed in on, whose tries are counted apart from strangers'.

So somebody who guesses at an account slows down themselves and not its owner. A device
shows a sealed token that it got when its person signed in; it opens nothing, and each
device has a counter of its own, so that a stolen token is worth a few slow guesses.

Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast

import orjson

from models.rules.rate_limits import RateLimit
from resolvers.context import RequestContext
from resolvers.limits import forgive, spend
from resolvers.ports import SealBrokenError

DEVICE_LIFE: Final = timedelta(days=180)  # without a sign-in
MAX_TOKEN_LENGTH: Final = 1024  # characters; one of the longest address has 700
_PURPOSE: Final = "known device"
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class PasswordTry:
    """Where a try of a password was counted."""

    limit: RateLimit
    subject: str


async def spend_password_try(context: RequestContext, account: str) -> PasswordTry:
    """Count a try of an account's password, for the device or for all strangers together.

    The store is asked the same for any account, whether or not it exists.

    Args:
        context: of the request; its origin may show a token.
        account: the address in its normal form.

    Raises:
        RateLimitedError: too many tries.
    """
    device = _device_of(context, account)
    counted = PasswordTry(RateLimit.SIGN_IN_ACCOUNT, account)
    if device is not None:
        counted = PasswordTry(RateLimit.SIGN_IN_DEVICE, f"{account}\0{device}")
    await spend(context, counted.limit, counted.subject)
    return counted


async def forgive_password_try(context: RequestContext, counted: PasswordTry) -> None:
    """Forget the failures where this try was counted: the password was right."""
    await forgive(context, counted.limit, counted.subject)


def is_known_device(context: RequestContext, account: str) -> bool:
    """Tell whether the browser shows that it has signed in to this very account before."""
    return _device_of(context, account) is not None


def device_token(context: RequestContext, account: str) -> str:
    """Return what the browser of a person who has just signed in shows the next time.

    A device that is known already stays the same one, so that its failures are not forgotten.
    """
    device = _device_of(context, account) or secrets.token_hex(_ID_BYTES)
    until = context.ports.clock.now() + DEVICE_LIFE
    token = orjson.dumps({"account": account, "device": device, "until": int(until.timestamp())})
    return context.ports.sealer.seal(token.decode(), purpose=_PURPOSE)


def _device_of(context: RequestContext, account: str) -> str | None:
    """Return the id of the device, None unless it has signed in to this very account."""
    token = context.origin.device_token
    if not token or len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        return None
    try:
        opened = context.ports.sealer.open(token, purpose=_PURPOSE)
    except SealBrokenError:
        return None
    said = cast("dict[str, str | int]", orjson.loads(opened))
    is_over = int(said["until"]) <= context.ports.clock.now().timestamp()
    return None if is_over or said["account"] != account else str(said["device"])
