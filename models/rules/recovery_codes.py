"""Codes on paper: 80 random bits in base32, in four groups of four."""

import secrets
from base64 import b32encode
from hashlib import sha256
from typing import Final

COUNT: Final = 10  # that a person gets at once
_BYTES: Final = 10
_GROUP: Final = 4
_LENGTH: Final = 16
# The alphabet has no 0, 1 or 8; who reads one meant the letter.
_MISREAD: Final = str.maketrans({"0": "O", "1": "I", "8": "B", "-": None})


def new_codes() -> list[str]:
    """Return as many new codes as a person gets, as they are shown."""
    return [_shown(b32encode(secrets.token_bytes(_BYTES)).decode()) for _ in range(COUNT)]


def hash_code(code: str) -> str | None:
    """Return the SHA-256 of a code in hex, however it was typed; None for what cannot be one.

    A plain hash is enough: nobody guesses 80 random bits.
    """
    typed = "".join(code.split()).upper().translate(_MISREAD)
    if len(typed) != _LENGTH or not typed.isascii() or not typed.isalnum():
        return None
    return sha256(typed.encode()).hexdigest()


def _shown(code: str) -> str:
    return "-".join(code[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP)).lower()
