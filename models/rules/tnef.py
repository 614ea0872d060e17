"""The contents of winmail.dat, which Outlook sends to those it takes for Outlook.

Source: [MS-OXTNEF] sections 2.1 and 2.2. Every count and length is checked against what is
there, since any of them may be anything; what was read before a broken one is kept.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from models.rules.mail_charsets import decode_text
from models.rules.rtf_text import rtf_to_text, unpack_rtf
from models.rules.tnef_properties import OBJECT, WIDE_STRING, properties

_SIGNATURE: Final = 0x223E9F78
_START: Final = 6  # bytes of signature and key
_HEAD: Final = struct.Struct("<BII")  # level, attribute, length; a checksum of two bytes follows
_MAX_ATTRIBUTES: Final = 20_000
_MAX_FILES: Final = 500
_ATTACHMENT_BEGINS, _ATTACHMENT_TITLE, _ATTACHMENT_DATA = 0x9002, 0x8010, 0x800F
_ATTACHMENT_PROPERTIES, _MESSAGE_PROPERTIES = 0x9005, 0x9003
_BODY, _CODE_PAGE = 0x800C, 0x9007
_PROPERTY_BODY, _PROPERTY_HTML, _PROPERTY_RTF, _PROPERTY_CODE_PAGE = 0x1000, 0x1013, 0x1009, 0x3FDE
_FILE_DATA, _FILE_LONG_NAME, _FILE_NAME, _FILE_TITLE = 0x3701, 0x3707, 0x3704, 0x3001
_FILE_MEDIA, _FILE_CONTENT_ID = 0x370E, 0x3712
_OBJECT_HEAD: Final = 16  # bytes: which interface an object has
_LABELS: Final = {65001: "utf-8", 20866: "koi8-r", 21866: "koi8-u", 28595: "iso-8859-5"}


@dataclass(slots=True)
class TnefFile:
    """One attachment; what it does not say is ""."""

    name: str = ""
    media_type: str = ""
    content_id: str = ""
    content: bytes = b""


@dataclass(slots=True)
class Tnef:
    """What such a file holds.

    Attributes:
        has_rtf: there is a text in RTF that could not be read.
        is_broken: some of it could not be read.
    """

    text: str = ""
    html: str = ""
    has_rtf: bool = False
    files: list[TnefFile] = field(default_factory=list)
    is_broken: bool = False


def read_tnef(data: bytes) -> Tnef | None:
    """Read such a file; None if it is none."""
    if len(data) < _START or int.from_bytes(data[:4], "little") != _SIGNATURE:
        return None
    reader = _Reader()
    try:
        for name, value in _attributes(data):
            reader.take(name, value)
    except (struct.error, ValueError):
        reader.tnef.is_broken = True
    return reader.tnef


class _Reader:
    """Collects what attributes say; a code page comes before what is written in it."""

    def __init__(self) -> None:
        self.tnef = Tnef()
        self._label = ""

    def take(self, name: int, value: bytes) -> None:
        if name == _CODE_PAGE:
            self._label = _label(value)
        elif name == _BODY:
            self.tnef.text = self.tnef.text or self._string(value)
        elif name == _MESSAGE_PROPERTIES:
            self._take_message(value)
        elif name == _ATTACHMENT_BEGINS:
            if len(self.tnef.files) >= _MAX_FILES:
                raise ValueError(name)
            self.tnef.files.append(TnefFile())
        elif self.tnef.files:
            self._take_file(name, value, self.tnef.files[-1])

    def _take_message(self, value: bytes) -> None:
        found = dict(properties(value))
        label = _label(found[_PROPERTY_CODE_PAGE][1]) if _PROPERTY_CODE_PAGE in found else ""
        if _PROPERTY_BODY in found:
            self.tnef.text = self._text(found[_PROPERTY_BODY]) or self.tnef.text
        if _PROPERTY_HTML in found:
            html = found[_PROPERTY_HTML][1].rstrip(b"\0")
            self.tnef.html = decode_text(html, label=label or self._label or None).text
        if _PROPERTY_RTF in found and not (self.tnef.text or self.tnef.html):
            rtf = unpack_rtf(found[_PROPERTY_RTF][1])
            self.tnef.text = "" if rtf is None else rtf_to_text(rtf)
            self.tnef.has_rtf |= rtf is None

    def _take_file(self, name: int, value: bytes, file: TnefFile) -> None:
        if name == _ATTACHMENT_TITLE:
            file.name = file.name or self._string(value)
        elif name == _ATTACHMENT_DATA:
            file.content = value
        elif name == _ATTACHMENT_PROPERTIES:
            found = dict(properties(value))
            names = (_FILE_LONG_NAME, _FILE_NAME, _FILE_TITLE)
            known = [self._text(found[one]) for one in names if one in found]
            file.name = next(filter(None, [*known[:1], file.name, *known[1:]]), "")
            if _FILE_MEDIA in found:
                file.media_type = self._text(found[_FILE_MEDIA]).strip().lower()
            if _FILE_CONTENT_ID in found:
                file.content_id = self._text(found[_FILE_CONTENT_ID]).strip("<> ")
            if _FILE_DATA in found and not file.content:
                kind, content = found[_FILE_DATA]
                file.content = content[_OBJECT_HEAD:] if kind == OBJECT else content

    def _text(self, typed: tuple[int, bytes]) -> str:
        kind, value = typed
        if kind == WIDE_STRING:
            return value.decode("utf-16-le", "replace").rstrip("\0")
        return self._string(value)

    def _string(self, value: bytes) -> str:
        return decode_text(value.rstrip(b"\0"), label=self._label or None).text


def _label(value: bytes) -> str:
    number = int.from_bytes(value[:4], "little")
    return _LABELS.get(number, f"windows-{number}" if number >= 1250 else f"cp{number}")  # noqa: PLR2004 - the first of Windows


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Return number and value of each attribute.

    Raises:
        struct.error, ValueError: one is longer than the file, or there are too many.
    """
    place = _START
    for _ in range(_MAX_ATTRIBUTES):
        if place + _HEAD.size > len(data):
            if data[place:].rstrip(b"\0"):
                raise ValueError(place)
            return
        _, attribute, length = _HEAD.unpack_from(data, place)
        place += _HEAD.size
        if place + length > len(data):
            raise ValueError(attribute)
        yield attribute & 0xFFFF, data[place : place + length]
        place += length + 2
    raise ValueError(place)
