"""Whether every click is counted everywhere it should be, and nowhere twice.

Each check is one statement, so it sees one moment, and ingestion changes all
tables together: the audit may run beside a working service.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.orm import reader
from models.raw_sql import fetch
from models.rules.click_classes import ClickClass
from models.rules.spool_format import HEADER_BYTES
from resolvers.clicks import BUCKET_US, counter_column
from resolvers.ingestion import positions

MAX_TOLD: Final = 100  # differences of one kind


class DifferenceKind(StrEnum):
    """Which two figures should be the same."""

    LINK_COUNTER = "counter of the link, and sum of its totals"
    CUBE = "sum of the cube, and total of the quarter of an hour"
    SINGLE_CLICKS = "single clicks, and total of the quarter of an hour"
    RECORDS = "sum of all totals, and records read from the spools"
    POSITION = "position in the spool, and length of its file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two figures that should be the same, and where. `bucket` is seconds since 1970 // 900."""

    kind: DifferenceKind
    found: int
    expected: int
    link_id: int | None = None
    click_class: ClickClass | None = None
    bucket: int | None = None
    file_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit saw.

    Attributes:
        differences: at most 100 of each kind; none when all is well.
        spooled: records read from all spools so far.
        stored: single clicks within their retention.
        counted: sum of all totals.
        damaged: stretches of spools that were set aside.
        waiting_bytes: bytes of the given files that are not read yet.
        kept_since_us: single clicks of earlier moments may have been deleted.
    """

    differences: Sequence[Difference]
    spooled: int
    stored: int
    counted: int
    damaged: int
    waiting_bytes: int
    kept_since_us: int


async def audit_clicks(sizes_of_spools: Callable[[], Mapping[str, int]]) -> Audit:
    """Compare counters, totals, cube, single clicks and positions.

    Args:
        sizes_of_spools: returns ids and lengths in bytes of the spools on this
            machine. It is called before the positions are read, and after, for files
            only grow; those that come or go in between are left out.
    """
    connection = reader()
    read = await positions(sizes_of_spools())
    spool_sizes = {name: size for name, size in sizes_of_spools().items() if name in read}
    sums = (await fetch(connection, _SUMS))[0]
    since_us = int(sums["since_us"])
    differences = [
        *await _counters(connection),
        *await _cube(connection),
        *await _single(connection),
    ]
    if sums["counted"] != sums["spooled"]:
        differences.append(
            Difference(kind=DifferenceKind.RECORDS, found=sums["counted"], expected=sums["spooled"])
        )
    differences += [
        Difference(
            kind=DifferenceKind.POSITION, file_id=file_id, found=read[file_id], expected=size
        )
        for file_id, size in sorted(spool_sizes.items())
        if read[file_id] > size
    ]
    return Audit(
        differences=differences,
        spooled=sums["spooled"],
        stored=sums["stored"],
        counted=sums["counted"],
        damaged=sums["damaged"],
        waiting_bytes=sum(
            max(0, size - max(read[name], HEADER_BYTES)) for name, size in spool_sizes.items()
        ),
        kept_since_us=since_us,
    )


_SUMS: Final = """
SELECT (SELECT CAST(coalesce(sum(records), 0) AS BIGINT) FROM spool_position) AS spooled,
       (SELECT CAST(coalesce(sum(damaged), 0) AS BIGINT) FROM spool_position) AS damaged,
       (SELECT CAST(coalesce(sum(clicks), 0) AS BIGINT) FROM click_total) AS counted,
       (SELECT count(*) FROM click) AS stored,
       (SELECT coalesce(max(clicks_kept_since_us), 0) FROM installation) AS since_us
"""


async def _counters(connection: BaseDBAsyncClient) -> list[Difference]:
    held = " UNION ALL ".join(
        f"SELECT id AS link_id, {int(kind)} AS click_class, {counter_column(kind)} AS clicks"
        " FROM link"
        for kind in ClickClass
    )
    rows = await fetch(
        connection,
        f"""
        SELECT held.link_id, held.click_class, held.clicks AS found,
               coalesce(summed.clicks, 0) AS expected
        FROM ({held}) AS held
        LEFT JOIN (SELECT link_id, click_class, CAST(sum(clicks) AS BIGINT) AS clicks
                   FROM click_total GROUP BY link_id, click_class) AS summed
          ON summed.link_id = held.link_id AND summed.click_class = held.click_class
        WHERE held.clicks <> coalesce(summed.clicks, 0)
        ORDER BY held.link_id, held.click_class LIMIT {MAX_TOLD}
        """,
    )
    return [
        Difference(
            kind=DifferenceKind.LINK_COUNTER,
            link_id=row["link_id"],
            click_class=ClickClass(row["click_class"]),
            found=row["found"],
            expected=row["expected"],
        )
        for row in rows
    ]


async def _cube(connection: BaseDBAsyncClient) -> list[Difference]:
    return await _against_totals(
        connection,
        DifferenceKind.CUBE,
        "SELECT link_id, bucket, click_class, clicks FROM click_cube",
        having="sum(found) <> sum(expected)",
    )


async def _single(connection: BaseDBAsyncClient) -> list[Difference]:
    """Before the retention's edge single clicks may be gone, but never too many.

    The edge is read by the same statement: it moves before anything is deleted.
    """
    return await _against_totals(
        connection,
        DifferenceKind.SINGLE_CLICKS,
        f"SELECT link_id, at_us / {BUCKET_US} AS bucket, click_class, 1 AS clicks FROM click",
        having="sum(found) > sum(expected) OR"
        " (sum(found) < sum(expected) AND bucket >="
        f" (SELECT coalesce(max(clicks_kept_since_us), 0) / {BUCKET_US} FROM installation))",
    )


async def _against_totals(
    connection: BaseDBAsyncClient, kind: DifferenceKind, counted: str, *, having: str
) -> list[Difference]:
    rows = await fetch(
        connection,
        f"""
        SELECT link_id, bucket, click_class, CAST(sum(found) AS BIGINT) AS found,
               CAST(sum(expected) AS BIGINT) AS expected
        FROM (SELECT link_id, bucket, click_class, clicks AS found, 0 AS expected
              FROM ({counted}) AS counted
              UNION ALL
              SELECT link_id, bucket, click_class, 0, clicks FROM click_total) AS pairs
        GROUP BY link_id, bucket, click_class HAVING {having}
        ORDER BY link_id, bucket, click_class LIMIT {MAX_TOLD}
        """,
    )
    return [
        Difference(
            kind=kind,
            link_id=row["link_id"],
            bucket=row["bucket"],
            click_class=ClickClass(row["click_class"]),
            found=row["found"],
            expected=row["expected"],
        )
        for row in rows
    ]
