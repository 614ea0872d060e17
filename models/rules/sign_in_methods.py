"""The ways to become a signed-in person, and what may be wanted after them."""

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
