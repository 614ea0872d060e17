"""Scoped secrets of programs; the secret itself is nowhere stored."""

from datetime import datetime

from tortoise import fields

from models.base import Record
from models.users import User


class ApiKey(Record):
    """A key of one person. `secret_hash` is the SHA-256 of the whole key in hex.

    A random key of 190 bits needs no slow hash: nobody can guess it, and it is
    checked at every request. `per_minute` bounds its requests, None as the settings say.
    `made_by_key_id` is the key that made it, None for a session's, the command line's and
    older ones; no foreign key, since keys go when their person is erased.
    """

    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="api_keys", on_delete=fields.CASCADE
    )
    user_id: int
    label = fields.CharField(max_length=100)
    prefix = fields.CharField(max_length=12)
    secret_hash = fields.CharField(max_length=64, unique=True)
    scopes = fields.TextField()
    per_minute = fields.IntField(null=True)
    made_by_key_id: int | None = fields.BigIntField(null=True)
    expires_at: datetime | None = fields.DatetimeField(null=True)
    last_used_at: datetime | None = fields.DatetimeField(null=True)
    revoked_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "api_key"
        table_description = "API key"
        indexes = (("made_by_key_id",),)
