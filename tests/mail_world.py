"""The desk that sample mail is sent to, and what has to become of each message."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.rules.follow_ups import FollowUpSign
from models.rules.mail_faults import MailFault
from models.rules.mail_origins import MailOriginKind
from models.rules.outgoing_threads import Envelope, thread_headers

PDF = b"%PDF-1.7 contract" * 40
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
SUBJECT = "Не печатается договор аренды"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The desk that the corpus is sent to, and the ticket that is answered in it.

    Attributes:
        ticket: id of the row.
        number: of the ticket.
        message: id of the row of our mail that is answered.
    """

    keys: Sequence[bytes] = (b"k" * 32,)
    host: str = "desk.test"
    mailbox: str = "support@desk.test"
    customer: str = "olga@customer.test"
    ticket: int = 7001
    number: int = 1042
    message: int = 88

    def sent(self) -> dict[str, str]:
        """Return the headers of our mail that is answered."""
        envelope = Envelope(
            ticket=self.ticket,
            number=self.number,
            message=self.message,
            recipient=self.customer,
            host=self.host,
            mailbox=self.mailbox,
        )
        return thread_headers(self.keys, envelope, subject=SUBJECT, earlier=[])


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusMail:
    """One message, and what has to become of it.

    Attributes:
        name: says what it is.
        raw: the file.
        sender: address, "" if the mail names none.
        new: what is new in it; only its lines that are not empty count.
        parts: name, content, and whether the text shows it.
        faults: all that are found.
    """

    name: str
    raw: bytes
    sender: str
    subject: str
    new: str
    parts: tuple[tuple[str, bytes, bool], ...] = ()
    origin: MailOriginKind = MailOriginKind.PERSON
    sign: FollowUpSign = FollowUpSign.NONE
    faults: frozenset[MailFault] = field(default_factory=frozenset)


def lines_of(text: str) -> list[str]:
    """Return the lines that are not empty, as the corpus compares texts."""
    return [line.strip() for line in text.split("\n") if line.strip()]
