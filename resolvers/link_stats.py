"""Statistics of many links, each by itself: one statement for each question, not for each link."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from models.errors import DomainError
from models.rules.buckets import StatsInterval
from models.rules.periods import StatsPeriod, StatsRange
from resolvers.context import RequestContext
from resolvers.stats import (
    Breakdown,
    Series,
    StatsCondition,
    StatsDimension,
    StatsScope,
    Totals,
    breakdown_of_each,
    range_of_each,
    series_of_each,
    stats_scope,
    totals_of_each,
)
from resolvers.stats_query import Ranges
from resolvers.visitor_stats import Cut, Visitors, visitors_of_each

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Where: TypeAlias = tuple[StatsCondition, ...]
Ask: TypeAlias = Callable[
    [StatsScope, Ranges, Question], Awaitable[Mapping[int, Answer | DomainError]]
]


@dataclass(frozen=True, slots=True)
class LinkPeriod:
    """A period in the time of one link; `zone` is an IANA name."""

    link_id: int
    period: StatsPeriod
    zone: str


@dataclass(frozen=True, slots=True)
class LinkQuestion(Generic[Question]):
    """What is asked of one link; `range` is what its period means, see ranges_of_links."""

    link: LinkPeriod
    range: StatsRange
    question: Question


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalsQuestion:
    """Arguments of stats_totals."""

    where: Where


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesQuestion:
    """Arguments of stats_series."""

    where: Where
    interval: StatsInterval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakdownQuestion:
    """Arguments of stats_breakdown."""

    where: Where
    dimension: StatsDimension
    top: int
    humans_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorsQuestion:
    """Arguments of stats_visitors."""

    where: Where
    interval: Cut


async def ranges_of_links(
    context: RequestContext, wanted: Sequence[LinkPeriod]
) -> list[StatsRange | DomainError]:
    """Return what each period means now, or why it means nothing, in the order of `wanted`."""
    scope = stats_scope(context, by_link=True)
    found: dict[LinkPeriod, StatsRange | DomainError] = {}
    for period, zone in dict.fromkeys((each.period, each.zone) for each in wanted):
        some = [each for each in wanted if (each.period, each.zone) == (period, zone)]
        ids = list(dict.fromkeys(each.link_id for each in some))
        try:
            ranges = await range_of_each(scope, ids, period, zone=zone)
        except DomainError as error:
            found |= dict.fromkeys(some, error)
        else:
            found |= {each: ranges[each.link_id] for each in some}
    return [found[each] for each in wanted]


async def totals_of_links(
    context: RequestContext, asked: Sequence[LinkQuestion[TotalsQuestion]]
) -> list[Totals | DomainError]:
    """Answer many stats_totals, in the order of `asked`. Needs STATS_READ, as all here."""

    async def ask(
        scope: StatsScope, ranges: Ranges, question: TotalsQuestion
    ) -> Mapping[int, Totals | DomainError]:
        return await totals_of_each(scope, ranges, where=question.where)

    return await _answers(context, asked, ask)


async def series_of_links(
    context: RequestContext, asked: Sequence[LinkQuestion[SeriesQuestion]]
) -> list[Series | DomainError]:
    """Answer many stats_series, in the order of `asked`."""

    async def ask(
        scope: StatsScope, ranges: Ranges, question: SeriesQuestion
    ) -> Mapping[int, Series | DomainError]:
        return await series_of_each(scope, ranges, interval=question.interval, where=question.where)

    return await _answers(context, asked, ask)


async def breakdowns_of_links(
    context: RequestContext, asked: Sequence[LinkQuestion[BreakdownQuestion]]
) -> list[Breakdown | DomainError]:
    """Answer many stats_breakdown, in the order of `asked`."""

    async def ask(
        scope: StatsScope, ranges: Ranges, question: BreakdownQuestion
    ) -> Mapping[int, Breakdown | DomainError]:
        return await breakdown_of_each(
            scope,
            ranges,
            dimension=question.dimension,
            top=question.top,
            where=question.where,
            humans_only=question.humans_only,
        )

    return await _answers(context, asked, ask)


async def visitors_of_links(
    context: RequestContext, asked: Sequence[LinkQuestion[VisitorsQuestion]]
) -> list[Visitors | DomainError]:
    """Answer many stats_visitors, in the order of `asked`."""

    async def ask(
        scope: StatsScope, ranges: Ranges, question: VisitorsQuestion
    ) -> Mapping[int, Visitors | DomainError]:
        return await visitors_of_each(
            scope, ranges, interval=question.interval, where=question.where
        )

    return await _answers(context, asked, ask)


async def _answers(
    context: RequestContext,
    asked: Sequence[LinkQuestion[Question]],
    ask: Ask[Question, Answer],
) -> list[Answer | DomainError]:
    """Ask each question once, of all its links; a refusal is the answer for those links."""
    scope = stats_scope(context, by_link=True)
    groups: dict[tuple[object, ...], list[LinkQuestion[Question]]] = {}
    for each in dict.fromkeys(asked):
        groups.setdefault((each.link.period, each.link.zone, each.question), []).append(each)
    found: dict[LinkQuestion[Question], Answer | DomainError] = {}
    for some in groups.values():
        ranges = {each.link.link_id: each.range for each in some}
        try:
            answers = await ask(scope, ranges, some[0].question)
        except DomainError as error:
            found |= dict.fromkeys(some, error)
        else:
            found |= {each: answers[each.link.link_id] for each in some}
    return [found[each] for each in asked]
