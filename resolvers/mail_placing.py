"""Make a ticket or a message of a mail that was read, in the transaction that notes it.

A person's mail answers a ticket or begins one. A program's mail is noted in the ticket it
answers, for the desk alone, and moves nothing; an alarm or a notice that answers nothing
begins a ticket, and other mail of programs is parked. Mail of the desk's own people is a
note: nothing that comes by mail goes out to customers without somebody having looked.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from tortoise.backends.base.client import BaseDBAsyncClient

from models.orm import is_sqlite
from models.raw_sql import fetch
from models.rules.audit_actions import AuditAction
from models.rules.follow_ups import FollowUp, FollowUpSign
from models.rules.incoming_mail import IncomingMail
from models.rules.mail_faults import MailFault
from models.rules.mail_loops import may_reopen
from models.rules.mail_origins import MailOrigin, MailOriginKind
from models.rules.mail_subjects import read_subject
from models.rules.markdown import MAX_FORMATTED_LENGTH
from models.rules.plain_markdown import as_markdown
from models.rules.reply_trimming import TrimmedReply, trim_reply
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_states import MessageVisibility, TicketChannel, TicketStatus
from models.ticket_messages import TicketEvent
from models.ticket_rows import selected, ticket_of
from models.tickets import MAX_SUBJECT_LENGTH, Ticket
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.mail_desk import MailDesk
from resolvers.mail_senders import MailSender, mail_sender
from resolvers.mail_threads import follow_up_of
from resolvers.ticket_replies import Reply, receive_reply
from resolvers.ticket_saving import save_quietly, snapshot
from resolvers.ticket_steps import may_go_on
from resolvers.ticket_storing import NewMessage, NewTicket, store_message, store_ticket

_NOTHING = "…"  # where a mail has no text, or no subject
_REOPENS_SINCE = timedelta(days=1)
_BEGINNING = frozenset({MailOriginKind.PERSON, MailOriginKind.LIST, MailOriginKind.AUTO_GENERATED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a mail came to be.

    Attributes:
        reply: the ticket and the message; None for a mail that was parked.
        follow_up: what decided.
        reason: why it was parked.
    """

    reply: Reply | None
    follow_up: FollowUp
    reason: str = ""


async def place_mail(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    desk: MailDesk,
    mail: IncomingMail,
    origin: MailOrigin,
) -> Placed:
    """Store what a mail says.

    Args:
        context: of the job that reads mail.
        connection: of the open transaction.
        desk: keys and addresses.
        mail: as it was read.
        origin: who wrote it.
    """
    nowhere = FollowUp(ticket=None, sign=FollowUpSign.NONE)
    if origin.kind is MailOriginKind.OWN:
        return Placed(reply=None, follow_up=nowhere, reason="our own mail")
    is_refuted = any(found.fault is MailFault.SENDER_REFUTED for found in mail.faults)
    found = await follow_up_of(connection, desk, mail, origin=origin.kind, is_refuted=is_refuted)
    sender = await mail_sender(connection, mail, is_refuted=is_refuted)
    ticket = await _locked(connection, found.ticket)
    new = _message(mail, sender, origin)
    if ticket is not None and ticket.status is TicketStatus.SPAM:
        return Placed(reply=None, follow_up=found, reason="answers what was marked as spam")
    if ticket is not None and not _is_strangers_late_answer(context, ticket, found):
        reply = await _answer(context, connection, ticket, new, sender=sender, found=found)
        return Placed(reply=reply, follow_up=found)
    if origin.kind not in _BEGINNING:
        return Placed(reply=None, follow_up=nowhere, reason="a program's answer to no ticket")
    begun = NewTicket(subject=_subject(mail), message=new, requester=sender.requester)
    return Placed(reply=Reply(*await store_ticket(context, connection, begun)), follow_up=nowhere)


async def _answer(  # noqa: PLR0913 - what an answer depends on
    context: RequestContext,
    connection: BaseDBAsyncClient,
    ticket: Ticket,
    new: NewMessage,
    *,
    sender: MailSender,
    found: FollowUp,
) -> Reply:
    if new.is_automatic:
        note = replace(new, visibility=MessageVisibility.INTERNAL)
        return await receive_reply(context, connection, ticket, note)
    is_theirs = ticket.requester_id is not None and ticket.requester_id == new.author_id
    if sender.is_desk and not is_theirs:
        is_sure = found.sign is FollowUpSign.REPLY_ADDRESS and not found.is_from_other_address
        return await _note(context, connection, ticket, replace(new, is_from_staff=is_sure))
    if await _has_reopened_enough(context, connection, ticket):
        return await _note(context, connection, ticket, new)
    return await receive_reply(context, connection, ticket, new)


async def _note(
    context: RequestContext, connection: BaseDBAsyncClient, ticket: Ticket, new: NewMessage
) -> Reply:
    """Add a mail for the desk alone; the ticket stays as it is."""
    await save_quietly(context, connection, ticket, snapshot(ticket))
    note = replace(new, visibility=MessageVisibility.INTERNAL)
    message = await store_message(context, connection, ticket, note)
    await log_action(
        context,
        connection,
        AuditAction.TICKET_NOTE,
        subject_id=ticket.id,
        after={"message_id": message.id},
    )
    return Reply(ticket, message)


def _is_strangers_late_answer(context: RequestContext, ticket: Ticket, found: FollowUp) -> bool:
    """Tell whether an answer would begin a ticket of a stranger with the facts of the old one."""
    return found.is_from_other_address and not may_go_on(context, ticket)


async def _has_reopened_enough(
    context: RequestContext, connection: BaseDBAsyncClient, ticket: Ticket
) -> bool:
    if ticket.status not in {TicketStatus.RESOLVED, TicketStatus.CLOSED}:
        return False
    since = context.ports.clock.now() - _REOPENS_SINCE
    reopened = TicketEvent.filter(
        ticket_id=ticket.id,
        kind=TicketEventKind.REOPENED,
        author_id=None,
        created_at__gt=since,
    )
    return not may_reopen(reopens_today=await reopened.using_db(connection).count())


async def _locked(connection: BaseDBAsyncClient, ticket_id: int | None) -> Ticket | None:
    if ticket_id is None:
        return None
    lock = "" if is_sqlite(connection) else " FOR NO KEY UPDATE"
    rows = await fetch(
        connection,
        f"SELECT {selected(Ticket)} FROM ticket"
        f" WHERE deleted_at IS NULL AND id = {int(ticket_id)}{lock}",
    )
    return ticket_of(rows[0]) if rows else None


def _message(mail: IncomingMail, sender: MailSender, origin: MailOrigin) -> NewMessage:
    user_id = sender.requester.user_id
    return NewMessage(
        body=_body(mail),
        visibility=MessageVisibility.PUBLIC,
        channel=TicketChannel.EMAIL,
        author_id=user_id,
        author_email=(sender.address or None) if user_id is None else None,
        author_name=sender.name if user_id is None else None,
        is_automatic=origin.is_automatic,
    )


def trimmed_of(mail: IncomingMail) -> TrimmedReply:
    """Return the text of a mail in sections."""
    subject = read_subject(mail.subject)
    is_reply = bool(mail.answered or mail.references or subject.is_reply)
    return trim_reply(mail.text, is_reply=is_reply, is_forward=subject.is_forward)


def _body(mail: IncomingMail) -> str:
    """Return what is new; where nothing is, the files say it."""
    return as_markdown(trimmed_of(mail).new, length=MAX_FORMATTED_LENGTH).strip() or _NOTHING


def _subject(mail: IncomingMail) -> str:
    """Return the subject, or the first words where it is empty."""
    first_line = next((line.strip() for line in mail.text.split("\n") if line.strip()), "")
    subject = read_subject(mail.subject).plain or read_subject(first_line).plain or _NOTHING
    room = MAX_SUBJECT_LENGTH
    return subject if len(subject) <= room else f"{subject[: room - 1].rstrip()}…"
