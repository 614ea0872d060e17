"""Texts of headers: encoded words as programs really write them, and bytes without any.

Source: RFC 2047. Taken as well: words without spaces between or around them, in quotes,
with spaces or question marks inside, never closed, with base64 that was cut anywhere, a
character split over two words, a language (RFC 2231 section 5), words encoded once more,
and raw bytes in any encoding.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import regex

from models.rules.mail_charsets import decode_text
from models.rules.mail_faults import MailFault
from models.rules.transfer_encodings import bytes_of_base64

_MAX_BYTES: Final = 16_384  # of one header that are read
# A word ends at its mark, or before the next word, or with the header: never searched twice.
_WORD: Final = re.compile(
    rb"=\?([A-Za-z0-9_.:+-]{0,40}+)(?:\*[A-Za-z0-9-]{0,20}+)?\?([bBqQ])\?"
    rb"((?:(?!\?=|=\?[A-Za-z0-9_.:+*-]{0,60}\?[bBqQ]\?).)*+)(\?=)?",
    re.DOTALL,
)
_GAP: Final = re.compile(rb"\s*")
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]+")
_HIDDEN: Final = regex.compile(r"(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]+")
_SPACES: Final = regex.compile(r"[\s\p{Z}]+")
_MOST_LAYERS: Final = 2
_QUAD: Final = 4  # characters of base64 that are three bytes


@dataclass(frozen=True, slots=True)
class HeaderText:
    """A header as one line of text, without control characters."""

    text: str
    faults: frozenset[MailFault] = frozenset()


@dataclass(frozen=True, slots=True)
class _Word:
    """An encoded word; `encoding` is B, Q, or "" for bytes between words."""

    charset: str
    encoding: str
    data: bytes
    is_closed: bool = True


def decode_header(value: bytes) -> HeaderText:
    """Return what a header says, as one line."""
    faults: set[MailFault] = set()
    text = _decoded(value[:_MAX_BYTES], faults)
    for _ in range(_MOST_LAYERS - 1):
        encoded = text.encode("utf-8", "replace")
        if b"=?" not in value or _WORD.search(encoded) is None:
            break
        text = _decoded(encoded, faults)
        faults.add(MailFault.ENCODED_TWICE)
    return HeaderText(one_line(text), frozenset(faults))


def one_line(text: str) -> str:
    """Return a text without control, direction and other hidden characters, on one line."""
    shown: str = _SPACES.sub(" ", _HIDDEN.sub(" ", text))
    return shown.strip()


def _decoded(value: bytes, faults: set[MailFault]) -> str:
    return "".join(_text_of(word, faults) for word in _joined(_words(value)))


def _words(value: bytes) -> Iterator[_Word]:
    """Return words and what is between them; spaces between two words are nothing."""
    end = 0
    for found in _WORD.finditer(value):
        between = value[end : found.start()]
        if between and (end == 0 or _GAP.fullmatch(between) is None):
            yield _Word("", "", between)
        charset = found[1].decode("ascii").lower()
        yield _Word(charset, found[2].decode("ascii").upper(), found[3], found[4] is not None)
        end = found.end()
    if value[end:]:
        yield _Word("", "", value[end:])


def _joined(words: Iterator[_Word]) -> Iterator[_Word]:
    """Join neighbours of one kind, since programs cut between the bytes of a character."""
    pending: list[_Word] = []
    for word in words:
        if pending and _kind(pending[0]) != _kind(word):
            yield _join(pending)
            pending = []
        pending.append(word)
    if pending:
        yield _join(pending)


def _kind(word: _Word) -> tuple[str, str]:
    return word.charset, word.encoding


def _join(words: list[_Word]) -> _Word:
    first = words[0]
    is_closed = all(word.is_closed for word in words)
    if first.encoding != "B":
        return _Word(*_kind(first), b"".join(word.data for word in words), is_closed)
    parts = [_NOT_BASE64.sub(b"", word.data) for word in words]
    # Base64 of the whole text, cut without regard to its quads, is one piece of base64.
    if any(len(part) % _QUAD for part in parts[:-1]) and not any(
        b"=" in word.data for word in words[:-1]
    ):
        parts = [b"".join(parts)]
    return _Word(*_kind(first), b"".join(map(bytes_of_base64, parts)), is_closed)


def _text_of(word: _Word, faults: set[MailFault]) -> str:
    if not word.is_closed:
        faults.add(MailFault.ENCODED_WORD_BROKEN)
    data = word.data
    if word.encoding == "Q":
        data = binascii.a2b_qp(data.replace(b"\r", b"").replace(b"\n", b""), header=True)
    decoded = decode_text(data, label=word.charset or None)
    if decoded.fault is not None:
        faults.add(decoded.fault)
    return decoded.text
