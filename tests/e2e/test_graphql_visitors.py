"""Visitors over HTTP. The counting itself: tests/integration/resolvers/test_visitors.py."""

from datetime import timedelta
from typing import Any

import pytest

from models.links import Link
from models.rules.click_record import RawClick
from models.rules.moments import microseconds_of
from models.users import User
from resolvers.ingestion import Ingestion, SpoolSlice
from resolvers.ports import Ports
from resolvers.visitors import count_hour
from schema.nodes import encode_id
from tests.factories import as_command, as_person, make_link, make_user
from tests.fakes import FixedClock
from tests.portal import Client, Portal, sign_in

FIREFOX = b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
WEEK: dict[str, Any] = {"period": {"preset": "LAST_7_DAYS"}, "timeZone": "UTC"}
REPORT = """fragment Report on StatsReport {
  totals { human visitors }
  series(interval: DAY) { buckets { human visitors } }
  quarters: series(interval: QUARTER_HOUR) { buckets { visitors } }
  links: breakdown(by: LINK) { rows { clicks visitors } }
  browsers: breakdown(by: BROWSER) { rows { clicks visitors } }
}"""
OF_ALL = REPORT + "query ($range: StatsRange!) { stats(range: $range) { ...Report } }"
OF_EACH = (
    REPORT
    + """query ($range: StatsRange!) {
  links(first: 2) { nodes { slug stats(range: $range) { ...Report } } } }"""
)


@pytest.fixture
async def person(database: None) -> User:
    return await make_user()


@pytest.fixture
async def portal(client: Client, ports: Ports, person: User) -> Portal:
    return await sign_in(client, ports, person)


@pytest.fixture
async def links(ports: Ports, person: User, clock: FixedClock) -> list[Link]:
    """Two links: three people follow the first, one of them on two days, and two the second."""
    context = as_person(ports, person)
    links = [await make_link(context, slug=slug) for slug in ("one", "two")]
    ingestion = Ingestion()
    visits = [(0, b"1", 0), (0, b"1", 0), (0, b"2", 0), (0, b"3", 0), (0, b"1", 2)]
    visits += [(1, b"1", 0), (1, b"4", 0)]
    clicks = [
        RawClick(
            links[link].id,
            microseconds_of(clock.now() - timedelta(days=days)),
            peer=b"192.0.2." + host,
            user_agent=FIREFOX,
        )
        for link, host, days in visits
    ]
    part = SpoolSlice(file_id="a" * 32, start=0, end=100, clicks=clicks)
    await ingestion.store(as_command(ports), [part])
    return links


@pytest.mark.parametrize("is_counted", [False, True])
async def test_visitors_stand_beside_clicks(
    portal: Portal, links: list[Link], ports: Ports, clock: FixedClock, *, is_counted: bool
) -> None:
    asked = {"period": {"days": {"from": "2025-12-27", "to": "2026-01-02"}}, "timeZone": "UTC"}
    if is_counted:
        clock.at += timedelta(days=1)
        while await count_hour(as_command(ports)):
            pass
    stats = (
        await portal.ask(
            OF_ALL.replace(
                "quarters: series(interval: QUARTER_HOUR)", "quarters: series(interval: HOUR)"
            ),
            range=asked,
        )
    )["stats"]

    assert stats["totals"] == {"human": 7, "visitors": 5}
    assert stats["series"]["buckets"] == [
        *[{"human": 0, "visitors": 0}] * 4,
        {"human": 1, "visitors": 1},
        {"human": 0, "visitors": 0},
        {"human": 6, "visitors": 4},
    ]
    assert sum(each["visitors"] for each in stats["quarters"]["buckets"]) == 5
    assert stats["links"]["rows"] == [{"clicks": 5, "visitors": 4}, {"clicks": 2, "visitors": 2}]
    assert stats["browsers"]["rows"] == [{"clicks": 7, "visitors": None}]


async def test_each_link_of_a_list_has_its_visitors(
    portal: Portal, links: list[Link], sql: list[str]
) -> None:
    asked = {"period": {"preset": "LAST_7_DAYS"}, "timeZone": "UTC"}
    sql.clear()
    answer = await portal.ask(OF_EACH, range=asked)
    counted = [each for each in sql if "click_visitors" in each or "visitor_hour" in each]
    found = {each["slug"]: each["stats"] for each in answer["links"]["nodes"]}

    assert found["one"]["totals"] == {"human": 5, "visitors": 4}
    assert found["two"]["totals"] == {"human": 2, "visitors": 2}
    assert [each["visitors"] for each in found["one"]["series"]["buckets"]] == [
        *[0] * 4,
        1,
        0,
        3,
    ]
    assert {each["visitors"] for each in found["one"]["quarters"]["buckets"]} == {None}
    assert found["one"]["links"]["rows"] == [{"clicks": 5, "visitors": 4}]
    assert found["one"]["browsers"]["rows"] == [{"clicks": 5, "visitors": None}]
    assert len(counted) == 6  # totals and series: marks, size and sketches, for both links


async def test_a_link_is_kept_apart_by_a_condition_and_other_conditions_have_no_visitors(
    portal: Portal, links: list[Link]
) -> None:
    two = {"dimension": "LINK", "in": [encode_id("Link", links[1].id)]}
    firefox = {"dimension": "BROWSER", "in": ["Firefox"]}
    document = (
        "query ($range: StatsRange!) { stats(range: $range) { totals { human visitors } "
        "breakdown(by: LINK) { rows { visitors } } } }"
    )

    kept = (await portal.ask(document, range={**WEEK, "where": [two]}))["stats"]
    others = (await portal.ask(document, range={**WEEK, "where": [firefox]}))["stats"]

    assert kept["totals"] == {"human": 2, "visitors": 2}
    assert kept["breakdown"]["rows"] == [{"visitors": 2}]
    assert others["totals"] == {"human": 7, "visitors": None}
    assert others["breakdown"]["rows"] == [{"visitors": None}, {"visitors": None}]
