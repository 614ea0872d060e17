"""Signed-in browsers; the token itself is nowhere stored."""

from datetime import datetime

from tortoise import fields

from models.base import Record
from models.users import User

MAX_ADDRESS_LENGTH = 45  # characters of an IPv6 address with an IPv4 one in it
MAX_USER_AGENT_LENGTH = 300  # characters that are kept


class Session(Record):
    """A session of one person. `token_hash` is the SHA-256 of the cookie's value in hex.

    Attributes:
        authenticated_at: when the person last proved who they are, for dangerous actions.
        expires_at: the end, however much it is used.
        last_seen_at: exact to a minute; unused for long, it ends before.
        factors: how they proved it, names with one space between: password, totp, passkey...
    """

    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="sessions", on_delete=fields.CASCADE
    )
    user_id: int
    token_hash = fields.CharField(max_length=64, unique=True)
    factors = fields.CharField(max_length=64)
    authenticated_at: datetime = fields.DatetimeField()
    last_seen_at: datetime = fields.DatetimeField()
    expires_at: datetime = fields.DatetimeField(db_index=True)
    revoked_at: datetime | None = fields.DatetimeField(null=True)
    address = fields.CharField(max_length=MAX_ADDRESS_LENGTH)
    user_agent = fields.CharField(max_length=MAX_USER_AGENT_LENGTH)

    class Meta:
        table = "session"
        table_description = "session"
        indexes = (("user_id",),)
