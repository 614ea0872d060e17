"""What is deleted when its time is over. Counts stay for ever.

Every function deletes at most one batch and commits, so that nobody waits long
for the write lock; call it again until it returns 0.
"""

from datetime import datetime, timedelta
from typing import Final

from tortoise.transactions import in_transaction

from models.clicks import SpoolPosition
from models.installation import Installation
from models.orm import is_sqlite, writer
from models.raw_sql import execute
from models.rules.click_facts import microseconds_of
from models.rules.moments import to_sql
from resolvers.clicks import BUCKET_US
from resolvers.context import RequestContext

BATCH: Final = 2_000  # rows
LINK_CHANGES_KEPT: Final = timedelta(days=7)
REPLAYS_KEPT: Final = timedelta(hours=24)
POSITIONS_KEPT: Final = timedelta(days=90)  # longer than a spool that turns up again is old
FORGOTTEN_SPOOLS: Final = "0" * 32  # file_id of the row that sums up the positions deleted


async def prune_clicks(context: RequestContext, *, kept_days: int) -> int:
    """Delete single clicks older than the retention, in whole quarters of an hour.

    The edge is stored first: the audit expects single clicks only behind it.
    Nothing is deleted in a store without an Installation, which has no edge.
    """
    oldest = context.ports.clock.now() - timedelta(days=kept_days)
    edge_us = microseconds_of(oldest) // BUCKET_US * BUCKET_US
    await Installation.filter(clicks_kept_since_us__lt=edge_us).update(clicks_kept_since_us=edge_us)
    if not await Installation.exists():
        return 0
    return await _delete("click", "at_us < {}", edge_us)


async def prune_link_changes(context: RequestContext) -> int:
    """Delete log rows that every replica has applied or is rebuilt without."""
    return await _delete("link_change", "at < {}", _sql(context, LINK_CHANGES_KEPT))


async def prune_replays(context: RequestContext) -> int:
    """Delete answers that are not repeated any more."""
    return await _delete("replay", "created_at < {}", _sql(context, REPLAYS_KEPT))


async def prune_spool_positions(context: RequestContext) -> int:
    """Forget files that were deleted long ago; their sums move to FORGOTTEN_SPOOLS."""
    before = context.ports.clock.now() - POSITIONS_KEPT
    async with in_transaction("default"):
        old = await SpoolPosition.filter(finished_at__lt=before).order_by("file_id").limit(BATCH)
        if not old:
            return 0
        kept = await SpoolPosition.get_or_none(file_id=FORGOTTEN_SPOOLS)
        if kept is None:
            kept = SpoolPosition(file_id=FORGOTTEN_SPOOLS, position=0, records=0, damaged=0)
        kept.records += sum(row.records for row in old)
        kept.damaged += sum(row.damaged for row in old)
        await kept.save()
        await SpoolPosition.filter(file_id__in=[row.file_id for row in old]).delete()
    return len(old)


async def _delete(table: str, condition: str, argument: object) -> int:
    connection = writer()
    where = condition.format("?" if is_sqlite(connection) else "$1")
    return await execute(
        connection,
        f"DELETE FROM {table} WHERE id IN"
        f" (SELECT id FROM {table} WHERE {where} ORDER BY id LIMIT {BATCH})",
        [argument],
    )


def _sql(context: RequestContext, kept: timedelta) -> datetime | str:
    return to_sql(context.ports.clock.now() - kept, sqlite=is_sqlite(writer()))
