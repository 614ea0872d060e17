"""Which clicks a statistics report is about."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Self

import strawberry

from models.rules.buckets import StatsInterval
from models.rules.periods import DayRange, StatsPeriod, StatsPreset, StatsRange
from resolvers.link_filters import LinkFilter
from resolvers.link_stats import (
    BreakdownQuestion,
    LinkPeriod,
    LinkQuestion,
    SeriesQuestion,
    TotalsQuestion,
    VisitorsQuestion,
)
from resolvers.stats import (
    Breakdown,
    Series,
    StatsCondition,
    StatsDimension,
    StatsScope,
    Totals,
    resolve_range,
    stats_breakdown,
    stats_scope,
    stats_series,
    stats_totals,
)
from resolvers.visitor_stats import Cut, Visitors, stats_visitors, visitors_of_rows
from schema.context import Info, Loaders
from schema.enums import describe_enum
from schema.nodes import encode_id, row_id_of
from schema.scalars import Count, TimeZone

describe_enum(
    StatsPreset,
    {
        StatsPreset.LAST_24_HOURS: "Up to the end of the present quarter of an hour.",
        StatsPreset.LAST_7_DAYS: "Today and the 6 days before.",
        StatsPreset.LAST_30_DAYS: "Today and the 29 days before.",
        StatsPreset.LAST_90_DAYS: "Today and the 89 days before.",
        StatsPreset.THIS_MONTH: "From the first of the month to today.",
        StatsPreset.LAST_MONTH: "The whole calendar month before this one.",
        StatsPreset.LAST_12_MONTHS: "This month and the 11 before.",
        StatsPreset.ALL_TIME: "From the day of the first click to today.",
    },
    description="Periods offered as buttons. They move with the clock.",
)
describe_enum(
    StatsInterval,
    {
        StatsInterval.QUARTER_HOUR: "15 minutes.",
        StatsInterval.HOUR: "An hour of the zone's wall clock.",
        StatsInterval.DAY: "A calendar day of the zone: 23 to 25 hours.",
        StatsInterval.WEEK: "From Monday to Sunday.",
        StatsInterval.MONTH: "A calendar month.",
        StatsInterval.YEAR: "A calendar year.",
    },
    description="Width of a bucket. The first and the last one end where the period does.",
)
describe_enum(
    StatsDimension,
    {
        StatsDimension.LINK: "The link that was followed.",
        StatsDimension.REFERRER_HOST: "Host of the page with the link; empty for direct visits.",
        StatsDimension.BROWSER: "Family of the browser or program.",
        StatsDimension.OS: "Family of the operating system.",
        StatsDimension.DEVICE: "DESKTOP, MOBILE, TABLET, BOT or OTHER.",
    },
    description="What a breakdown can be cut by.",
)


@strawberry.input(description="Calendar days of the time zone, both included.")
class DayRangeInput:
    from_: date = strawberry.field(name="from", description="The first day.")
    to: date = strawberry.field(description="The last day; the same as `from` is that one day.")


@strawberry.input(
    name="StatsPeriod",
    one_of=True,
    description="Exactly one: a preset that moves with the clock, or fixed days.",
)
class StatsPeriodInput:
    preset: strawberry.Maybe[StatsPreset] = strawberry.field(default=None, description="A button.")
    days: strawberry.Maybe[DayRangeInput] = strawberry.field(
        default=None, description="Chosen in a calendar."
    )

    def to_period(self) -> StatsPeriod:
        """Return the period; that there is one the validation has seen to."""
        if self.days is not None:
            days = self.days.value
            return DayRange(days.from_, days.to)
        return StatsPreset.LAST_7_DAYS if self.preset is None else self.preset.value


@strawberry.input(
    name="StatsCondition",
    description="Keep the clicks whose key is in the list: the cross-filter of a clicked bar.",
)
class StatsConditionInput:
    dimension: StatsDimension = strawberry.field(description="Of the bar.")
    in_: list[str] = strawberry.field(name="in", description="As `StatsRow.key` was answered.")

    def to_condition(self) -> StatsCondition:
        """Return the use cases' condition; an id of no link matches nothing."""
        keys = tuple(stored_key(self.dimension, key) for key in self.in_)
        return StatsCondition(dimension=self.dimension, keys=keys)


@strawberry.input(name="StatsRange", description="Which clicks to count, and whose days.")
class StatsRangeInput:
    period: StatsPeriodInput = strawberry.field(description="From when to when.")
    time_zone: TimeZone = strawberry.field(description="Whose days, weeks and months.")
    humans_only: bool = strawberry.field(
        default=True,
        description="`clicks` counts people alone; false counts every class. The classes of "
        "`totals` are always all there.",
    )
    where: list[StatsConditionInput] | None = strawberry.field(
        default=None, description="All of these hold at once."
    )


_NO_LINK: Final = "0"  # a row id that is never given


def stored_key(dimension: StatsDimension, key: str) -> str:
    """Return the key that the use cases know for one of the API's."""
    if dimension is not StatsDimension.LINK:
        return key
    row_id = row_id_of(key, "Link")
    return _NO_LINK if row_id is None else str(row_id)


def public_key(key: str, link_id: int | None) -> str:
    """Return the key of the API for one of the use cases'."""
    return key if link_id is None else encode_id("Link", link_id)


@dataclass(frozen=True, slots=True)
class Report:
    """What every part of one report has in common; the source of `StatsReport`.

    Attributes:
        link: whose report it is; None for one over many links.
    """

    scope: StatsScope
    range: StatsRange
    where: tuple[StatsCondition, ...]
    humans_only: bool
    loaders: Loaders
    link: LinkPeriod | None

    def clicks(self, human: int, automated: int) -> int:
        """Return what `clicks` means in this report."""
        return human if self.humans_only else human + automated

    async def totals(self) -> Totals:
        """See stats_totals; of many links in one statement, as the others."""
        if self.link is None:
            return await stats_totals(self.scope, self.range, where=self.where)
        question = TotalsQuestion(where=self.where)
        return await self.loaders.link_totals.load(LinkQuestion(self.link, self.range, question))

    async def series(self, interval: StatsInterval | None) -> Series:
        """See stats_series."""
        if self.link is None:
            return await stats_series(self.scope, self.range, interval=interval, where=self.where)
        question = SeriesQuestion(where=self.where, interval=interval)
        return await self.loaders.link_series.load(LinkQuestion(self.link, self.range, question))

    async def breakdown(self, dimension: StatsDimension, top: int) -> Breakdown:
        """See stats_breakdown."""
        if self.link is None:
            return await stats_breakdown(
                self.scope,
                self.range,
                dimension=dimension,
                top=top,
                where=self.where,
                humans_only=self.humans_only,
            )
        question = BreakdownQuestion(
            where=self.where, dimension=dimension, top=top, humans_only=self.humans_only
        )
        return await self.loaders.link_breakdown.load(LinkQuestion(self.link, self.range, question))

    async def visitors(self, interval: Cut = None) -> Visitors:
        """See stats_visitors."""
        if self.link is None:
            return await stats_visitors(self.scope, self.range, interval=interval, where=self.where)
        question = VisitorsQuestion(where=self.where, interval=interval)
        return await self.loaders.link_visitors.load(LinkQuestion(self.link, self.range, question))

    async def visitors_of_links(self, link_ids: Sequence[int]) -> Mapping[int, int | None]:
        """Return the visitors of each link that a breakdown of this report has."""
        if self.link is not None:
            return {self.link.link_id: (await self.visitors())[0]}
        if any(each.dimension is not StatsDimension.LINK for each in self.where):
            return {}
        return await visitors_of_rows(self.scope, self.range, link_ids)


class ReportVisitors:
    """Visitors of the points or bars of one report: counted once, when the first is asked for."""

    def __init__(self, count: Callable[[], Awaitable[Mapping[int, int | None]]]) -> None:
        self._count = count
        self._found: asyncio.Future[Mapping[int, int | None]] | None = None

    @classmethod
    def of_series(cls, report: Report, interval: StatsInterval | None) -> Self:
        """By the number of the bucket."""

        async def count() -> Mapping[int, int | None]:
            return dict(enumerate(await report.visitors(interval or "CHOSEN")))

        return cls(count)

    @classmethod
    def of_links(cls, report: Report, link_ids: Sequence[int]) -> Self:
        """By the id of the link."""

        async def count() -> Mapping[int, int | None]:
            return await report.visitors_of_links(link_ids)

        return cls(count)

    async def of(self, key: int) -> Count | None:
        """Return the visitors of one of them."""
        if self._found is None:
            self._found = asyncio.ensure_future(self._count())
        number = (await self._found).get(key)
        return None if number is None else Count(number)


async def open_report(
    wanted: StatsRangeInput,
    info: Info,
    *,
    link_id: int | None = None,
    filter: LinkFilter | None = None,
) -> Report:
    """Return the frame of a report; its parts are queried when they are asked for."""
    loaders, period = info.context.loaders, wanted.period.to_period()
    scope = stats_scope(info.context, filter=filter, by_link=link_id is not None)
    link = None if link_id is None else LinkPeriod(link_id, period, wanted.time_zone)
    return Report(
        scope=scope,
        range=await resolve_range(scope, period, zone=wanted.time_zone)
        if link is None
        else await loaders.link_range.load(link),
        where=tuple(condition.to_condition() for condition in wanted.where or ()),
        humans_only=wanted.humans_only,
        loaders=loaders,
        link=link,
    )
