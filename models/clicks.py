"""Clicks, their rollups, and how far each spool was read.

These tables are written and read by raw SQL (resolvers.clicks, resolvers.stats):
the ORM costs nine times the CPU for a row. The classes here describe them, so
that one test can compare the migrated schema with the models. Three more tables
have composite primary keys, which Tortoise cannot express; RAW_TABLES has them.
"""

from datetime import datetime
from typing import Final

from tortoise import fields
from tortoise.models import Model

# A bucket is a quarter of an hour, numbered by seconds since 1970 // 900: since 1972
# every civil day of every zone has been a whole number of them. click_total has the primary key
# (link_id, bucket, click_class); click_cube has one row for every combination of
# values that occurred, and all its columns but `clicks` are the primary key.
# click_visitors has a sketch (models.rules.visitors) of each hour and UTC day with visitors:
# `hours` is 1 or 24, `hour` the first one since 1970; link 0 is all links together.
BUCKET_S: Final = 900
RAW_TABLES: Final = {
    "click_total": ("link_id", "bucket", "click_class", "clicks"),
    "click_cube": (
        "link_id",
        "bucket",
        "click_class",
        "referrer_id",
        "browser_id",
        "os_id",
        "device_id",
        "clicks",
    ),
    "click_visitors": ("link_id", "hours", "hour", "sketch"),
}


class ClickValue(Model):
    """Dictionary of the texts that clicks are broken down by."""

    id = fields.BigIntField(primary_key=True)
    dimension = fields.SmallIntField(description="models.rules.dimensions.Dimension")
    value = fields.CharField(max_length=255)

    class Meta:
        table = "click_value"
        table_description = "value of a dimension"
        unique_together = (("dimension", "value"),)


class Click(Model):
    """A followed link, kept for the retention period. `at_us` is microseconds since 1970."""

    id = fields.BigIntField(primary_key=True, generated=False)
    link_id = fields.BigIntField()
    at_us = fields.BigIntField(db_index=True)
    click_class = fields.SmallIntField(description="models.rules.click_classes.ClickClass")
    reason = fields.CharField(max_length=64)
    referrer_id = fields.BigIntField()
    browser_id = fields.BigIntField()
    os_id = fields.BigIntField()
    device_id = fields.BigIntField()
    language_id = fields.BigIntField()
    address = fields.CharField(max_length=45, null=True)
    request_id = fields.CharField(max_length=64, null=True)
    visitor = fields.BigIntField(null=True, description="models.rules.visitors.visitor_number")

    class Meta:
        table = "click"
        table_description = "click"


class SpoolPosition(Model):
    """How many bytes of a spool file are in the tables; written with them, in one transaction."""

    file_id = fields.CharField(max_length=32, primary_key=True, generated=False)
    position = fields.BigIntField()
    records: int = fields.BigIntField()
    damaged: int = fields.BigIntField(description="records set aside")
    updated_at = fields.DatetimeField(auto_now=True)
    finished_at: datetime | None = fields.DatetimeField(
        null=True, description="when the file, read to its end, was deleted"
    )

    class Meta:
        table = "spool_position"
        table_description = "position in a spool"


class ClickProgress(Model):
    """Every click that a machine answered before `complete_to_us` is in the tables."""

    source = fields.CharField(max_length=64, primary_key=True, generated=False)
    complete_to_us: int = fields.BigIntField()

    class Meta:
        table = "click_progress"
        table_description = "progress of a machine's clicks"


class VisitorHour(Model):
    """An hour with single clicks that no sketch has yet, see resolvers.visitor_hours."""

    hour = fields.BigIntField(primary_key=True, generated=False, description="since 1970")
    stamp = fields.BigIntField(description="another one whenever such clicks are added")

    class Meta:
        table = "visitor_hour"
        table_description = "hour whose visitors are to be counted"
