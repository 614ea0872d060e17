"""The SQL of statistics: which rows of the rollups count, and how they are added up.

click_total answers what is asked of classes and links alone; click_cube, which
has more rows, what is asked of referrers, browsers, systems or devices. A scope
is asked as a whole, or each of many links by itself; either is one statement.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from models.errors import ValueInvalidError
from models.orm import is_sqlite, reader
from models.raw_sql import fetch
from models.rules.buckets import Span, spans
from models.rules.click_classes import ClickClass
from models.rules.dimensions import Dimension, clean_value
from models.rules.periods import StatsRange
from resolvers.context import RequestContext
from resolvers.link_filters import Conditions, LinkFilter, add_filter, add_held, add_visible

Rows: TypeAlias = Sequence[dict[str, Any]]
# What each part of a scope is asked: by link id, or under WHOLE alone.
Ranges: TypeAlias = Mapping[int, StatsRange]
Edges: TypeAlias = Mapping[int, Sequence[int]]

WHOLE: Final = 0  # no link has this id

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
    """Whose clicks: of the links under a filter, of all, or of each link. See stats_scope."""

    context: RequestContext
    filter: LinkFilter | None = None
    by_link: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsQuery:
    """Whose clicks, of which values, to add up.

    The rows of a scope by link have the link's id as `part`; the others have no `part`.
    Every method raises ValueInvalidError when `where` has too many conditions or keys.
    """

    scope: StatsScope
    where: Sequence[StatsCondition] = ()
    humans_only: bool = False

    async def first_buckets(self, link_ids: Sequence[int]) -> Rows:
        """Return `bucket`: the earliest quarter of an hour with a click, None without any."""
        if not self.scope.by_link:
            source = self._source({})
            return await source.run(f"SELECT MIN(t.bucket) AS bucket FROM {source.sql}")
        conditions = Conditions(reader())
        conditions.add(f"link.id IN ({', '.join('?' * len(link_ids))})", *link_ids)
        _add_visible_links(conditions, self.scope)
        return await _run(
            "SELECT link.id AS part, (SELECT MIN(t.bucket) FROM click_total AS t"
            f" WHERE t.link_id = link.id) AS bucket FROM link WHERE {conditions.sql}",
            conditions,
        )

    async def by_class(self, ranges: Ranges) -> Rows:
        """Return `click_class` and `clicks` of every class that occurred."""
        source = self._source(ranges)
        return await source.run(
            f"SELECT {source.part}t.click_class, {_SUM} AS clicks FROM {source.sql}"
            f" GROUP BY {source.by_part}t.click_class"
        )

    async def by_time(self, edges: Edges) -> Rows:
        """Return `number`, `human` and `clicks` of every bucket in which one occurred."""
        source = self._source({}, edges)
        return await source.run(
            f"SELECT {source.part}wanted.start + (t.bucket - wanted.lo) / wanted.step AS number,"
            f" CAST(SUM(CASE WHEN t.click_class = {ClickClass.HUMAN:d} THEN t.clicks ELSE 0 END)"
            f" AS BIGINT) AS human, {_SUM} AS clicks FROM {source.sql}"
            f" GROUP BY {'1, 2' if self.scope.by_link else '1'}"
        )

    async def by_value(self, ranges: Ranges, dimension: StatsDimension, top: int) -> Rows:
        """Return the first rows of each part's breakdown, in order.

        Each has `id`, `clicks`, the sums `total` and `count` of all values, and `value`;
        of a breakdown by link `slug` and `host` instead, which are None for a link that
        is not in the tables.
        """
        source = self._source(ranges, dimension=dimension)
        column = _COLUMNS[dimension]
        cut = (
            f"cut AS (SELECT {source.part}t.{column} AS id, {_SUM} AS clicks FROM {source.sql}"
            f" GROUP BY {source.by_part}t.{column})"
        )
        if dimension is StatsDimension.LINK:
            label, order = "link.slug, domain.host", "link.slug, domain.host"
            names = "link ON link.id = cut.id LEFT JOIN domain ON domain.id = link.domain_id"
        else:
            # Byte by byte, so that both engines break ties alike.
            binary = "BINARY" if is_sqlite(source.conditions.connection) else '"C"'
            label, order = "named.value", f"named.value COLLATE {binary}"
            names = "click_value AS named ON named.id = cut.id"
        order = f"ORDER BY cut.clicks DESC, {order}"
        over = "PARTITION BY cut.part" if self.scope.by_link else ""
        part, place = "", ""
        if self.scope.by_link:
            part, place = "cut.part, ", f", ROW_NUMBER() OVER ({over} {order}) AS place"
        rows = (
            f"SELECT {part}cut.id, cut.clicks, {label},"
            f" CAST(SUM(cut.clicks) OVER ({over}) AS BIGINT) AS total,"
            f" COUNT(*) OVER ({over}) AS count{place} FROM cut LEFT JOIN {names}"
        )
        if self.scope.by_link:
            rows = f"SELECT * FROM ({rows}) AS ranked WHERE place <= {top:d} ORDER BY place"
        else:
            rows = f"{rows} {order} LIMIT {top:d}"
        return await source.run(rows, cut)

    def _source(
        self,
        ranges: Ranges,
        edges: Edges | None = None,
        *,
        dimension: StatsDimension = StatsDimension.LINK,
    ) -> "_Source":
        """Return the rollup `t`, kept to ranges or cut at edges, to stand behind FROM."""
        needed = {dimension, *(condition.dimension for condition in self.where)}
        table = "click_total" if needed == {StatsDimension.LINK} else "click_cube"
        conditions = Conditions(reader())
        wanted = ""
        if edges is not None:
            wanted = _wanted((part, span) for part, each in edges.items() for span in spans(each))
        elif self.scope.by_link:
            wanted = _wanted(
                (part, Span(each.first_quarter, each.stop_quarter, 1, 0))
                for part, each in ranges.items()
            )
        elif ranges:
            conditions.add("t.bucket >= ?", ranges[WHOLE].first_quarter)
            conditions.add("t.bucket < ?", ranges[WHOLE].stop_quarter)
        if wanted:
            conditions.add("t.bucket >= wanted.lo AND t.bucket < wanted.hi")
        if self.humans_only:
            conditions.add(f"t.click_class = {ClickClass.HUMAN:d}")
        if self.scope.by_link:
            conditions.add("t.link_id = wanted.part")
        _add_scope(conditions, self.scope)
        _add_where(conditions, self.where)
        return _Source(
            conditions=conditions,
            wanted=wanted,
            sql=f"{'wanted CROSS JOIN ' if wanted else ''}{table} AS t WHERE {conditions.sql}",
            part="t.link_id AS part, " if self.scope.by_link else "",
            by_part="t.link_id, " if self.scope.by_link else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What stands behind FROM, and what else the statement needs.

    Attributes:
        wanted: the named rows that `sql` is joined with, "" for none.
        part: to stand behind SELECT, "" for a scope that is asked as a whole.
        by_part: the same behind GROUP BY.
    """

    conditions: Conditions
    wanted: str
    sql: str
    part: str
    by_part: str

    async def run(self, select: str, *named: str) -> Rows:
        """Run a statement that may use further named subqueries."""
        parts = [*filter(None, (self.wanted, *named))]
        return await _run(f"WITH {', '.join(parts)} {select}" if parts else select, self.conditions)


def scope_conditions(scope: StatsScope, where: Sequence[StatsCondition]) -> Conditions:
    """Return what a scope and its conditions ask of a rollup `t`; no clause is everything.

    A scope by link needs named rows `wanted`, whose `part` are the links.
    """
    conditions = Conditions(reader())
    _add_scope(conditions, scope)
    _add_where(conditions, where)
    return conditions


async def _run(sql: str, conditions: Conditions) -> Rows:
    return await fetch(conditions.connection, sql, conditions.arguments)


def _wanted(parts: Iterable[tuple[int, Span]]) -> str:
    """Return the named rows of neighbouring buckets; numbers alone, so nothing is bound."""
    values = ", ".join(
        f"({part:d}, {span.first}, {span.stop}, {span.step}, {span.number})" for part, span in parts
    )
    return f"wanted (part, lo, hi, step, start) AS (VALUES {values})"


def _add_visible_links(conditions: Conditions, scope: StatsScope) -> None:
    add_visible(conditions, scope.context.viewer)
    if scope.filter is not None:
        add_filter(conditions, scope.filter, now=scope.context.ports.clock.now())


def _add_scope(conditions: Conditions, scope: StatsScope) -> None:
    links = Conditions(conditions.connection, conditions.start + len(conditions.arguments))
    if scope.by_link:
        links.add("link.id IN (SELECT wanted.part FROM wanted)")
    if scope.by_link or scope.filter is not None:
        _add_visible_links(links, scope)
    else:
        add_held(links, scope.context.viewer)
        if not links.clauses:
            return  # everything: also the clicks of links that are in no table any more
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
