"""Pages, filters and cursors of links."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from models.domains import Domain
from models.errors import CursorInvalidError, ValueInvalidError
from models.link_rows import link_of
from models.links import Link
from models.orm import reader
from models.raw_sql import fetch
from models.rules.link_states import LinkState, link_state
from resolvers.context import RequestContext
from resolvers.link_filters import LinkFilter, LinkOrder, LinkOrderField
from resolvers.links import (
    LinkChanges,
    count_links,
    create_link,
    delete_link,
    link_cursor,
    links_page,
    matching_link_ids,
    update_link,
)
from resolvers.paging import PageWindow, SortDirection, encode_cursor
from resolvers.ports import Ports
from tests.factories import as_nobody, as_person, make_domain, make_link, make_user
from tests.fakes import FixedClock

ORDERS = [
    LinkOrder(field=field, direction=direction)
    for field in LinkOrderField
    for direction in SortDirection
]
NEWEST = LinkOrder()


@pytest.fixture
async def domain(database: None) -> Domain:
    return await make_domain()


@pytest.fixture
async def owner(domain: Domain, ports: Ports) -> RequestContext:
    return as_person(ports, await make_user())


@pytest.fixture
async def staff(domain: Domain, ports: Ports) -> RequestContext:
    return as_person(ports, await make_user(is_staff=True))


async def _make_varied(owner: RequestContext, clock: FixedClock, count: int = 23) -> list[Link]:
    """Make links with many ties and gaps in every field that lists are sorted by."""
    start = clock.at
    for number in range(count):
        clock.at = start + timedelta(microseconds=number // 3 * 500_000)
        link = await make_link(owner, slug=f"s{number * 7 % count:02}")
        clicked = None if number % 4 == 0 else start + timedelta(seconds=number % 5)
        await Link.filter(id=link.id).update(
            clicks_human=number % 3, last_clicked_at=clicked, updated_at=clock.at
        )
    return await Link.all()


def _sorted(links: Sequence[Link], order: LinkOrder) -> list[int]:
    def key(link: Link) -> tuple[object, ...]:
        value: object = {
            LinkOrderField.CREATED_AT: link.created_at,
            LinkOrderField.UPDATED_AT: link.updated_at,
            LinkOrderField.CLICKS: link.clicks_human,
            LinkOrderField.LAST_CLICKED_AT: link.last_clicked_at,
            LinkOrderField.SLUG: link.slug,
        }[order.field]
        return (value is not None, *(() if value is None else (value,)), link.id)

    descending = order.direction is SortDirection.DESC
    return [link.id for link in sorted(links, key=key, reverse=descending)]


@pytest.mark.parametrize("order", ORDERS, ids=lambda o: f"{o.field}-{o.direction}")
async def test_pages_forwards_and_backwards_show_every_link_once_in_order(
    owner: RequestContext, clock: FixedClock, order: LinkOrder
) -> None:
    expected = _sorted(await _make_varied(owner, clock), order)

    for rows in (4, 23):
        forwards: list[int] = []
        after: str | None = None
        while True:
            window = PageWindow(first=rows, after=after)
            page = await links_page(owner, filter=LinkFilter(), order=order, window=window)
            forwards += [link.id for link in page.rows]
            assert page.has_previous == (after is not None)
            if not page.has_next:
                break
            after = link_cursor(page.rows[-1], order)
        assert forwards == expected

        backwards: list[int] = []
        before: str | None = None
        while True:
            window = PageWindow(last=rows, before=before)
            page = await links_page(owner, filter=LinkFilter(), order=order, window=window)
            backwards = [link.id for link in page.rows] + backwards
            assert page.has_next == (before is not None)
            if not page.has_previous:
                break
            before = link_cursor(page.rows[0], order)
        assert backwards == expected


@pytest.mark.parametrize("order", ORDERS, ids=lambda o: f"{o.field}-{o.direction}")
async def test_a_window_lies_between_two_cursors(
    owner: RequestContext, clock: FixedClock, order: LinkOrder
) -> None:
    links = {link.id: link for link in await _make_varied(owner, clock)}
    expected = _sorted(list(links.values()), order)
    after, before = (link_cursor(links[expected[n]], order) for n in (4, 11))

    first = await links_page(
        owner,
        filter=LinkFilter(),
        order=order,
        window=PageWindow(first=100, after=after, before=before),
    )
    last = await links_page(
        owner,
        filter=LinkFilter(),
        order=order,
        window=PageWindow(last=2, after=after, before=before),
    )

    assert [link.id for link in first.rows] == expected[5:11]
    assert [link.id for link in last.rows] == expected[9:11]


async def test_a_page_of_no_rows_tells_whether_there_are_any(owner: RequestContext) -> None:
    for has_next in (False, True):
        page = await links_page(
            owner, filter=LinkFilter(), order=NEWEST, window=PageWindow(first=0)
        )
        assert (page.rows, page.has_next) == ([], has_next)
        await make_link(owner)


@pytest.mark.parametrize("rows", [1, 20])
async def test_a_page_costs_one_query_however_many_rows(
    owner: RequestContext, sql: list[str], rows: int
) -> None:
    for _ in range(rows):
        await make_link(owner)
    sql.clear()

    page = await links_page(owner, filter=LinkFilter(), order=NEWEST, window=PageWindow(first=100))

    assert len(page.rows) == rows
    assert len(sql) == 1


@pytest.mark.parametrize(
    ("order", "key"),
    [
        (LinkOrderField.SLUG, 5),
        (LinkOrderField.SLUG, None),
        (LinkOrderField.SLUG, "a\x00"),
        (LinkOrderField.CLICKS, "5"),
        (LinkOrderField.CLICKS, -1),
        (LinkOrderField.CLICKS, None),
        (LinkOrderField.CREATED_AT, "2026-01-01"),
        (LinkOrderField.CREATED_AT, None),
        (LinkOrderField.CREATED_AT, 2**62),
        (LinkOrderField.LAST_CLICKED_AT, -5),
        (LinkOrderField.LAST_CLICKED_AT, "x"),
    ],
)
async def test_a_forged_cursor_is_refused(
    owner: RequestContext, order: LinkOrderField, key: str | int | None
) -> None:
    cursor = encode_cursor(order.value, key, 1)

    for window in (PageWindow(first=1, after=cursor), PageWindow(first=1, before=cursor)):
        with pytest.raises(CursorInvalidError):
            await links_page(
                owner, filter=LinkFilter(), order=LinkOrder(field=order), window=window
            )


async def test_a_window_without_sense_is_refused(owner: RequestContext) -> None:
    with pytest.raises(ValueInvalidError):
        await links_page(owner, filter=LinkFilter(), order=NEWEST, window=PageWindow())


async def _found(context: RequestContext, filter: LinkFilter) -> list[str]:
    """Return the slugs that a filter finds, the same by every path."""
    page = await links_page(
        context,
        filter=filter,
        order=LinkOrder(field=LinkOrderField.SLUG, direction=SortDirection.ASC),
        window=PageWindow(first=100),
    )
    every = [link.id for link in await Link.all()]
    ids = {link.id for link in page.rows}
    assert await count_links(context, filter) == len(ids)
    assert await matching_link_ids(context, filter, [*every, 5, -1, 2**64]) == ids
    return [link.slug for link in page.rows]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["a", "b", "c", "d"]),
        ("  ", ["a", "b", "c", "d"]),
        ("скидка", ["a"]),
        ("СКИДКА 5", ["a"]),
        (" Скидка ", ["a"]),
        ("%", ["a"]),
        ("50%", ["a"]),
        ("_", ["b"]),
        ("*", ["c"]),
        ("?x", ["c"]),
        ("[1]", ["c"]),
        ("]", ["c"]),
        ("^", ["c"]),
        ("-", ["b"]),
        ("\\", ["d"]),
        ("\\%", []),
        ("EXAMPLE.ORG/B", ["b"]),
        ("straße", ["d"]),
        ("STRASSE", []),
        ("'; DROP TABLE link --", []),
        ("\x00", []),
        ("\ud800", []),
        ("x" * 3000, []),
    ],
)
async def test_a_search_finds_the_text_itself_in_any_capitals(
    owner: RequestContext, search: str, found: list[str]
) -> None:
    titles = {"a": "Скидка 50%", "b": "under_score-", "c": "*?x[1]^", "d": "Straße\\"}
    for slug, title in titles.items():
        await create_link(owner, url=f"https://example.org/{slug}", slug=slug, title=title)

    assert await _found(owner, LinkFilter(search=search)) == found


@pytest.mark.parametrize("states", [[state] for state in LinkState] + [list(LinkState)[:2], []])
async def test_states_are_those_of_the_rule(
    owner: RequestContext, clock: FixedClock, states: list[LinkState]
) -> None:
    hour = timedelta(hours=1)
    moments = (None, clock.at - hour, clock.at, clock.at + hour)
    number = 0
    for starts_at in moments:
        for expires_at in moments:
            for is_disabled in (False, True):
                if starts_at and expires_at and expires_at <= starts_at:
                    continue
                link = await create_link(
                    owner,
                    url="https://example.org/",
                    slug=f"s{number:02}",
                    starts_at=starts_at,
                    expires_at=expires_at,
                )
                number += 1
                if is_disabled:
                    await update_link(owner, link_id=link.id, changes=LinkChanges(disabled=True))
    links = await Link.all().order_by("slug")

    found = await _found(owner, LinkFilter(states=states))

    assert len(links) == 20
    wanted = states or list(LinkState)
    assert found == [link.slug for link in links if link_state(link, now=clock.at) in wanted]


async def test_every_condition_narrows_and_all_hold_at_once(
    owner: RequestContext, staff: RequestContext, clock: FixedClock
) -> None:
    await make_domain("other.test")
    await make_link(owner, slug="a")
    await create_link(staff, url="https://example.org/", slug="b", host="other.test")
    start, clock.at = clock.at, clock.at + timedelta(days=1)
    late = await make_link(staff, slug="c")
    await Link.filter(id=late.id).update(clicks_human=10)

    def slugs(**conditions: object) -> object:
        return _found(staff, replace(LinkFilter(), **conditions))  # type: ignore[arg-type]

    assert await slugs() == ["a", "b", "c"]  # type: ignore[misc]
    for conditions, found in (
        ({"host": "OTHER.test."}, ["b"]),
        ({"host": "none.test"}, []),
        ({"host": "\x00"}, []),
        ({"owner_id": owner.viewer.user_id}, ["a"]),
        ({"owner_id": 2**70}, []),
        ({"created_after": clock.at}, ["c"]),
        ({"created_after": start}, ["a", "b", "c"]),
        ({"created_before": clock.at}, ["a", "b"]),
        ({"created_before": start}, []),
        ({"min_clicks": 10}, ["c"]),
        ({"min_clicks": 11}, []),
        ({"min_clicks": 2**70}, []),
        ({"min_clicks": 0, "owner_id": staff.viewer.user_id, "host": "go.test"}, ["c"]),
    ):
        assert await slugs(**conditions) == found, conditions  # type: ignore[misc]


async def test_every_path_shows_what_the_viewer_may_see(
    ports: Ports, owner: RequestContext, staff: RequestContext
) -> None:
    await make_link(owner, slug="mine")
    await make_link(staff, slug="ours")
    gone = await make_link(owner, slug="gone")
    await delete_link(owner, link_id=gone.id)
    nobody = as_nobody(ports)
    nobody = replace(nobody, viewer=replace(nobody.viewer, scopes=owner.viewer.scopes))

    assert await _found(owner, LinkFilter()) == ["mine"]
    assert await _found(owner, LinkFilter(owner_id=staff.viewer.user_id)) == []
    assert await _found(staff, LinkFilter()) == ["mine", "ours"]
    assert await _found(nobody, LinkFilter()) == []


async def test_a_raw_row_becomes_the_same_link_as_the_orm_makes(
    owner: RequestContext, clock: FixedClock
) -> None:
    link = await create_link(
        owner,
        url="https://example.org/",
        title="я",
        starts_at=clock.at + timedelta(microseconds=1),
        expires_at=datetime.fromisoformat("2030-01-01T00:00:00+03:00"),
    )
    [row] = await fetch(reader(), "SELECT * FROM link")
    by_orm = await Link.get(id=link.id)

    by_hand = link_of(row)

    assert vars(by_hand) == vars(by_orm)
    by_hand.title = "ю"
    await by_hand.save()
    assert (await Link.get(id=link.id)).title == "ю"
