"""Base64url without padding, in its one spelling. Source: RFC 4648 section 5."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode


def to_base64url(value: bytes) -> str:
    """Return the text of some bytes, without padding."""
    return urlsafe_b64encode(value).decode("ascii").rstrip("=")


def from_base64url(text: str) -> bytes | None:
    """Return the bytes of a text, None for what to_base64url cannot have written."""
    try:
        value = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, UnicodeError):
        return None
    return value if to_base64url(value) == text else None
