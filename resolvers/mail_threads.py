"""Which ticket a mail belongs to: looks up what models.rules.follow_ups decides by."""

from collections.abc import Collection, Iterator

from tortoise.backends.base.client import BaseDBAsyncClient

from models.orm import placeholders
from models.raw_sql import SqlRow, fetch
from models.rules.bounce_reports import read_bounce
from models.rules.follow_ups import (
    FollowUp,
    FollowUpSign,
    KnownThreads,
    ThreadSigns,
    decide_follow_up,
    thread_signs,
)
from models.rules.incoming_mail import IncomingMail
from models.rules.mail_origins import MailOriginKind
from models.rules.mail_people import MailPerson, read_people
from models.rules.mail_subjects import read_subject
from resolvers.mail_desk import MailDesk

_DELIVERED = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
_MAX_HINTS = 50  # references that are looked up, the nearest ones
_PARTICIPANTS = (
    "SELECT ticket.id AS ticket_id, ticket.requester_email AS address FROM ticket"
    " WHERE ticket.deleted_at IS NULL AND ticket.id IN ({ids})"
    " UNION SELECT ticket.id, app_user.email FROM ticket"
    " JOIN app_user ON app_user.id = ticket.requester_id"
    " WHERE ticket.deleted_at IS NULL AND ticket.id IN ({ids})"
    " UNION SELECT ticket.id, app_user.email FROM ticket"
    " JOIN ticket_follower ON ticket_follower.ticket_id = ticket.id"
    " JOIN app_user ON app_user.id = ticket_follower.user_id"
    " WHERE ticket.deleted_at IS NULL AND ticket.id IN ({ids})"
)


async def follow_up_of(
    connection: BaseDBAsyncClient,
    desk: MailDesk,
    mail: IncomingMail,
    *,
    origin: MailOriginKind,
    is_refuted: bool = False,
) -> FollowUp:
    """Return the ticket of a mail, in the transaction that stores it.

    Args:
        connection: of the open transaction.
        desk: whose keys sign.
        mail: as it was read.
        origin: of a bounce, the mail that came back decides.
        is_refuted: the sender is somebody else, and takes part in nothing.
    """
    answered = mail.answered
    if origin is MailOriginKind.BOUNCE:
        answered = (*read_bounce(mail).original_ids, *answered)
    signs = thread_signs(
        desk.keys,
        sender=mail.sender.address if mail.sender and not is_refuted else "",
        recipients=[person.address for person in _recipients(mail)],
        mailboxes=desk.addresses,
        answered=answered,
        references=mail.references,
        numbers=read_subject(mail.subject).numbers,
    )
    found = decide_follow_up(desk.keys, signs, await _known(connection, signs))
    if origin is MailOriginKind.BOUNCE and found.sign is not FollowUpSign.THREAD_ID:
        # Programs that return mail take part in nothing; only what we sent ourselves counts.
        return FollowUp(ticket=None, sign=FollowUpSign.NONE)
    return found


def _recipients(mail: IncomingMail) -> Iterator[MailPerson]:
    """Return to whom a mail went: servers note the address that it was delivered to."""
    for name in _DELIVERED:
        yield from read_people(mail.fields.every(name))
    yield from (*mail.to, *mail.cc)


async def _known(connection: BaseDBAsyncClient, signs: ThreadSigns) -> KnownThreads:
    references = signs.references[:_MAX_HINTS]
    by_reference = {
        row["message_id"]: int(row["ticket_id"])
        for row in await _rows(
            connection,
            "SELECT message_id, ticket_id FROM raw_mail"
            " WHERE ticket_id IS NOT NULL AND message_id IN ({ids})",
            references,
        )
    }
    by_number = {
        int(row["number"]): int(row["id"])
        for row in await _rows(
            connection, "SELECT number, id FROM ticket WHERE number IN ({ids})", signs.numbers
        )
    }
    tickets = {
        *(token.ticket for token in signs.tokens),
        *signs.ticket_ids,
        *by_reference.values(),
        *by_number.values(),
    }
    participants: dict[int, set[str]] = {}
    for row in await _rows(connection, _PARTICIPANTS, sorted(tickets)):
        known = participants.setdefault(int(row["ticket_id"]), set())
        if row["address"]:
            known.add(row["address"])
    return KnownThreads(by_reference=by_reference, by_number=by_number, participants=participants)


async def _rows(
    connection: BaseDBAsyncClient, statement: str, values: Collection[object]
) -> list[SqlRow]:
    if not values:
        return []
    times = statement.count("{ids}")
    width = len(values)
    lists = [placeholders(connection, width, start=1 + width * n) for n in range(times)]
    parts = statement.split("{ids}")
    sql = "".join(part + marks for part, marks in zip(parts, [*lists, ""], strict=True))
    return await fetch(connection, sql, [*values] * times)
