"""Bytes of a part without their transfer encoding.

Source: RFC 2045 section 6. What is broken is decoded as far as it goes; what is no such
encoding at all stays as it came.
"""

import binascii
import re
from dataclasses import dataclass
from typing import Final

from models.rules.mail_faults import MailFault

_PLAIN: Final = frozenset({"", "7bit", "8bit", "binary", "none", "7-bit", "8-bit"})
_UU: Final = frozenset({"x-uuencode", "uuencode", "x-uu", "x-uue"})
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_OTHERS: Final = bytes(set(range(256)) - set(_ALPHABET))
_WHITE: Final = b" \t\r\n\x0b\x0c"
_MOST_JUNK: Final = 0.05  # of the characters; more, and it is no base64
_QUAD: Final = 4
_UU_BEGIN: Final = re.compile(rb"(?<![^\r\n])begin [0-7]{3,4} [^\r\n]*\r?\n")


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a part, and what was wrong."""

    data: bytes
    fault: MailFault | None = None


def decode_transfer(data: bytes, *, encoding: str) -> Content:
    """Return what was encoded.

    Args:
        data: the body of a part.
        encoding: Content-Transfer-Encoding, in lower case; "" if there is none.
    """
    name = encoding.strip().strip("\"'")
    if name in _PLAIN:
        return Content(data)
    if name in {"base64", "base-64"}:
        return _base64(data)
    if name in {"quoted-printable", "quoted printable", "quotedprintable"}:
        return Content(binascii.a2b_qp(data))
    if name in _UU:
        return _uu(data)
    return Content(data, MailFault.ENCODING_UNKNOWN)


def _base64(data: bytes) -> Content:
    kept = data.translate(None, _OTHERS)
    junk = len(data.translate(None, _WHITE)) - len(kept)
    if junk > _MOST_JUNK * len(kept) or (data and not kept):
        return Content(data, MailFault.BASE64_BROKEN) if junk else Content(b"")
    blocks = kept.replace(b"=", b" ").split()  # some programs end every line with padding
    is_broken = junk or len(blocks) > 1 or len(kept) % _QUAD
    decoded = b"".join(map(bytes_of_base64, blocks))
    return Content(decoded, MailFault.BASE64_BROKEN if is_broken else None)


def bytes_of_base64(letters: bytes) -> bytes:
    """Decode letters of base64 without padding; a single one at the end means nothing."""
    kept = letters[:-1] if len(letters) % _QUAD == 1 else letters
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % _QUAD))


def _uu(data: bytes) -> Content:
    found = _UU_BEGIN.search(data)
    if found is None:
        return Content(data, MailFault.ENCODING_UNKNOWN)
    decoded: list[bytes] = []
    room = len(data)  # a line may say that it stands for 63 zeros, and a mail must not grow
    for line in data[found.end() :].splitlines():
        if line == b"end":
            return Content(b"".join(decoded))
        try:
            decoded.append(binascii.a2b_uu(line))
        except binascii.Error:
            return Content(data, MailFault.ENCODING_UNKNOWN)
        room -= len(decoded[-1])
        if room < 0:
            return Content(data, MailFault.ENCODING_UNKNOWN)
    return Content(b"".join(decoded), MailFault.BOUNDARY_UNCLOSED)
