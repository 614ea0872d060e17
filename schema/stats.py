"""GraphQL face of statistics. Every field of a report costs one statement, over links, too."""

from datetime import datetime
from typing import Annotated, Final

import strawberry

from models.rules.buckets import StatsInterval
from models.rules.scopes import Scope
from resolvers.stats import StatsDimension
from resolvers.visitor_stats import Visitors
from schema.access import requires
from schema.context import Info
from schema.link_inputs import LinkFilterInput
from schema.links import LinkType
from schema.scalars import Count, TimeZone
from schema.stats_ranges import (
    Report,
    ReportVisitors,
    StatsRangeInput,
    open_report,
    public_key,
)

DEFAULT_TOP: Final = 10


@strawberry.type(description="Sums over the period, by class.")
class StatsTotals:
    clicks: Count = strawberry.field(
        description="People, or every class if the range says `humansOnly: false`."
    )
    human: Count = strawberry.field(description="People, as far as one can tell.")
    preview: Count = strawberry.field(description="Messengers and mail programs showing a card.")
    prefetch: Count = strawberry.field(description="Browsers loading ahead of a click.")
    scanner: Count = strawberry.field(description="Security products following links.")
    monitor: Count = strawberry.field(description="Uptime checks.")
    bot: Count = strawberry.field(description="Crawlers and all other programs.")
    report: strawberry.Private[Report]

    @strawberry.field(
        description="People, each counted once a UTC day: an estimate, exact below 4096. People "
        "are told apart within one UTC day, so a longer period has the sum over its days. Whole "
        "hours count, also those in which the period begins or ends. Null where counting would "
        "take too long, and when the range keeps clicks by anything but links."
    )
    async def visitors(self) -> Count | None:
        return _count_of(await self.report.visitors())


@strawberry.type(description="One point of the line.")
class StatsBucket:
    start: datetime = strawberry.field(description="First moment of the bucket.")
    end: datetime = strawberry.field(description="First moment behind it.")
    clicks: Count = strawberry.field(description="As in `totals`.")
    human: Count = strawberry.field(description="People.")
    automated: Count = strawberry.field(description="All the other classes.")
    number: strawberry.Private[int]
    all_visitors: strawberry.Private[ReportVisitors]

    @strawberry.field(
        description="As in `totals`; who came in two buckets counts in both. An hour counts for "
        "the bucket in which it ends; null for a bucket that has none, as those of 15 minutes."
    )
    async def visitors(self) -> Count | None:
        return await self.all_visitors.of(self.number)


@strawberry.type(description="A line on the chart: without gaps, with zeros.")
class StatsSeries:
    interval: StatsInterval = strawberry.field(description="Width of the buckets.")
    buckets: list[StatsBucket] = strawberry.field(
        description="In order of time; they add up to `totals`."
    )


@strawberry.type(description="One bar of a breakdown.")
class StatsRow:
    key: str = strawberry.field(description="Stable value to send back in `StatsCondition.in`.")
    label: str = strawberry.field(description="Text in the viewer's language.")
    clicks: Count = strawberry.field(description="As in `totals`.")
    share: float = strawberry.field(description="Of all clicks of the breakdown, 0 to 1.")
    link_id: strawberry.Private[int | None]
    all_visitors: strawberry.Private[ReportVisitors]

    @strawberry.field(
        description="As in `totals`, of a breakdown by LINK. Null for the others: visitors are "
        "kept by link and hour alone."
    )
    async def visitors(self) -> Count | None:
        return None if self.link_id is None else await self.all_visitors.of(self.link_id)

    @strawberry.field(
        description="The link of a breakdown by LINK; null for the others, and for links that "
        "were deleted since."
    )
    async def link(self, info: Info) -> LinkType | None:
        if self.link_id is None:
            return None
        row = await info.context.loaders.link.load(self.link_id)
        return None if row is None else (await LinkType.load([row], info))[0]


@strawberry.type(description="Top rows and the rest, so that shares always add up to one.")
class StatsBreakdown:
    dimension: StatsDimension = strawberry.field(description="What was cut by.")
    rows: list[StatsRow] = strawberry.field(description="Most clicks first.")
    rest: Count = strawberry.field(description="Clicks of all the values that have no row.")
    distinct: Count = strawberry.field(description="Number of values, those of the rows included.")


@strawberry.type(
    name="StatsReport",
    description="One answer for a whole statistics screen: ask for totals, series and several "
    "breakdowns in one request.",
)
class StatsReportType:
    @strawberry.field(name="from", description="First moment that is counted.")
    def from_(self, report: strawberry.Parent[Report]) -> datetime:
        return report.range.start

    @strawberry.field(description="First moment that no longer is.")
    def to(self, report: strawberry.Parent[Report]) -> datetime:
        return report.range.end

    @strawberry.field(description="As asked.")
    def time_zone(self, report: strawberry.Parent[Report]) -> TimeZone:
        return TimeZone(report.range.zone)

    @strawberry.field(description="Moment up to which every click is counted.")
    async def as_of(self, info: Info) -> datetime:
        return await info.context.loaders.as_of.load(None)

    @strawberry.field(description="Sums over the period.")
    async def totals(self, report: strawberry.Parent[Report]) -> StatsTotals:
        found = await report.totals()
        return StatsTotals(
            clicks=Count(report.clicks(found.human, found.automated)),
            human=Count(found.human),
            preview=Count(found.preview),
            prefetch=Count(found.prefetch),
            scanner=Count(found.scanner),
            monitor=Count(found.monitor),
            bot=Count(found.bot),
            report=report,
        )

    @strawberry.field(description="Clicks over time, at most 1000 buckets.")
    async def series(
        self,
        report: strawberry.Parent[Report],
        interval: Annotated[
            StatsInterval | None,
            strawberry.argument(
                description="Null: one that makes 10 to 100 buckets, mostly, and never too many."
            ),
        ] = None,
    ) -> StatsSeries:
        found = await report.series(interval)
        visitors = ReportVisitors.of_series(report, interval)
        return StatsSeries(
            interval=found.interval,
            buckets=[
                StatsBucket(
                    start=bucket.start,
                    end=bucket.end,
                    clicks=Count(report.clicks(bucket.human, bucket.automated)),
                    human=Count(bucket.human),
                    automated=Count(bucket.automated),
                    number=number,
                    all_visitors=visitors,
                )
                for number, bucket in enumerate(found.buckets)
            ],
        )

    @strawberry.field(description="Clicks by the values of a dimension.")
    async def breakdown(
        self,
        report: strawberry.Parent[Report],
        by: Annotated[StatsDimension, strawberry.argument(description="The dimension.")],
        top: Annotated[int, strawberry.argument(description="Rows, 1 to 100.")] = DEFAULT_TOP,
    ) -> StatsBreakdown:
        found = await report.breakdown(by, top)
        link_ids = [row.link_id for row in found.rows if row.link_id is not None]
        visitors = ReportVisitors.of_links(report, link_ids)
        return StatsBreakdown(
            dimension=by,
            rows=[
                StatsRow(
                    key=public_key(row.key, row.link_id),
                    label=row.label,
                    clicks=Count(row.clicks),
                    share=row.share,
                    link_id=row.link_id,
                    all_visitors=visitors,
                )
                for row in found.rows
            ],
            rest=Count(found.rest),
            distinct=Count(found.distinct),
        )


def _count_of(visitors: Visitors) -> Count | None:
    """Return the answer for a range as a whole, which is one bucket."""
    return None if visitors[0] is None else Count(visitors[0])


@strawberry.type
class StatsQueries:
    @strawberry.field(
        graphql_type=StatsReportType,
        description="Statistics over every link the viewer sees, or over the filtered ones. "
        "Without a filter, clicks of links that were deleted since stay counted.",
        **requires(Scope.STATS_READ, cost=20),
    )
    async def stats(
        self,
        info: Info,
        range: Annotated[StatsRangeInput, strawberry.argument(description="Which clicks.")],
        links: Annotated[
            LinkFilterInput | None, strawberry.argument(description="Null: all of them.")
        ] = None,
    ) -> Report:
        return await open_report(range, info, filter=links.to_filter() if links else None)
