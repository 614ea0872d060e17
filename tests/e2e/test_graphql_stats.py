"""Queries stats and Link.stats over HTTP. The counting itself: tests/integration/resolvers."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from tortoise.transactions import in_transaction

from models.links import Link
from models.rules.click_classes import CLASS_OF, Reason
from models.rules.click_facts import ClickFacts
from models.rules.dimensions import DeviceKind
from models.rules.scopes import Scope
from models.users import User
from resolvers.click_values import ValueNumbers
from resolvers.clicks import store, tally, texts_of
from resolvers.key_uses import uses_written
from resolvers.links import delete_link
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.factories import as_person, make_link, make_user
from tests.fakes import FixedClock
from tests.portal import Client, Portal, sign_in

WEEK: dict[str, Any] = {"period": {"preset": "LAST_7_DAYS"}, "timeZone": "Europe/Moscow"}
LINK_BARS = """query ($range: StatsRange!, $top: Int!) { stats(range: $range) {
  breakdown(by: LINK, top: $top) { rows { key label clicks share link { slug shortUrl } } } } }"""


@pytest.fixture
async def person(database: None) -> User:
    return await make_user()


@pytest.fixture
async def portal(client: Client, ports: Ports, person: User) -> Portal:
    return await sign_in(client, ports, person)


@pytest.fixture
async def link(ports: Ports, person: User) -> Link:
    return await make_link(as_person(ports, person), slug="counted")


def click(
    link: Link,
    at: datetime,
    reason: Reason = Reason.BROWSER,
    referrer: str = "",
    browser: str = "Firefox",
) -> ClickFacts:
    return ClickFacts(
        link_id=link.id,
        at_us=int(at.timestamp() * 1_000_000),
        click_class=CLASS_OF[reason],
        reason=reason,
        referrer_host=referrer,
        browser=browser,
        os="Linux",
        device=DeviceKind.DESKTOP,
        language="ru",
        address=None,
        request_id=None,
    )


async def record(clicks: Iterable[ClickFacts]) -> None:
    """Store clicks as the worker does."""
    facts = list(clicks)
    numbers = await ValueNumbers().of(texts_of(facts))
    async with in_transaction("default") as connection:
        await store(connection, tally(facts, numbers))


async def test_report_of_a_link_has_totals_series_and_breakdowns(
    portal: Portal, link: Link, clock: FixedClock
) -> None:
    now = clock.now()
    await record(
        [
            click(link, now, referrer="ya.ru"),
            click(link, now - timedelta(days=1), referrer="ya.ru", browser="Chrome"),
            click(link, now - timedelta(days=1)),
            click(link, now, Reason.HEAD_REQUEST),
            click(link, now, Reason.CRAWLER_LIST),
            click(link, now - timedelta(days=30)),
        ]
    )
    answer = await portal.ask(
        "LinkStats", by={"id": encode_id("Link", link.id)}, range=WEEK, interval="DAY"
    )
    stats = answer["link"]["stats"]

    assert (stats["from"], stats["to"], stats["timeZone"]) == (
        "2025-12-26T21:00:00.000Z",
        "2026-01-02T21:00:00.000Z",
        "Europe/Moscow",
    )
    assert stats["totals"] == {
        "clicks": 3,
        "human": 3,
        "preview": 1,
        "prefetch": 0,
        "scanner": 0,
        "monitor": 0,
        "bot": 1,
    }
    buckets = stats["series"]["buckets"]
    assert [(each["clicks"], each["human"], each["automated"]) for each in buckets] == [
        *[(0, 0, 0)] * 5,
        (2, 2, 0),
        (1, 1, 2),
    ]
    assert buckets[0]["start"] == stats["from"]
    assert buckets[-1]["end"] == stats["to"]
    assert [(row["key"], row["clicks"]) for row in stats["referrers"]["rows"]] == [
        ("ya.ru", 2),
        ("", 1),
    ]
    assert sum(row["share"] for row in stats["browsers"]["rows"]) == pytest.approx(1.0)
    assert (stats["systems"]["distinct"], stats["devices"]["rest"]) == (1, 0)


async def test_every_class_counts_when_asked(portal: Portal, link: Link, clock: FixedClock) -> None:
    await record([click(link, clock.now()), click(link, clock.now(), Reason.CRAWLER_LIST)])
    stats = (await portal.ask("Stats", range={**WEEK, "humansOnly": False}))["stats"]

    assert (stats["totals"]["clicks"], stats["totals"]["human"]) == (2, 1)
    assert sum(each["clicks"] for each in stats["series"]["buckets"]) == 2
    assert stats["breakdown"]["rows"][0]["clicks"] == 2


async def test_key_of_a_bar_filters_when_it_is_sent_back(
    portal: Portal, ports: Ports, person: User, link: Link, clock: FixedClock
) -> None:
    other = await make_link(as_person(ports, person), slug="other")
    await record([click(link, clock.now()), click(link, clock.now()), click(other, clock.now())])
    rows = (await portal.ask("Stats", range=WEEK))["stats"]["breakdown"]["rows"]
    where = [{"dimension": "LINK", "in": [rows[0]["key"]]}]
    kept = (await portal.ask("Stats", range={**WEEK, "where": where}))["stats"]
    nothing = [{"dimension": "LINK", "in": ["nonsense"]}]
    empty = (await portal.ask("Stats", range={**WEEK, "where": nothing}))["stats"]

    assert rows[0]["key"] == rows[0]["link"]["id"] == encode_id("Link", link.id)
    assert (kept["totals"]["clicks"], empty["totals"]["clicks"]) == (2, 0)


async def test_fixed_days_are_those_of_the_zone(
    portal: Portal, link: Link, clock: FixedClock
) -> None:
    await record([click(link, clock.now())])
    period = {"days": {"from": "2026-01-02", "to": "2026-01-02"}}
    stats = (await portal.ask("Stats", range={"period": period, "timeZone": "Asia/Kathmandu"}))[
        "stats"
    ]

    assert (stats["from"], stats["to"]) == ("2026-01-01T18:15:00.000Z", "2026-01-02T18:15:00.000Z")
    assert stats["totals"]["clicks"] == 1


async def test_statistics_of_links_one_may_not_see_are_empty(
    client: Client, portal: Portal, ports: Ports, link: Link, clock: FixedClock
) -> None:
    await record([click(link, clock.now())])
    stranger = await sign_in(client, ports, await make_user())
    stats = (await stranger.ask("Stats", range=WEEK))["stats"]

    assert stats["totals"]["clicks"] == 0
    assert stats["breakdown"]["rows"] == []


async def test_bar_of_a_deleted_link_has_no_link(
    portal: Portal, ports: Ports, person: User, link: Link, clock: FixedClock
) -> None:
    await record([click(link, clock.now())])
    await delete_link(as_person(ports, person), link_id=link.id)
    [row] = (await portal.ask("Stats", range=WEEK))["stats"]["breakdown"]["rows"]

    assert (row["clicks"], row["link"]) == (1, None)


async def test_number_of_statements_does_not_grow_with_the_bars(
    portal: Portal, ports: Ports, person: User, clock: FixedClock, sql: list[str]
) -> None:
    context = as_person(ports, person)
    links = [await make_link(context, slug=f"s{number}") for number in range(20)]
    await record(click(link, clock.now()) for link in links)
    counts = []
    for top in (1, 20):
        await portal.ask(LINK_BARS, range=WEEK, top=top)
        await uses_written()  # of the key, in the background
        sql.clear()
        answer = await portal.ask(LINK_BARS, range=WEEK, top=top)
        counts.append(len(sql))
        assert len(answer["stats"]["breakdown"]["rows"]) == top

    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("range", "code"),
    [
        ({**WEEK, "timeZone": "Europe/Nowhere"}, "BAD_REQUEST"),
        ({**WEEK, "period": {}}, "BAD_REQUEST"),
        ({**WEEK, "period": {"days": {"from": "2026-02-30", "to": "2026-03-01"}}}, "BAD_REQUEST"),
        ({**WEEK, "period": {"days": {"from": "2026-02-02", "to": "2026-02-01"}}}, "INVALID_VALUE"),
    ],
)
async def test_range_without_sense_is_refused(
    portal: Portal, range: dict[str, Any], code: str
) -> None:
    errors = await portal.errors("Stats", range=range)

    assert {each["extensions"]["code"] for each in errors} == {code}


async def test_rows_out_of_range_are_refused(portal: Portal) -> None:
    [error] = await portal.errors("Stats", range=WEEK, top=0)

    assert error["extensions"]["code"] == "INVALID_VALUE"


async def test_key_without_stats_read_gets_no_statistics_of_a_link(
    client: Client, ports: Ports, person: User, link: Link
) -> None:
    reader = await sign_in(client, ports, person, scopes=frozenset({Scope.LINK_READ}))
    body = await (
        await reader.send("LinkStats", by={"id": encode_id("Link", link.id)}, range=WEEK)
    ).json()

    assert body["data"] == {"link": None}
    assert [each["extensions"] for each in body["errors"]] == [{"code": "FORBIDDEN"}]
