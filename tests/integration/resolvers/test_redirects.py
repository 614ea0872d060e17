"""What the tables answer when no replica can."""

from datetime import datetime

import pytest

from models.domains import Domain
from models.errors import DomainUnknownError
from models.links import Link, LinkSlug
from models.orm import writer
from models.rules.replica_format import Entry, EntryKind
from resolvers.ports import StoreUnavailableError
from resolvers.redirects import StoredLinks
from tests.fakes import FixedClock


@pytest.fixture
async def domain(database: None) -> Domain:
    return await Domain.create(host="go.test")


async def make(domain: Domain, slug: str, **moments: datetime) -> Link:
    link = await Link.create(domain=domain, slug=slug, target="https://e.org/ü")
    if moments:
        await Link.filter(id=link.id).update(**moments)
    await LinkSlug.create(domain=domain, slug=slug, link=link)
    return link


async def test_a_live_link_is_found_with_a_target_that_a_header_can_carry(domain: Domain) -> None:
    link = await make(domain, "я")

    assert await StoredLinks()(["go.test"], "я") == Entry(
        EntryKind.LIVE, link.id, 1, b"https://e.org/%C3%BC"
    )


async def test_disabled_and_deleted_links_are_told_apart(domain: Domain, clock: FixedClock) -> None:
    await make(domain, "off", disabled_at=clock.now())
    await make(domain, "gone", disabled_at=clock.now(), deleted_at=clock.now())
    find = StoredLinks()

    off, gone = await find(["go.test"], "off"), await find(["go.test"], "gone")

    assert (off and off.kind, gone and gone.kind) == (EntryKind.OFF, EntryKind.TOMBSTONE)


async def test_an_absent_slug_is_none_and_case_counts(domain: Domain) -> None:
    await make(domain, "Go")

    assert await StoredLinks()(["go.test"], "go") is None


async def test_the_first_domain_that_exists_decides(domain: Domain) -> None:
    other = await Domain.create(host="other.test")
    link = await make(other, "a")
    find = StoredLinks()

    assert await find(["none.test", "go.test", "other.test"], "a") is None
    found = await find(["none.test", "other.test", "go.test"], "a")
    assert found is not None
    assert found.link_id == link.id


async def test_an_unknown_domain_is_refused(domain: Domain) -> None:
    with pytest.raises(DomainUnknownError):
        await StoredLinks()(["none.test"], "a")


async def test_a_store_that_cannot_be_asked_is_said_to_be_away(database: None) -> None:
    await writer().execute_script("ALTER TABLE link RENAME TO away")
    try:
        with pytest.raises(StoreUnavailableError):
            await StoredLinks()(["go.test"], "a")
    finally:
        await writer().execute_script("ALTER TABLE away RENAME TO link")
