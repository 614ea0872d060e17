"""Which ticket a mail belongs to.

A signed id or address decides. Everything else is a hint that strangers can write as
well, and holds only for who takes part in that ticket already: a number in the subject,
or references to mails that we did not write.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.rules.thread_ids import ReplyToken, is_for, read_reply_address, read_thread_id

_MAX_RECIPIENTS: Final = 200
_MAX_IDS: Final = 200


class FollowUpSign(StrEnum):
    """What decided. Stored by value, never renamed or reused."""

    REPLY_ADDRESS = "REPLY_ADDRESS"
    THREAD_ID = "THREAD_ID"
    REFERENCE = "REFERENCE"
    SUBJECT_NUMBER = "SUBJECT_NUMBER"
    NONE = "NONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSigns:
    """What a mail says about where it belongs; its caller looks the hints up.

    Attributes:
        sender: normal address.
        tokens: of the addresses it was sent to, signed by us.
        ticket_ids: of our own messages it answers, signed by us, the nearest first.
        references: ids that are not ours, the nearest first.
        numbers: of tickets in its subject.
    """

    sender: str
    tokens: tuple[ReplyToken, ...] = ()
    ticket_ids: tuple[int, ...] = ()
    references: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownThreads:
    """What the caller found.

    Attributes:
        by_reference: ticket of each message id that a mail stored earlier had.
        by_number: ticket of each number.
        participants: normal addresses of who takes part, by ticket: requester, followers,
            people in copy. A ticket that is not here does not exist (any more).
    """

    by_reference: Mapping[str, int]
    by_number: Mapping[int, int]
    participants: Mapping[int, Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """Where a mail goes.

    Attributes:
        ticket: id of its ticket; None makes a new one.
        sign: what decided.
        is_from_other_address: the sender is not whom the address was made for, or takes no
            part in the ticket: their words are shown, marked so, and they get no rights.
    """

    ticket: int | None
    sign: FollowUpSign
    is_from_other_address: bool = False


def thread_signs(  # noqa: PLR0913 - the parts of a mail that say it
    keys: Sequence[bytes],
    *,
    sender: str,
    recipients: Sequence[str],
    mailboxes: Sequence[str],
    answered: Sequence[str],
    references: Sequence[str],
    numbers: Sequence[int],
) -> ThreadSigns:
    """Collect what a mail says.

    Args:
        keys: secret keys, the newest first.
        sender: normal address of From.
        recipients: addresses the mail was delivered to, and those of To and Cc.
        mailboxes: addresses of the desk.
        answered: ids of In-Reply-To.
        references: ids of References, the oldest first, as the header has them.
        numbers: of tickets in the subject.
    """
    tokens = (
        read_reply_address(keys, recipient, mailbox=mailbox)
        for recipient in recipients[:_MAX_RECIPIENTS]
        for mailbox in mailboxes
    )
    ids = list(dict.fromkeys([*answered, *reversed(references)]))[:_MAX_IDS]
    ours = {message_id: read_thread_id(keys, message_id) for message_id in ids}
    return ThreadSigns(
        sender=sender,
        tokens=tuple(dict.fromkeys(token for token in tokens if token is not None)),
        ticket_ids=tuple(dict.fromkeys(known.ticket for known in ours.values() if known)),
        references=tuple(message_id for message_id, known in ours.items() if known is None),
        numbers=tuple(numbers),
    )


def decide_follow_up(keys: Sequence[bytes], signs: ThreadSigns, known: KnownThreads) -> FollowUp:
    """Return the ticket that a mail belongs to.

    A token that was made for the sender wins over one that was not.
    """
    tokens = [token for token in signs.tokens if token.ticket in known.participants]
    for token in sorted(tokens, key=lambda one: not is_for(keys, one, signs.sender)):
        return FollowUp(
            ticket=token.ticket,
            sign=FollowUpSign.REPLY_ADDRESS,
            is_from_other_address=not is_for(keys, token, signs.sender),
        )
    for ticket in signs.ticket_ids:
        if ticket in known.participants:
            return FollowUp(
                ticket=ticket,
                sign=FollowUpSign.THREAD_ID,
                is_from_other_address=signs.sender not in known.participants[ticket],
            )
    return _hinted(signs, known)


def _hinted(signs: ThreadSigns, known: KnownThreads) -> FollowUp:
    hints = [
        (FollowUpSign.REFERENCE, known.by_reference.get(reference))
        for reference in signs.references
    ] + [(FollowUpSign.SUBJECT_NUMBER, known.by_number.get(number)) for number in signs.numbers]
    for sign, ticket in hints:
        if ticket is not None and signs.sender in known.participants.get(ticket, ()):
            return FollowUp(ticket=ticket, sign=sign)
    return FollowUp(ticket=None, sign=FollowUpSign.NONE)
