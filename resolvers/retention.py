"""What is deleted when its time is over. Counts stay for ever.

Every function deletes at most one batch and commits, so that nobody waits long
for the write lock; call it again until it returns 0.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final, NamedTuple, cast

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.installation import Installation
from models.orm import is_sqlite, mark, writer
from models.raw_sql import execute, fetch
from models.rules.moments import microseconds_of, to_sql
from models.rules.visitors import HOUR_US
from resolvers.clicks import BUCKET_US
from resolvers.context import RequestContext

BATCH: Final = 2_000  # rows
LINK_CHANGES_KEPT: Final = timedelta(days=7)
TOKENS_KEPT: Final = timedelta(days=7)  # after their end, to look into a late click
SESSIONS_KEPT: Final = timedelta(days=30)  # after their end, revoked ones as long
REPLAYS_KEPT: Final = timedelta(hours=24)
MAILS_KEPT: Final = timedelta(days=30)  # sent and given up; of what they said nothing is left
POSITIONS_KEPT: Final = timedelta(days=90)  # longer than a spool that turns up again is old
SOURCES_SILENT: Final = timedelta(days=1)  # a machine that is heard of has read all its files
EDGE_MOVES_US: Final = 86_400_000_000  # a day: the worker calls every hour
FORGOTTEN_SPOOLS: Final = "0" * 32  # file_id of the row that sums up the positions deleted


class ClickEdge(NamedTuple):
    """Single clicks are kept from `edge_us` on; `behind_us` of it are still to be deleted."""

    edge_us: int
    behind_us: int


async def move_click_edge(context: RequestContext, *, kept_days: int) -> ClickEdge | None:
    """Store from which quarter of an hour on single clicks are kept; None if nothing is installed.

    The audit expects single clicks only behind it, so it is stored before they are
    deleted, and it never goes back. Each call moves it by a day at most: a clock that
    was set wrong costs a day of single clicks until the next call, and not all of them.
    """
    installation = await Installation.first()
    if installation is None:
        return None
    before_us = cast("int", installation.clicks_kept_since_us)
    oldest = context.ports.clock.now() - timedelta(days=kept_days)
    wanted_us = microseconds_of(oldest) // BUCKET_US * BUCKET_US
    # The first call comes before the first click, and has nothing to be compared with.
    limit_us = before_us + EDGE_MOVES_US if before_us else wanted_us
    edge_us = max(before_us, min(wanted_us, limit_us))
    await Installation.filter(clicks_kept_since_us__lt=edge_us).update(clicks_kept_since_us=edge_us)
    return ClickEdge(edge_us, behind_us=max(0, wanted_us - edge_us))


async def prune_clicks(_: RequestContext, *, edge_us: int) -> int:
    """Delete single clicks before the edge, see move_click_edge.

    Those of hours whose visitors are not counted yet stay until they are.
    """
    counted = f"at_us / {HOUR_US} NOT IN (SELECT hour FROM visitor_hour)"
    return await _delete("click", f"at_us < {{}} AND {counted}", edge_us)


async def prune_link_changes(context: RequestContext) -> int:
    """Delete log rows that every replica has applied or is rebuilt without."""
    return await _delete("link_change", "at < {}", _sql(context, LINK_CHANGES_KEPT))


async def prune_replays(context: RequestContext) -> int:
    """Delete answers that are not repeated any more."""
    return await _delete("replay", "created_at < {}", _sql(context, REPLAYS_KEPT))


async def prune_mails(context: RequestContext) -> int:
    """Delete letters that were sent or given up long ago."""
    condition = "next_attempt_at IS NULL AND created_at < {}"
    return await _delete("mail", condition, _sql(context, MAILS_KEPT))


async def prune_one_time_tokens(context: RequestContext) -> int:
    """Delete one-time secrets that ended long ago."""
    return await _delete("one_time_token", "expires_at < {}", _sql(context, TOKENS_KEPT))


async def prune_sessions(context: RequestContext) -> int:
    """Delete sessions that ended long ago; the audit log goes on naming them by number."""
    return await _delete("session", "expires_at < {}", _sql(context, SESSIONS_KEPT))


async def prune_throttles(context: RequestContext) -> int:
    """Delete counters of rate limits that are in no window any more."""
    connection = writer()
    return await execute(
        connection,
        "DELETE FROM throttle WHERE key IN (SELECT key FROM throttle"
        f" WHERE expires_at_us <= {mark(connection, 1)} ORDER BY expires_at_us LIMIT {BATCH})",
        [microseconds_of(context.ports.clock.now())],
    )


async def prune_spool_positions(
    context: RequestContext, *, present: AbstractSet[str] = frozenset()
) -> int:
    """Forget files that were deleted long ago; their sums move to FORGOTTEN_SPOOLS.

    A file that was deleted without a note (by hand, or with its machine) is forgotten when
    its position has not moved for as long, and every machine has read its own files to
    their ends within SOURCES_SILENT: so it lies on none of them.

    Args:
        context: of the worker.
        present: ids of the files that lie on this machine.
    """
    now = context.ports.clock.now()
    silent_us = microseconds_of(now - SOURCES_SILENT)
    async with in_transaction("default") as connection:
        is_lite = is_sqlite(connection)
        before = to_sql(now - POSITIONS_KEPT, sqlite=is_lite)
        due = (
            f"file_id <> '{FORGOTTEN_SPOOLS}' AND"
            f" (finished_at < {mark(connection, 1)} OR"
            f" (finished_at IS NULL AND updated_at < {mark(connection, 1)} AND NOT EXISTS"
            f" (SELECT 1 FROM click_progress WHERE complete_to_us < {mark(connection, 2)})))"
        )
        rows = await fetch(
            connection,
            f"SELECT file_id FROM spool_position WHERE {due} ORDER BY file_id LIMIT {BATCH}",
            [before, silent_us],
        )
        ids = [row["file_id"] for row in rows if row["file_id"] not in present]
        if not ids:
            return 0
        # What another machine deletes at the same moment does not come back from RETURNING,
        # and the sum is moved by the statement that reads it.
        gone = await fetch(
            connection,
            f"DELETE FROM spool_position WHERE {due} AND file_id IN"
            f" ({_marks(connection, 3, len(ids))}) RETURNING records, damaged",
            [before, silent_us, *ids],
        )
        if not gone:
            return 0
        await connection.execute_query(  # pyright: ignore[reportUnknownMemberType] - a bare dict
            "INSERT INTO spool_position (file_id, position, records, damaged, updated_at)"
            f" VALUES ('{FORGOTTEN_SPOOLS}', 0, {_marks(connection, 1, 3)})"
            " ON CONFLICT (file_id) DO UPDATE SET"
            " records = spool_position.records + excluded.records,"
            " damaged = spool_position.damaged + excluded.damaged,"
            " updated_at = excluded.updated_at",
            [
                sum(row["records"] for row in gone),
                sum(row["damaged"] for row in gone),
                to_sql(now, sqlite=is_lite),
            ],
        )
    return len(gone)


def _marks(connection: BaseDBAsyncClient, first: int, count: int) -> str:
    return ", ".join(mark(connection, number) for number in range(first, first + count))


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
