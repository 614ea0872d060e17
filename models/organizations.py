"""Companies whose people use the installation."""

from datetime import datetime
from enum import StrEnum

from tortoise import fields

from models.base import Record

MAX_ORGANIZATION_NAME_LENGTH = 200  # characters


class OrganizationKind(StrEnum):
    """Stored by name; never renamed or reused."""

    CUSTOMER = "CUSTOMER"
    PARTNER = "PARTNER"


class Organization(Record):
    """A company. The quotas bound all of its people together; None for no bound."""

    name = fields.CharField(max_length=MAX_ORGANIZATION_NAME_LENGTH, unique=True)
    kind = fields.CharEnumField(OrganizationKind, max_length=16, description="what it is to us")
    max_links = fields.IntField(null=True)
    max_users = fields.IntField(null=True)
    revision = fields.IntField(default=1)
    deactivated_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "organization"
        table_description = "organization"
