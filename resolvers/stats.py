"""Statistics: totals, series and breakdowns of the clicks a viewer may see.

Each function sends one statement, however many links or clicks there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from models.clicks import BUCKET_S
from models.errors import ValueInvalidError
from models.rules.buckets import StatsInterval, bucket_edges, choose_interval
from models.rules.click_classes import ClickClass
from models.rules.dimensions import DeviceKind
from models.rules.periods import StatsPeriod, StatsPreset, StatsRange, period_range
from models.rules.scopes import Scope
from models.texts import text
from resolvers.click_progress import stats_as_of
from resolvers.context import RequestContext
from resolvers.link_filters import LinkFilter
from resolvers.stats_query import StatsCondition, StatsDimension, StatsQuery, StatsScope

__all__ = [
    "Breakdown",
    "BreakdownRow",
    "Bucket",
    "Series",
    "StatsCondition",
    "StatsDimension",
    "StatsScope",
    "Totals",
    "resolve_range",
    "stats_as_of",
    "stats_breakdown",
    "stats_scope",
    "stats_series",
    "stats_totals",
]

MAX_TOP: Final = 100
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
    context: RequestContext, *, link_id: int | None = None, filter: LinkFilter | None = None
) -> StatsScope:
    """Say whose clicks to count; everything below takes the answer.

    Args:
        context: needs STATS_READ.
        link_id: one link; absent, deleted or not the viewer's counts as nothing.
        filter: the existing links under it. None for all: then clicks of links that
            were deleted since stay counted.

    Raises:
        NotPermittedError: no STATS_READ.
    """
    context.viewer.require(Scope.STATS_READ)
    return StatsScope(context=context, link_id=link_id, filter=filter)


async def resolve_range(scope: StatsScope, period: StatsPeriod, *, zone: str) -> StatsRange:
    """Return the moments a period means now; only ALL_TIME needs a statement.

    ALL_TIME begins with the day of the scope's first click. A click that is dated
    after today, by a clock that was wrong, is in no period until its day has come.

    Raises:
        ValueInvalidError: no such zone, or days in the wrong order or out of range.
    """
    first = None
    if period is StatsPreset.ALL_TIME:
        first = await StatsQuery(scope=scope).first_bucket()
    return period_range(
        period,
        zone=zone,
        now=scope.context.ports.clock.now(),
        first_click_us=None if first is None else first * BUCKET_S * 1_000_000,
    )


async def stats_totals(
    scope: StatsScope, range: StatsRange, *, where: Sequence[StatsCondition] = ()
) -> Totals:
    """Return the clicks of every class.

    Raises:
        ValueInvalidError: `where` has too many conditions or keys.
    """
    rows = await StatsQuery(scope=scope, where=where).by_class(range)
    return Totals(**{ClickClass(row["click_class"]).name.lower(): row["clicks"] for row in rows})


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
    chosen = choose_interval(range) if interval is None else interval
    edges = bucket_edges(range, chosen)
    query = StatsQuery(scope=scope, where=where)
    rows = await query.by_time(edges) if len(edges) > 1 else ()
    counts = {row["number"]: (row["human"], row["clicks"]) for row in rows}
    moments = [datetime.fromtimestamp(edge * BUCKET_S, UTC) for edge in edges]
    buckets: list[Bucket] = []
    for number, (start, end) in enumerate(pairwise(moments)):
        human, clicks = counts.get(number, (0, 0))
        buckets.append(Bucket(start=start, end=end, human=human, automated=clicks - human))
    return Series(interval=chosen, buckets=buckets)


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
    if not 1 <= top <= MAX_TOP:
        raise ValueInvalidError(path=("top",), reason="stats_top", maximum=MAX_TOP)
    query = StatsQuery(scope=scope, where=where, humans_only=humans_only)
    found = await query.by_value(range, dimension, top)
    if not found:
        return Breakdown(rows=(), rest=0, distinct=0)
    total: int = found[0]["total"]
    locale = scope.context.viewer.locale
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
