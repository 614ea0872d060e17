"""What was done, by whom, from where. Rows are added; only the chain writes to them again."""

from datetime import datetime
from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from models.sessions import MAX_ADDRESS_LENGTH


class AuditVia(StrEnum):
    """What the actor came through. Stored by name; never renamed or reused."""

    SESSION = "SESSION"
    API_KEY = "API_KEY"
    COMMAND = "COMMAND"
    NOBODY = "NOBODY"


class AuditEntry(Model):
    """One event, written in the transaction of what it tells of.

    People are named by id alone, without a foreign key: the log outlives them.
    `position` orders the rows as LinkChange.position does; the worker then gives each
    its place in the chain, and writers never wait for one another.

    Attributes:
        action: noun and verb, as in `link.update`; see models.rules.audit_actions.
        actor_id: of the person, None for nobody and for the command line.
        organization_id: theirs when they did it, which decides for good whose log it is in.
        via_id: of the session or the API key.
        before, after: JSON objects of the fields that changed, secrets masked.
        seq: place in the chain from 1 on, None until the worker came by.
        chain_hash: SHA-256 in hex over the entry and the hash before it.
    """

    id = fields.BigIntField(primary_key=True)
    at: datetime = fields.DatetimeField()
    action = fields.CharField(max_length=64)
    actor_id = fields.BigIntField(null=True)
    via = fields.CharEnumField(AuditVia, max_length=16, description="how they came")
    via_id = fields.BigIntField(null=True)
    address = fields.CharField(max_length=MAX_ADDRESS_LENGTH, default="")
    request_id = fields.CharField(max_length=64, default="")
    subject_type = fields.CharField(max_length=32, default="")
    subject_id = fields.BigIntField(null=True)
    before = fields.TextField(default="{}")
    after = fields.TextField(default="{}")
    position = fields.BigIntField(null=True)
    seq = fields.BigIntField(null=True, unique=True)
    chain_hash = fields.CharField(max_length=64, null=True)
    organization_id = fields.BigIntField(null=True)

    class Meta:
        table = "audit_entry"
        table_description = "entry of the audit log"
        indexes = (
            ("at", "id"),
            ("actor_id", "at", "id"),
            ("organization_id", "at", "id"),
            ("subject_type", "subject_id", "at", "id"),
            ("action", "at", "id"),
            ("address", "at", "id"),
            ("position", "id"),  # of those without a seq
        )
