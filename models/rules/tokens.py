"""Tokens that open something by being known: 256 random bits, of which only a hash is stored."""

import hashlib
import re
import secrets
from typing import Final

_BYTES: Final = 32
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def new_token() -> str:
    """Return a token of 43 characters that fit into a cookie and an address: base64url."""
    return secrets.token_urlsafe(_BYTES)


def is_token(text: object) -> bool:
    """Tell whether it can be a token at all: not None, not empty, no spaces, the right length."""
    return isinstance(text, str) and _TOKEN.fullmatch(text) is not None


def hash_token(token: str) -> str:
    """Return its SHA-256 in hex. A slow hash would add nothing to 256 random bits."""
    return hashlib.sha256(token.encode("ascii")).hexdigest()
