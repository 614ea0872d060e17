"""Statistics of many links at once are those of each link asked for by itself."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final

import pytest
from tortoise.transactions import in_transaction

from models.errors import ValueInvalidError
from models.links import Link
from models.rules.buckets import StatsInterval
from models.rules.click_classes import CLASS_OF, Reason
from models.rules.click_facts import ClickFacts
from models.rules.dimensions import DeviceKind
from models.rules.periods import DayRange, StatsPeriod, StatsPreset, StatsRange
from models.rules.scopes import Scope
from resolvers.click_values import ValueNumbers
from resolvers.clicks import store, tally, texts_of
from resolvers.context import NotPermittedError, RequestContext
from resolvers.link_stats import (
    BreakdownQuestion,
    LinkPeriod,
    LinkQuestion,
    SeriesQuestion,
    TotalsQuestion,
    breakdowns_of_links,
    ranges_of_links,
    series_of_links,
    totals_of_links,
)
from resolvers.links import delete_link
from resolvers.ports import Ports
from resolvers.stats import (
    Series,
    StatsCondition,
    StatsDimension,
    Totals,
    resolve_range,
    stats_breakdown,
    stats_scope,
    stats_series,
    stats_totals,
)
from tests.factories import as_person, make_link, make_user
from tests.fakes import FixedClock

NOW: Final = datetime(2026, 5, 6, 7, 8, tzinfo=UTC)
ZONE: Final = "Europe/Berlin"
PERIODS: Final[list[StatsPeriod]] = [
    StatsPreset.ALL_TIME,
    StatsPreset.LAST_7_DAYS,
    DayRange(date(2025, 10, 1), date(2026, 4, 30)),
]
CHROME: Final = (StatsCondition(dimension=StatsDimension.BROWSER, keys=("Chrome",)),)
NO_SUM: Final = TotalsQuestion(where=())


async def record(clicks: Iterable[ClickFacts]) -> None:
    """Store clicks as the worker does."""
    facts = list(clicks)
    numbers = await ValueNumbers().of(texts_of(facts))
    async with in_transaction("default") as connection:
        await store(connection, tally(facts, numbers))


def click(link: Link, at: datetime, random: Random) -> ClickFacts:
    reason = random.choice([Reason.BROWSER, Reason.BROWSER, *Reason])
    return ClickFacts(
        link_id=link.id,
        at_us=int(at.timestamp() * 1_000_000),
        click_class=CLASS_OF[reason],
        reason=reason,
        referrer_host=random.choice(["", "ya.ru", "vk.com", "a.example"]),
        browser=random.choice(["Chrome", "Firefox", "Other"]),
        os=random.choice(["Windows", "Linux"]),
        device=random.choice(list(DeviceKind)),
        language="ru",
        address=None,
        request_id=None,
    )


@pytest.fixture
async def staff(database: None, ports: Ports, clock: FixedClock) -> RequestContext:
    clock.at = NOW
    return as_person(ports, await make_user(is_staff=True))


@pytest.fixture
async def links(staff: RequestContext) -> list[Link]:
    """Six links; the later ones were followed for the first time later, the last one never."""
    random = Random(7)  # noqa: S311 - repeatable
    made = [await make_link(staff, slug=f"s{number}") for number in range(6)]
    await record(
        click(link, NOW - timedelta(days=random.randrange(300 // number), minutes=7), random)
        for number, link in enumerate(made[:5], start=1)
        for _ in range(60)
    )
    return made


def this_link(link: LinkPeriod) -> tuple[StatsCondition, ...]:
    return (StatsCondition(dimension=StatsDimension.LINK, keys=(str(link.link_id),)),)


async def opened(
    context: RequestContext, links: Iterable[Link], period: StatsPeriod
) -> dict[LinkPeriod, StatsRange]:
    wanted = [LinkPeriod(link.id, period, ZONE) for link in links]
    ranges = await ranges_of_links(context, wanted)
    return {
        link: range_
        for link, range_ in zip(wanted, ranges, strict=True)
        if isinstance(range_, StatsRange)
    }


@pytest.mark.parametrize("period", PERIODS, ids=str)
@pytest.mark.parametrize("where", [(), CHROME], ids=["everything", "Chrome alone"])
async def test_answers_are_those_of_each_link_by_itself(
    staff: RequestContext,
    links: list[Link],
    period: StatsPeriod,
    where: tuple[StatsCondition, ...],
) -> None:
    asked = await opened(staff, reversed(links), period)
    scope = stats_scope(staff)
    assert len(asked) == len(links)

    totals = await totals_of_links(
        staff, [LinkQuestion(*each, TotalsQuestion(where=where)) for each in asked.items()]
    )
    assert totals == [
        await stats_totals(scope, asked[link], where=(*where, *this_link(link))) for link in asked
    ]
    for interval in (None, StatsInterval.WEEK, StatsInterval.MONTH):
        question = SeriesQuestion(where=where, interval=interval)
        series = await series_of_links(
            staff, [LinkQuestion(*each, question) for each in asked.items()]
        )
        assert series == [
            await stats_series(
                scope, asked[link], interval=interval, where=(*where, *this_link(link))
            )
            for link in asked
        ]
    for dimension in StatsDimension:
        bars = BreakdownQuestion(where=where, dimension=dimension, top=2, humans_only=False)
        breakdowns = await breakdowns_of_links(
            staff, [LinkQuestion(*each, bars) for each in asked.items()]
        )
        assert breakdowns == [
            await stats_breakdown(
                scope,
                asked[link],
                dimension=dimension,
                top=2,
                where=(*where, *this_link(link)),
                humans_only=False,
            )
            for link in asked
        ]


async def test_different_questions_at_once_are_told_apart(
    staff: RequestContext, links: list[Link]
) -> None:
    short = await opened(staff, links, StatsPreset.LAST_7_DAYS)
    long = await opened(staff, links, DayRange(date(2020, 1, 1), date(2026, 5, 6)))
    asked = [
        LinkQuestion(*each, TotalsQuestion(where=where))
        for pair in zip(short.items(), long.items(), strict=True)
        for each in pair
        for where in ((), CHROME)
    ]
    scope = stats_scope(staff)

    assert await totals_of_links(staff, asked) == [
        await stats_totals(scope, each.range, where=(*each.question.where, *this_link(each.link)))
        for each in asked
    ]


async def test_all_time_begins_with_the_first_click_of_each_link(
    staff: RequestContext, links: list[Link]
) -> None:
    asked = await opened(staff, links, StatsPreset.ALL_TIME)
    first = await resolve_range(stats_scope(staff), StatsPreset.ALL_TIME, zone=ZONE)
    today = await resolve_range(stats_scope(staff), DayRange(NOW.date(), NOW.date()), zone=ZONE)

    assert min(each.start for each in asked.values()) == first.start
    assert len({each.start for each in asked.values()}) == len(links)
    assert list(asked.values())[-1] == today


async def test_links_of_others_and_deleted_ones_count_as_nothing(
    staff: RequestContext, links: list[Link], ports: Ports
) -> None:
    stranger = as_person(ports, await make_user())
    period = DayRange(date(2020, 1, 1), date(2026, 5, 6))
    await delete_link(staff, link_id=links[0].id)
    seen = await opened(staff, links[:2], period)
    unseen = await opened(stranger, links[:2], period)

    mine = await totals_of_links(staff, [LinkQuestion(*each, NO_SUM) for each in seen.items()])
    theirs = await totals_of_links(
        stranger, [LinkQuestion(*each, NO_SUM) for each in unseen.items()]
    )

    assert mine[0] == Totals()
    assert mine[1] != Totals()
    assert theirs == [Totals(), Totals()]


async def test_a_refusal_of_one_link_leaves_the_others_their_answer(
    staff: RequestContext, links: list[Link]
) -> None:
    asked = await opened(staff, [links[0], links[5]], StatsPreset.ALL_TIME)
    question = SeriesQuestion(where=(), interval=StatsInterval.QUARTER_HOUR)

    refused, answered = await series_of_links(
        staff, [LinkQuestion(*each, question) for each in asked.items()]
    )

    assert isinstance(refused, ValueInvalidError)
    assert isinstance(answered, Series)
    assert len(answered.buckets) == 96


async def test_a_refused_zone_or_range_is_the_answer_for_its_links(
    staff: RequestContext, links: list[Link]
) -> None:
    good = LinkPeriod(links[0].id, StatsPreset.LAST_7_DAYS, ZONE)
    bad = LinkPeriod(links[0].id, StatsPreset.LAST_7_DAYS, "Europe/Nowhere")
    refused, answered = await ranges_of_links(staff, [bad, good])

    assert isinstance(refused, ValueInvalidError)
    assert isinstance(answered, StatsRange)


async def test_number_of_statements_does_not_grow_with_the_links(
    staff: RequestContext, links: list[Link], sql: list[str]
) -> None:
    counts = []
    for some in (links[:1], links):
        sql.clear()
        asked = await opened(staff, some, StatsPreset.ALL_TIME)
        await totals_of_links(staff, [LinkQuestion(*each, NO_SUM) for each in asked.items()])
        question = SeriesQuestion(where=(), interval=StatsInterval.DAY)
        await series_of_links(staff, [LinkQuestion(*each, question) for each in asked.items()])
        counts.append(len(sql))

    assert counts == [3, 3]


async def test_a_person_without_the_right_gets_no_statistics_of_links(
    staff: RequestContext, links: list[Link], ports: Ports
) -> None:
    reader = as_person(ports, await make_user(), scopes=frozenset(Scope) - {Scope.STATS_READ})
    with pytest.raises(NotPermittedError):
        await opened(reader, links, StatsPreset.LAST_7_DAYS)
