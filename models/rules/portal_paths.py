"""Paths of the portal that people open by a letter or from the terminal.

All lie below /app/, a word that no slug can be: else whoever takes the slug gets the
tokens, since browsers carry what follows # through a redirect. Small pages of ours answer
them (api/entrance); a portal that has these pages itself takes the same paths.
"""

from typing import Final

FRONT: Final = "/"
PASSWORD_RESET: Final = "/app/password-reset"  # noqa: S105 - a path
SIGN_UP: Final = "/app/sign-up"
INVITATION: Final = "/app/invitation"
EMAIL_CHANGE: Final = "/app/email-change"


def with_token(path: str, token: str) -> str:
    """Return the path with a token behind #, where it goes into no log and no Referer."""
    return f"{path}#{token}"
