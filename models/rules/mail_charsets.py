"""Text out of the bytes of a mail, whatever its label says.

A label is believed while the bytes do not contradict it. Labels are missing, made up, or
of another encoding than the text often enough, above all between the five encodings of
Russian; which one it is the letters tell (models.rules.russian_letters).
"""

import codecs
import re
from dataclasses import dataclass
from itertools import islice
from typing import Final

from models.rules.mail_faults import MailFault
from models.rules.page_encodings import codec_of_label
from models.rules.russian_letters import RussianScore, russian_score

_RUSSIAN: Final = ("cp1251", "koi8-u", "iso8859-5", "mac-cyrillic", "cp866")  # likeliest first
_SURE: Final = 0.25  # score of a text that is Russian; wrongly read ones stay below 0.1
_CLEARLY: Final = 0.03  # so much better has another encoding to be than the stated one,
_ENOUGH: Final = 8  # and by so many points, since short texts say little
_EVIDENCE: Final = 1_500  # runs of letters that are looked at
_MOST_LOST: Final = 0.02  # of the characters; more, and the label is wrong
_LABELS: Final = {
    "cp-1251": "cp1251",
    "win1251": "cp1251",
    "windows1251": "cp1251",
    "windows-cyrillic": "cp1251",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "mac-cyrillic": "mac-cyrillic",
    "maccyrillic": "mac-cyrillic",
    "cp10007": "mac-cyrillic",
    "iso_8859-5": "iso8859-5",
    "dos-866": "cp866",
    "utf8mb4": "utf-8",
    "utf-8-mac": "utf-8",
    "utf": "utf-8",
    "utf-16": "utf-16",
    "iso-2022-kr": "iso2022_kr",
    "hz-gb-2312": "hz",
}
_REFUSED: Final = frozenset({"utf-7", "utf7", "unicode-1-1-utf-7", "x-unicode-2-0-utf-7"})
_SILENT: Final = frozenset(
    {"", "us-ascii", "ascii", "unknown-8bit", "x-unknown", "unknown", "8bit"}
)
_SEVEN_BITS: Final = frozenset(
    {"iso2022_jp", "iso2022_kr", "hz", "utf-16", "utf-16-le", "utf-16-be"}
)
_WEAK: Final = frozenset({"cp1252", "iso8859-15", "mac-roman", "cp1250", "cp1254", "cp1257"})
_RUN: Final = re.compile(rb"[ -~]?[\x80-\xff]+[ -~]?")
_INNER: Final = re.compile(rb"[A-Za-z][\x80-\xff]+|[\x80-\xff]+(?=[A-Za-z])")
_HIGH: Final = re.compile(rb"[\x80-\xff]+")
# UTF-8 that was read as one of these and written as UTF-8 again: "РџСЂРёРІРµС‚", "ÐŸÑ€Ð¸".
_TWICE: Final = re.compile(
    r"(?:[РС][\u0400-\u040f\u0450-\u04ff\u00a0-\u00bf\u2010-\u2122]){2}|[ÐÑ].[ÐÑ]", re.DOTALL
)
# Bytes that an encoding leaves undefined stay as they are in most programs.
_UNDEFINED: Final = {code: code + 0xDC00 for code in (0x81, 0x8D, 0x8F, 0x90, 0x98, 0x9D)}
_LONGEST_TWICE: Final = 200_000  # characters; nobody mistreats longer texts so


@dataclass(frozen=True, slots=True)
class DecodedText:
    """A text, the codec of Python it was read with, and what was wrong, if anything."""

    text: str
    codec: str
    fault: MailFault | None = None


def decode_text(data: bytes, *, label: str | None) -> DecodedText:
    """Return the text of some bytes; it never fails.

    Args:
        data: without its transfer encoding.
        label: as the mail states it, None if it does not.
    """
    name = (label or "").strip().strip("\"'").lower()
    stated = _codec(name)
    if data.startswith(codecs.BOM_UTF8):
        return _replaced(data[len(codecs.BOM_UTF8) :], "utf-8", None)
    # The mark of UTF-16 is two letters of other encodings; they have no zero bytes.
    if data.startswith(codecs.BOM_UTF16_LE) and (stated is None or b"\0" in data):
        return _replaced(data[len(codecs.BOM_UTF16_LE) :], "utf-16-le", None)
    if stated in _SEVEN_BITS:
        return _replaced(data, stated, None)
    if data.isascii():
        refused = MailFault.CHARSET_REFUSED if name in _REFUSED else None
        return DecodedText(data.decode("ascii"), "ascii", refused)
    return _once(_told(data, name, stated))


def _codec(name: str) -> str | None:
    return _LABELS.get(name) or codec_of_label(name)


def _told(data: bytes, name: str, stated: str | None) -> DecodedText:
    """Decode by the label if that can be."""
    if stated is None:
        fault = MailFault.CHARSET_UNKNOWN
        if name in _SILENT:
            fault = MailFault.CHARSET_MISSING
        elif name in _REFUSED:
            fault = MailFault.CHARSET_REFUSED
        return _guessed(data, fault)
    if stated == "utf-8":
        return _as_utf8(data)
    is_russian = stated in _RUSSIAN or stated == "koi8-r"
    if _is_utf8(data) and not (is_russian and _is_code(data, stated)):
        return DecodedText(data.decode("utf-8"), "utf-8", MailFault.CHARSET_WRONG)
    if stated in _WEAK:
        guessed = _guessed(data, MailFault.CHARSET_WRONG)
        return _replaced(data, stated, None) if guessed.codec == "cp1252" else guessed
    return _checked(data, stated) if is_russian else _replaced(data, stated, None)


def _is_code(data: bytes, stated: str) -> bool:
    """Tell whether a few capitals only happen to be UTF-8: "ТА" in ISO 8859-5 is "°"."""
    text, other = data.decode(stated, "replace"), data.decode("utf-8")
    if len(text) >= _ENOUGH or not all(c.isalnum() or c in " -" for c in text):
        return False
    has_letters = any(c.isalpha() and not c.isascii() for c in other)
    return not has_letters or _score(data, stated).share >= _score(data, "utf-8").share


def _checked(data: bytes, stated: str) -> DecodedText:
    """Decode Russian by its label, unless another encoding makes far better Russian of it."""
    sample = _sample(data)
    best = _best(sample)
    told, other = _score(sample, stated), _score(sample, best)
    is_better = other.share - told.share > _CLEARLY and other.points - told.points >= _ENOUGH
    if is_better and _looks_russian(sample, best):
        return _replaced(data, best, MailFault.CHARSET_WRONG)
    return _replaced(data, stated, None)


def _as_utf8(data: bytes) -> DecodedText:
    decoded = _replaced(data, "utf-8", None)
    if decoded.fault is None or decoded.text.count("\ufffd") <= 1 + _MOST_LOST * len(decoded.text):
        return decoded
    return _guessed(data, MailFault.CHARSET_WRONG)


def _guessed(data: bytes, fault: MailFault) -> DecodedText:
    if _is_utf8(data):
        return DecodedText(data.decode("utf-8"), "utf-8", fault)
    sample = _sample(data)
    best = _best(sample)
    return _replaced(data, best if _looks_russian(sample, best) else "cp1252", fault)


def _looks_russian(sample: bytes, codec: str) -> bool:
    """Tell whole words of high bytes from the few accents within words of western languages."""
    inner = sum(map(len, _INNER.findall(sample)))
    high = sum(map(len, _HIGH.findall(sample)))
    return 2 * inner < high and _score(sample, codec).share > _SURE


def _best(sample: bytes) -> str:
    return max(_RUSSIAN, key=lambda codec: _score(sample, codec).share)


def _score(sample: bytes, codec: str) -> RussianScore:
    return russian_score(sample.decode(codec, "replace"))


def _sample(data: bytes) -> bytes:
    """Return the parts of a text that tell its encoding."""
    return b" ".join(run[0] for run in islice(_RUN.finditer(data), _EVIDENCE))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _replaced(data: bytes, codec: str, fault: MailFault | None) -> DecodedText:
    """Decode; what means nothing becomes U+FFFD and is a fault."""
    try:
        return DecodedText(data.decode(codec), codec, fault)
    except UnicodeDecodeError:
        return DecodedText(data.decode(codec, "replace"), codec, fault or MailFault.CHARACTERS_LOST)


def _once(decoded: DecodedText) -> DecodedText:
    """Undo a second encoding, if there plainly was one."""
    text = decoded.text
    if len(text) > _LONGEST_TWICE or _TWICE.search(text) is None:
        return decoded
    for codec in ("cp1251", "cp1252"):
        try:
            again = text.translate(_UNDEFINED).encode(codec, "surrogateescape").decode("utf-8")
        except UnicodeError:
            continue
        return DecodedText(again, decoded.codec, MailFault.ENCODED_TWICE)
    return decoded
