"""What a mail server says about a mail of ours that it could not deliver.

Source: RFC 3464 (fields of a delivery status), and the texts of servers that send none:
the header X-Failed-Recipients, and a copy of our mail's header in their own words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from models.rules.encoded_words import decode_header
from models.rules.incoming_mail import IncomingMail
from models.rules.mail_fields import MailFields, read_header
from models.rules.mail_people import read_people
from models.rules.message_ids import read_ids

_MAX_RECIPIENTS: Final = 100
_MAX_REASON_LENGTH: Final = 500  # characters
_BLANK: Final = re.compile(rb"(?:\r\n){2,}|\n{2,}|\r{2,}")
_TYPE: Final = re.compile(rb"\A\s*(?:rfc822|utf-8|x400)\s*;", re.IGNORECASE)
_STATUS: Final = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b", re.ASCII)
_COPIED_ID: Final = re.compile(
    r"^[> \t]*Message-ID:\s*(<[^<>\s]{1,300}>)", re.IGNORECASE | re.MULTILINE
)
_STATUS_MEDIA: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_COPY_MEDIA: Final = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"}
)
_MAX_TEXT: Final = 100_000  # characters of a text that are searched


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """Somebody whom a mail did not reach.

    Attributes:
        address: normal; "" if the server does not say.
        action: failed, delayed ..., in lower case; "" if unknown.
        status: like 5.1.1, "" if unknown.
        reason: what the other server said, one line.
    """

    address: str
    action: str = ""
    status: str = ""
    reason: str = ""

    @property
    def is_final(self) -> bool:
        """Whether the server has given up."""
        return self.action not in {"delayed", "delivered", "relayed", "expanded"}


@dataclass(frozen=True, slots=True)
class BounceReport:
    """What is known of a mail that came back.

    Attributes:
        recipients: whom it did not reach, as far as it is said.
        original_ids: Message-IDs of the mail that came back.
    """

    recipients: tuple[FailedRecipient, ...] = ()
    original_ids: tuple[str, ...] = ()


def read_bounce(mail: IncomingMail) -> BounceReport:
    """Read a mail that models.rules.mail_origins takes for a bounce."""
    recipients = list(_by_status(mail)) or list(_by_header(mail))
    return BounceReport(
        recipients=tuple(dict.fromkeys(recipients))[:_MAX_RECIPIENTS],
        original_ids=_originals(mail),
    )


def _by_status(mail: IncomingMail) -> Iterator[FailedRecipient]:
    for part in mail.parts:
        if part.media_type in _STATUS_MEDIA:
            for block in _BLANK.split(part.content.strip())[: _MAX_RECIPIENTS + 1]:
                fields = read_header(block, 0, len(block), is_whole_mail=True).fields
                if "final-recipient" in fields or "original-recipient" in fields:
                    yield _recipient(fields)


def _recipient(fields: MailFields) -> FailedRecipient:
    stated = fields.first("final-recipient") or fields.first("original-recipient") or b""
    people = read_people([_TYPE.sub(b"", stated)])
    reason = decode_header(_TYPE.sub(b"", fields.first("diagnostic-code") or b"")).text
    status = _STATUS.search(fields.word("status")) or _STATUS.search(reason)
    return FailedRecipient(
        address=people[0].address if people else "",
        action=fields.word("action"),
        status=status[1] if status else "",
        reason=reason.removeprefix("smtp;").strip()[:_MAX_REASON_LENGTH],
    )


def _by_header(mail: IncomingMail) -> Iterator[FailedRecipient]:
    status = _STATUS.search(mail.text[:_MAX_TEXT])
    for person in read_people(mail.fields.every("x-failed-recipients")):
        yield FailedRecipient(person.address, "failed", status[1] if status else "")


def _originals(mail: IncomingMail) -> tuple[str, ...]:
    """Return ids of the copy of our mail, or of its header in the text of the server."""
    values: list[bytes] = []
    for part in mail.parts:
        if part.media_type in _COPY_MEDIA:
            copy = read_header(part.content, 0, len(part.content), is_whole_mail=True).fields
            values.extend(copy.every("message-id"))
    copied = _COPIED_ID.findall(mail.text[:_MAX_TEXT])
    values.extend(found.encode("ascii", "replace") for found in copied)
    return read_ids(values)
