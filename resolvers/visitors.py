"""From single clicks to sketches of visitors, hour by hour.

Everything here only adds to sketches, and adding what is in one already changes
nothing: any step may be repeated, cut short, or done by two workers at once, also
when some of the hour's single clicks were deleted meanwhile. Until the mark of an
hour is gone, whoever asks adds the single clicks, see resolvers.visitor_stats.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.orm import is_sqlite, placeholders, reader
from models.raw_sql import execute, execute_many, fetch
from models.rules.moments import microseconds_of
from models.rules.visitors import DAY_HOURS, HOUR_US, Sketch
from resolvers.context import RequestContext
from resolvers.visitor_hours import MarkedHour, marked_hours, unmark_hour

ALL_LINKS: Final = 0  # no link has this id
HOUR: Final = 1
DAY: Final = DAY_HOURS
CLOSED_AFTER: Final = timedelta(minutes=5)  # clicks come to the tables some time after they were
MAX_HELD: Final = 200_000  # numbers in memory, before sketches are stored
_SLICE_CLICKS: Final = 20_000  # to read at once, about
_LINKS_AT_ONCE: Final = 500  # of one transaction: others write, too
# Of the sketches on PostgreSQL: reading one and storing it again is one step for all workers.
_ADVISORY_LOCK: Final = 0x4C4B_5953


async def count_hour(context: RequestContext, *, before: int | None = None) -> int | None:
    """Bring the clicks of the latest marked hour that is over into sketches.

    Args:
        context: of the worker.
        before: what the last call returned, so that an hour to which late clicks keep
            coming does not hold up those before it; None begins with the latest again.

    Returns:
        The hour, None when there was none.
    """
    over = microseconds_of(context.ports.clock.now() - CLOSED_AFTER) // HOUR_US
    for mark in await marked_hours(0, over if before is None else min(before, over), limit=1):
        await _count(mark)
        return mark.hour
    return None


async def _count(mark: MarkedHour) -> None:
    sketches: defaultdict[int, Sketch] = defaultdict(Sketch)
    slices = 1 + mark.clicks // _SLICE_CLICKS
    begin_us = mark.hour * HOUR_US
    edges = [begin_us + HOUR_US * number // slices for number in range(slices + 1)]
    held = 0
    for start_us, end_us in pairwise(edges):
        numbers = await _visitors(start_us, end_us)
        for link_id, some in numbers.items():
            for key in (link_id, ALL_LINKS):
                sketch = sketches[key]
                held -= len(sketch)
                sketch.add(some)
                held += len(sketch)
        if held > MAX_HELD:
            await _store(mark.hour, sketches)
            sketches.clear()
            held = 0
    await _store(mark.hour, sketches)
    async with in_transaction("default") as connection:
        await unmark_hour(connection, mark)


async def _visitors(start_us: int, end_us: int) -> dict[int, list[int]]:
    """Return the visitors of every link in a stretch of time."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for row in await fetch(
        reader(),
        f"SELECT DISTINCT link_id, visitor FROM click WHERE at_us >= {start_us:d}"
        f" AND at_us < {end_us:d} AND visitor IS NOT NULL",
    ):
        found[row["link_id"]].append(row["visitor"])
    return found


async def _store(hour: int, sketches: dict[int, Sketch]) -> None:
    """Add sketches to those of the hour and of its day."""
    links = sorted(sketches)
    for place in range(0, len(links), _LINKS_AT_ONCE):
        some = links[place : place + _LINKS_AT_ONCE]
        async with in_transaction("default") as connection:
            if not is_sqlite(connection):
                await execute(connection, f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK:d})")
            await _add(connection, (HOUR, hour), some, sketches)
            await _add(connection, (DAY, hour - hour % DAY), some, sketches)


async def _add(
    connection: BaseDBAsyncClient,
    span: tuple[int, int],
    links: Sequence[int],
    sketches: dict[int, Sketch],
) -> None:
    merged: dict[int, Sketch] = {}
    for link_id in links:
        merged[link_id] = Sketch()
        merged[link_id].merge(sketches[link_id].pack())
    stored = await fetch(
        connection,
        f"SELECT link_id, sketch FROM click_visitors WHERE hours = {span[0]:d}"
        f" AND hour = {span[1]:d} AND link_id IN ({', '.join(map(str, links))})",
    )
    for row in stored:
        merged[row["link_id"]].merge(row["sketch"])
    await execute_many(
        connection,
        "INSERT INTO click_visitors (link_id, hours, hour, sketch)"
        f" VALUES ({placeholders(connection, 4)})"
        " ON CONFLICT (link_id, hours, hour) DO UPDATE SET sketch = excluded.sketch",
        [(link_id, *span, sketch.pack()) for link_id, sketch in merged.items()],
    )
