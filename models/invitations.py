"""People who were asked to come, and have no account yet."""

from datetime import datetime

from tortoise import fields

from models.base import Record
from models.organizations import Organization
from models.users import MAX_EMAIL_LENGTH, Role, User


class Invitation(Record):
    """Bound to an address, a role and an organization. `token_hash`: see OneTimeToken.

    It is open until it was accepted, was revoked, or has expired.
    """

    email = fields.CharField(max_length=MAX_EMAIL_LENGTH, db_index=True)
    role: fields.ForeignKeyRelation[Role] = fields.ForeignKeyField(
        "models.Role", related_name="invitations", on_delete=fields.RESTRICT
    )
    role_id: int
    organization: fields.ForeignKeyNullableRelation[Organization] = fields.ForeignKeyField(
        "models.Organization", related_name="invitations", on_delete=fields.RESTRICT, null=True
    )
    organization_id: int | None
    invited_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="invitations_sent", on_delete=fields.SET_NULL, null=True
    )
    invited_by_id: int | None
    locale = fields.CharField(max_length=16)
    token_hash = fields.CharField(max_length=64, unique=True)
    expires_at: datetime = fields.DatetimeField()
    accepted_at: datetime | None = fields.DatetimeField(null=True)
    revoked_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "invitation"
        table_description = "invitation"
        indexes = (("organization_id", "id"),)
        # UNIQUE (email, organization_id) of the open ones: in the migration, because
        # Tortoise 1.1 ignores conditions (research: stack.md, M3).
