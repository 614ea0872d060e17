"""How many visitors: of a scope, or of each of many links, in a range or its buckets.

A person is told apart from others within one UTC day, because the salt changes with
it; a range has the sum over its days. Sketches say what is known of each hour, and the
single clicks what the sketches do not have yet. At most four statements, however many
links; None is the answer where it would take too many sketches or clicks.
"""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from models.raw_sql import SqlRow, fetch
from models.rules.buckets import StatsInterval, bucket_edges, choose_interval
from models.rules.periods import StatsRange
from models.rules.visitor_spans import VisitorSpan, hour_edges, visitor_spans
from models.rules.visitors import DAY_HOURS, HOUR_US, SKETCH_SIZE, Sketch
from resolvers.link_filters import Conditions
from resolvers.stats_query import (
    WHOLE,
    Edges,
    Ranges,
    Rows,
    StatsCondition,
    StatsDimension,
    StatsScope,
    scope_conditions,
)
from resolvers.visitor_hours import MarkedHour, marked_hours
from resolvers.visitors import ALL_LINKS

Visitors: TypeAlias = Sequence[int | None]
# Into which buckets; CHOSEN is what a series takes by itself, None the whole range as one.
Cut: TypeAlias = StatsInterval | Literal["CHOSEN"] | None
_Key: TypeAlias = tuple[int, int, int]  # part, bucket, UTC day

MAX_SKETCHES: Final = 20_000
MAX_SKETCH_BYTES: Final = 16 * 2**20
MAX_OPEN_HOURS: Final = 1_000
MAX_OPEN_CLICKS: Final = 500_000  # of all links, in the hours that have marks
_MAX_SPANS: Final = 10_000  # of one statement


async def stats_visitors(
    scope: StatsScope,
    range: StatsRange,
    *,
    interval: Cut = None,
    where: Sequence[StatsCondition] = (),
) -> Visitors:
    """Return the visitors of every bucket, or of the whole range as one bucket.

    An hour counts for the bucket in which it ends; a bucket that has none, as those of
    a quarter of an hour, is None, and all are when `where` asks for more than links.
    See stats_series for what is raised.
    """
    found = await visitors_of_each(scope, {WHOLE: range}, interval=interval, where=where)
    return found[WHOLE]


async def visitors_of_each(
    scope: StatsScope,
    ranges: Ranges,
    *,
    interval: Cut = None,
    where: Sequence[StatsCondition] = (),
) -> Mapping[int, Visitors]:
    """See stats_visitors; for WHOLE, or for each link of a scope by link."""
    edges = {part: _edges(each, interval) for part, each in ranges.items()}
    others = any(condition.dimension is not StatsDimension.LINK for condition in where)
    if others or interval is StatsInterval.QUARTER_HOUR:
        return {part: _nothing(each) for part, each in edges.items()}
    return await _visitors(edges, scope_conditions(scope, where), by_link=scope.by_link)


async def visitors_of_rows(
    scope: StatsScope, range: StatsRange, link_ids: Sequence[int]
) -> Mapping[int, int | None]:
    """Return the visitors of links in a breakdown of the scope, also of deleted ones."""
    conditions = scope_conditions(StatsScope(context=scope.context, filter=scope.filter), ())
    edges = {link_id: _edges(range, None) for link_id in link_ids}
    found = await _visitors(edges, conditions, by_link=True)
    return {link_id: each[0] if each else 0 for link_id, each in found.items()}


async def _visitors(
    edges: Edges, conditions: Conditions, *, by_link: bool
) -> Mapping[int, Visitors]:
    asked = {part: each for part, each in edges.items() if each[0] < each[-1]}
    if not asked:
        return {part: _nothing(each) for part, each in edges.items()}
    marks = await marked_hours(
        min(each[0] for each in asked.values()),
        max(each[-1] for each in asked.values()),
        limit=MAX_OPEN_HOURS + 1,
    )
    if len(marks) > MAX_OPEN_HOURS or sum(mark.clicks for mark in marks) > MAX_OPEN_CLICKS:
        return {part: _nothing(each) for part, each in edges.items()}
    # In this order: what leaves the marks after we read them is in the single clicks still.
    clicks = await _clicks(asked, marks, conditions, by_link=by_link)
    sketches = await _sketches(asked, conditions, by_link=by_link)
    if sketches is None:
        return {part: _nothing(each) for part, each in edges.items()}
    return await asyncio.to_thread(_counted, edges, clicks, sketches)


async def _clicks(
    asked: Edges, marks: Sequence[MarkedHour], conditions: Conditions, *, by_link: bool
) -> Rows:
    if not marks:
        return ()
    stretches: list[tuple[int, int]] = []
    for hour in sorted(mark.hour for mark in marks):
        if stretches and stretches[-1][1] == hour:
            stretches[-1] = stretches[-1][0], hour + 1
        else:
            stretches.append((hour, hour + 1))
    times = " OR ".join(
        f"(t.at_us >= {first * HOUR_US:d} AND t.at_us < {stop * HOUR_US:d})"
        for first, stop in stretches
    )
    wanted = ""
    if by_link:
        links = ", ".join(f"({part:d})" for part in asked)
        wanted = f"WITH wanted (part) AS (VALUES {links}) "
    part = "part, " if by_link else ""
    visits = (
        f"SELECT DISTINCT {'t.link_id AS part, ' if by_link else ''}"
        f"t.at_us / {HOUR_US} AS hour, t.visitor FROM click AS t"
        f" WHERE t.visitor IS NOT NULL AND ({times}) AND {conditions.sql}"
        + (" AND t.link_id IN (SELECT wanted.part FROM wanted)" if by_link else "")
    )
    # As a sketch would: no more than its smallest numbers, however many people came.
    return await fetch(
        conditions.connection,
        f"{wanted}SELECT {part}hour, visitor FROM (SELECT {part}hour, visitor, ROW_NUMBER() OVER"
        f" (PARTITION BY {part}hour ORDER BY visitor) AS place FROM ({visits}) AS visits)"
        f" AS numbered WHERE place <= {SKETCH_SIZE:d}",
        conditions.arguments,
    )


async def _sketches(asked: Edges, conditions: Conditions, *, by_link: bool) -> Rows | None:
    if by_link:
        links = "t.link_id = wanted.part"
    else:
        links = f"t.link_id {'<>' if conditions.clauses else '='} {ALL_LINKS:d}"
    source = (
        f" FROM wanted CROSS JOIN click_visitors AS t WHERE {links} AND t.hours = wanted.hours"
        f" AND t.hour >= wanted.lo AND t.hour < wanted.hi AND {conditions.sql}"
    )
    named = f"WITH wanted (part, hours, lo, hi) AS (VALUES {_wanted(asked)})"
    size = await fetch(
        conditions.connection,
        f"{named} SELECT COUNT(*) AS count, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM"
        f" (SELECT length(t.sketch) AS size{source} LIMIT {MAX_SKETCHES + 1}) AS sketches",
        conditions.arguments,
    )
    if size[0]["count"] > MAX_SKETCHES or size[0]["bytes"] > MAX_SKETCH_BYTES:
        return None
    return await fetch(
        conditions.connection,
        f"{named} SELECT {'t.link_id AS part, ' if by_link else ''}t.hour, t.sketch{source}",
        conditions.arguments,
    )


def _wanted(asked: Edges) -> str:
    """Return rows for what each part needs: numbers alone, so nothing is bound."""
    parts = [(part, span) for part, each in asked.items() for span in visitor_spans(each)]
    if len(parts) > _MAX_SPANS:  # hours alone need one row for each part
        parts = [(part, VisitorSpan(1, each[0], each[-1])) for part, each in asked.items()]
    return ", ".join(f"({part:d}, {s.hours:d}, {s.first:d}, {s.stop:d})" for part, s in parts)


def _counted(edges: Edges, clicks: Rows, sketches: Rows) -> Mapping[int, Visitors]:
    known: defaultdict[_Key, Sketch] = defaultdict(Sketch)
    for key, row in _placed(edges, sketches):
        known[key].merge(row["sketch"])
    single: defaultdict[_Key, list[int]] = defaultdict(list)
    for key, row in _placed(edges, clicks):
        single[key].append(row["visitor"])
    for key, numbers in single.items():
        known[key].add(numbers)
    counts = {part: _zeros(each) for part, each in edges.items()}
    for (part, bucket, _), sketch in known.items():
        counts[part][bucket] = (counts[part][bucket] or 0) + sketch.count()
    return counts


def _placed(edges: Edges, rows: Rows) -> Iterator[tuple[_Key, SqlRow]]:
    """Yield each row with its part, its bucket and its day."""
    for row in rows:
        part = row.get("part", WHOLE)
        bucket = bisect_right(edges[part], row["hour"]) - 1
        if 0 <= bucket < len(edges[part]) - 1:
            yield (part, bucket, row["hour"] // DAY_HOURS), row


def _edges(range: StatsRange, interval: Cut) -> list[int]:
    if interval is None:
        return hour_edges([range.first_quarter, range.stop_quarter])
    chosen = choose_interval(range) if interval == "CHOSEN" else interval
    return hour_edges(bucket_edges(range, chosen))


def _zeros(edges: Sequence[int]) -> list[int | None]:
    return [None if first == stop else 0 for first, stop in pairwise(edges)]


def _nothing(edges: Sequence[int]) -> Visitors:
    return [None] * (len(edges) - 1)
