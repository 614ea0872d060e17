"""Codes of authenticator apps. Source: RFC 6238 with SHA-1, six digits and 30 seconds.

Every app reads these parameters; several ignore others without saying so.
"""

import re
from datetime import datetime
from hmac import compare_digest
from typing import Final

from pyotp import random_base32
from pyotp.totp import TOTP

STEP_S: Final = 30
DRIFT_STEPS: Final = 1  # of the person's clock, either way: RFC 6238 section 5.2
_CODE: Final = re.compile(r"[0-9]{6}", re.ASCII)


def new_secret() -> str:
    """Return 160 random bits in base32, as RFC 4226 section 4 recommends."""
    return random_base32()


def is_code(text: str) -> bool:
    """Tell a code of an app from a recovery code; spaces do no harm."""
    return _CODE.fullmatch(_bare(text)) is not None


def step_of(code: str, *, secret: str, now: datetime, after: int) -> int | None:
    """Return the time step that a code belongs to, None for a wrong or used-up code.

    Args:
        code: as the person typed it.
        secret: base32, from new_secret.
        now: aware.
        after: the last step whose code was taken; it and those before are used up, so
            that a clock set back revives none of them.
    """
    typed, present = _bare(code), int(now.timestamp()) // STEP_S
    if _CODE.fullmatch(typed) is None:
        return None
    app, found = TOTP(secret), None
    for step in range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1):
        if compare_digest(app.generate_otp(step), typed) and step > after and found is None:
            found = step
    return found


def app_uri(secret: str, *, account: str, issuer: str) -> str:
    """Return the `otpauth:` address that apps read from a QR code."""
    return TOTP(secret).provisioning_uri(name=account, issuer_name=issuer.replace(":", " "))


def _bare(code: str) -> str:
    return "".join(code.split())
