"""Tickets: what customers ask of the desk."""

from datetime import datetime
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.base import Record, nullable
from models.ids import new_id
from models.organizations import Organization
from models.rules.severities import TicketEffect, TicketImpact, TicketSeverity, TicketWorkaround
from models.rules.ticket_states import (
    TicketChannel,
    TicketKind,
    TicketLine,
    TicketLinkKind,
    TicketResolution,
    TicketStatus,
)
from models.rules.ticket_tags import MAX_TAG_LENGTH
from models.ticket_categories import TicketCategory
from models.ticket_queues import TicketQueue
from models.users import MAX_EMAIL_LENGTH, User

MAX_SUBJECT_LENGTH: Final = 300  # characters
MAX_MODULE_LENGTH: Final = 120  # characters
MAX_INSTALLATION_LENGTH: Final = 200  # characters

MAX_REQUESTER_NAME_LENGTH: Final = 200  # characters


class Ticket(Record):
    """One matter of one customer.

    `number` is what people say on the phone; it rises, and no second ticket ever has it.
    The requester is a person with an account, or a stranger with an address alone.
    `status` says who has to act, `line` which line has it. The answers behind `severity`
    are `effect`, `impact` and `workaround`. `status_before` is where spam and merged
    tickets go back to. `customer_wrote_at` and `staff_wrote_at` are the last public
    messages of both, `first_answered_at` the desk's first.
    """

    number: int = fields.BigIntField(unique=True)
    subject = fields.CharField(max_length=MAX_SUBJECT_LENGTH)
    kind = fields.CharEnumField(TicketKind, max_length=32, description="what the customer wants")
    severity = nullable(
        fields.CharEnumField(
            TicketSeverity, max_length=16, null=True, description="by the table of severities"
        )
    )
    effect = nullable(
        fields.CharEnumField(
            TicketEffect, max_length=16, null=True, description="what happens to the work"
        )
    )
    impact = nullable(
        fields.CharEnumField(TicketImpact, max_length=16, null=True, description="to how many")
    )
    workaround = nullable(
        fields.CharEnumField(
            TicketWorkaround, max_length=16, null=True, description="whether there is a way round"
        )
    )
    status = fields.CharEnumField(TicketStatus, max_length=24, description="who has to act")
    line = fields.CharEnumField(TicketLine, max_length=16, description="which line has it")
    channel = fields.CharEnumField(TicketChannel, max_length=16, description="the way it came")
    locale = fields.CharField(max_length=24, default="en")
    requester: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="tickets", on_delete=fields.SET_NULL, null=True
    )
    requester_id: int | None
    requester_email = fields.CharField(max_length=MAX_EMAIL_LENGTH, null=True)
    requester_name = fields.CharField(max_length=MAX_REQUESTER_NAME_LENGTH, null=True)
    organization: fields.ForeignKeyNullableRelation[Organization] = fields.ForeignKeyField(
        "models.Organization", related_name="tickets", on_delete=fields.RESTRICT, null=True
    )
    organization_id: int | None
    installation = fields.CharField(max_length=MAX_INSTALLATION_LENGTH, null=True)
    module = fields.CharField(max_length=MAX_MODULE_LENGTH, null=True)
    category: fields.ForeignKeyNullableRelation[TicketCategory] = fields.ForeignKeyField(
        "models.TicketCategory", related_name="tickets", on_delete=fields.RESTRICT, null=True
    )
    category_id: int | None
    queue: fields.ForeignKeyNullableRelation[TicketQueue] = fields.ForeignKeyField(
        "models.TicketQueue", related_name="tickets", on_delete=fields.RESTRICT, null=True
    )
    queue_id: int | None
    assignee: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="assigned_tickets", on_delete=fields.SET_NULL, null=True
    )
    assignee_id: int | None
    revision = fields.IntField(default=1)
    reopen_count = fields.IntField(default=0)
    bounce_count = fields.IntField(default=0)
    snoozed_until: datetime | None = fields.DatetimeField(null=True)
    resolution = nullable(
        fields.CharEnumField(
            TicketResolution, max_length=24, null=True, description="why it needs nothing more"
        )
    )
    resolution_note: str | None = fields.TextField(null=True)
    resolved_at: datetime | None = fields.DatetimeField(null=True)
    closed_at: datetime | None = fields.DatetimeField(null=True)
    deleted_at: datetime | None = fields.DatetimeField(null=True)
    merged_into: fields.ForeignKeyNullableRelation["Ticket"] = fields.ForeignKeyField(
        "models.Ticket", related_name="merged", on_delete=fields.RESTRICT, null=True
    )
    merged_into_id: int | None
    status_before = nullable(
        fields.CharEnumField(
            TicketStatus, max_length=24, null=True, description="where it was before"
        )
    )
    first_answered_at: datetime | None = fields.DatetimeField(null=True)
    customer_wrote_at: datetime | None = fields.DatetimeField(null=True)
    staff_wrote_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "ticket"
        table_description = "ticket"
        indexes = (
            ("created_at", "id"),
            ("updated_at", "id"),
            ("status", "updated_at", "id"),
            ("queue_id", "updated_at", "id"),
            ("assignee_id", "updated_at", "id"),
            ("requester_id", "updated_at", "id"),
            ("organization_id", "updated_at", "id"),
            ("requester_email", "id"),
            ("category_id", "id"),
            ("merged_into_id",),
            ("deleted_at", "status", "assignee_id"),
            ("status", "snoozed_until"),
            ("status", "resolved_at"),
        )


class TicketCounter(Model):
    """The last number that was given out, in its only row."""

    id: int = fields.BigIntField(primary_key=True, generated=False)
    last_number = fields.BigIntField()

    class Meta:
        table = "ticket_counter"
        table_description = "last number of a ticket"


class TicketFollower(Model):
    """Somebody who wants to be told of a ticket."""

    id: int = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    ticket: fields.ForeignKeyRelation[Ticket] = fields.ForeignKeyField(
        "models.Ticket", related_name="followers", on_delete=fields.CASCADE
    )
    ticket_id: int
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="followed_tickets", on_delete=fields.CASCADE
    )
    user_id: int

    class Meta:
        table = "ticket_follower"
        table_description = "follower of a ticket"
        unique_together = (("ticket", "user"),)
        indexes = (("user_id", "ticket_id"),)


class TicketTag(Model):
    """A word on a ticket, in lower case."""

    id: int = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    ticket: fields.ForeignKeyRelation[Ticket] = fields.ForeignKeyField(
        "models.Ticket", related_name="tags", on_delete=fields.CASCADE
    )
    ticket_id: int
    name = fields.CharField(max_length=MAX_TAG_LENGTH)

    class Meta:
        table = "ticket_tag"
        table_description = "tag of a ticket"
        unique_together = (("ticket", "name"),)
        indexes = (("name", "ticket_id"),)


class TicketLink(Model):
    """`other` is what `kind` says to `ticket`: its follow-up, a part split from it."""

    id: int = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    ticket: fields.ForeignKeyRelation[Ticket] = fields.ForeignKeyField(
        "models.Ticket", related_name="links", on_delete=fields.CASCADE
    )
    ticket_id: int
    other: fields.ForeignKeyRelation[Ticket] = fields.ForeignKeyField(
        "models.Ticket", related_name="linked_from", on_delete=fields.CASCADE
    )
    other_id: int
    kind = fields.CharEnumField(TicketLinkKind, max_length=16, description="what the other is")

    class Meta:
        table = "ticket_link"
        table_description = "link between tickets"
        unique_together = (("ticket", "other", "kind"),)
        indexes = (("other_id",),)
