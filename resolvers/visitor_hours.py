"""Which hours have clicks of visitors that no sketch has yet.

A mark is set by the transaction that stores such clicks. Who counts the hour reads
the mark's stamp first and deletes the mark only if the stamp is still the same:
clicks that came meanwhile have changed it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tortoise.backends.base.client import BaseDBAsyncClient

from models.ids import new_id
from models.orm import is_sqlite, placeholders, reader
from models.raw_sql import execute, execute_many, fetch
from models.rules.click_classes import ClickClass


@dataclass(frozen=True, slots=True)
class MarkedHour:
    """Mark of an hour, and how many clicks of people the hour has."""

    hour: int
    stamp: int
    clicks: int


async def mark_hours(connection: BaseDBAsyncClient, hours: Sequence[int]) -> None:
    """Mark hours, in rising order, in the caller's transaction: as late as can be in it."""
    if hours:
        await execute_many(
            connection,
            f"INSERT INTO visitor_hour (hour, stamp) VALUES ({placeholders(connection, 2)})"
            " ON CONFLICT (hour) DO UPDATE SET stamp = excluded.stamp",
            [(hour, new_id()) for hour in hours],
        )


async def unmark_hour(connection: BaseDBAsyncClient, mark: MarkedHour) -> None:
    """Delete a mark unless it was set anew since it was read."""
    mine = ("?", "?") if is_sqlite(connection) else ("$1", "$2")
    await execute(
        connection,
        f"DELETE FROM visitor_hour WHERE hour = {mine[0]} AND stamp = {mine[1]}",
        [mark.hour, mark.stamp],
    )


async def marked_hours(first: int, stop: int, *, limit: int) -> list[MarkedHour]:
    """Return the marked hours from `first` up to, not including, `stop`, the latest first."""
    rows = await fetch(
        reader(),
        "SELECT v.hour, v.stamp, (SELECT CAST(COALESCE(SUM(t.clicks), 0) AS BIGINT)"
        " FROM click_total AS t WHERE t.bucket >= v.hour * 4 AND t.bucket < v.hour * 4 + 4"
        f" AND t.click_class = {ClickClass.HUMAN:d}) AS clicks FROM visitor_hour AS v"
        f" WHERE v.hour >= {first:d} AND v.hour < {stop:d} ORDER BY v.hour DESC LIMIT {limit:d}",
    )
    return [MarkedHour(row["hour"], row["stamp"], row["clicks"]) for row in rows]
