"""What is said about a ticket, and what happened to it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

import orjson
from tortoise import fields
from tortoise.models import Model

from models.base import Record
from models.ids import new_id
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_states import MessageVisibility, TicketChannel
from models.tickets import MAX_REQUESTER_NAME_LENGTH, Ticket
from models.users import MAX_EMAIL_LENGTH, User

MAX_BODY_LENGTH: Final = 100_000  # characters


class TicketMessage(Record):
    """An answer, a question, or a note of the desk.

    Customers see a public one of the desk from `due_at` on, and until then its author can
    take it back. `visibility` has no default: whoever writes says who may read.
    `is_automatic` is mail that no person wrote. `ticket_revision` is that of the ticket
    right after it.
    """

    ticket: fields.ForeignKeyRelation[Ticket] = fields.ForeignKeyField(
        "models.Ticket", related_name="messages", on_delete=fields.CASCADE
    )
    ticket_id: int
    visibility = fields.CharEnumField(MessageVisibility, max_length=16, description="who reads it")
    author: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="ticket_messages", on_delete=fields.SET_NULL, null=True
    )
    author_id: int | None
    author_email = fields.CharField(max_length=MAX_EMAIL_LENGTH, null=True)
    author_name = fields.CharField(max_length=MAX_REQUESTER_NAME_LENGTH, null=True)
    is_from_staff = fields.BooleanField()
    is_automatic = fields.BooleanField(default=False)
    channel = fields.CharEnumField(TicketChannel, max_length=16, description="the way it came")
    body_markdown = fields.TextField()
    due_at: datetime = fields.DatetimeField()
    taken_back_at: datetime | None = fields.DatetimeField(null=True)
    ticket_revision = fields.IntField()

    class Meta:
        table = "ticket_message"
        table_description = "message of a ticket"
        indexes = (("ticket_id", "due_at", "id"), ("author_id", "id"), ("author_email", "id"))


class TicketEvent(Model):
    """A change of a ticket: what was, what is, and who did it; the author None is a job.

    The change that came with an answer is shown and taken back with it: see TicketMessage.
    """

    id: int = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    created_at: datetime = fields.DatetimeField()
    ticket: fields.ForeignKeyRelation[Ticket] = fields.ForeignKeyField(
        "models.Ticket", related_name="events", on_delete=fields.CASCADE
    )
    ticket_id: int
    kind = fields.CharEnumField(TicketEventKind, max_length=32, description="what happened")
    author: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="ticket_events", on_delete=fields.SET_NULL, null=True
    )
    author_id: int | None
    is_from_staff = fields.BooleanField()
    is_for_customer = fields.BooleanField()
    before = fields.TextField()
    after = fields.TextField()
    due_at: datetime = fields.DatetimeField()
    taken_back_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "ticket_event"
        table_description = "event of a ticket"
        indexes = (("ticket_id", "due_at", "id"), ("author_id", "id"))

    @property
    def values_before(self) -> Mapping[str, Any]:
        """The fields that changed, as they were."""
        return cast("Mapping[str, Any]", orjson.loads(self.before))

    @property
    def values_after(self) -> Mapping[str, Any]:
        """The same fields as they became."""
        return cast("Mapping[str, Any]", orjson.loads(self.after))
