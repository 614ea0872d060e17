"""The SQL of statistics: which rows of the rollups count, and how they are added up.

click_total answers what is asked of classes and links alone; click_cube, which
has more rows, what is asked of referrers, browsers, systems or devices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias, cast

from models.errors import ValueInvalidError
from models.orm import is_sqlite, reader
from models.rules.buckets import spans
from models.rules.click_classes import ClickClass
from models.rules.dimensions import Dimension, clean_value
from models.rules.periods import StatsRange
from resolvers.context import RequestContext
from resolvers.link_filters import Conditions, LinkFilter, add_held, link_conditions

Rows: TypeAlias = Sequence[dict[str, Any]]

MAX_CONDITIONS: Final = 10
MAX_KEYS: Final = 100  # of one condition
_MAX_ID: Final = 2**63 - 1
_SUM: Final = "CAST(SUM(t.clicks) AS BIGINT)"  # PostgreSQL's sums of bigint are numeric


class StatsDimension(StrEnum):
    """What a breakdown can be cut by, and clicks be kept by."""

    LINK = "LINK"
    REFERRER_HOST = "REFERRER_HOST"
    BROWSER = "BROWSER"
    OS = "OS"
    DEVICE = "DEVICE"


_COLUMNS: Final = {
    StatsDimension.LINK: "link_id",
    StatsDimension.REFERRER_HOST: "referrer_id",
    StatsDimension.BROWSER: "browser_id",
    StatsDimension.OS: "os_id",
    StatsDimension.DEVICE: "device_id",
}


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
class StatsQuery:
    """Whose clicks, of which values, to add up.

    Every method raises ValueInvalidError when `where` has too many conditions or keys.
    """

    scope: StatsScope
    where: Sequence[StatsCondition] = ()
    humans_only: bool = False

    async def first_bucket(self) -> int | None:
        """Return the earliest quarter of an hour with a click, None without any click."""
        sql, conditions = self._source()
        rows = await self._run(f"SELECT MIN(t.bucket) AS bucket FROM {sql}", conditions)
        bucket: int | None = rows[0]["bucket"]
        return bucket

    async def by_class(self, range: StatsRange) -> Rows:
        """Return `click_class` and `clicks` of every class that occurred."""
        sql, conditions = self._source(range=range)
        return await self._run(
            f"SELECT t.click_class, {_SUM} AS clicks FROM {sql} GROUP BY t.click_class", conditions
        )

    async def by_time(self, edges: Sequence[int]) -> Rows:
        """Return `number`, `human` and `clicks` of every bucket in which one occurred."""
        sql, conditions = self._source(timed=True)
        values = ", ".join(f"({s.first}, {s.stop}, {s.step}, {s.number})" for s in spans(edges))
        return await self._run(
            f"WITH span (lo, hi, step, start) AS (VALUES {values})"
            " SELECT span.start + (t.bucket - span.lo) / span.step AS number,"
            f" CAST(SUM(CASE WHEN t.click_class = {ClickClass.HUMAN:d} THEN t.clicks ELSE 0 END)"
            f" AS BIGINT) AS human, {_SUM} AS clicks"
            f" FROM span CROSS JOIN {sql} GROUP BY 1",
            conditions,
        )

    async def by_value(self, range: StatsRange, dimension: StatsDimension, top: int) -> Rows:
        """Return the first rows of a breakdown.

        Each has `id`, `clicks`, the sums `total` and `count` of all values, and `value`;
        of a breakdown by link `slug` and `host` instead, which are None for a link that
        is not in the tables.
        """
        sql, conditions = self._source(range=range, dimension=dimension)
        column = _COLUMNS[dimension]
        part = f"SELECT t.{column} AS id, {_SUM} AS clicks FROM {sql} GROUP BY t.{column}"
        if dimension is StatsDimension.LINK:
            label, order = "link.slug, domain.host", "part.id"
            names = "link ON link.id = part.id LEFT JOIN domain ON domain.id = link.domain_id"
        else:
            # Byte by byte, so that both engines break ties alike.
            binary = "BINARY" if is_sqlite(conditions.connection) else '"C"'
            label, order = "named.value", f"named.value COLLATE {binary}"
            names = "click_value AS named ON named.id = part.id"
        return await self._run(
            f"WITH part AS ({part}) SELECT part.id, part.clicks, {label},"
            " CAST(SUM(part.clicks) OVER () AS BIGINT) AS total, COUNT(*) OVER () AS count"
            f" FROM part LEFT JOIN {names} ORDER BY part.clicks DESC, {order} LIMIT {top:d}",
            conditions,
        )

    def _source(
        self,
        *,
        range: StatsRange | None = None,
        timed: bool = False,
        dimension: StatsDimension = StatsDimension.LINK,
    ) -> tuple[str, Conditions]:
        """Return the rollup `t` with its conditions, to stand behind FROM, and the arguments."""
        needed = {dimension, *(condition.dimension for condition in self.where)}
        table = "click_total" if needed == {StatsDimension.LINK} else "click_cube"
        conditions = Conditions(reader())
        if timed:
            conditions.add("t.bucket >= span.lo AND t.bucket < span.hi")
        if range is not None:
            conditions.add("t.bucket >= ?", range.first_quarter)
            conditions.add("t.bucket < ?", range.stop_quarter)
        if self.humans_only:
            conditions.add(f"t.click_class = {ClickClass.HUMAN:d}")
        _add_scope(conditions, self.scope)
        _add_where(conditions, self.where)
        return f"{table} AS t WHERE {conditions.sql}", conditions

    async def _run(self, sql: str, conditions: Conditions) -> Rows:
        found = await conditions.connection.execute_query_dict(sql, conditions.arguments)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - a bare dict
        return cast("Rows", found)


def _add_scope(conditions: Conditions, scope: StatsScope) -> None:
    viewer = scope.context.viewer
    start = conditions.start + len(conditions.arguments)
    if scope.link_id is None and scope.filter is None:
        links = Conditions(conditions.connection, start)
        add_held(links, viewer)
        if not links.clauses:
            return  # everything: also the clicks of links that are in no table any more
    else:
        links = link_conditions(
            conditions.connection,
            viewer=viewer,
            filter=scope.filter,
            now=scope.context.ports.clock.now(),
            start=start,
        )
        if scope.link_id is not None:
            links.add("link.id = ?", scope.link_id)
    conditions.clauses.append(f"(t.link_id IN (SELECT link.id FROM link WHERE {links.sql}))")
    conditions.arguments += links.arguments


def _add_where(conditions: Conditions, where: Sequence[StatsCondition]) -> None:
    if len(where) > MAX_CONDITIONS:
        raise ValueInvalidError(
            path=("range", "where"), reason="stats_conditions", maximum=MAX_CONDITIONS
        )
    for condition in where:
        if len(condition.keys) > MAX_KEYS:
            raise ValueInvalidError(
                path=("range", "where", "in"), reason="stats_keys", maximum=MAX_KEYS
            )
        if condition.dimension is StatsDimension.LINK:
            ids = [int(key) for key in condition.keys if key.isascii() and key.isdecimal()]
            _add_any_of(conditions, "t.link_id IN ({})", [n for n in ids if n <= _MAX_ID])
        else:
            _add_any_of(
                conditions,
                f"t.{_COLUMNS[condition.dimension]} IN (SELECT id FROM click_value"
                f" WHERE dimension = {Dimension[condition.dimension.name]:d} AND value IN ({{}}))",
                [key for key in condition.keys if clean_value(key) == key],
            )


def _add_any_of(conditions: Conditions, clause: str, keys: Sequence[int | str]) -> None:
    if keys:
        conditions.add(clause.format(", ".join("?" * len(keys))), *keys)
    else:
        conditions.add("1 = 0")
