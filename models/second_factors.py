"""What a person can show beside the password, or instead of it."""

from datetime import datetime

from tortoise import fields

from models.base import Record
from models.users import User


class Totp(Record):
    """A person's authenticator app. It counts from `confirmed_at` on.

    `last_step` is the time step of the last code that was taken: it and those before it
    are used up. `sealed_secret` is sealed by the installation's secret key.
    """

    user: fields.ForeignKeyRelation[User] = fields.OneToOneField(
        "models.User", related_name="totp", on_delete=fields.CASCADE
    )
    user_id: int
    sealed_secret = fields.TextField()
    last_step: int = fields.BigIntField(default=0)
    confirmed_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "totp"
        table_description = "authenticator app"


class RecoveryCode(Record):
    """A code on paper, for when the second factor is lost.

    `code_hash` is its SHA-256 in hex: a code has 80 random bits.
    """

    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="recovery_codes", on_delete=fields.CASCADE
    )
    user_id: int
    code_hash = fields.CharField(max_length=64)
    used_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "recovery_code"
        table_description = "recovery code"
        unique_together = (("user", "code_hash"),)


class Passkey(Record):
    """A WebAuthn credential. Its id and its public key are base64url without padding."""

    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="passkeys", on_delete=fields.CASCADE
    )
    user_id: int
    credential_id = fields.CharField(max_length=1400, unique=True)  # at most 1,023 bytes
    public_key = fields.TextField()
    sign_count: int = fields.BigIntField(default=0)
    transports = fields.CharField(max_length=100, default="")
    label = fields.CharField(max_length=100)
    last_used_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "passkey"
        table_description = "passkey"
        indexes = (("user_id",),)


class Identity(Record):
    """Who a person is at the customer's own provider: OpenID Connect, or a directory.

    `login` is the name that they last typed for the directory, "" for OpenID Connect.
    """

    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="identities", on_delete=fields.CASCADE
    )
    user_id: int
    issuer = fields.CharField(max_length=255)
    subject = fields.CharField(max_length=255)
    login = fields.CharField(max_length=254, default="")
    last_used_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "identity"
        table_description = "identity at a provider"
        unique_together = (("issuer", "subject"),)
        indexes = (("user_id",),)
