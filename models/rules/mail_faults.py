"""What can be wrong with a mail that came in. None of it keeps a mail out.

The raw file is stored before anything is read, so that a fault says what the reader of a
ticket may miss, and never that something is lost.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import regex

_MAX_DETAIL_LENGTH: Final = 100  # characters
_UNPRINTABLE: Final = regex.compile(r"[\p{C}\p{Zl}\p{Zp}]+")


class MailFault(StrEnum):
    """Stored by value, never renamed or reused."""

    MAIL_TOO_BIG = "MAIL_TOO_BIG"  # only its beginning was read
    NO_HEADERS = "NO_HEADERS"
    HEADERS_TOO_BIG = "HEADERS_TOO_BIG"  # only the first of them were read
    HEADER_LINE_BROKEN = "HEADER_LINE_BROKEN"
    MESSAGE_ID_MISSING = "MESSAGE_ID_MISSING"
    SENDER_MISSING = "SENDER_MISSING"
    SENDER_REFUTED = "SENDER_REFUTED"  # our mail server found that somebody else wrote it
    DATE_BROKEN = "DATE_BROKEN"
    CHARSET_MISSING = "CHARSET_MISSING"  # guessed
    CHARSET_UNKNOWN = "CHARSET_UNKNOWN"  # a name that means nothing; guessed
    CHARSET_REFUSED = "CHARSET_REFUSED"  # UTF-7: text that is other text; shown as it came
    CHARSET_WRONG = "CHARSET_WRONG"  # the text is plainly written in another; guessed
    ENCODED_TWICE = "ENCODED_TWICE"  # by two programs in turn; both undone
    CHARACTERS_LOST = "CHARACTERS_LOST"  # bytes that mean nothing were replaced
    ENCODED_WORD_BROKEN = "ENCODED_WORD_BROKEN"
    ENCODING_UNKNOWN = "ENCODING_UNKNOWN"  # of the transfer; the part is as it came
    BASE64_BROKEN = "BASE64_BROKEN"
    MEDIA_TYPE_BROKEN = "MEDIA_TYPE_BROKEN"
    BOUNDARY_MISSING = "BOUNDARY_MISSING"  # parts that cannot be told from each other
    BOUNDARY_UNCLOSED = "BOUNDARY_UNCLOSED"  # the mail may have been cut
    TEXT_OUTSIDE_PARTS = "TEXT_OUTSIDE_PARTS"  # after the last part
    TOO_DEEP = "TOO_DEEP"  # the inner parts are one part
    TOO_MANY_PARTS = "TOO_MANY_PARTS"  # what is left is one part
    TEXT_TOO_LONG = "TEXT_TOO_LONG"  # a text to read is an attachment as well
    TNEF_BROKEN = "TNEF_BROKEN"  # winmail.dat, attached as it came
    TNEF_TEXT_LEFT = "TNEF_TEXT_LEFT"  # a text of Outlook that cannot be read, attached


@dataclass(frozen=True, slots=True)
class FaultNote:
    """One fault, and where: the name of a header, or the number of a part."""

    fault: MailFault
    where: str = ""


def note(fault: MailFault, where: str = "") -> FaultNote:
    """Return a note whose place is one short line, whatever a stranger wrote there."""
    return FaultNote(fault, _UNPRINTABLE.sub(" ", where[:_MAX_DETAIL_LENGTH]).strip())
