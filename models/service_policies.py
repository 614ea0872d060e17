"""Policies of the service terms: what is promised to whom."""

from datetime import datetime
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.base import Record
from models.ids import new_id
from models.service_calendars import ServiceCalendar
from models.users import User

MAX_POLICY_NAME_LENGTH: Final = 200  # characters


class ServicePolicy(Record):
    """A policy under its name; `revision` is the number of its newest version."""

    name = fields.CharField(max_length=MAX_POLICY_NAME_LENGTH, unique=True)
    is_default = fields.BooleanField(default=False)
    archived_at: datetime | None = fields.DatetimeField(null=True)
    revision = fields.IntField(default=1)

    class Meta:
        table = "service_policy"
        table_description = "policy of the service terms"
        # UNIQUE (is_default) of the one default in force: in the migration, because
        # Tortoise 1.1 ignores conditions (research: stack.md, M3).


class ServicePolicyVersion(Model):
    """What a policy promises and to whom; never changed.

    `conditions` is JSON: values by PolicyField; `budgets` working seconds by ClockKind;
    `warn_at` a list of percents.
    """

    id = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    created_at: datetime = fields.DatetimeField()
    policy: fields.ForeignKeyRelation[ServicePolicy] = fields.ForeignKeyField(
        "models.ServicePolicy", related_name="versions", on_delete=fields.RESTRICT
    )
    policy_id: int
    number = fields.IntField()
    calendar: fields.ForeignKeyRelation[ServiceCalendar] = fields.ForeignKeyField(
        "models.ServiceCalendar", related_name="policy_versions", on_delete=fields.RESTRICT
    )
    calendar_id: int
    conditions = fields.TextField()
    budgets = fields.TextField()
    warn_at = fields.TextField()
    author: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="service_policies", on_delete=fields.SET_NULL, null=True
    )
    author_id: int | None

    class Meta:
        table = "service_policy_version"
        table_description = "version of a policy of the service terms"
        unique_together = (("policy", "number"),)
        indexes = (("calendar_id",),)


class ServiceTermsState(Model):
    """Which generation of calendars and policies is in force, in its only row.

    Every change of a calendar or a policy puts a new id here, in its transaction. Clocks
    keep the one they were counted by, so that those of another one are found. So does the
    first start of a release that knows other holidays than `holidays`, a digest of theirs.
    """

    id = fields.BigIntField(primary_key=True, generated=False)
    generation: int = fields.BigIntField()
    holidays = fields.CharField(max_length=64)

    class Meta:
        table = "service_terms_state"
        table_description = "generation of the service terms"
