"""Values with parameters: Content-Type and Content-Disposition.

Source: RFC 2045 section 5.1, RFC 2231; and, as programs write them, encoded words in
quotes, raw bytes, quotes that never end, values with spaces but without quotes.
"""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from models.rules.encoded_words import HeaderText, decode_header, one_line
from models.rules.mail_charsets import decode_text

_MAX_BYTES: Final = 8_192
_MAX_PARAMETERS: Final = 100
_PARAMETER: Final = re.compile(
    rb"""[;\s]*+([^\s=;"]{1,60}+)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)(?:"|\Z)|([^;]*+))""", re.DOTALL
)
_SKIP: Final = re.compile(rb"[^;]*+;?")
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_PIECE: Final = re.compile(r"([^*]+)\*(?:(\d{1,3})(\*)?|)")
_MEDIA: Final = re.compile(r"[a-z0-9][\w.+-]{0,126}/[a-z0-9][\w.+-]{0,126}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Parameters:
    """A value in lower case, and its parameters: names in lower case, values as bytes."""

    value: str = ""
    plain: dict[str, bytes] = field(default_factory=dict)

    def token(self, name: str) -> str:
        """Return a parameter that is ASCII, "" without one."""
        return self.plain.get(name, b"").decode("ascii", "replace").strip()

    def text(self, name: str) -> HeaderText:
        """Return a parameter for people; RFC 2231 wins over what came before it."""
        pieces = self._pieces(name)
        if not pieces:
            return decode_header(self.plain.get(name, b""))
        charset, marks, rest = pieces[0][0].partition(b"'")
        has_charset = pieces[0][1] and marks and b"'" in rest
        label = charset.decode("ascii", "replace") if has_charset else ""
        first = rest.partition(b"'")[2] if has_charset else pieces[0][0]
        data = b"".join(
            unquote_to_bytes(value) if is_escaped else value
            for value, is_escaped in [(first, pieces[0][1]), *pieces[1:]]
        )
        if not label and b"=?" in data:  # encoded words, cut into pieces
            return decode_header(data)
        decoded = decode_text(data, label=label or None)
        faults = frozenset({decoded.fault} if decoded.fault is not None else ())
        return HeaderText(one_line(decoded.text), faults)

    def _pieces(self, name: str) -> list[tuple[bytes, bool]]:
        """Return the pieces of an RFC 2231 value in order, and whether each is escaped."""
        found: dict[int, tuple[bytes, bool]] = {}
        for key, value in self.plain.items():
            match = _PIECE.fullmatch(key)
            if match is not None and match[1] == name:
                number, is_whole = int(match[2] or 0), match[2] is None
                found[number] = (value, is_whole or match[3] is not None)
        return [found[number] for number in sorted(found)]


def read_parameters(value: bytes | None) -> Parameters:
    """Read such a header; one that is missing or empty has no value."""
    if not value:
        return Parameters()
    head = value[:_MAX_BYTES]
    first, _, _ = head.partition(b";")
    plain: dict[str, bytes] = {}
    place = len(first)
    if b"=" in first:  # the value was forgotten
        first, place = b"", 0
    while place < len(head) and len(plain) < _MAX_PARAMETERS:
        found = _PARAMETER.match(head, place)
        if found is None:
            skipped = _SKIP.match(head, place)
            place = skipped.end() if skipped and skipped.end() > place else len(head)
            continue
        quoted = found[2]
        text = found[3].strip() if quoted is None else _ESCAPE.sub(rb"\1", quoted)
        plain.setdefault(found[1].decode("ascii", "replace").lower(), text)
        place = found.end()
    return Parameters(first.decode("ascii", "replace").strip().strip('"').lower(), plain)


def media_type(parameters: Parameters) -> str | None:
    """Return type and subtype in lower case, None if there are none."""
    found = _MEDIA.match(parameters.value.replace(" ", ""))
    return None if found is None else found[0]
