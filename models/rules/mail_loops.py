"""Our own mail that comes back, and desks that answer each other.

Own mail is known by three things that other programs do not write: an id of ours, our mark
in its header, our address as its sender. It is parked and answered by nothing. Answers
to others are capped by what was sent already, which the caller counts.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.rules.incoming_mail import IncomingMail
from models.rules.thread_ids import read_thread_id

MARK: Final = "X-Linkyard-Desk"  # header with the host of the installation, in all our mail
MAX_EXCHANGE: Final = 2  # messages each way between two programs
MAX_TO_ADDRESS: Final = 10  # automatic answers to one address in 24 hours
MAX_SAME_SUBJECT: Final = 2  # of those with the same subject
MAX_REOPENS: Final = 5  # of one ticket by mail in 24 hours


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMail:
    """What makes a mail ours.

    Attributes:
        keys: secret keys. An id is ours if one of them signed it: its host alone says
            nothing, since mail programs of colleagues take the same domain.
        hosts: of this installation, as our mark names it, in lower case.
        addresses: normal addresses that we send from.
    """

    keys: Sequence[bytes]
    hosts: Collection[str]
    addresses: Collection[str]


class OwnSign(StrEnum):
    """By what a mail is known to be ours."""

    MARK = "MARK"
    MESSAGE_ID = "MESSAGE_ID"
    SENDER = "SENDER"


def own_sign(mail: IncomingMail, own: OwnMail) -> OwnSign | None:
    """Return by what a mail is ours, None if it is somebody else's.

    An address with a token after a plus is its mailbox.
    """
    marks = (mark.decode("ascii", "replace") for mark in mail.fields.every(MARK.lower()))
    if any(mark.strip().lower() in own.hosts for mark in marks):
        return OwnSign.MARK
    if read_thread_id(own.keys, mail.message_id) is not None:
        return OwnSign.MESSAGE_ID
    name, _, domain = (mail.sender.address if mail.sender else "").rpartition("@")
    if f"{name.partition('+')[0]}@{domain}" in own.addresses:
        return OwnSign.SENDER
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCounts:
    """What happened already, counted by the caller.

    Attributes:
        answered_in_ticket: automatic answers into this ticket since a person of the desk
            last wrote there.
        answered_address: automatic answers to this address in the last 24 hours.
        answered_subject: those of them with the same plain subject.
    """

    answered_in_ticket: int
    answered_address: int
    answered_subject: int


class AnswerVerdict(StrEnum):
    """Whether an automatic answer goes out, and if not, why."""

    ANSWER = "ANSWER"
    SENDER_IS_PROGRAM = "SENDER_IS_PROGRAM"
    EXCHANGE_CAP = "EXCHANGE_CAP"
    ADDRESS_CAP = "ADDRESS_CAP"
    SUBJECT_CAP = "SUBJECT_CAP"


def may_answer(*, may_be_answered: bool, counts: AnswerCounts) -> AnswerVerdict:
    """Decide about one automatic answer.

    Args:
        may_be_answered: of models.rules.mail_origins.MailOrigin.
        counts: what was sent before this one.
    """
    if not may_be_answered:
        return AnswerVerdict.SENDER_IS_PROGRAM
    if counts.answered_in_ticket >= MAX_EXCHANGE:
        return AnswerVerdict.EXCHANGE_CAP
    if counts.answered_subject >= MAX_SAME_SUBJECT:
        return AnswerVerdict.SUBJECT_CAP
    if counts.answered_address >= MAX_TO_ADDRESS:
        return AnswerVerdict.ADDRESS_CAP
    return AnswerVerdict.ANSWER


def may_reopen(*, reopens_today: int) -> bool:
    """Tell whether one more mail may reopen a ticket; later ones are added to it as they are."""
    return reopens_today < MAX_REOPENS
