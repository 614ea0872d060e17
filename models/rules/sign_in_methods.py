"""The ways to become a signed-in person."""

from enum import StrEnum


class SignInMethod(StrEnum):
    """Never renamed or reused."""

    PASSWORD = "PASSWORD"  # noqa: S105 - a name, no password
    PASSKEY = "PASSKEY"
    OIDC = "OIDC"
    DIRECTORY = "DIRECTORY"
