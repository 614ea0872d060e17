"""Buckets of a series: quarters of an hour, hours, days, weeks and months of a zone."""

from enum import StrEnum
from typing import Final

MAX_BUCKETS: Final = 1000


class StatsInterval(StrEnum):
    """Width of a bucket. There is no minute: the rollups are kept by the quarter of an hour."""

    QUARTER_HOUR = "QUARTER_HOUR"
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
