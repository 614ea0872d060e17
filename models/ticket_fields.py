"""Fields of tickets that administrators define, and what the tickets hold in them."""

from datetime import datetime
from typing import Final, cast

import orjson
from tortoise import fields
from tortoise.models import Model

from models.base import Record, nullable
from models.ids import new_id
from models.rules.ticket_fields import FieldDefinition, FieldType
from models.rules.ticket_states import TicketKind
from models.tickets import Ticket

MAX_FIELD_KEY_LENGTH: Final = 64  # characters
MAX_FIELD_LABEL_LENGTH: Final = 200  # characters


class TicketField(Record):
    """A definition, see models.rules.ticket_fields. `choices` is a list in JSON."""

    key = fields.CharField(max_length=MAX_FIELD_KEY_LENGTH, unique=True)
    kind = nullable(
        fields.CharEnumField(
            TicketKind, max_length=32, null=True, description="of the tickets that have it"
        )
    )
    type = fields.CharEnumField(FieldType, max_length=16, description="what it takes")
    label_ru = fields.CharField(max_length=MAX_FIELD_LABEL_LENGTH)
    label_en = fields.CharField(max_length=MAX_FIELD_LABEL_LENGTH)
    choices = fields.TextField(default="[]")
    is_required = fields.BooleanField(default=False)
    is_for_customers = fields.BooleanField(default=False)
    position = fields.IntField(default=0)
    archived_at: datetime | None = fields.DatetimeField(null=True)
    revision = fields.IntField(default=1)

    class Meta:
        table = "ticket_field"
        table_description = "field of tickets"

    @property
    def definition(self) -> FieldDefinition:
        """The field as the rules know it."""
        return FieldDefinition(
            key=self.key,
            type=self.type,
            kind=self.kind,
            labels={"ru": self.label_ru, "en": self.label_en},
            choices=tuple(cast("list[str]", orjson.loads(self.choices))),
            is_required=self.is_required,
            is_for_customers=self.is_for_customers,
        )


class TicketFieldValue(Model):
    """What a ticket holds in a field; `value` in JSON. Keys of ours have no TicketField."""

    id: int = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    ticket: fields.ForeignKeyRelation[Ticket] = fields.ForeignKeyField(
        "models.Ticket", related_name="field_values", on_delete=fields.CASCADE
    )
    ticket_id: int
    key = fields.CharField(max_length=MAX_FIELD_KEY_LENGTH)
    value = fields.TextField()

    class Meta:
        table = "ticket_field_value"
        table_description = "value of a field"
        unique_together = (("ticket", "key"),)
