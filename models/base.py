"""What most tables have."""

from tortoise import fields
from tortoise.models import Model

from models.ids import new_id


class Record(Model):
    """Primary key and timestamps (UTC, set by the application)."""

    id: int = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        abstract = True
