"""Letters to be sent: rows of the transaction that caused them."""

from datetime import datetime

from tortoise import fields

from models.base import Record
from models.users import MAX_EMAIL_LENGTH


class Mail(Record):
    """A letter. It is written when it is sent, from a template and its parameters.

    Parameters may hold one-time links, so they are sealed by the installation's secret
    key, and wiped once the letter was sent or given up.

    Attributes:
        attempts: tries so far; the next one is due at `next_attempt_at`.
        failed_at: when it was given up.
        last_error: what the mail server said, without what the letter says.
    """

    to_address = fields.CharField(max_length=MAX_EMAIL_LENGTH)
    template = fields.CharField(max_length=64)
    locale = fields.CharField(max_length=16)
    sealed_params = fields.TextField()
    attempts = fields.IntField(default=0)
    next_attempt_at: datetime | None = fields.DatetimeField(null=True, db_index=True)
    sent_at: datetime | None = fields.DatetimeField(null=True)
    failed_at: datetime | None = fields.DatetimeField(null=True)
    last_error = fields.CharField(max_length=500, default="")

    class Meta:
        table = "mail"
        table_description = "letter"
