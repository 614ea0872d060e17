"""Links whose page is still to be asked for its title."""

from datetime import datetime

from tortoise import fields
from tortoise.models import Model

from models.domains import MAX_HOST_LENGTH


class LinkTitleJob(Model):
    """A link without a title, written by the transaction that makes the link.

    The row goes when the title is known, when nobody wants it any more, and when
    asking was given up.

    Attributes:
        link_id: of the link; no foreign key, because imports write thousands of rows.
        host: of its target, so that one server is not asked for all of them at once.
        attempts: tries so far. Whoever raises it owns the job until `due_at`.
        due_at: when it is anybody's turn again.
    """

    link_id = fields.BigIntField(primary_key=True, generated=False)
    host = fields.CharField(max_length=MAX_HOST_LENGTH + 6)
    attempts = fields.IntField()
    due_at: datetime = fields.DatetimeField()

    class Meta:
        table = "link_title_job"
        table_description = "title to be fetched"
        indexes = (("due_at", "host"),)
