"""Who calls by a key: `Authorization: Bearer lky_...`, over HTTP or in `connection_init`."""

from datetime import datetime
from typing import Final

from resolvers.api_keys import authenticate_key
from resolvers.context import Viewer

ANONYMOUS: Final = Viewer()
CHALLENGE: Final = 'Bearer realm="linkyard"'
REFUSED: Final = 'Bearer realm="linkyard", error="invalid_token"'
_MAX_HEADER_LENGTH: Final = 512  # characters; a key has 42


class CredentialRefusedError(Exception):
    """A credential was sent, and it is not, or no longer, good."""


async def authenticate(authorization: str | None, *, now: datetime) -> Viewer:
    """Return who sent the header; without one, the anonymous viewer.

    Raises:
        CredentialRefusedError: not a bearer, mistyped, unknown, revoked or expired.
    """
    if authorization is None:
        return ANONYMOUS
    scheme, _, secret = authorization[:_MAX_HEADER_LENGTH].partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret.isascii():
        raise CredentialRefusedError
    viewer = await authenticate_key(secret, now=now)
    if viewer is None:
        raise CredentialRefusedError
    return viewer
