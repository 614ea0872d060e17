"""Statistics: totals, series and breakdowns of the clicks a viewer may see.

Each function sends one statement, however many links or clicks there are. Those
named `..._of_each` answer for every link by itself; see resolvers.link_stats.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from models.clicks import BUCKET_S
from models.errors import ValueInvalidError
from models.rules.buckets import StatsInterval, bucket_edges, choose_interval, spans
from models.rules.click_classes import ClickClass
from models.rules.dimensions import DeviceKind
from models.rules.periods import StatsPeriod, StatsPreset, StatsRange, period_range
from models.rules.scopes import Scope
from models.texts import text
from resolvers.click_progress import stats_as_of
from resolvers.context import RequestContext
from resolvers.link_filters import LinkFilter
from resolvers.stats_query import (
    WHOLE,
    Edges,
    Ranges,
    Rows,
    StatsCondition,
    StatsDimension,
    StatsQuery,
    StatsScope,
)

__all__ = [
    "Breakdown",
    "BreakdownRow",
    "Bucket",
    "Series",
    "StatsCondition",
    "StatsDimension",
    "StatsScope",
    "Totals",
    "breakdown_of_each",
    "range_of_each",
    "resolve_range",
    "series_of_each",
    "stats_as_of",
    "stats_breakdown",
    "stats_scope",
    "stats_series",
    "stats_totals",
    "totals_of_each",
]

MAX_TOP: Final = 100
MAX_SPANS: Final = 10_000  # of one statement: half a megabyte of text
# What models.rules.user_agents stores for a family that nobody knows.
_UNKNOWN: Final = frozenset({"", "Other"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Clicks by class."""

    human: int = 0
    preview: int = 0
    prefetch: int = 0
    scanner: int = 0
    monitor: int = 0
    bot: int = 0

    @property
    def automated(self) -> int:
        """Clicks of every class but human."""
        return self.preview + self.prefetch + self.scanner + self.monitor + self.bot


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Clicks from `start` up to, not including, `end` (aware, UTC)."""

    start: datetime
    end: datetime
    human: int
    automated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Buckets in order, without gaps; their sums are the totals of the same range."""

    interval: StatsInterval
    buckets: Sequence[Bucket]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakdownRow:
    """One value of a dimension.

    Attributes:
        key: the stored value; "" for direct or unknown; the decimal id of a link.
        label: for people, in the viewer's language.
        share: of all clicks of the breakdown, 0 to 1.
        link_id: of a breakdown by LINK; the link may be deleted, then nobody can load it.
    """

    key: str
    label: str
    clicks: int
    share: float
    link_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """The values with the most clicks, ties in order of the key.

    Attributes:
        rest: clicks of the values that are not among the rows.
        distinct: number of values, those of the rows included.
    """

    rows: Sequence[BreakdownRow]
    rest: int
    distinct: int


def stats_scope(
    context: RequestContext, *, filter: LinkFilter | None = None, by_link: bool = False
) -> StatsScope:
    """Say whose clicks to count; everything below takes the answer.

    Args:
        context: needs STATS_READ.
        filter: the existing links under it. None for all: then clicks of links that
            were deleted since stay counted.
        by_link: each link by itself; absent, deleted or not the viewer's counts as nothing.

    Raises:
        NotPermittedError: no STATS_READ.
    """
    context.viewer.require(Scope.STATS_READ)
    return StatsScope(context=context, filter=filter, by_link=by_link)


async def resolve_range(scope: StatsScope, period: StatsPeriod, *, zone: str) -> StatsRange:
    """Return the moments a period means now; only ALL_TIME needs a statement.

    ALL_TIME begins with the day of the scope's first click. A click that is dated
    after today, by a clock that was wrong, is in no period until its day has come.

    Raises:
        ValueInvalidError: no such zone, or days in the wrong order or out of range.
    """
    return (await range_of_each(scope, [WHOLE], period, zone=zone))[WHOLE]


async def range_of_each(
    scope: StatsScope, link_ids: Sequence[int], period: StatsPeriod, *, zone: str
) -> Ranges:
    """See resolve_range; for WHOLE, or for each link of a scope by link."""
    first: dict[int, int] = {}
    if period is StatsPreset.ALL_TIME:
        found = await StatsQuery(scope=scope).first_buckets(link_ids)
        first = {_part(row): row["bucket"] for row in found if row["bucket"] is not None}
    now = scope.context.ports.clock.now()
    return {
        part: period_range(
            period,
            zone=zone,
            now=now,
            first_click_us=first[part] * BUCKET_S * 1_000_000 if part in first else None,
        )
        for part in link_ids
    }


async def stats_totals(
    scope: StatsScope, range: StatsRange, *, where: Sequence[StatsCondition] = ()
) -> Totals:
    """Return the clicks of every class.

    Raises:
        ValueInvalidError: `where` has too many conditions or keys.
    """
    return (await totals_of_each(scope, {WHOLE: range}, where=where))[WHOLE]


async def totals_of_each(
    scope: StatsScope, ranges: Ranges, *, where: Sequence[StatsCondition] = ()
) -> Mapping[int, Totals]:
    """See stats_totals."""
    rows = await StatsQuery(scope=scope, where=where).by_class(ranges)
    return {
        part: Totals(
            **{ClickClass(row["click_class"]).name.lower(): row["clicks"] for row in found}
        )
        for part, found in _parted(rows, ranges).items()
    }


async def stats_series(
    scope: StatsScope,
    range: StatsRange,
    *,
    interval: StatsInterval | None = None,
    where: Sequence[StatsCondition] = (),
) -> Series:
    """Return the clicks over time, zero-filled; None chooses an interval by the length.

    Raises:
        ValueInvalidError: more than MAX_BUCKETS buckets; `where` as in stats_totals.
    """
    found = await series_of_each(scope, {WHOLE: range}, interval=interval, where=where)
    series = found[WHOLE]
    if isinstance(series, ValueInvalidError):
        raise series
    return series


async def series_of_each(
    scope: StatsScope,
    ranges: Ranges,
    *,
    interval: StatsInterval | None = None,
    where: Sequence[StatsCondition] = (),
) -> Mapping[int, Series | ValueInvalidError]:
    """See stats_series; each has its own interval, and its own refusal of too many buckets."""
    chosen = {part: interval or choose_interval(each) for part, each in ranges.items()}
    edges: dict[int, Sequence[int]] = {}
    series: dict[int, Series | ValueInvalidError] = {}
    for part, each in ranges.items():
        try:
            edges[part] = bucket_edges(each, chosen[part])
        except ValueInvalidError as refusal:
            series[part] = refusal
    rows: list[dict[str, Any]] = []
    for some in _bounded({part: each for part, each in edges.items() if len(each) > 1}):
        rows += await StatsQuery(scope=scope, where=where).by_time(some)
    for part, found in _parted(rows, edges).items():
        series[part] = Series(interval=chosen[part], buckets=_buckets(edges[part], found))
    return series


def _bounded(edges: Edges) -> Iterator[Edges]:
    """Share edges out among statements of a bounded length; a page of links needs one."""
    some: dict[int, Sequence[int]] = {}
    size = 0
    for part, each in edges.items():
        length = len(spans(each))
        if some and size + length > MAX_SPANS:
            yield some
            some, size = {}, 0
        some[part] = each
        size += length
    if some:
        yield some


def _buckets(edges: Sequence[int], rows: Rows) -> list[Bucket]:
    counts = {row["number"]: (row["human"], row["clicks"]) for row in rows}
    moments = [datetime.fromtimestamp(edge * BUCKET_S, UTC) for edge in edges]
    buckets: list[Bucket] = []
    for number, (start, end) in enumerate(pairwise(moments)):
        human, clicks = counts.get(number, (0, 0))
        buckets.append(Bucket(start=start, end=end, human=human, automated=clicks - human))
    return buckets


async def stats_breakdown(  # noqa: PLR0913 - one for each argument of the field
    scope: StatsScope,
    range: StatsRange,
    *,
    dimension: StatsDimension,
    top: int = 10,
    where: Sequence[StatsCondition] = (),
    humans_only: bool = True,
) -> Breakdown:
    """Return the `top` values with the most clicks, 1 to MAX_TOP.

    Raises:
        ValueInvalidError: `top` is out of range; `where` as in stats_totals.
    """
    found = await breakdown_of_each(
        scope,
        {WHOLE: range},
        dimension=dimension,
        top=top,
        where=where,
        humans_only=humans_only,
    )
    return found[WHOLE]


async def breakdown_of_each(  # noqa: PLR0913 - one for each argument of the field
    scope: StatsScope,
    ranges: Ranges,
    *,
    dimension: StatsDimension,
    top: int = 10,
    where: Sequence[StatsCondition] = (),
    humans_only: bool = True,
) -> Mapping[int, Breakdown]:
    """See stats_breakdown."""
    if not 1 <= top <= MAX_TOP:
        raise ValueInvalidError(path=("top",), reason="stats_top", maximum=MAX_TOP)
    query = StatsQuery(scope=scope, where=where, humans_only=humans_only)
    rows = await query.by_value(ranges, dimension, top)
    locale = scope.context.viewer.locale
    return {
        part: _breakdown(found, dimension=dimension, locale=locale)
        for part, found in _parted(rows, ranges).items()
    }


def _parted(rows: Rows, asked: Iterable[int]) -> Mapping[int, Rows]:
    """Return the rows of every part that was asked for, also of those without any."""
    parts: dict[int, list[dict[str, Any]]] = {part: [] for part in asked}
    for row in rows:
        parts[_part(row)].append(row)
    return parts


def _part(row: Mapping[str, Any]) -> int:
    part: int = row.get("part", WHOLE)
    return part


def _breakdown(found: Rows, *, dimension: StatsDimension, locale: str) -> Breakdown:
    if not found:
        return Breakdown(rows=(), rest=0, distinct=0)
    total: int = found[0]["total"]
    rows = [_breakdown_row(row, dimension=dimension, locale=locale) for row in found]
    return Breakdown(
        rows=rows, rest=total - sum(row.clicks for row in rows), distinct=found[0]["count"]
    )


def _breakdown_row(
    row: Mapping[str, Any], *, dimension: StatsDimension, locale: str
) -> BreakdownRow:
    is_link = dimension is StatsDimension.LINK
    key = str(row["id"]) if is_link else row["value"] or ""
    return BreakdownRow(
        key=key,
        label=_link_label(row, locale) if is_link else _value_label(key, dimension, locale),
        clicks=row["clicks"],
        share=row["clicks"] / row["total"],
        link_id=row["id"] if is_link else None,
    )


def _link_label(row: Mapping[str, Any], locale: str) -> str:
    if row["slug"] is None:
        return text(locale, "STATS_LINK_UNKNOWN")
    return f"{row['host']}/{row['slug']}"


def _value_label(key: str, dimension: StatsDimension, locale: str) -> str:
    if dimension is StatsDimension.DEVICE:
        kind = key if key in DeviceKind.__members__ else DeviceKind.OTHER
        return text(locale, f"STATS_DEVICE_{kind}")
    if dimension is StatsDimension.REFERRER_HOST:
        return key or text(locale, "STATS_DIRECT")
    return text(locale, "STATS_UNKNOWN") if key in _UNKNOWN else key
