"""The shape of an API key: `lky_`, 32 random characters, 6 of checksum.

The prefix lets secret scanners find leaked keys; the checksum lets us refuse a
mistyped or invented one without a query (as GitHub's token format does).
"""

import hashlib
import secrets
import string
import zlib
from typing import Final

PREFIX: Final = "lky_"
SHOWN_LENGTH: Final = 8  # characters of a key that stay readable, to tell keys apart
_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH: Final = 32  # characters: 190 bits
_CHECKSUM_LENGTH: Final = 6  # characters: 62**6 > 2**32
KEY_LENGTH: Final = len(PREFIX) + _RANDOM_LENGTH + _CHECKSUM_LENGTH


def new_key() -> str:
    """Draw a key."""
    body = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return body + _checksum(body)


def is_key(text: str) -> bool:
    """Tell whether a text has the shape and the checksum of a key."""
    if len(text) != KEY_LENGTH or not text.startswith(PREFIX):
        return False
    if not all(character in _ALPHABET for character in text[len(PREFIX) :]):
        return False
    return _checksum(text[:-_CHECKSUM_LENGTH]) == text[-_CHECKSUM_LENGTH:]


def hash_key(key: str) -> str:
    """Return what is stored of a key: SHA-256, hex."""
    return hashlib.sha256(key.encode()).hexdigest()


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECKSUM_LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[place] + digits
    return digits
