"""Answers that are given again when a client repeats a request."""

from tortoise import fields

from models.base import Record
from models.users import User


class Replay(Record):
    """What a mutation with a `requestId` made. The unique constraint lets one of many win."""

    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="replays", on_delete=fields.CASCADE
    )
    user_id: int
    mutation = fields.CharField(max_length=64)
    request_id = fields.CharField(max_length=128)
    body_hash = fields.CharField(max_length=64, description="SHA-256 of the input, hex")
    result_id = fields.BigIntField()

    class Meta:
        table = "replay"
        table_description = "repeated request"
        unique_together = (("user", "mutation", "request_id"),)
        indexes = (("created_at",),)
