"""Use cases of links: claims, changes, deletion, and who may see what."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from models.domains import Domain
from models.errors import (
    DomainError,
    DomainUnknownError,
    InputInvalidError,
    NotFoundError,
    RevisionConflictError,
    SlugReservedError,
    SlugTakenError,
    TargetLoopError,
    TargetNotAllowedError,
    ValueInvalidError,
)
from models.links import Link, LinkChange, LinkSlug
from models.rules.scopes import Scope
from models.rules.slugs import RANDOM_ALPHABET
from resolvers.context import NotPermittedError, RequestContext
from resolvers.domains import domains_by_id
from resolvers.links import (
    LinkChanges,
    create_link,
    delete_link,
    link_by_address,
    link_by_id,
    links_by_ids,
    update_link,
)
from resolvers.ports import Ports
from tests.factories import as_command, as_nobody, as_person, make_domain, make_link, make_user
from tests.fakes import CountingSignal, FixedClock

TARGET = "https://example.org/"


@pytest.fixture
async def domain(database: None) -> Domain:
    return await make_domain()


@pytest.fixture
async def owner(domain: Domain, ports: Ports) -> RequestContext:
    return as_person(ports, await make_user())


@pytest.fixture
async def stranger(domain: Domain, ports: Ports) -> RequestContext:
    return as_person(ports, await make_user())


@pytest.fixture
async def staff(domain: Domain, ports: Ports) -> RequestContext:
    return as_person(ports, await make_user(is_staff=True))


async def _create(
    context: RequestContext,
    *,
    url: str = TARGET,
    slug: str | None = None,
    host: str | None = None,
    title: str | None = None,
) -> Link:
    return await create_link(context, url=url, slug=slug, host=host, title=title)


async def _counts() -> tuple[int, int, int]:
    return await Link.all().count(), await LinkSlug.all().count(), await LinkChange.all().count()


async def _log() -> list[tuple[int, int]]:
    return [(row.link_id, row.revision) for row in await LinkChange.all().order_by("id")]


async def test_a_new_link_is_stored_claimed_logged_and_signalled(
    owner: RequestContext, domain: Domain, clock: FixedClock
) -> None:
    link = await create_link(
        owner, url=" HTTPS://Пример.рф:443/путь?q=ё ", slug="Go", title=" Заголовок "
    )

    assert link.target == ("https://xn--e1afmkfd.xn--p1ai/%D0%BF%D1%83%D1%82%D1%8C?q=%D1%91")
    assert (link.slug, link.title, link.revision, link.owner_id, link.domain_id) == (
        "Go",
        "Заголовок",
        1,
        owner.viewer.user_id,
        domain.id,
    )
    assert (link.created_at, link.updated_at) == (clock.at, clock.at)
    stored = await Link.get(id=link.id)
    assert {name: getattr(stored, name) for name in Link._meta.db_fields} == {
        name: getattr(link, name) for name in Link._meta.db_fields
    }
    [held] = await LinkSlug.all()
    assert (held.slug, held.link_id, held.domain_id, held.released_at) == (
        "Go",
        link.id,
        domain.id,
        None,
    )
    assert await _log() == [(link.id, 1)]
    assert isinstance(owner.ports.link_signal, CountingSignal)
    assert owner.ports.link_signal.sent == 1


async def test_a_link_without_a_slug_gets_seven_clear_characters(owner: RequestContext) -> None:
    slugs = {(await create_link(owner, url=TARGET)).slug for _ in range(20)}

    assert len(slugs) == 20
    assert all(len(slug) == 7 and set(slug) <= set(RANDOM_ALPHABET) for slug in slugs)


async def test_only_one_of_many_racing_claims_wins(
    owner: RequestContext, stranger: RequestContext
) -> None:
    for number in range(5):
        results = await asyncio.gather(
            *(
                create_link(who, url=TARGET, slug=f"race-{number}")
                for who in (owner, stranger) * 16
            ),
            return_exceptions=True,
        )
        names = sorted(type(result).__name__ for result in results)
        assert names == ["Link", *["SlugTakenError"] * 31]

    assert await _counts() == (5, 5, 5)


async def test_a_taken_slug_is_answered_with_five_free_ones(owner: RequestContext) -> None:
    await create_link(owner, url=TARGET, slug="sale")
    await create_link(owner, url=TARGET, slug="sale-3")

    with pytest.raises(SlugTakenError) as refused:
        await create_link(owner, url=TARGET, slug="sale")

    assert refused.value.suggestions == ("sale-2", "sale-4", "sale-5", "sale-6", "sale-2026")
    assert await _counts() == (2, 2, 2)


async def test_case_and_composition_of_a_slug_are_told_apart_as_people_do(
    owner: RequestContext,
) -> None:
    await create_link(owner, url=TARGET, slug="caf\u00e9")
    upper = await create_link(owner, url=TARGET, slug="Caf\u00e9")

    with pytest.raises(SlugTakenError):
        await create_link(owner, url=TARGET, slug="cafe\u0301")

    assert await link_by_address(owner, slug="Cafe\u0301", host="GO.test.:443") == upper


@pytest.mark.parametrize("request_id", ["r-1", "повтор"])
async def test_the_same_request_twice_makes_one_link(
    owner: RequestContext, stranger: RequestContext, request_id: str
) -> None:
    first = await create_link(owner, url=TARGET, title="a", request_id=request_id)
    again = await create_link(owner, url=TARGET, title="a", request_id=request_id)
    other = await create_link(stranger, url=TARGET, title="a", request_id=request_id)

    assert (again.id, again.slug) == (first.id, first.slug)
    assert other.id != first.id
    assert await _counts() == (2, 2, 2)


async def test_32_parallel_sends_of_a_request_make_one_link(owner: RequestContext) -> None:
    for number in range(3):
        links = await asyncio.gather(
            *(create_link(owner, url=TARGET, request_id=f"r-{number}") for _ in range(32))
        )
        assert len({link.id for link in links}) == 1

    assert await _counts() == (3, 3, 3)


async def test_a_request_id_with_another_body_is_refused(owner: RequestContext) -> None:
    await create_link(owner, url=TARGET, request_id="r")

    with pytest.raises(Exception, match="REQUEST_ID_REUSED requestId"):
        await create_link(owner, url=TARGET + "other", request_id="r")

    assert await _counts() == (1, 1, 1)


async def test_a_request_id_is_free_again_after_a_day(
    owner: RequestContext, clock: FixedClock
) -> None:
    first = await create_link(owner, url=TARGET, request_id="r")
    clock.at += timedelta(hours=24)
    later = await create_link(owner, url=TARGET + "other", request_id="r")

    assert later.id != first.id
    assert (await create_link(owner, url=TARGET + "other", request_id="r")).id == later.id


async def test_every_wrong_field_is_named_at_once(owner: RequestContext, clock: FixedClock) -> None:
    with pytest.raises(InputInvalidError) as refused:
        await create_link(
            owner,
            url="javascript:alert(1)",
            slug="graphql",
            host="other.test",
            title="x" * 301,
            starts_at=clock.at,
            expires_at=clock.at,
            request_id="\x00",
        )

    assert [(p.code, p.path) for p in refused.value.problems] == [
        ("DOMAIN_UNKNOWN", ("domain",)),
        ("SLUG_RESERVED", ("slug",)),
        ("URL_NOT_ALLOWED", ("url",)),
        ("TOO_LONG", ("title",)),
        ("INVALID_VALUE", ("expiresAt",)),
        ("INVALID_VALUE", ("requestId",)),
    ]
    assert await _counts() == (0, 0, 0)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"url": "http://GO.TEST:99/x"}, TargetLoopError),
        ({"url": "https://u:p@example.org/"}, TargetNotAllowedError),
        ({"slug": "Admin"}, SlugReservedError),
        ({"host": "none.test"}, DomainUnknownError),
        ({"title": "a\x00b"}, ValueInvalidError),
    ],
)
async def test_a_single_wrong_field_is_refused_by_its_own_reason(
    owner: RequestContext, fields: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await _create(owner, **fields)

    assert await _counts() == (0, 0, 0)


async def test_without_the_scope_nothing_is_written_or_read(
    ports: Ports, owner: RequestContext
) -> None:
    link = await make_link(owner, slug="a")
    reader = as_person(ports, await make_user(), scopes=frozenset({Scope.LINK_READ}))

    for refused in (as_nobody(ports), reader):
        with pytest.raises(NotPermittedError):
            await create_link(refused, url=TARGET)
        with pytest.raises(NotPermittedError):
            await update_link(refused, link_id=link.id, changes=LinkChanges(title="b"))
        with pytest.raises(NotPermittedError):
            await delete_link(refused, link_id=link.id)
    with pytest.raises(NotPermittedError):
        await link_by_id(as_nobody(ports), link.id)

    assert await _counts() == (1, 1, 1)


async def test_a_link_is_seen_by_its_owner_and_by_staff_only(
    owner: RequestContext, stranger: RequestContext, staff: RequestContext
) -> None:
    link = await make_link(owner, slug="mine")

    for who, seen in ((owner, link), (staff, link), (stranger, None)):
        assert await link_by_id(who, link.id) == seen
        assert await link_by_address(who, slug="mine") == seen
        assert await links_by_ids(who, [link.id, 5, -1, 2**63, link.id]) == [
            seen, None, None, None, seen,
        ]  # fmt: skip


@pytest.mark.parametrize("link_id", [-1, 1, 2**63, 2**70])
async def test_an_unknown_link_cannot_be_changed(owner: RequestContext, link_id: int) -> None:
    with pytest.raises(NotFoundError):
        await update_link(owner, link_id=link_id, changes=LinkChanges(title="b"))
    with pytest.raises(NotFoundError):
        await delete_link(owner, link_id=link_id)


async def test_a_stranger_is_told_the_same_as_for_an_absent_link(
    owner: RequestContext, stranger: RequestContext
) -> None:
    link = await make_link(owner, slug="mine")

    for changes in (LinkChanges(), LinkChanges(title="b")):
        with pytest.raises(NotFoundError):
            await update_link(stranger, link_id=link.id, changes=changes)
    with pytest.raises(NotFoundError):
        await delete_link(stranger, link_id=link.id)

    assert await link_by_id(owner, link.id) == link
    assert (await Link.get(id=link.id)).revision == 1


async def test_an_update_sets_what_is_given_clears_none_and_keeps_the_rest(
    owner: RequestContext, clock: FixedClock
) -> None:
    link = await create_link(owner, url=TARGET, title="old", expires_at=clock.at)
    clock.at += timedelta(minutes=1)

    changed = await update_link(
        owner,
        link_id=link.id,
        if_revision=1,
        changes=LinkChanges(url="http://b.test", title=None, disabled=True),
    )

    assert (changed.target, changed.title, changed.expires_at) == (
        "http://b.test/",
        None,
        link.expires_at,
    )
    assert (changed.revision, changed.disabled_at, changed.updated_at) == (2, clock.at, clock.at)
    again = await update_link(owner, link_id=link.id, changes=LinkChanges(disabled=False))
    assert (again.revision, again.disabled_at, again.target) == (3, None, "http://b.test/")
    stored = await Link.get(id=link.id)
    assert {name: getattr(stored, name) for name in Link._meta.db_fields} == {
        name: getattr(again, name) for name in Link._meta.db_fields
    }
    assert await _log() == [(link.id, 1), (link.id, 2), (link.id, 3)]


async def test_an_update_of_nothing_changes_nothing(owner: RequestContext) -> None:
    link = await make_link(owner)

    assert (await update_link(owner, link_id=link.id, changes=LinkChanges())).revision == 1
    assert await _counts() == (1, 1, 1)


async def test_the_slower_of_two_editors_is_told_the_present_revision(
    owner: RequestContext,
) -> None:
    link = await make_link(owner)

    results = await asyncio.gather(
        *(
            update_link(owner, link_id=link.id, if_revision=1, changes=LinkChanges(title=f"t{n}"))
            for n in range(8)
        ),
        return_exceptions=True,
    )

    conflicts = [r for r in results if isinstance(r, RevisionConflictError)]
    assert len(conflicts) == 7
    assert {conflict.current_revision for conflict in conflicts} == {2}
    assert (await Link.get(id=link.id)).revision == 2


async def test_without_a_revision_every_writer_counts(owner: RequestContext) -> None:
    link = await make_link(owner)

    await asyncio.gather(
        *(update_link(owner, link_id=link.id, changes=LinkChanges(title=f"{n}")) for n in range(8))
    )

    assert (await Link.get(id=link.id)).revision == 9
    assert await _log() == [(link.id, revision) for revision in range(1, 10)]


async def test_a_renamed_link_keeps_its_former_slugs(owner: RequestContext) -> None:
    link = await make_link(owner, slug="old")

    renamed = await update_link(owner, link_id=link.id, changes=LinkChanges(slug="new"))

    assert renamed.slug == "new"
    assert await link_by_address(owner, slug="old") == renamed
    assert await link_by_address(owner, slug="new") == renamed
    with pytest.raises(SlugTakenError):
        await make_link(owner, slug="old")
    back = await update_link(owner, link_id=link.id, changes=LinkChanges(slug="old"))
    assert (back.slug, back.revision) == ("old", 3)
    assert await LinkSlug.all().count() == 2


async def test_a_link_cannot_be_renamed_to_a_slug_of_another(owner: RequestContext) -> None:
    await make_link(owner, slug="a")
    link = await make_link(owner, slug="b")

    with pytest.raises(SlugTakenError) as refused:
        await update_link(owner, link_id=link.id, changes=LinkChanges(slug="a"))

    assert refused.value.suggestions[0] == "a-2"
    assert (await Link.get(id=link.id)).slug == "b"
    assert await _counts() == (2, 2, 2)


async def test_a_deleted_link_is_gone_and_its_slug_is_not(
    owner: RequestContext, stranger: RequestContext, staff: RequestContext
) -> None:
    link = await make_link(owner, slug="old")
    deleted = await delete_link(owner, link_id=link.id, if_revision=1)

    assert (deleted.revision, deleted.deleted_at) == (2, owner.ports.clock.now())
    assert await link_by_id(staff, link.id) is None
    assert await link_by_address(owner, slug="old") is None
    with pytest.raises(NotFoundError):
        await delete_link(owner, link_id=link.id)
    for who, reuse in ((stranger, False), (stranger, True), (staff, False)):
        with pytest.raises(SlugTakenError):
            await create_link(who, url=TARGET, slug="old", reuse_deleted_slug=reuse)
    assert await _log() == [(link.id, 1), (link.id, 2)]


@pytest.mark.parametrize("is_owner", [True, False])
async def test_a_deleted_slug_goes_to_its_owner_or_by_order_of_staff(
    owner: RequestContext, staff: RequestContext, *, is_owner: bool
) -> None:
    old = await make_link(owner, slug="old")
    await update_link(owner, link_id=old.id, changes=LinkChanges(slug="older"))
    await delete_link(owner, link_id=old.id)

    new = await create_link(
        owner if is_owner else staff, url=TARGET, slug="old", reuse_deleted_slug=not is_owner
    )

    assert new.revision == 4
    held = await LinkSlug.filter(released_at=None).order_by("id").values_list("slug", "link_id")
    assert held == [("older", old.id), ("old", new.id)]
    assert await LinkSlug.exclude(released_at=None).values_list("slug", "link_id") == [
        ("old", old.id)
    ]


async def test_a_rename_may_take_the_slug_of_the_owners_deleted_link(
    owner: RequestContext, stranger: RequestContext
) -> None:
    old = await make_link(owner, slug="old")
    for number in range(4):
        await update_link(owner, link_id=old.id, changes=LinkChanges(title=f"{number}"))
    await delete_link(owner, link_id=old.id)
    others = await make_link(stranger, slug="b")
    with pytest.raises(SlugTakenError):
        await update_link(stranger, link_id=others.id, changes=LinkChanges(slug="old"))
    mine = await make_link(owner, slug="a")

    renamed = await update_link(owner, link_id=mine.id, changes=LinkChanges(slug="old"))

    assert (renamed.slug, renamed.revision) == ("old", 7)  # above the 6 of the deleted one


async def test_racing_owners_of_a_deleted_slug_get_it_once(owner: RequestContext) -> None:
    old = await make_link(owner, slug="old")
    await delete_link(owner, link_id=old.id)

    results = await asyncio.gather(
        *(create_link(owner, url=TARGET, slug="old") for _ in range(16)), return_exceptions=True
    )

    names = sorted(type(result).__name__ for result in results)
    assert names == ["Link", *["SlugTakenError"] * 15]
    assert await LinkSlug.filter(released_at=None).count() == 1


async def test_the_command_line_makes_links_of_nobody_that_staff_sees(
    ports: Ports, staff: RequestContext, owner: RequestContext
) -> None:
    link = await make_link(as_command(ports), slug="ours")

    assert link.owner_id is None
    assert await link_by_id(staff, link.id) == link
    assert await link_by_id(owner, link.id) is None


async def test_links_are_made_on_the_named_or_the_default_domain(
    ports: Ports, owner: RequestContext, domain: Domain
) -> None:
    other = await make_domain("xn--e1afmkfd.xn--p1ai:8080")

    named = await create_link(owner, url=TARGET, slug="a", host="Пример.РФ:8080")
    oldest = await create_link(owner, url=TARGET, slug="a")

    assert (named.domain_id, oldest.domain_id) == (other.id, domain.id)


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        (LinkChanges(url="ftp://example.org/"), ["URL_NOT_ALLOWED"]),
        (LinkChanges(url="http://go.test/"), ["URL_LOOP"]),
        (LinkChanges(slug="api"), ["SLUG_RESERVED"]),
        (LinkChanges(slug="аpple"), ["SLUG_INVALID"]),
        (LinkChanges(url="", slug="", title="\x00"), [
            "URL_NOT_ALLOWED", "SLUG_INVALID", "INVALID_VALUE",
        ]),
    ],
)  # fmt: skip
async def test_an_update_is_checked_like_a_new_link(
    owner: RequestContext, changes: LinkChanges, codes: list[str]
) -> None:
    link = await make_link(owner, slug="a")

    with pytest.raises(DomainError) as refused:
        await update_link(owner, link_id=link.id, changes=changes)

    problems = getattr(refused.value, "problems", (refused.value,))
    assert [problem.code for problem in problems] == codes
    assert await link_by_id(owner, link.id) == link
    assert (await Link.get(id=link.id)).revision == 1
    assert await _counts() == (1, 1, 1)


async def test_an_update_must_fit_the_moments_that_stay(
    owner: RequestContext, clock: FixedClock
) -> None:
    link = await create_link(owner, url=TARGET, starts_at=clock.at)

    with pytest.raises(ValueInvalidError, match="INVALID_VALUE period expiresAt"):
        await update_link(owner, link_id=link.id, changes=LinkChanges(expires_at=clock.at))

    assert (await Link.get(id=link.id)).expires_at is None
    assert await _counts() == (1, 1, 1)


async def test_a_refused_link_leaves_its_request_id_free(owner: RequestContext) -> None:
    await make_link(owner, slug="a")
    with pytest.raises(SlugTakenError):
        await create_link(owner, url=TARGET, slug="a", request_id="r")

    assert (await create_link(owner, url=TARGET, slug="b", request_id="r")).slug == "b"


async def test_no_link_leads_to_another_address_of_this_installation(
    ports: Ports, owner: RequestContext
) -> None:
    bound = replace(owner, ports=replace(ports, own_hosts=frozenset({"127.0.0.1:8080"})))

    with pytest.raises(TargetLoopError):
        await create_link(bound, url="http://localhost:8080/x")

    assert await _counts() == (0, 0, 0)


async def test_the_default_host_of_the_settings_comes_before_the_oldest_domain(
    ports: Ports, owner: RequestContext, domain: Domain
) -> None:
    other = await make_domain("other.test")
    there = replace(owner, ports=replace(ports, default_host="other.test"))
    nowhere = replace(owner, ports=replace(ports, default_host="none.test"))

    assert (await create_link(there, url=TARGET)).domain_id == other.id
    assert (await create_link(nowhere, url=TARGET)).domain_id == domain.id


async def test_without_any_domain_there_is_nowhere_to_put_a_link(
    database: None, ports: Ports
) -> None:
    someone = as_person(ports, await make_user())

    with pytest.raises(DomainUnknownError):
        await create_link(someone, url=TARGET)
    assert await link_by_address(someone, slug="a") is None


@pytest.mark.parametrize("host", ["\ud800", "\x00", "a b", "x" * 5000])
async def test_a_host_that_cannot_be_is_unknown_and_can_be_told(
    owner: RequestContext, host: str
) -> None:
    with pytest.raises(DomainUnknownError) as refused:
        await create_link(owner, url=TARGET, host=host)

    assert refused.value.host.isprintable()
    assert len(refused.value.host) <= 253
    assert await link_by_address(owner, slug="a", host=host) is None
    assert await link_by_address(owner, slug="\ud800") is None


async def test_domains_are_loaded_in_order_by_one_query(
    owner: RequestContext, domain: Domain, sql: list[str]
) -> None:
    other = await make_domain("other.test")
    sql.clear()

    found = await domains_by_id([other.id, 5, domain.id])

    assert len(sql) == 1
    assert [getattr(each, "host", None) for each in found] == ["other.test", None, "go.test"]
