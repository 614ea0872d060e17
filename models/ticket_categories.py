"""What tickets are about: a tree that administrators tend."""

from datetime import datetime
from typing import Final

from tortoise import fields

from models.base import Record

MAX_CATEGORY_NAME_LENGTH: Final = 200  # characters
MAX_CATEGORY_DEPTH: Final = 5  # levels


class TicketCategory(Record):
    """A branch of the tree. Archived ones stay with their tickets, and get no new ones."""

    parent: fields.ForeignKeyNullableRelation["TicketCategory"] = fields.ForeignKeyField(
        "models.TicketCategory", related_name="children", on_delete=fields.RESTRICT, null=True
    )
    parent_id: int | None
    name_ru = fields.CharField(max_length=MAX_CATEGORY_NAME_LENGTH)
    name_en = fields.CharField(max_length=MAX_CATEGORY_NAME_LENGTH)
    position = fields.IntField(default=0)
    archived_at: datetime | None = fields.DatetimeField(null=True)
    revision = fields.IntField(default=1)

    class Meta:
        table = "ticket_category"
        table_description = "category of tickets"
        indexes = (("parent_id",),)

    def name(self, locale: str) -> str:
        """Return the name in a language; another language reads English."""
        return self.name_ru if locale == "ru" else self.name_en
