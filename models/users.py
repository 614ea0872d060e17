"""People with an account, and what their role lets them do."""

from typing import Self

from tortoise import fields

from models.base import Record
from models.rules.scopes import Scope, parse_scopes

MAX_EMAIL_LENGTH = 254  # characters, RFC 5321 section 4.5.3.1.3


class Role(Record):
    """A named set of scopes. `scopes` holds their names with one space between."""

    name = fields.CharField(max_length=64, unique=True)
    scopes = fields.TextField()
    is_staff = fields.BooleanField(default=False)

    class Meta:
        table = "role"
        table_description = "role"


class User(Record):
    """A person. `email` is stored in lower case; deactivated people keep their rows."""

    email = fields.CharField(max_length=MAX_EMAIL_LENGTH, unique=True)
    name = fields.CharField(max_length=200)
    locale = fields.CharField(max_length=16, default="en")
    time_zone = fields.CharField(max_length=64, default="UTC")
    role: fields.ForeignKeyRelation[Role] = fields.ForeignKeyField(
        "models.Role", related_name="users", on_delete=fields.RESTRICT
    )
    role_id: int
    deactivated_at = fields.DatetimeField(null=True)

    class Meta:
        table = "app_user"  # "user" is a reserved word of PostgreSQL
        table_description = "user"

    @classmethod
    async def by_email(cls, email: str) -> Self | None:
        """Find a person by address in any case, with the role loaded."""
        return await cls.get_or_none(email=email.strip().lower()).prefetch_related("role")

    def scopes(self) -> frozenset[Scope]:
        """Return the scopes of the person's role, which must be loaded."""
        return parse_scopes(self.role.scopes)
