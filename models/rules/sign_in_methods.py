"""The ways to become a signed-in person, and what may be wanted after them."""

from collections.abc import Collection
from enum import StrEnum


class SignInMethod(StrEnum):
    """Never renamed or reused."""

    PASSWORD = "PASSWORD"  # noqa: S105 - a name, no password
    PASSKEY = "PASSKEY"
    OIDC = "OIDC"
    DIRECTORY = "DIRECTORY"


class SecondFactor(StrEnum):
    """What a person can show after the password. Never renamed or reused."""

    TOTP = "TOTP"
    PASSKEY = "PASSKEY"
    RECOVERY_CODE = "RECOVERY_CODE"


class ProofWay(StrEnum):
    """How somebody who is signed in proves anew who they are. Never renamed or reused."""

    PASSWORD = "PASSWORD"  # noqa: S105 - ours, or that of the directory
    TOTP = "TOTP"
    PASSKEY = "PASSKEY"
    RECOVERY_CODE = "RECOVERY_CODE"
    PROVIDER = "PROVIDER"  # the organization's own, by OpenID Connect


def proof_ways(held: Collection[ProofWay]) -> tuple[ProofWay, ...]:
    """Return which of the things that somebody has prove that it is them, the best first.

    Beside a second factor a password proves nothing alone, or whoever knows it could take
    the second factor away. The provider answers for second factors of its own.
    """
    strong = [way for way in (ProofWay.PASSKEY, ProofWay.TOTP) if way in held]
    weaker = ProofWay.RECOVERY_CODE if strong else ProofWay.PASSWORD
    return (*strong, *(way for way in (weaker, ProofWay.PROVIDER) if way in held))
