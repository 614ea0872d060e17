"""How often somebody tried, shared by all processes through the store."""

from tortoise import fields
from tortoise.models import Model


class Throttle(Model):
    """A counter of one window of one limit and subject; rows of the past are deleted.

    Attributes:
        key: keyed hash of limit and subject in hex, so that no address can be read from it;
            for windows with the number of the part that was counted.
        hits: cost spent in the window. Leases of mailboxes are rows, too, and have whose it is.
        expires_at_us: when nobody asks for it any more, in microseconds since 1970.
    """

    key = fields.CharField(max_length=64, primary_key=True)
    hits: int = fields.BigIntField()
    expires_at_us = fields.BigIntField(db_index=True)

    class Meta:
        table = "throttle"
        table_description = "counter of a rate limit"
