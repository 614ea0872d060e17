"""Statistics: totals, series and breakdowns of the clicks a viewer may see.

Each function sends one statement, however many links or clicks there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.rules.buckets import StatsInterval
from models.rules.periods import StatsPeriod, StatsRange
from models.rules.scopes import Scope
from resolvers.context import RequestContext
from resolvers.link_filters import LinkFilter


class StatsDimension(StrEnum):
    """What a breakdown can be cut by, and clicks be kept by."""

    LINK = "LINK"
    REFERRER_HOST = "REFERRER_HOST"
    BROWSER = "BROWSER"
    OS = "OS"
    DEVICE = "DEVICE"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsCondition:
    """Keep the clicks whose value is one of `keys`: BreakdownRow.key of that dimension."""

    dimension: StatsDimension
    keys: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsScope:
    """Whose clicks: of one link, of the links under a filter, or of all. See stats_scope."""

    context: RequestContext
    link_id: int | None = None
    filter: LinkFilter | None = None


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

    Raises:
        ValueInvalidError: no such zone, or days in the wrong order or out of range.
    """
    raise NotImplementedError


async def stats_totals(
    scope: StatsScope, range: StatsRange, *, where: Sequence[StatsCondition] = ()
) -> Totals:
    """Return the clicks of every class."""
    raise NotImplementedError


async def stats_series(
    scope: StatsScope,
    range: StatsRange,
    *,
    interval: StatsInterval | None = None,
    where: Sequence[StatsCondition] = (),
) -> Series:
    """Return the clicks over time, zero-filled; None chooses an interval by the length.

    Raises:
        ValueInvalidError: more than MAX_BUCKETS buckets.
    """
    raise NotImplementedError


async def stats_breakdown(  # noqa: PLR0913 - one for each argument of the field
    scope: StatsScope,
    range: StatsRange,
    *,
    dimension: StatsDimension,
    top: int = 10,
    where: Sequence[StatsCondition] = (),
    humans_only: bool = True,
) -> Breakdown:
    """Return the `top` values with the most clicks, 1 to 100.

    Raises:
        ValueInvalidError: `top` is out of range.
    """
    raise NotImplementedError


async def stats_as_of() -> datetime:
    """Return the moment up to which every click is in the statistics."""
    raise NotImplementedError
