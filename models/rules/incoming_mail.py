"""A mail that came in, read: never refused, never a crash, whatever its bytes are.

What is wrong with it is in its faults. The raw bytes are the caller's to keep: they are
stored before anything is read, and all that is read here is a view of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from models.rules.encoded_words import decode_header
from models.rules.inline_pictures import with_inline
from models.rules.mail_bodies import MailContent, read_content
from models.rules.mail_faults import FaultNote, MailFault, note
from models.rules.mail_fields import MailFields
from models.rules.mail_parts import MailPart
from models.rules.mail_people import MailPerson, read_people
from models.rules.message_ids import read_ids
from models.rules.mime_tree import read_tree

MAX_MAIL_BYTES: Final = 52_428_800  # 50 MiB that are read; what follows is only in the raw file
_MAX_DATE_BYTES: Final = 200
_YEARS: Final = range(1980, 2201)
_MAX_SUBJECT_LENGTH: Final = 2_000  # characters
_TEXTS: Final = ("subject", "from", "to", "cc", "reply-to")


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMail:
    """All that a mail says. None of it is proved: anyone can write anything.

    Attributes:
        fields: its header, raw, for models.rules.mail_origins.
        message_id: without brackets, "" if it has none that could be one.
        answered: ids of In-Reply-To.
        references: the oldest first.
        sender: of From, or of Sender if that is empty; None if nobody is named.
        reply_to: where answers are wanted; empty: at the sender's.
        date: aware, UTC, as the sender's clock had it; None if it says none.
        text: plain, made of the HTML if there is no other; lines end with a line feed alone.
        html: as it came: to be sanitised before anyone sees it. "" if there is none.
        parts: attachments and pictures; none was dropped, see body_leaves.
        leaves: number of parts the mail has; each is in the body or among `parts`.
        body_leaves: numbers of those that are the text.
        faults: everything that was wrong.
    """

    fields: MailFields
    message_id: str
    answered: tuple[str, ...]
    references: tuple[str, ...]
    sender: MailPerson | None
    reply_to: tuple[MailPerson, ...]
    to: tuple[MailPerson, ...]
    cc: tuple[MailPerson, ...]
    subject: str
    date: datetime | None
    text: str
    html: str
    parts: tuple[MailPart, ...]
    leaves: int
    body_leaves: frozenset[int]
    faults: tuple[FaultNote, ...]


def read_mail(raw: bytes) -> IncomingMail:
    """Read a mail."""
    tree = read_tree(raw[:MAX_MAIL_BYTES])
    fields = tree.fields
    content = read_content(tree.root)
    senders = read_people(fields.every("from")) or read_people(fields.every("sender"))
    ids = read_ids(fields.every("message-id"))
    date = _date(fields)
    faults = [*tree.faults, *content.faults, *_text_faults(fields)]
    if len(raw) > MAX_MAIL_BYTES:
        faults.append(note(MailFault.MAIL_TOO_BIG))
    faults.extend(_missing(fields, has_id=bool(ids), has_sender=bool(senders), date=date))
    return IncomingMail(
        fields=fields,
        message_id=ids[0] if ids else "",
        answered=read_ids(fields.every("in-reply-to")),
        references=read_ids(fields.every("references")),
        sender=senders[0] if senders else None,
        reply_to=read_people(fields.every("reply-to")),
        to=read_people(fields.every("to")),
        cc=read_people(fields.every("cc")),
        subject=decode_header(fields.first("subject") or b"").text[:_MAX_SUBJECT_LENGTH],
        date=date,
        text=content.body.text,
        html=content.body.html,
        parts=_parts(content),
        leaves=content.leaves,
        body_leaves=content.body_leaves,
        faults=tuple(dict.fromkeys(faults)),
    )


def _parts(content: MailContent) -> tuple[MailPart, ...]:
    return with_inline(content.parts, content.body.html)


def _text_faults(fields: MailFields) -> Iterator[FaultNote]:
    for name in _TEXTS:
        for value in fields.every(name):
            for fault in sorted(decode_header(value).faults):
                yield note(fault, name)


def _missing(
    fields: MailFields, *, has_id: bool, has_sender: bool, date: datetime | None
) -> Iterator[FaultNote]:
    if not has_id:
        yield note(MailFault.MESSAGE_ID_MISSING)
    if not has_sender:
        yield note(MailFault.SENDER_MISSING)
    if date is None and "date" in fields:
        yield note(MailFault.DATE_BROKEN)


def _date(fields: MailFields) -> datetime | None:
    value = (fields.first("date") or b"")[:_MAX_DATE_BYTES].decode("ascii", "replace")
    try:
        stated = parsedate_to_datetime(value)
        moment = stated.astimezone(UTC) if stated.tzinfo else stated.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.year in _YEARS else None
