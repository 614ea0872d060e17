"""Visitors of hours, days and ranges, against sets of (day, number) over the single clicks."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from tortoise.transactions import in_transaction

from models.clicks import Click, VisitorHour
from models.installation import Installation
from models.orm import reader
from models.raw_sql import fetch
from models.rules.buckets import StatsInterval, bucket_edges
from models.rules.click_classes import CLASS_OF, Reason
from models.rules.click_facts import ClickFacts
from models.rules.dimensions import DeviceKind
from models.rules.moments import microseconds_of
from models.rules.periods import DayRange, StatsPreset
from models.rules.visitors import HOUR_US, SKETCH_SIZE, Sketch
from resolvers import visitor_stats, visitors
from resolvers.click_values import ValueNumbers
from resolvers.clicks import store, tally, texts_of
from resolvers.context import RequestContext
from resolvers.link_filters import LinkFilter
from resolvers.ports import Ports
from resolvers.retention import prune_clicks
from resolvers.stats import StatsCondition, StatsDimension, resolve_range, stats_scope
from resolvers.visitor_hours import marked_hours
from resolvers.visitor_stats import stats_visitors, visitors_of_each, visitors_of_rows
from resolvers.visitors import count_hour
from tests.factories import as_command, as_person, make_link, make_user
from tests.fakes import FixedClock

NOW = datetime(2026, 1, 8, 10, 30, tzinfo=UTC)
DAYS = DayRange(date(2026, 1, 3), date(2026, 1, 8))
QUARTER_US = 900_000_000


@pytest.fixture
async def staff(database: None, ports: Ports, clock: FixedClock) -> RequestContext:
    clock.at = NOW
    return as_person(ports, await make_user(is_staff=True))


def click(link_id: int, at: datetime, visitor: int | None) -> ClickFacts:
    reason = Reason.CRAWLER_LIST if visitor is None else Reason.BROWSER
    return ClickFacts(
        link_id=link_id,
        at_us=microseconds_of(at),
        click_class=CLASS_OF[reason],
        reason=reason,
        referrer_host="",
        browser="Firefox",
        os="Linux",
        device=DeviceKind.DESKTOP,
        language="ru",
        address=None,
        request_id=None,
        visitor=visitor,
    )


async def record(facts: Sequence[ClickFacts]) -> None:
    """Store clicks as the worker does."""
    numbers = await ValueNumbers().of(texts_of(facts))
    async with in_transaction("default") as connection:
        await store(connection, tally(facts, numbers))


def random_clicks(links: Sequence[int], *, seed: int = 1, count: int = 600) -> list[ClickFacts]:
    """Return clicks of some 60 people (and programs) over six days."""
    random = Random(seed)  # noqa: S311 - repeatable
    people = [random.getrandbits(32) for _ in range(60)]
    return [
        click(
            random.choice(links),
            NOW - timedelta(seconds=random.randrange(5 * 86_400)),
            random.choice([*people, None]),
        )
        for _ in range(count)
    ]


async def count_all(context: RequestContext) -> int:
    hours, before = 0, None
    while before := await count_hour(context, before=before):
        hours += 1
    return hours


async def stored() -> list[dict[str, Any]]:
    return await fetch(
        reader(),
        "SELECT link_id, hours, hour, sketch FROM click_visitors ORDER BY link_id, hours, hour",
    )


def brute(facts: Sequence[ClickFacts], links: Sequence[int], start_us: int, end_us: int) -> int:
    """Count people by UTC day; `start_us` and `end_us` are whole hours."""
    return len(
        {
            (fact.at_us // (24 * HOUR_US), fact.visitor)
            for fact in facts
            if fact.visitor is not None
            and fact.link_id in links
            and start_us <= fact.at_us < end_us
        }
    )


@pytest.mark.parametrize("is_counted", [False, True])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Moscow", "Asia/Kathmandu"])
@pytest.mark.parametrize("interval", [StatsInterval.HOUR, StatsInterval.DAY, StatsInterval.WEEK])
async def test_ranges_and_buckets_are_a_count_of_the_single_clicks(
    staff: RequestContext, *, is_counted: bool, zone: str, interval: StatsInterval
) -> None:
    facts = random_clicks([11, 12, 13])
    await record(facts)
    if is_counted:
        await count_all(staff)
        assert await VisitorHour.all().count() <= 1  # the hour that is not over
    scope = stats_scope(staff)
    asked = await resolve_range(scope, DAYS, zone=zone)
    edges = [edge * QUARTER_US // HOUR_US * HOUR_US for edge in bucket_edges(asked, interval)]
    edges[-1] = -(-asked.end_us // HOUR_US) * HOUR_US
    links = [11, 12, 13]

    assert list(await stats_visitors(scope, asked)) == [brute(facts, links, edges[0], edges[-1])]
    assert list(await stats_visitors(scope, asked, interval=interval)) == [
        brute(facts, links, first, stop) for first, stop in pairwise(edges)
    ]
    only = [StatsCondition(dimension=StatsDimension.LINK, keys=("11", "12", "0"))]
    assert list(await stats_visitors(scope, asked, where=only)) == [
        brute(facts, [11, 12], edges[0], edges[-1])
    ]
    assert await visitors_of_rows(scope, asked, [11, 13, 99]) == {
        11: brute(facts, [11], edges[0], edges[-1]),
        13: brute(facts, [13], edges[0], edges[-1]),
        99: 0,
    }


async def test_a_preset_that_begins_inside_an_hour_takes_the_whole_hour(
    staff: RequestContext,
) -> None:
    await record(
        [
            click(1, NOW - timedelta(hours=24, minutes=29), 1),
            click(1, NOW - timedelta(hours=24, minutes=31), 2),
            click(1, NOW, 3),
        ]
    )
    scope = stats_scope(staff)
    asked = await resolve_range(scope, StatsPreset.LAST_24_HOURS, zone="UTC")

    assert asked.start == NOW - timedelta(hours=23, minutes=45)
    assert list(await stats_visitors(scope, asked)) == [2]


async def test_each_of_many_links_is_counted_by_itself_and_only_for_who_may_see_it(
    staff: RequestContext, ports: Ports, sql: list[str]
) -> None:
    owner = as_person(ports, await make_user())
    mine = [await make_link(owner) for _ in range(3)]
    foreign = await make_link(staff)
    ids = [link.id for link in mine]
    facts = random_clicks([*ids, foreign.id])
    await record(facts)
    while (await count_hour(staff)) and await VisitorHour.all().count() > 40:
        pass
    scope = stats_scope(owner, by_link=True)
    asked = await resolve_range(stats_scope(owner), DAYS, zone="UTC")
    sql.clear()

    found = await visitors_of_each(scope, dict.fromkeys([*ids, foreign.id], asked))

    whole = asked.start_us, asked.end_us
    assert {part: list(each) for part, each in found.items()} == {
        **{link_id: [brute(facts, [link_id], *whole)] for link_id in ids},
        foreign.id: [0],
    }
    assert len(sql) == 4
    assert list(await stats_visitors(stats_scope(owner), asked)) == [brute(facts, ids, *whole)]
    everyone = stats_scope(staff, filter=LinkFilter())
    assert list(await stats_visitors(everyone, asked)) == [brute(facts, [*ids, foreign.id], *whole)]


async def test_quarters_and_other_conditions_have_no_answer(staff: RequestContext) -> None:
    await record([click(1, NOW, 1)])
    scope = stats_scope(staff)
    asked = await resolve_range(scope, StatsPreset.LAST_24_HOURS, zone="UTC")
    quarters = await stats_visitors(scope, asked, interval=StatsInterval.QUARTER_HOUR)
    browsers = [StatsCondition(dimension=StatsDimension.BROWSER, keys=("Firefox",))]

    assert (len(quarters), set(quarters)) == (96, {None})
    assert list(await stats_visitors(scope, asked, where=browsers)) == [None]


@pytest.mark.parametrize(
    "limit", ["MAX_SKETCHES", "MAX_SKETCH_BYTES", "MAX_OPEN_HOURS", "MAX_OPEN_CLICKS"]
)
async def test_what_would_take_too_long_has_no_answer(
    staff: RequestContext, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    await record(random_clicks([1], count=50))
    await count_hour(staff)
    scope = stats_scope(staff)
    asked = await resolve_range(scope, DAYS, zone="Europe/Moscow")
    assert list(await stats_visitors(scope, asked)) != [None]

    monkeypatch.setattr(visitor_stats, limit, 0)

    assert list(await stats_visitors(scope, asked)) == [None]


async def test_many_people_are_estimated_alike_before_and_after_the_count(
    staff: RequestContext,
) -> None:
    hour = NOW - timedelta(hours=3)
    random = Random(9)  # noqa: S311 - repeatable
    people = [random.getrandbits(32) for _ in range(12_000)]
    await record([click(n % 3 + 1, hour + timedelta(hours=n % 2), p) for n, p in enumerate(people)])
    ids = [1, 2, 3]
    scope = stats_scope(staff)
    asked = await resolve_range(scope, DAYS, zone="UTC")
    before = await stats_visitors(scope, asked), await visitors_of_rows(scope, asked, ids)

    assert await count_all(staff) == 2
    after = await stats_visitors(scope, asked), await visitors_of_rows(scope, asked, ids)

    assert after == before
    assert abs((after[0][0] or 0) / 12_000 - 1) < 3 / SKETCH_SIZE**0.5
    assert all(count == 4_000 for count in after[1].values())


async def test_counting_again_changes_nothing(staff: RequestContext) -> None:
    facts = random_clicks([11, 12])
    await record(facts)
    hours = await count_all(staff)
    first = await stored()
    await VisitorHour.bulk_create(
        VisitorHour(hour=hour, stamp=1)
        for hour in {row["hour"] for row in first if row["hours"] == 1}
    )

    assert await count_all(staff) == hours
    assert await stored() == first
    assert await VisitorHour.filter(hour__lt=microseconds_of(NOW) // HOUR_US).count() == 0


async def test_only_hours_that_ended_five_minutes_ago_are_counted(
    staff: RequestContext, clock: FixedClock
) -> None:
    clock.at = datetime(2026, 1, 8, 11, 4, 59, 999_999, tzinfo=UTC)
    await record([click(1, NOW, 1)])
    assert (await count_all(staff), await stored()) == (0, [])

    clock.at = datetime(2026, 1, 8, 11, 5, tzinfo=UTC)

    assert await count_all(staff) == 1
    assert [(row["link_id"], row["hours"]) for row in await stored()] == [
        (0, 1),
        (0, 24),
        (1, 1),
        (1, 24),
    ]


async def test_programs_mark_no_hour(staff: RequestContext) -> None:
    await record([click(1, NOW, None)])

    assert await VisitorHour.all().count() == 0


async def test_single_clicks_stay_until_their_hour_is_counted_and_late_ones_are_added(
    staff: RequestContext,
) -> None:
    await Installation.create(store_id="s")
    hour = NOW - timedelta(days=2)
    await record([click(1, hour, 1), click(1, hour, 2), click(1, hour, None)])
    edge_us = microseconds_of(NOW)
    scope = stats_scope(staff)
    asked = await resolve_range(scope, DAYS, zone="UTC")

    assert await prune_clicks(staff, edge_us=edge_us) == 0
    assert await Click.all().count() == 3
    await count_all(staff)
    assert await prune_clicks(staff, edge_us=edge_us) == 3
    assert list(await stats_visitors(scope, asked)) == [2]

    await record([click(1, hour, 2), click(1, hour, 3)])
    assert list(await stats_visitors(scope, asked)) == [3]
    await count_all(staff)
    assert await prune_clicks(staff, edge_us=edge_us) == 2
    assert list(await stats_visitors(scope, asked)) == [3]


async def test_a_click_that_comes_while_its_hour_is_counted_is_counted_too(
    staff: RequestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = NOW - timedelta(hours=3)
    await record([click(1, hour, 1)])
    read = visitors._visitors

    async def read_then_store(start_us: int, end_us: int) -> dict[int, list[int]]:
        found = await read(start_us, end_us)
        await record([click(1, hour, 2)])
        return found

    monkeypatch.setattr(visitors, "_visitors", read_then_store)
    assert await count_hour(staff)
    monkeypatch.setattr(visitors, "_visitors", read)

    assert await VisitorHour.all().count() == 1
    assert await count_all(staff) == 1
    for row in await stored():
        sketch = Sketch()
        sketch.merge(row["sketch"])
        assert sketch.count() == 2


async def test_memory_is_bounded_by_storing_in_parts(
    staff: RequestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = random_clicks([11, 12, 13], count=300)
    await record(facts)
    await count_all(staff)
    whole = await stored()
    await VisitorHour.bulk_create(
        VisitorHour(hour=hour, stamp=1)
        for hour in {row["hour"] for row in whole if row["hours"] == 1}
    )
    async with in_transaction("default") as connection:
        await connection.execute_query("DELETE FROM click_visitors")
    monkeypatch.setattr(visitors, "MAX_HELD", 1)
    monkeypatch.setattr(visitors, "_SLICE_CLICKS", 1)
    monkeypatch.setattr(visitors, "_LINKS_AT_ONCE", 1)

    await count_all(staff)

    assert await stored() == whole


async def test_workers_that_count_at_once_lose_nothing(staff: RequestContext) -> None:
    facts = random_clicks([11, 12])
    await record(facts)
    late = random_clicks([11, 12], seed=2)
    await asyncio.gather(*(count_all(staff) for _ in range(3)), record(late))
    await count_all(staff)
    scope = stats_scope(staff)
    asked = await resolve_range(scope, DAYS, zone="UTC")

    open_hour = microseconds_of(NOW) // HOUR_US
    assert {mark.hour for mark in await marked_hours(0, open_hour + 1, limit=9)} <= {open_hour}
    assert list(await stats_visitors(scope, asked)) == [
        brute([*facts, *late], [11, 12], asked.start_us, asked.end_us)
    ]


_WORKER = """
import asyncio, sys
from datetime import datetime
from api.adapters.quiet import QuietClickFeed, QuietLinkSignal
from models.orm import open_database
from resolvers import visitors
from resolvers.context import RequestContext, Viewer
from resolvers.ports import Ports
from resolvers.rate_counters import RateCounters
from tests.factories import PASSWORDS, SEALER

class Clock:
    def now(self):
        return datetime.fromisoformat(sys.argv[2])

async def main():
    ports = Ports(clock=Clock(), link_signal=QuietLinkSignal(), click_feed=QuietClickFeed(),
                  sealer=SEALER, passwords=PASSWORDS, rates=RateCounters(bytes(32)))
    visitors._LINKS_AT_ONCE = 1
    async with open_database(sys.argv[1]):
        print("ready", flush=True)
        while await visitors.count_hour(RequestContext(Viewer(), ports)):
            pass

asyncio.run(main())
"""


async def test_killed_at_any_moment(staff: RequestContext, database_url: str) -> None:
    facts = random_clicks([11, 12, 13], count=400)
    await record(facts)
    scope = stats_scope(staff)
    asked = await resolve_range(scope, DAYS, zone="UTC")
    wanted = [brute(facts, [11, 12, 13], asked.start_us, asked.end_us)]
    random = Random(5)  # noqa: S311 - repeatable
    killed = 0
    for _ in [None] * 4:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _WORKER,
            database_url,
            NOW.isoformat(),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        await process.stdout.readline()
        try:
            await asyncio.wait_for(process.wait(), random.uniform(0.02, 0.2))
        except TimeoutError:
            process.kill()
            await process.wait()
            killed += 1
        assert list(await stats_visitors(scope, asked)) == wanted

    await count_all(staff)

    assert killed > 0
    assert list(await stats_visitors(scope, asked)) == wanted
    assert await VisitorHour.all().count() <= 1


async def test_a_job_of_nobody_counts_too(ports: Ports, staff: RequestContext) -> None:
    await record([click(1, NOW - timedelta(days=1), 1)])

    assert await count_all(as_command(ports)) == 1
