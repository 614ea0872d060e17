"""Texts of people in the headers of letters.

Source: RFC 2047 section 2. Python 3.11 does this itself, but loses spaces where it folds
long headers, and takes what already looks encoded for encoded.
"""

from base64 import b64encode
from typing import Final

import regex

_NAME: Final = regex.compile(r"[A-Za-z0-9]+(?:[ '-][A-Za-z0-9]+)*")
_LINE: Final = regex.compile(r"[!-~]+(?: [!-~]+)*")
_MAX_PLAIN_LENGTH: Final = 60  # characters
_WORD_BYTES: Final = 39  # make 64 characters, so that a line has 76 at most with the name


def header_name(text: str) -> str:
    """Return the name of somebody, as it stands before an address; see header_line."""
    return text if len(text) <= _MAX_PLAIN_LENGTH and _NAME.fullmatch(text) else _encoded(text)


def header_line(text: str) -> str:
    """Return a text as a header holds it: plain words as they are, all else in base64.

    The lines of the result end with CRLF and go on with a space, as headers do.

    Args:
        text: without control characters.
    """
    is_plain = len(text) <= _MAX_PLAIN_LENGTH and _LINE.fullmatch(text) and "=?" not in text
    return text if is_plain else _encoded(text)


def _encoded(text: str) -> str:
    words, room = [b""], _WORD_BYTES
    for character in text:
        encoded = character.encode()
        if len(encoded) > room:
            words.append(b"")
            room = _WORD_BYTES
        words[-1] += encoded
        room -= len(encoded)
    return "\r\n ".join(f"=?utf-8?b?{b64encode(word).decode('ascii')}?=" for word in words)
