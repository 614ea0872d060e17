"""Mail as it came, before anybody has read it, and what became of it."""

from datetime import datetime
from enum import StrEnum

from tortoise import fields

from models.base import Record, nullable
from models.rules.follow_ups import FollowUpSign
from models.rules.mail_origins import MailOriginKind
from models.rules.message_ids import MAX_ID_LENGTH
from models.ticket_messages import TicketMessage
from models.tickets import Ticket
from models.users import MAX_EMAIL_LENGTH

MAX_MAILBOX_LENGTH = 300  # characters
MAX_REASON_LENGTH = 200  # characters


class RawMailState(StrEnum):
    """Stored by name; never renamed or reused."""

    RECEIVED = "RECEIVED"  # waits for its turn
    DONE = "DONE"  # a ticket or a message was made of it
    PARKED = "PARKED"  # read, and of no ticket: our own, or a program's answer to nothing
    FAILED = "FAILED"  # given up after many tries; the file is there


class RawMail(Record):
    """One mail. Its file is a StoredFile of this owner, which is never changed.

    Attributes:
        identity: of models.rules.mail_identity; the unique index decides who came first.
        sha256: of the content, in hex.
        mailbox: name of the mailbox that it came to first.
        received_at: when the server of the mailbox got it.
        attempts: tries so far; whoever raises it has the mail until `due_at`.
        due_at: when it is anybody's turn; None once it is read.
        message_id, sender_email: as the mail says; None if it says none.
        origin, sign: who wrote it, and what decided about its ticket.
        is_from_other_address: the sender takes no part in the ticket they answered to.
        faults: names of models.rules.mail_faults, with spaces between.
        reason: why it was parked or failed; "" else.
    """

    identity = fields.CharField(max_length=64, unique=True)
    sha256 = fields.CharField(max_length=64)
    mailbox = fields.CharField(max_length=MAX_MAILBOX_LENGTH)
    received_at: datetime = fields.DatetimeField()
    state = fields.CharEnumField(RawMailState, max_length=16, description="how far it came")
    attempts = fields.IntField(default=0)
    due_at: datetime | None = fields.DatetimeField(null=True, db_index=True)
    message_id = fields.CharField(max_length=MAX_ID_LENGTH, null=True, db_index=True)
    sender_email = fields.CharField(max_length=MAX_EMAIL_LENGTH, null=True, db_index=True)
    origin = nullable(
        fields.CharEnumField(MailOriginKind, max_length=16, null=True, description="who wrote it")
    )
    sign = nullable(
        fields.CharEnumField(
            FollowUpSign, max_length=16, null=True, description="what decided about its ticket"
        )
    )
    is_from_other_address = fields.BooleanField(default=False)
    faults = fields.TextField(default="")
    reason = fields.CharField(max_length=MAX_REASON_LENGTH, default="")
    ticket: fields.ForeignKeyNullableRelation[Ticket] = fields.ForeignKeyField(
        "models.Ticket", related_name="raw_mails", on_delete=fields.SET_NULL, null=True
    )
    ticket_id: int | None
    ticket_message: fields.ForeignKeyNullableRelation[TicketMessage] = fields.ForeignKeyField(
        "models.TicketMessage", related_name="raw_mails", on_delete=fields.SET_NULL, null=True
    )
    ticket_message_id: int | None

    class Meta:
        table = "raw_mail"
        table_description = "mail as it came"
        indexes = (("ticket_id",), ("ticket_message_id",))
