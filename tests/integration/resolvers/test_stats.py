"""Statistics against a count over the single clicks, in zones whose clocks are awkward."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from random import Random
from typing import Any, Final

import pytest
from tortoise.transactions import in_transaction

from models.errors import ValueInvalidError
from models.links import Link
from models.rules.buckets import StatsInterval
from models.rules.click_classes import CLASS_OF, ClickClass, Reason
from models.rules.click_facts import ClickFacts
from models.rules.dimensions import DeviceKind
from models.rules.periods import DayRange, StatsPreset, StatsRange
from models.rules.scopes import Scope
from resolvers.click_values import ValueNumbers
from resolvers.clicks import store, tally, texts_of
from resolvers.context import NotPermittedError, RequestContext
from resolvers.link_filters import LinkFilter
from resolvers.links import delete_link
from resolvers.ports import Ports
from resolvers.stats import (
    MAX_TOP,
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
from tests.calendar_oracle import walked_edges
from tests.factories import as_nobody, as_person, make_link, make_user
from tests.fakes import FixedClock

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
TODAY: Final = DayRange(date(2026, 1, 1), date(2026, 1, 1))
FOREIGN_ID: Final = 7_000_000_000_000  # of no link that is in the tables
# Days around each change of the clocks; the longer the interval, the more of them.
CHANGES: Final = [
    ("Europe/Moscow", date(2011, 3, 27)),  # forward, for good
    ("Europe/Moscow", date(2014, 10, 26)),  # back, for good
    ("Asia/Kathmandu", date(1986, 1, 1)),  # a quarter forward, its only change
    ("Asia/Kathmandu", date(2026, 3, 29)),
    ("Pacific/Chatham", date(2026, 4, 5)),
    ("Pacific/Chatham", date(2026, 9, 27)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
]
DAYS_AROUND: Final = {
    StatsInterval.QUARTER_HOUR: 2,
    StatsInterval.HOUR: 2,
    StatsInterval.DAY: 5,
    StatsInterval.WEEK: 12,
    StatsInterval.MONTH: 45,
    StatsInterval.YEAR: 45,
}
_KEYS: Final[dict[StatsDimension, Callable[[ClickFacts], str]]] = {
    StatsDimension.LINK: lambda click: str(click.link_id),
    StatsDimension.REFERRER_HOST: lambda click: click.referrer_host,
    StatsDimension.BROWSER: lambda click: click.browser,
    StatsDimension.OS: lambda click: click.os,
    StatsDimension.DEVICE: lambda click: click.device,
}


def _click(link_id: int, at: datetime = NOON, reason: Reason = Reason.BROWSER) -> ClickFacts:
    return ClickFacts(
        link_id=link_id,
        at_us=int(at.timestamp() * 1_000_000),
        click_class=CLASS_OF[reason],
        reason=reason,
        referrer_host="",
        browser="Yandex Browser",
        os="Windows",
        device=DeviceKind.DESKTOP,
        language="ru",
        address=None,
        request_id=None,
    )


def _random_click(random: Random, links: Sequence[int], at_us: int) -> ClickFacts:
    reason = random.choice([Reason.BROWSER, Reason.BROWSER, *Reason])
    return _click(random.choice(links), NOON, reason)._replace(
        at_us=at_us,
        referrer_host=random.choice(["", "ya.ru", "Ya.ru", "vk.com", "яндекс.рф", "a.example"]),
        browser=random.choice(["Chrome", "Firefox", "Other"]),
        os=random.choice(["Windows", "Linux", "Android"]),
        device=random.choice(list(DeviceKind)),
    )


async def _record(clicks: Iterable[ClickFacts]) -> None:
    """Store clicks as the worker does."""
    facts = list(clicks)
    numbers = await ValueNumbers().of(texts_of(facts))
    async with in_transaction("default") as connection:
        await store(connection, tally(facts, numbers))


@pytest.fixture
async def owner(database: None, ports: Ports) -> RequestContext:
    return as_person(ports, await make_user())


@pytest.fixture
async def staff(database: None, ports: Ports) -> RequestContext:
    return as_person(ports, await make_user(is_staff=True))


@pytest.fixture
async def link(owner: RequestContext) -> Link:
    return await make_link(owner, slug="mine")


async def _range_of(scope: StatsScope, days: DayRange, zone: str = "UTC") -> StatsRange:
    return await resolve_range(scope, days, zone=zone)


@pytest.mark.parametrize("interval", list(StatsInterval))
@pytest.mark.parametrize(("zone", "day"), CHANGES)
async def test_a_series_over_a_clock_change_is_a_count_of_the_single_clicks(
    staff: RequestContext, zone: str, day: date, interval: StatsInterval
) -> None:
    random = Random(f"{zone} {day} {interval}")  # noqa: S311 - repeatable
    around = DAYS_AROUND[interval]
    days = DayRange(
        date.fromordinal(day.toordinal() - around), date.fromordinal(day.toordinal() + around)
    )
    scope = stats_scope(staff)
    asked = await _range_of(scope, days, zone)
    start_s, end_s = asked.start_us // 1_000_000, asked.end_us // 1_000_000
    if interval is StatsInterval.QUARTER_HOUR:
        edges = list(range(start_s // 900, end_s // 900 + 1))
    else:
        edges = walked_edges(start_s, end_s, zone, interval)
    moments = [edge * 900_000_000 for edge in random.sample(edges, min(len(edges), 40))]
    moments += [moment - 1 for moment in moments]
    moments += [random.randrange(asked.start_us - 10**11, asked.end_us + 10**11) for _ in "." * 300]
    clicks = [_random_click(random, (1, 2, 3), moment) for moment in moments]
    await _record(clicks)

    found = await stats_series(scope, asked, interval=interval)

    inside = [click for click in clicks if asked.start_us <= click.at_us < asked.end_us]
    counted = Counter(
        (bisect_right(edges, click.at_us // 900_000_000) - 1, click.click_class == ClickClass.HUMAN)
        for click in inside
    )
    wanted = [
        (
            datetime.fromtimestamp(start * 900, UTC),
            datetime.fromtimestamp(end * 900, UTC),
            counted[number, True],
            counted[number, False],
        )
        for number, (start, end) in enumerate(pairwise(edges))
    ]
    assert [(b.start, b.end, b.human, b.automated) for b in found.buckets] == wanted
    assert found.interval is interval
    assert await stats_totals(scope, asked) == _totals(inside)


def _totals(clicks: Iterable[ClickFacts]) -> Totals:
    return Totals(**Counter(ClickClass(click.click_class).name.lower() for click in clicks))


async def test_breakdowns_and_cross_filters_are_counts_of_the_single_clicks(
    staff: RequestContext,
) -> None:
    random = Random(7)  # noqa: S311 - repeatable
    scope = stats_scope(staff)
    asked = await _range_of(scope, DayRange(date(2026, 1, 1), date(2026, 1, 3)))
    moments = [random.randrange(asked.start_us - 10**11, asked.end_us + 10**11) for _ in "." * 900]
    clicks = [_random_click(random, (1, 20, 3, 10), moment) for moment in moments]
    await _record(clicks)
    inside = [click for click in clicks if asked.start_us <= click.at_us < asked.end_us]

    for _ in "." * 60:
        where = [
            StatsCondition(
                dimension=dimension,
                keys=random.sample(sorted({_KEYS[dimension](click) for click in clicks}), 2),
            )
            for dimension in random.sample(list(StatsDimension), random.randrange(3))
        ]
        dimension = random.choice(list(StatsDimension))
        humans_only, top = random.random() < 0.5, random.choice([1, 2, 100])

        found = await stats_breakdown(
            scope, asked, dimension=dimension, top=top, where=where, humans_only=humans_only
        )
        totals = await stats_totals(scope, asked, where=where)
        series = await stats_series(scope, asked, interval=StatsInterval.DAY, where=where)

        kept = [c for c in inside if all(_KEYS[w.dimension](c) in w.keys for w in where)]
        meant = [c for c in kept if c.click_class == ClickClass.HUMAN or not humans_only]
        counted = Counter(_KEYS[dimension](click) for click in meant)
        ranked = sorted(counted.items(), key=lambda item: (-item[1], _tie(dimension, item[0])))
        assert [(row.key, row.clicks) for row in found.rows] == ranked[:top]
        assert (found.rest, found.distinct) == (
            len(meant) - sum(counted[k] for k, _ in ranked[:top]),
            len(counted),
        )
        assert sum(row.share for row in found.rows) == pytest.approx(
            1 - found.rest / len(meant) if meant else 0
        )
        assert totals == _totals(kept)
        assert (sum(b.human for b in series.buckets), sum(b.automated for b in series.buckets)) == (
            totals.human,
            totals.automated,
        )


def _tie(dimension: StatsDimension, key: str) -> bytes | int:
    return int(key) if dimension is StatsDimension.LINK else key.encode()


async def test_people_see_the_clicks_of_their_own_links_and_staff_see_all(
    owner: RequestContext, staff: RequestContext, ports: Ports, link: Link
) -> None:
    stranger = as_person(ports, await make_user())
    other = await make_link(stranger)
    await _record([_click(link.id), _click(link.id), _click(other.id), _click(FOREIGN_ID)])

    async def humans(context: RequestContext, filter: LinkFilter | None = None) -> int:
        scope = stats_scope(context, filter=filter)
        asked = await _range_of(scope, TODAY)
        series = await stats_series(scope, asked)
        top = await stats_breakdown(scope, asked, dimension=StatsDimension.BROWSER)
        total = (await stats_totals(scope, asked)).human
        assert sum(bucket.human for bucket in series.buckets) == total
        assert sum(row.clicks for row in top.rows) == total
        return total

    assert await humans(owner) == 2
    assert await humans(stranger) == 1
    assert await humans(staff) == 4
    assert await humans(staff, filter=LinkFilter()) == 3
    assert await humans(stranger, filter=LinkFilter()) == 1
    assert await humans(staff, filter=LinkFilter(owner_id=owner.viewer.user_id)) == 2
    assert await humans(stranger, filter=LinkFilter(owner_id=owner.viewer.user_id)) == 0


async def test_clicks_of_a_deleted_link_stay_counted_until_links_are_asked_for(
    owner: RequestContext, link: Link
) -> None:
    await _record([_click(link.id)])
    await delete_link(owner, link_id=link.id)

    everything = stats_scope(owner)
    asked = await _range_of(everything, TODAY)
    by_link = await stats_breakdown(everything, asked, dimension=StatsDimension.LINK)

    assert (await stats_totals(everything, asked)).human == 1
    assert [(row.label, row.link_id) for row in by_link.rows] == [("go.test/mine", link.id)]
    assert (await stats_totals(stats_scope(owner, filter=LinkFilter()), asked)).human == 0


async def test_statistics_need_the_right_to_read_them(
    database: None, ports: Ports, owner: RequestContext
) -> None:
    only_links = as_person(ports, await make_user(scopes=frozenset({Scope.LINK_READ})))

    for context in (as_nobody(ports), only_links):
        with pytest.raises(NotPermittedError) as refused:
            stats_scope(context)
        assert refused.value.scope is Scope.STATS_READ


async def test_one_who_is_nobody_in_particular_has_no_clicks(
    ports: Ports, owner: RequestContext, link: Link
) -> None:
    await _record([_click(link.id), _click(FOREIGN_ID)])
    nobody = as_nobody(ports)
    reader = replace(nobody, viewer=replace(nobody.viewer, scopes=frozenset({Scope.STATS_READ})))

    scope = stats_scope(reader)

    assert await stats_totals(scope, await _range_of(scope, TODAY)) == Totals()


async def test_no_statement_is_added_by_more_links_or_clicks(
    owner: RequestContext, sql: list[str]
) -> None:
    scope = stats_scope(owner, filter=LinkFilter(search="e"))
    where = [StatsCondition(dimension=StatsDimension.OS, keys=["Windows", "Linux"])]

    async def statements(coroutine: Coroutine[Any, Any, object]) -> int:
        sql.clear()
        await coroutine
        return len(sql)

    for links in (1, 20):
        made = [await make_link(owner) for _ in "." * links]
        await _record(_click(row.id) for row in made)
        asked = await _range_of(scope, TODAY)
        counts = [
            await statements(resolve_range(scope, StatsPreset.LAST_30_DAYS, zone="UTC")),
            await statements(resolve_range(scope, StatsPreset.ALL_TIME, zone="UTC")),
            await statements(stats_totals(scope, asked, where=where)),
            await statements(stats_series(scope, asked, where=where)),
        ]
        counts += [
            await statements(stats_breakdown(scope, asked, dimension=dimension, where=where))
            for dimension in StatsDimension
        ]

        assert counts == [0, 1, 1, 1, 1, 1, 1, 1, 1]


async def test_values_are_labelled_in_the_language_of_the_viewer(
    owner: RequestContext, link: Link, staff: RequestContext
) -> None:
    await _record(
        [
            _click(link.id),
            _click(link.id)._replace(referrer_host="ya.ru", browser="Other"),
            _click(FOREIGN_ID)._replace(os="", device=DeviceKind.MOBILE),
        ]
    )

    async def labels(locale: str, dimension: StatsDimension) -> list[tuple[str, str]]:
        viewer = replace(staff.viewer, locale=locale)
        scope = stats_scope(replace(staff, viewer=viewer))
        found = await stats_breakdown(scope, await _range_of(scope, TODAY), dimension=dimension)
        return [(row.key, row.label) for row in found.rows]

    assert await labels("ru", StatsDimension.REFERRER_HOST) == [
        ("", "Прямые переходы"),
        ("ya.ru", "ya.ru"),
    ]
    assert await labels("en", StatsDimension.REFERRER_HOST) == [("", "Direct"), ("ya.ru", "ya.ru")]
    assert await labels("ru", StatsDimension.BROWSER) == [
        ("Yandex Browser", "Yandex Browser"),
        ("Other", "Неизвестно"),
    ]
    assert await labels("en", StatsDimension.OS) == [("Windows", "Windows"), ("", "Unknown")]
    assert await labels("ru", StatsDimension.DEVICE) == [
        ("DESKTOP", "Компьютер"),
        ("MOBILE", "Телефон"),
    ]
    assert await labels("en", StatsDimension.LINK) == [
        (str(link.id), "go.test/mine"),
        (str(FOREIGN_ID), "Unknown link"),
    ]


async def test_all_time_begins_with_the_first_click_of_the_scope(
    staff: RequestContext, link: Link, clock: FixedClock
) -> None:
    clock.at = NOON
    first = datetime(2023, 5, 6, 22, tzinfo=UTC)  # the 7th in Moscow
    await _record([_click(FOREIGN_ID, datetime(1999, 1, 1, tzinfo=UTC)), _click(link.id, first)])

    found = await resolve_range(
        stats_scope(staff, filter=LinkFilter()), StatsPreset.ALL_TIME, zone="Europe/Moscow"
    )

    assert found.start == datetime(2023, 5, 6, 21, tzinfo=UTC)
    assert found.end == datetime(2026, 1, 1, 21, tzinfo=UTC)


async def test_all_time_without_a_click_is_today_and_all_zero(
    owner: RequestContext, clock: FixedClock
) -> None:
    clock.at = NOON
    scope = stats_scope(owner)

    asked = await resolve_range(scope, StatsPreset.ALL_TIME, zone="UTC")
    series = await stats_series(scope, asked)
    found = await stats_breakdown(scope, asked, dimension=StatsDimension.LINK)

    assert asked == await _range_of(scope, TODAY)
    assert await stats_totals(scope, asked) == Totals()
    assert [(b.human, b.automated) for b in series.buckets] == [(0, 0)] * 24
    assert (list(found.rows), found.rest, found.distinct) == ([], 0, 0)


async def test_a_day_that_the_zone_left_out_has_no_bucket_and_no_click(
    staff: RequestContext,
) -> None:
    await _record([_click(FOREIGN_ID, datetime(2011, 12, 30, 10, tzinfo=UTC))])
    scope = stats_scope(staff)

    asked = await _range_of(scope, DayRange(date(2011, 12, 30), date(2011, 12, 30)), "Pacific/Apia")

    assert (await stats_series(scope, asked, interval=StatsInterval.HOUR)).buckets == []
    assert await stats_totals(scope, asked) == Totals()


@pytest.mark.parametrize("dimension", list(StatsDimension))
@pytest.mark.parametrize(
    "keys",
    [[], ["\0"], ["\ud800"], ["x" * 10_000], ["9" * 40], ["-1"], ["²"], ["' OR 1 = 1 --"], ["%"]],
)
async def test_keys_that_no_click_has_keep_nothing(
    staff: RequestContext, dimension: StatsDimension, keys: list[str]
) -> None:
    await _record([_click(FOREIGN_ID)])
    scope = stats_scope(staff)
    asked = await _range_of(scope, TODAY)

    found = await stats_totals(scope, asked, where=[StatsCondition(dimension=dimension, keys=keys)])

    assert found == Totals()


@pytest.mark.parametrize("top", [-1, 0, MAX_TOP + 1, 10**30])
async def test_a_breakdown_of_too_few_or_too_many_rows_is_refused(
    staff: RequestContext, top: int
) -> None:
    scope = stats_scope(staff)

    with pytest.raises(ValueInvalidError) as refused:
        await stats_breakdown(
            scope, await _range_of(scope, TODAY), dimension=StatsDimension.OS, top=top
        )

    assert (refused.value.path, refused.value.reason) == (("top",), "stats_top")


async def test_too_many_conditions_or_keys_are_refused(staff: RequestContext) -> None:
    scope = stats_scope(staff)
    asked = await _range_of(scope, TODAY)
    one = StatsCondition(dimension=StatsDimension.OS, keys=["Linux"])

    with pytest.raises(ValueInvalidError) as conditions:
        await stats_totals(scope, asked, where=[one] * 11)
    with pytest.raises(ValueInvalidError) as keys:
        await stats_series(scope, asked, where=[replace(one, keys=["Linux"] * 101)])

    assert (conditions.value.path, conditions.value.reason) == (
        ("range", "where"),
        "stats_conditions",
    )
    assert (keys.value.path, keys.value.reason) == (("range", "where", "in"), "stats_keys")


async def test_a_series_of_too_many_buckets_is_refused(staff: RequestContext) -> None:
    scope = stats_scope(staff)
    asked = await _range_of(scope, DayRange(date(2025, 1, 1), date(2026, 1, 1)))

    with pytest.raises(ValueInvalidError) as refused:
        await stats_series(scope, asked, interval=StatsInterval.HOUR)

    assert (refused.value.path, refused.value.reason) == (("interval",), "too_many_buckets")


async def test_a_thousand_months_are_one_statement(staff: RequestContext, sql: list[str]) -> None:
    await _record([_click(FOREIGN_ID)])
    scope = stats_scope(staff)
    asked = await _range_of(scope, DayRange(date(1970, 1, 1), date(2053, 4, 30)), "Europe/Moscow")
    assert (await stats_totals(scope, asked)).human == 1
    sql.clear()

    found = await stats_series(scope, asked, interval=StatsInterval.MONTH)

    assert (len(sql), len(found.buckets)) == (1, 1000)
    assert [bucket.start for bucket in found.buckets if bucket.human] == [
        datetime(2025, 12, 31, 21, tzinfo=UTC)
    ]
