"""Ids that we put into mails to know their answers by, and that only we can make.

A Message-ID of ours says to which message of which ticket an answer belongs; an address
for answers says to which ticket and for whom it was made. Both are signed, because a
number alone would let anyone write into anyone's ticket. All of it is small letters and
digits: mail servers do change the case. Source: RFC 5322 section 3.6.4, RFC 5233 (the
part of an address after a plus), RFC 2104.
"""

import hmac
import re
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.rules.mail_addresses import normal_address

_SIGN_LENGTH: Final = 20  # letters of base32: 100 bits
_PERSON_LENGTH: Final = 8  # 40 bits: tells people of one ticket apart, opens nothing
_MAX_NUMBER: Final = (1 << 63) - 1
_ID: Final = re.compile(
    rf"t\.(\d{{1,19}})\.(\d{{1,19}})\.([a-z2-7]{{{_SIGN_LENGTH}}})@[^@\s]+", re.ASCII
)
_TOKEN: Final = re.compile(
    rf"(\d{{1,19}})-([a-z2-7]{{{_PERSON_LENGTH}}})-([a-z2-7]{{{_SIGN_LENGTH}}})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class ThreadId:
    """What a Message-ID of ours says: ids of rows."""

    ticket: int
    message: int


@dataclass(frozen=True, slots=True)
class ReplyToken:
    """What an address for answers says.

    Attributes:
        ticket: id of its row.
        person: sign of the address it was made for; see is_for.
    """

    ticket: int
    person: str


def thread_id(keys: Sequence[bytes], *, ticket: int, message: int, host: str) -> str:
    """Return a Message-ID, without brackets.

    Args:
        keys: secret keys, the newest first: that one signs.
        ticket: id of the row, 0 or more.
        message: id of the row, 0 or more; one id for each mail, so no two mails share it.
        host: of this installation, ASCII.
    """
    return f"t.{ticket}.{message}.{_id_sign(keys[0], ticket, message)}@{host}"


def read_thread_id(keys: Sequence[bytes], message_id: str) -> ThreadId | None:
    """Return what a Message-ID says if one of the keys signed it, whatever its host.

    The host is not signed: an installation that moves keeps its threads.
    """
    found = _ID.fullmatch(message_id.strip().lower())
    if found is None:
        return None
    ticket, message = int(found[1]), int(found[2])
    if max(ticket, message) > _MAX_NUMBER:
        return None
    signs = [_id_sign(key, ticket, message) for key in keys]
    return ThreadId(ticket, message) if _is_among(found[3], signs) else None


def reply_address(keys: Sequence[bytes], *, mailbox: str, ticket: int, recipient: str) -> str:
    """Return where one recipient's answers go: the mailbox with a token after a plus.

    Args:
        keys: secret keys, the newest first: that one signs.
        mailbox: address of the desk, "support@desk.test".
        ticket: id of the row.
        recipient: address that the mail goes to.
    """
    person = _person(keys[0], recipient)
    sign = _token_sign(keys[0], ticket, person)
    name, _, domain = mailbox.rpartition("@")
    return f"{name.partition('+')[0]}+{ticket}-{person}-{sign}@{domain}"


def read_reply_address(keys: Sequence[bytes], address: str, *, mailbox: str) -> ReplyToken | None:
    """Return what an address says if it is the mailbox with a token that one of the keys signed."""
    name, _, domain = normal_address(address).rpartition("@")
    own_name, _, own_domain = normal_address(mailbox).rpartition("@")
    base, plus, text = name.partition("+")
    found = _TOKEN.fullmatch(text)
    if not plus or found is None or (base, domain) != (own_name.partition("+")[0], own_domain):
        return None
    ticket = int(found[1])
    signs = [_token_sign(key, ticket, found[2]) for key in keys]
    is_ours = ticket <= _MAX_NUMBER and _is_among(found[3], signs)
    return ReplyToken(ticket, found[2]) if is_ours else None


def is_for(keys: Sequence[bytes], token: ReplyToken, address: str) -> bool:
    """Tell whether a token was made for an address: else somebody else answers with it."""
    return _is_among(token.person, [_person(key, address) for key in keys])


def _id_sign(key: bytes, ticket: int, message: int) -> str:
    return _sign(key, f"thread id {ticket} {message}")[:_SIGN_LENGTH]


def _token_sign(key: bytes, ticket: int, person: str) -> str:
    return _sign(key, f"reply token {ticket} {person}")[:_SIGN_LENGTH]


def _person(key: bytes, address: str) -> str:
    return _sign(key, f"reply person {normal_address(address)}")[:_PERSON_LENGTH]


def _sign(key: bytes, text: str) -> str:
    digest = hmac.digest(key, text.encode("utf-8", "replace"), "sha256")
    return b32encode(digest).decode("ascii").lower()


def _is_among(sign: str, signs: Sequence[str]) -> bool:
    """Compare with every sign, in a time that tells nothing."""
    same = [hmac.compare_digest(sign, own) for own in signs]
    return any(same)
