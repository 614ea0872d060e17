"""People with an account, and what their role lets them do."""

from datetime import datetime
from typing import Final, Self

from tortoise import fields

from models.base import Record
from models.organizations import Organization
from models.rules.mail_addresses import normal_address
from models.rules.reach import Reach
from models.rules.scopes import Scope, parse_scopes

# Of the first administrator, who was asked for none: letters do not repeat it.
NO_NAME: Final = "Administrator"
MAX_EMAIL_LENGTH = 254  # characters, RFC 5321 section 4.5.3.1.3


class Role(Record):
    """A named set of scopes. `scopes` holds their names with one space between.

    Built-in roles have the names and contents of models.rules.roles; nobody changes them.
    """

    name = fields.CharField(max_length=64, unique=True)
    scopes = fields.TextField()
    reach = fields.CharEnumField(
        Reach, max_length=16, default=Reach.OWN, description="whose things its people see"
    )
    is_built_in = fields.BooleanField(default=False)
    revision = fields.IntField(default=1)

    class Meta:
        table = "role"
        table_description = "role"


class User(Record):
    """A person. `email` is stored in lower case; deactivated people keep their rows.

    `password_hash` is None for those who sign in by other means alone. A person whose
    data was erased has no name and an address that nobody can have. `max_links` None
    leaves the bound to the organization.
    """

    email = fields.CharField(max_length=MAX_EMAIL_LENGTH, unique=True)
    name = fields.CharField(max_length=200)
    locale = fields.CharField(max_length=16, default="en")
    time_zone = fields.CharField(max_length=64, default="UTC")
    role: fields.ForeignKeyRelation[Role] = fields.ForeignKeyField(
        "models.Role", related_name="users", on_delete=fields.RESTRICT
    )
    role_id: int
    organization: fields.ForeignKeyNullableRelation[Organization] = fields.ForeignKeyField(
        "models.Organization", related_name="users", on_delete=fields.RESTRICT, null=True
    )
    organization_id: int | None
    password_hash = fields.CharField(max_length=255, null=True)
    password_changed_at: datetime | None = fields.DatetimeField(null=True)
    email_verified_at: datetime | None = fields.DatetimeField(null=True)
    last_seen_at: datetime | None = fields.DatetimeField(null=True)
    max_links = fields.IntField(null=True)
    revision = fields.IntField(default=1)
    deactivated_at: datetime | None = fields.DatetimeField(null=True)
    erased_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "app_user"  # "user" is a reserved word of PostgreSQL
        table_description = "user"
        indexes = (("organization_id",),)

    @classmethod
    async def by_email(cls, email: str) -> Self | None:
        """Find a person by address in any case and spelling, with the role loaded."""
        return await cls.get_or_none(email=normal_address(email)).prefetch_related("role")

    @property
    def is_unnamed(self) -> bool:
        """Whether the name is one that we gave, and not what the person is called."""
        return self.name in {"", NO_NAME}

    def scopes(self) -> frozenset[Scope]:
        """Return the scopes of the person's role, which must be loaded."""
        return parse_scopes(self.role.scopes)
