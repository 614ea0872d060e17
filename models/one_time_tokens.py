"""Secrets that open one door once: links in letters, steps of a sign-in."""

from datetime import datetime
from enum import StrEnum

from tortoise import fields

from models.base import Record
from models.users import User


class TokenPurpose(StrEnum):
    """Which door. Stored by name; never renamed or reused."""

    SECOND_FACTOR = "SECOND_FACTOR"  # the password was right, the second factor is to come
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105 - no password
    SIGN_UP = "SIGN_UP"
    EMAIL_CHANGE = "EMAIL_CHANGE"
    PASSKEY_CREATE = "PASSKEY_CREATE"
    PASSKEY_SIGN_IN = "PASSKEY_SIGN_IN"
    PASSKEY_RENEW = "PASSKEY_RENEW"
    OIDC = "OIDC"
    FILE_UPLOAD = "FILE_UPLOAD"


class OneTimeToken(Record):
    """`token_hash` is the SHA-256 of the token in hex; who uses it sets `used_at` by comparing.

    `sealed_payload` is what the second half of the step has to know, sealed by the
    installation's secret key.
    """

    purpose = fields.CharEnumField(TokenPurpose, max_length=32, description="which door it opens")
    token_hash = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="one_time_tokens", on_delete=fields.CASCADE, null=True
    )
    user_id: int | None
    sealed_payload = fields.TextField(default="")
    expires_at: datetime = fields.DatetimeField(db_index=True)
    used_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "one_time_token"
        table_description = "one-time token"
        indexes = (("user_id",),)
