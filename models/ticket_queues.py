"""Where tickets wait, and who takes them from there."""

from datetime import datetime
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.base import Record
from models.ids import new_id
from models.rules.ticket_states import TicketLine
from models.users import User

MAX_QUEUE_NAME_LENGTH: Final = 200  # characters


class TicketQueue(Record):
    """A queue of one line."""

    name = fields.CharField(max_length=MAX_QUEUE_NAME_LENGTH, unique=True)
    line = fields.CharEnumField(TicketLine, max_length=16, description="whose tickets wait here")
    archived_at: datetime | None = fields.DatetimeField(null=True)
    revision = fields.IntField(default=1)

    class Meta:
        table = "ticket_queue"
        table_description = "queue of tickets"


class TicketQueueMember(Model):
    """Somebody who works on the tickets of a queue."""

    id: int = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    queue: fields.ForeignKeyRelation[TicketQueue] = fields.ForeignKeyField(
        "models.TicketQueue", related_name="members", on_delete=fields.CASCADE
    )
    queue_id: int
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="ticket_queues", on_delete=fields.CASCADE
    )
    user_id: int

    class Meta:
        table = "ticket_queue_member"
        table_description = "member of a queue"
        unique_together = (("queue", "user"),)
        indexes = (("user_id",),)
