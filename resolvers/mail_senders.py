"""Who wrote a mail, as far as the desk knows them. None of it is proved by the mail."""

from dataclasses import dataclass
from typing import Final

import regex
from tortoise.backends.base.client import BaseDBAsyncClient

from models.rules.incoming_mail import IncomingMail
from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.tickets import MAX_REQUESTER_NAME_LENGTH
from models.users import MAX_EMAIL_LENGTH, User
from resolvers.ticket_requesters import KnownRequester

_CYRILLIC: Final = regex.compile(r"\p{Cyrillic}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSender:
    """Somebody who writes.

    Attributes:
        requester: whose matter it is if a ticket begins with the mail.
        address: normal; "" if the mail names nobody.
        name: as the mail says it.
        is_desk: an account that works on everybody's tickets.
    """

    requester: KnownRequester
    address: str
    name: str | None
    is_desk: bool = False


async def mail_sender(
    connection: BaseDBAsyncClient, mail: IncomingMail, *, is_refuted: bool
) -> MailSender:
    """Find the account of a sender; a stranger is their address and their name.

    Args:
        connection: of the open transaction.
        mail: as it was read.
        is_refuted: somebody else has written it: no account is theirs.
    """
    address = mail.sender.address[:MAX_EMAIL_LENGTH] if mail.sender else ""
    name = mail.sender.name[:MAX_REQUESTER_NAME_LENGTH] or None if mail.sender else None
    user = None if is_refuted else await _account(connection, address)
    if user is None:
        is_russian = _CYRILLIC.search(mail.subject + mail.text[:2_000]) is not None
        stranger = KnownRequester(
            email=address or None, name=name, locale="ru" if is_russian else "en"
        )
        return MailSender(requester=stranger, address=address, name=name)
    known = KnownRequester(
        user_id=user.id, organization_id=user.organization_id, locale=user.locale
    )
    is_desk = user.role.reach is Reach.ALL and Scope.TICKET_STAFF in user.scopes()
    return MailSender(requester=known, address=address, name=name, is_desk=is_desk)


async def _account(connection: BaseDBAsyncClient, address: str) -> User | None:
    if not address:
        return None
    rows = User.filter(email=address, deactivated_at=None, erased_at=None)
    return await rows.using_db(connection).prefetch_related("role").first()
