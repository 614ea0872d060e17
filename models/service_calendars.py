"""Working calendars of the service terms."""

from datetime import datetime
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.base import Record
from models.ids import new_id
from models.users import User

MAX_CALENDAR_NAME_LENGTH: Final = 200  # characters


class ServiceCalendar(Record):
    """A calendar under its name; `revision` is the number of its newest version."""

    name = fields.CharField(max_length=MAX_CALENDAR_NAME_LENGTH, unique=True)
    revision = fields.IntField(default=1)

    class Meta:
        table = "service_calendar"
        table_description = "working calendar"


class ServiceCalendarVersion(Model):
    """What a calendar says from a moment on; never changed, so that the past stays as it was.

    `valid_from` is never before the moment at which the version was made. `definition` is
    read by models.rules.calendar_format.
    """

    id = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    created_at: datetime = fields.DatetimeField()
    calendar: fields.ForeignKeyRelation[ServiceCalendar] = fields.ForeignKeyField(
        "models.ServiceCalendar", related_name="versions", on_delete=fields.RESTRICT
    )
    calendar_id: int
    number = fields.IntField()
    valid_from: datetime = fields.DatetimeField()
    definition = fields.TextField()
    author: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="service_calendars", on_delete=fields.SET_NULL, null=True
    )
    author_id: int | None

    class Meta:
        table = "service_calendar_version"
        table_description = "version of a working calendar"
        unique_together = (("calendar", "number"),)
