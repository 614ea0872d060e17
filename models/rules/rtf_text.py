"""The text of a message that Outlook wrote in RTF, without its formatting.

Sources: [MS-OXRTFCP] section 2.2 (compression), [MS-OXRTFEX] (HTML inside RTF), Rich Text
Format Specification 1.9.1. Everything goes forward, and groups cost a list, no recursion.
"""

import re
import struct
from collections.abc import Iterator
from typing import Final

from models.rules.mail_charsets import decode_text

MAX_RTF_BYTES: Final = 5_000_000  # after decompression; the rest is left out
_HEAD: Final = struct.Struct("<IIII")
_PLAIN, _PACKED = 0x414C454D, 0x75465A4C
_WINDOW: Final = 4096
_START: Final = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript "
    rb"\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n" + rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_TOKEN: Final = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])"
    rb"|[\r\n]+|([^\\{}\r\n]+)|\\",
    re.DOTALL,
)
_SKIPPED: Final = (
    b"fonttbl colortbl stylesheet info pict object themedata datastore generator listtable"
    b" listoverridetable rsidtbl latentstyles xmlnstbl header footer fldinst"
)
_SILENT: Final = frozenset(_SKIPPED.split())
_SIGNS: Final = {
    b"par": "\n", b"line": "\n", b"row": "\n", b"sect": "\n", b"page": "\n", b"cell": " ",
    b"tab": "\t", b"emdash": "—", b"endash": "–", b"bullet": "•", b"lquote": "‘",
    b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”", b"~": "\u00a0", b"_": "-",
    b"\\": "\\", b"{": "{", b"}": "}",
}  # fmt: skip


def unpack_rtf(data: bytes) -> bytes | None:
    """Return the RTF of a compressed property, None if it is none."""
    if len(data) < _HEAD.size:
        return None
    size, raw_size, kind, _ = _HEAD.unpack_from(data)
    if kind == _PLAIN:
        return data[_HEAD.size :][: min(raw_size, MAX_RTF_BYTES)]
    if kind != _PACKED:
        return None
    return b"".join(_unpacked(data[_HEAD.size : size + 4]))[: min(raw_size, MAX_RTF_BYTES)]


def _unpacked(data: bytes) -> Iterator[bytes]:
    """Undo the compression: references into a window of what was last written."""
    window = bytearray(_START.ljust(_WINDOW))
    write, place, made = len(_START), 0, 0
    while place < len(data) and made < MAX_RTF_BYTES:
        control, place = data[place], place + 1
        for bit in range(8):
            piece = data[place : place + 1]
            if control >> bit & 1:
                if place + 2 > len(data):
                    return
                reference = int.from_bytes(data[place : place + 2], "big")
                if reference >> 4 == write:
                    return
                copied = bytearray()
                for at in range(reference >> 4, (reference >> 4) + (reference & 15) + 2):
                    copied.append(window[at % _WINDOW])
                    window[write] = copied[-1]
                    write = (write + 1) % _WINDOW
                piece, place = bytes(copied), place + 2
            elif piece:
                window[write] = piece[0]
                write = (write + 1) % _WINDOW
                place += 1
            made += len(piece)
            yield piece


def rtf_to_text(rtf: bytes) -> str:
    """Return the text of a document."""
    return _Reader().read(rtf[:MAX_RTF_BYTES])


class _Reader:
    """What is open while it goes through a document."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._bytes = bytearray()
        self._label: str | None = None
        self._silent = False  # in this group, and in those inside
        self._rtf_only = False  # HTML inside RTF: what is there for readers of RTF alone
        self._outer: list[bool] = []
        self._skip = 0  # characters that stand for a Unicode one

    def read(self, rtf: bytes) -> str:
        for token in _TOKEN.finditer(rtf):
            word, number, code, sign, brace, text = token.groups()
            if brace == b"{":
                self._outer.append(self._silent)
            elif brace == b"}":
                self._silent = self._outer.pop() if self._outer else False
            elif word is not None:
                self._word(word.lower(), int(number) if number else None)
            elif sign == b"*":
                self._silent = True
            elif code is not None:
                self._say(bytes([int(code, 16)]))
            elif sign is not None:
                self._sign(_SIGNS.get(sign, "\n" if sign in b"\r\n" else ""))
            elif text is not None:
                self._say(text)
        self._flush()
        joined = "".join(self._parts)
        return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip("\n")

    def _word(self, word: bytes, number: int | None) -> None:
        if word in _SILENT:
            self._silent = True
        elif word == b"htmlrtf":
            self._rtf_only = number != 0
        elif word == b"ansicpg" and number:
            self._label = "utf-8" if number == 65001 else f"windows-{number}"  # noqa: PLR2004
        elif word == b"u" and number is not None:
            self._sign(chr(number % 0x10000))
            self._skip = 1
        elif word in _SIGNS:
            self._sign(_SIGNS[word])

    def _sign(self, sign: str) -> None:
        if not (self._silent or self._rtf_only):
            self._flush()
            self._parts.append(sign)

    def _say(self, text: bytes) -> None:
        kept, self._skip = text[self._skip :], 0
        if not (self._silent or self._rtf_only):
            self._bytes += kept

    def _flush(self) -> None:
        if self._bytes:
            self._parts.append(decode_text(bytes(self._bytes), label=self._label).text)
            self._bytes.clear()
