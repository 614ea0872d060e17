"""Many links at once, in and out."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from models.domains import Domain
from models.errors import DomainError
from models.links import Link, LinkChange, LinkSlug
from models.rules.link_files import LinkLine
from resolvers.context import NotPermittedError, RequestContext
from resolvers.link_exports import EXPORTED, export_links
from resolvers.link_imports import import_links
from resolvers.links import LinkChanges, delete_link, link_by_address, update_link
from resolvers.ports import Ports
from tests.factories import as_nobody, as_person, make_domain, make_link, make_user
from tests.fakes import CountingSignal, FixedClock

URL = "https://example.org/"


@pytest.fixture
async def domain(database: None) -> Domain:
    return await make_domain()


@pytest.fixture
async def owner(domain: Domain, ports: Ports) -> RequestContext:
    return as_person(ports, await make_user())


async def _counts() -> tuple[int, int, int]:
    return await Link.all().count(), await LinkSlug.all().count(), await LinkChange.all().count()


def _told(results: list[Link | DomainError]) -> list[str]:
    return [each.code if isinstance(each, DomainError) else each.slug for each in results]


async def test_a_batch_goes_in_by_one_transaction_and_one_signal(
    owner: RequestContext, clock: FixedClock, sql: list[str]
) -> None:
    lines = [LinkLine(number=n, url=f"{URL}{n}") for n in range(1, 301)]
    sql.clear()

    results = await import_links(owner, lines)

    assert len([line for line in sql if "INSERT" in line]) == 4
    assert await _counts() == (300, 300, 300)
    assert isinstance(owner.ports.link_signal, CountingSignal)
    assert owner.ports.link_signal.sent == 1
    stored = await Link.all().order_by("id")
    assert [link.target for link in stored] == [f"{URL}{n}" for n in range(1, 301)]
    assert [link.slug for link in stored] == _told(results)
    assert {(link.owner_id, link.revision, link.created_at) for link in stored} == {
        (owner.viewer.user_id, 1, clock.at)
    }
    assert await link_by_address(owner, slug=stored[7].slug) == stored[7]


async def test_every_field_of_a_line_is_stored(owner: RequestContext, clock: FixedClock) -> None:
    other = await make_domain("other.test")
    line = LinkLine(
        number=1,
        url=URL,
        slug="Я",
        title="Заголовок",
        host="OTHER.test",
        starts_at=clock.at,
        expires_at=clock.at + timedelta(days=1),
        is_disabled=True,
    )

    await import_links(owner, [line])

    [link] = await Link.all()
    assert (link.slug, link.title, link.domain_id) == ("Я", "Заголовок", other.id)
    assert (link.starts_at, link.expires_at) == (line.starts_at, line.expires_at)
    assert link.disabled_at == clock.at


async def test_bad_lines_are_told_and_the_rest_goes_in(owner: RequestContext) -> None:
    await make_link(owner, slug="held")
    lines = [
        LinkLine(number=1, url="javascript:alert(1)"),
        LinkLine(number=2, url=URL, slug="a"),
        LinkLine(number=3, url=URL, slug="held"),
        LinkLine(number=4, url=URL, slug="a"),
        LinkLine(number=5, url=URL, slug="admin"),
        LinkLine(number=6, url=URL, host="none.test"),
        LinkLine(number=7, url="http://go.test/x"),
        LinkLine(number=8, url=URL, title="\x00", slug=""),
        LinkLine(number=9, url=URL, slug="b"),
    ]

    results = await import_links(owner, lines)

    assert _told(results) == [
        "URL_NOT_ALLOWED",
        "a",
        "SLUG_TAKEN",
        "SLUG_TAKEN",
        "SLUG_RESERVED",
        "DOMAIN_UNKNOWN",
        "URL_LOOP",
        "INVALID_VALUE",
        "b",
    ]
    assert await _counts() == (3, 3, 3)


async def test_an_import_takes_back_the_slug_of_ones_own_deleted_link(
    owner: RequestContext, ports: Ports
) -> None:
    old = await make_link(owner, slug="old")
    await delete_link(owner, link_id=old.id)
    stranger = as_person(ports, await make_user())
    line = LinkLine(number=1, url=URL, slug="old")

    assert _told(await import_links(stranger, [line])) == ["SLUG_TAKEN"]
    [new] = await import_links(owner, [line])

    assert isinstance(new, Link)
    assert new.revision == 3


async def test_an_import_without_the_scope_changes_nothing(ports: Ports, domain: Domain) -> None:
    with pytest.raises(NotPermittedError):
        await import_links(as_nobody(ports), [LinkLine(number=1, url=URL)])

    assert await _counts() == (0, 0, 0)


async def _exported(context: RequestContext) -> list[Mapping[str, Any]]:
    return [row async for batch in export_links(context) for row in batch]


async def test_an_export_has_every_visible_link_with_all_columns(
    owner: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    first = await make_link(owner, slug="a")
    await update_link(owner, link_id=first.id, changes=LinkChanges(disabled=True, title="т"))
    gone = await make_link(owner, slug="gone")
    await delete_link(owner, link_id=gone.id)
    staff = as_person(ports, await make_user(is_staff=True))
    await make_link(staff, slug="b")
    await Link.filter(id=first.id).update(clicks_human=3, last_clicked_at=clock.at)

    [row] = await _exported(owner)

    assert tuple(row) == EXPORTED
    assert (row["domain"], row["slug"], row["url"], row["title"]) == ("go.test", "a", URL, "т")
    assert (row["disabled"], row["starts_at"], row["clicks_human"]) == (True, None, 3)
    assert (row["created_at"], row["last_clicked_at"]) == (clock.at, clock.at)
    assert [row["slug"] for row in await _exported(staff)] == ["a", "b"]
    with pytest.raises(NotPermittedError):
        await _exported(as_nobody(ports))


async def test_an_export_of_many_batches_misses_and_doubles_none(owner: RequestContext) -> None:
    made = [
        link
        for start in range(0, 10_001, 1000)
        for link in await import_links(
            owner, [LinkLine(number=n, url=URL) for n in range(start, min(start + 1000, 10_001))]
        )
    ]

    exported = [row["slug"] for row in await _exported(owner)]

    assert exported == _told(made)
    assert len(set(exported)) == 10_001


async def test_imports_of_the_same_slugs_in_either_order_share_them(
    owner: RequestContext, ports: Ports
) -> None:
    stranger = as_person(ports, await make_user())
    lines = [LinkLine(number=n, url=URL, slug=f"s{n}") for n in range(200)]

    one, other = await asyncio.gather(
        import_links(owner, lines), import_links(stranger, lines[::-1])
    )

    won = [isinstance(each, Link) for each in one]
    assert [isinstance(each, Link) for each in other[::-1]] == [not each for each in won]
    assert await _counts() == (200, 200, 200)
