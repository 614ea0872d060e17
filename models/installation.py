"""One row that tells this store from every other one."""

from tortoise import fields
from tortoise.models import Model


class Installation(Model):
    """`store_id` changes when a database is made or restored; replicas of another one are void."""

    id = fields.IntField(primary_key=True, generated=False, default=1)
    store_id = fields.CharField(max_length=36)
    clicks_kept_since_us = fields.BigIntField(
        default=0, description="single clicks of earlier moments may have been deleted"
    )
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "installation"
        table_description = "installation"
