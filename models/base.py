"""What most tables have."""

from typing import TypeVar, cast

from tortoise import fields
from tortoise.models import Model

from models.ids import new_id

Value = TypeVar("Value")


def nullable(field: fields.Field[Value]) -> fields.Field[Value | None]:
    """Return a field with `null=True` as what it is, where Tortoise's types do not say so."""
    return cast("fields.Field[Value | None]", field)


class Record(Model):
    """Primary key and timestamps (UTC, set by the application)."""

    id: int = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        abstract = True
