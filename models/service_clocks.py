"""Clocks of tickets by the service terms, and their logs."""

from datetime import datetime
from typing import cast

from tortoise import fields
from tortoise.models import Model

from models.base import Record
from models.ids import new_id
from models.rules.clock_steps import ClockEntryKind
from models.rules.service_clocks import ClockKind, PauseReason
from models.tickets import Ticket


class ServiceClockRow(Record):
    """A models.rules.service_clocks.ServiceClock of a ticket; moments in seconds since 1970.

    `round` counts the clocks of one kind. `deadline_s` and `look_at_s` follow from the
    rest and are here for lists and for the worker: when the budget is used up if the
    clock runs on, and when a warning or the breach is due. `generation`: ServiceTermsState.
    """

    ticket: fields.ForeignKeyRelation[Ticket] = fields.ForeignKeyField(
        "models.Ticket", related_name="clocks", on_delete=fields.CASCADE
    )
    ticket_id: int
    kind = fields.CharEnumField(ClockKind, max_length=16, description="what is promised")
    round = fields.IntField(default=1)
    policy_id: int = fields.BigIntField()
    policy_version = fields.IntField()
    calendar_id: int = fields.BigIntField()
    calendar_version = fields.IntField()
    budget_s: int = fields.BigIntField()
    warn_at = fields.TextField()
    consumed_s: int = fields.BigIntField(default=0)
    running_since_s: int | None = fields.BigIntField(null=True)
    paused_for = cast(
        "PauseReason | None",
        fields.CharEnumField(PauseReason, max_length=24, null=True, description="why it stands"),
    )
    met_at_s: int | None = fields.BigIntField(null=True)
    breached_at_s: int | None = fields.BigIntField(null=True)
    late_by_s: int | None = fields.BigIntField(null=True)
    warned = fields.TextField()
    deadline_s: int | None = fields.BigIntField(null=True)
    look_at_s: int | None = fields.BigIntField(null=True)
    generation: int = fields.BigIntField()

    class Meta:
        table = "service_clock"
        table_description = "clock of the service terms"
        unique_together = (("ticket", "kind", "round"),)
        indexes = (("look_at_s",), ("deadline_s", "ticket_id"))
        # An index on the generation of those not met: in the migration, for its condition.


class ServiceClockEntry(Model):
    """A models.rules.clock_steps.ClockEntry: one line of a clock's log, never changed.

    `terms` and `old_terms` are JSON of models.rules.service_clocks.Terms.
    """

    id = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    created_at: datetime = fields.DatetimeField()
    clock: fields.ForeignKeyRelation[ServiceClockRow] = fields.ForeignKeyField(
        "models.ServiceClockRow", related_name="entries", on_delete=fields.CASCADE
    )
    clock_id: int
    kind = fields.CharEnumField(ClockEntryKind, max_length=16, description="what happened")
    at_s: int = fields.BigIntField()
    consumed_s: int = fields.BigIntField()
    percent: int | None = fields.IntField(null=True)
    late_by_s: int | None = fields.BigIntField(null=True)
    paused_for = cast(
        "PauseReason | None",
        fields.CharEnumField(PauseReason, max_length=24, null=True, description="why it stands"),
    )
    terms = fields.TextField()
    old_terms: str | None = fields.TextField(null=True)

    class Meta:
        table = "service_clock_entry"
        table_description = "entry of a clock's log"
        indexes = (("clock_id", "id"), ("kind", "at_s"))
