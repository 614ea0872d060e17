"""Quotas of links: nobody slips past them, alone or at once."""

import asyncio

import pytest

from models.errors import (
    NameTakenError,
    NotFoundError,
    QuotaExceededError,
    ReachNotHeldError,
    RevisionConflictError,
    SlugTakenError,
    ValueInvalidError,
)
from models.links import Link, LinkChange, LinkSlug
from models.organizations import Organization, OrganizationKind
from models.rules.link_files import LinkLine
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, CUSTOMER
from models.users import User
from resolvers.changes import UNSET
from resolvers.context import RequestContext
from resolvers.link_imports import import_links
from resolvers.links import create_link, delete_link
from resolvers.organization_lists import (
    count_organizations,
    organization_cursor,
    organizations_page,
)
from resolvers.organizations import (
    OrganizationChanges,
    create_organization,
    update_organization,
)
from resolvers.paging import PageWindow
from resolvers.ports import Ports
from resolvers.user_edits import UserChanges, update_user
from tests.factories import (
    as_person,
    make_built_in,
    make_domain,
    make_organization,
    make_user,
)

URL = "https://example.org/"


@pytest.fixture
async def admin(database: None, ports: Ports) -> RequestContext:
    await make_domain()
    return as_person(ports, await make_built_in(ADMINISTRATOR))


async def person_of(ports: Ports, organization: Organization | None = None) -> RequestContext:
    return as_person(ports, await make_built_in(CUSTOMER, organization=organization))


async def test_a_persons_quota_counts_what_is_not_deleted(
    admin: RequestContext, ports: Ports
) -> None:
    person = await person_of(ports)
    assert person.viewer.user_id is not None
    await update_user(admin, user_id=person.viewer.user_id, changes=UserChanges(max_links=2))
    first = await create_link(person, url=URL)
    await create_link(person, url=URL)

    with pytest.raises(QuotaExceededError) as refusal:
        await create_link(person, url=URL, slug="third")

    assert (refusal.value.reason, refusal.value.limit, refusal.value.used) == ("links", 2, 2)
    assert await Link.all().count() == await LinkSlug.all().count() == 2
    await delete_link(person, link_id=first.id)
    await create_link(person, url=URL, slug="third")
    assert await Link.filter(deleted_at=None).count() == 2


async def test_a_quota_of_nothing_lets_nothing_in(admin: RequestContext, ports: Ports) -> None:
    person = await person_of(ports, await make_organization(max_links=0))

    with pytest.raises(QuotaExceededError) as refusal:
        await create_link(person, url=URL)

    assert (refusal.value.limit, refusal.value.used) == (0, 0)


async def test_an_organizations_quota_bounds_its_people_together_at_once(
    admin: RequestContext, ports: Ports
) -> None:
    place = await make_organization(max_links=5)
    people = [await person_of(ports, place) for _ in range(4)]

    results = await asyncio.gather(
        *(create_link(person, url=URL) for person in people for _ in range(3)),
        return_exceptions=True,
    )

    refused = [each for each in results if isinstance(each, QuotaExceededError)]
    assert len(refused) == 7
    assert {(each.reason, each.limit, each.used) for each in refused} == {
        ("organization_links", 5, 5)
    }
    assert await Link.filter(organization_id=place.id).count() == 5
    assert await LinkChange.all().count() == await LinkSlug.all().count() == 5


async def test_a_repeated_request_at_the_quota_gives_the_same_link(
    admin: RequestContext, ports: Ports
) -> None:
    person = await person_of(ports, await make_organization(max_links=1))
    first = await create_link(person, url=URL, request_id="once")

    again = await create_link(person, url=URL, request_id="once")

    assert again.id == first.id


async def test_a_taken_slug_is_told_before_and_costs_nothing(
    admin: RequestContext, ports: Ports
) -> None:
    await create_link(admin, url=URL, slug="mine")
    person = await person_of(ports, await make_organization(max_links=1))

    with pytest.raises(SlugTakenError):
        await create_link(person, url=URL, slug="mine")

    assert (await create_link(person, url=URL)).revision == 1


async def test_an_import_takes_what_fits_and_says_why_not_the_rest(
    admin: RequestContext, ports: Ports
) -> None:
    place = await make_organization(max_links=4)
    person = await person_of(ports, place)
    await create_link(person, url=URL, slug="held")
    lines = [
        LinkLine(number=1, url=URL, slug="a"),
        LinkLine(number=2, url="no address", slug="b"),
        LinkLine(number=3, url=URL, slug="held"),
        LinkLine(number=4, url=URL, slug="c"),
        LinkLine(number=5, url=URL, slug="d"),
        LinkLine(number=6, url=URL, slug="e"),
        LinkLine(number=7, url=URL),
    ]

    results = await import_links(person, lines)

    told = [each.slug if isinstance(each, Link) else type(each).__name__ for each in results]
    assert told == [
        "a",
        "TargetNotAllowedError",
        "QuotaExceededError",
        "c",
        "d",
        "QuotaExceededError",
        "QuotaExceededError",
    ]
    [_, _, _, _, _, refusal, _] = results
    assert isinstance(refusal, QuotaExceededError)
    assert (refusal.limit, refusal.used) == (4, 4)
    slugs = [link.slug for link in await Link.all().order_by("slug")]
    assert slugs == ["a", "c", "d", "held"]
    assert await Link.filter(organization_id=place.id).count() == 4


async def test_a_link_goes_to_the_organization_its_maker_has_by_then(
    admin: RequestContext, ports: Ports
) -> None:
    person = await person_of(ports)
    place = await make_organization()
    assert person.viewer.user_id is not None
    move = UserChanges(organization_id=place.id)

    await asyncio.gather(
        *(create_link(person, url=URL) for _ in range(4)),
        update_user(admin, user_id=person.viewer.user_id, changes=move),
        *(create_link(person, url=URL) for _ in range(4)),
    )

    assert await Link.filter(organization_id=place.id).count() == 8


async def test_links_without_a_quota_cost_one_question_more(
    admin: RequestContext, ports: Ports, sql: list[str]
) -> None:
    person = await person_of(ports, await make_organization())
    sql.clear()

    await create_link(person, url=URL)

    assert len([line for line in sql if "max_links" in line]) == 1
    assert not [line for line in sql if "COUNT(" in line]


async def test_organizations_are_made_changed_and_listed(admin: RequestContext) -> None:
    made = await create_organization(
        admin, name=" Рога и Копыта ", kind=OrganizationKind.PARTNER, max_links=5
    )
    other = await create_organization(admin, name="Other", kind=OrganizationKind.CUSTOMER)

    saved = await update_organization(
        admin,
        organization_id=made.id,
        if_revision=1,
        changes=OrganizationChanges(max_links=None, max_users=3, kind=OrganizationKind.CUSTOMER),
    )

    assert (saved.name, saved.kind, saved.max_links, saved.max_users, saved.revision) == (
        "Рога и Копыта",
        OrganizationKind.CUSTOMER,
        None,
        3,
        2,
    )
    with pytest.raises(RevisionConflictError):
        await update_organization(
            admin, organization_id=made.id, if_revision=1, changes=OrganizationChanges(name="X")
        )
    with pytest.raises(NameTakenError):
        await update_organization(
            admin, organization_id=other.id, changes=OrganizationChanges(name="Рога и Копыта")
        )
    for quota in (-1, 2**31):
        with pytest.raises(ValueInvalidError):
            await update_organization(
                admin, organization_id=other.id, changes=OrganizationChanges(max_users=quota)
            )
    first = await organizations_page(admin, search=None, window=PageWindow(first=1))
    after = organization_cursor(first.rows[0])
    rest = await organizations_page(admin, search=None, window=PageWindow(first=1, after=after))
    assert [row.id for row in (*first.rows, *rest.rows)] == [other.id, made.id]
    assert await count_organizations(admin, "КОПЫТА") == 1
    assert (await Organization.get(id=other.id)).revision == 1
    assert OrganizationChanges().name is UNSET


async def test_only_who_sees_everybody_manages_organizations(database: None, ports: Ports) -> None:
    here, there = await make_organization(), await make_organization()
    boss = as_person(ports, await make_user(reach=Reach.ORGANIZATION, organization=here))

    page = await organizations_page(boss, search=None, window=PageWindow(first=9))
    assert [row.id for row in page.rows] == [here.id]
    for attempt in (
        create_organization(boss, name="Mine", kind=OrganizationKind.CUSTOMER),
        update_organization(
            boss, organization_id=here.id, changes=OrganizationChanges(max_links=None)
        ),
    ):
        with pytest.raises(ReachNotHeldError):
            await attempt
    admin = as_person(ports, await make_built_in(ADMINISTRATOR))
    with pytest.raises(NotFoundError):
        await update_organization(admin, organization_id=4, changes=OrganizationChanges())
    assert await Organization.all().count() == 2
    assert there.revision == 1


async def test_lowering_a_quota_removes_nothing(admin: RequestContext, ports: Ports) -> None:
    place = await make_organization()
    person = await person_of(ports, place)
    for _ in range(3):
        await create_link(person, url=URL)
    await update_organization(
        admin, organization_id=place.id, changes=OrganizationChanges(max_links=1, max_users=0)
    )

    with pytest.raises(QuotaExceededError) as refusal:
        await create_link(person, url=URL)

    assert (refusal.value.limit, refusal.value.used) == (1, 3)
    assert await Link.all().count() == 3
    assert await User.filter(organization_id=place.id, deactivated_at=None).count() == 1


async def test_nobody_lifts_their_own_bound(database: None, ports: Ports) -> None:
    boss = await make_user(reach=Reach.ORGANIZATION, organization=await make_organization())
    await User.filter(id=boss.id).update(max_links=0)
    context = as_person(ports, boss)

    with pytest.raises(ReachNotHeldError):
        await update_user(context, user_id=boss.id, changes=UserChanges(max_links=None))

    assert (await User.get(id=boss.id)).max_links == 0
