"""Headers of an answer that keep a conversation together in every mail program.

Programs group by References, Outlook by subject as well. All mails of a ticket refer to
one id that no mail has, the root of the ticket, so that they stay together also when the
ticket began by telephone or its first mail was deleted. Source: RFC 5322 section 3.6.4.

Mail of a ticket is a conversation and no list: it never has List-Unsubscribe.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.rules.mail_subjects import answer_subject, notice_subject
from models.rules.message_ids import MAX_ID_LENGTH
from models.rules.thread_ids import reply_address, thread_id

MAX_REFERENCES: Final = 20  # the root, the first one, and the latest
_ROOT: Final = 0  # number of a message that no ticket has
_ID: Final = re.compile(r"[!-;=?-~]+@?[!-;=?-~]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Which message goes to whom.

    Attributes:
        ticket: id of the row.
        number: of the ticket, as people know it.
        message: id of the row, 1 or more.
        recipient: address of the one reader: every reader gets a mail of their own.
        host: of this installation, ASCII.
        mailbox: address of the desk.
    """

    ticket: int
    number: int
    message: int
    recipient: str
    host: str
    mailbox: str


def thread_headers(
    keys: Sequence[bytes], envelope: Envelope, *, subject: str, earlier: Sequence[str]
) -> dict[str, str]:
    """Return Message-ID, References, Subject, Reply-To, and In-Reply-To if there is one.

    Args:
        keys: secret keys, the newest first.
        envelope: which message goes to whom.
        subject: of the ticket, in words of anybody.
        earlier: Message-IDs of the conversation without brackets, the oldest first, the
            mail that is answered last: those that the customer wrote, and ours.
    """
    known = [one for one in earlier if len(one) <= MAX_ID_LENGTH and _ID.fullmatch(one)]
    root, own = (
        thread_id(keys, ticket=envelope.ticket, message=message, host=envelope.host)
        for message in (_ROOT, envelope.message)
    )
    references = _references(root, known)
    headers = {
        "Message-ID": f"<{own}>",
        "References": " ".join(f"<{one}>" for one in references),
        "Reply-To": reply_address(
            keys, mailbox=envelope.mailbox, ticket=envelope.ticket, recipient=envelope.recipient
        ),
        "Subject": (answer_subject if known else notice_subject)(subject, number=envelope.number),
    }
    return headers | ({"In-Reply-To": f"<{known[-1]}>"} if known else {})


def _references(root: str, earlier: Sequence[str]) -> list[str]:
    """Return each id once, root first, nearest last; of a long list the middle is left out."""
    latest = list(dict.fromkeys(reversed(earlier)))[::-1]
    kept = [one for one in latest if one != root]
    if len(kept) > MAX_REFERENCES - 1:
        kept = kept[:1] + kept[2 - MAX_REFERENCES :]
    return [root, *kept]
