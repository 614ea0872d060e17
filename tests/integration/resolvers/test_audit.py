"""Each change leaves its entry, in its own transaction, with what changed and no more."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from tortoise.transactions import in_transaction

from models.audit_entries import AuditEntry, AuditVia
from models.errors import NotFoundError, RevisionConflictError, SlugTakenError
from models.rules.audit_actions import MASK, AuditAction, masked
from models.rules.link_files import LinkLine
from models.rules.reach import Reach
from models.users import Role, User
from resolvers.api_keys import create_api_key, revoke_keys
from resolvers.audit import log_action
from resolvers.audit_entries import AuditFilter, audit_page
from resolvers.context import Origin, RequestContext, Viewer
from resolvers.domains import rename_domain
from resolvers.link_imports import import_links
from resolvers.links import LinkChanges, create_link, delete_link, update_link
from resolvers.paging import PageWindow
from resolvers.ports import Ports
from resolvers.users import reset_administrator
from tests.factories import (
    HOST,
    as_command,
    as_nobody,
    as_person,
    make_domain,
    make_link,
    make_organization,
    make_user,
)
from tests.fakes import FixedClock

pytestmark = pytest.mark.usefixtures("database")

URL = "https://example.org/"


@pytest.fixture
async def owner(ports: Ports) -> RequestContext:
    await make_domain()
    return as_person(ports, await make_user())


async def told(**filter: object) -> list[tuple[str, int | None, dict[str, Any], dict[str, Any]]]:
    """Return action, subject, before and after of each entry, the oldest first."""
    return [
        (row.action, row.subject_id, orjson.loads(row.before), orjson.loads(row.after))
        for row in await AuditEntry.filter(**filter).order_by("id")
    ]


async def test_the_history_of_a_link_is_whole(owner: RequestContext, clock: FixedClock) -> None:
    link = await create_link(owner, url=URL, slug="a", expires_at=clock.at + timedelta(days=1))
    domain_id, owner_id = link.domain_id, link.owner_id
    await update_link(owner, link_id=link.id, changes=LinkChanges(slug="b", expires_at=None))
    await update_link(owner, link_id=link.id, changes=LinkChanges(disabled=True))
    await update_link(owner, link_id=link.id, changes=LinkChanges(slug="b"))
    await delete_link(owner, link_id=link.id)

    now, tomorrow = "2026-01-02T03:04:05+00:00", "2026-01-03T03:04:05+00:00"
    named = {"domain_id": domain_id, "slug": "a", "url": URL}
    assert await told(subject_type="link") == [
        ("link.create", link.id, {}, {**named, "owner_id": owner_id, "expires_at": tomorrow}),
        (
            "link.update",
            link.id,
            {"slug": "a", "expires_at": tomorrow},
            {"slug": "b", "expires_at": None},
        ),
        ("link.update", link.id, {"disabled_at": None}, {"disabled_at": now}),
        ("link.update", link.id, {}, {}),  # a save that changed its revision alone
        ("link.delete", link.id, {**named, "slug": "b"}, {"deleted_at": now}),
    ]


async def test_a_slug_that_was_taken_over_says_from_which_link(owner: RequestContext) -> None:
    old = await make_link(owner, slug="a")
    await delete_link(owner, link_id=old.id)

    new = await make_link(owner, slug="a")

    [(_, _, _, after)] = await told(subject_id=new.id)
    assert after["slug_taken_from"] == old.id


async def test_every_imported_link_has_its_entry(owner: RequestContext) -> None:
    await make_link(owner, slug="taken")
    await AuditEntry.all().delete()
    slugs = ["a", "b", "a", "taken", None]
    lines = [LinkLine(number=n, url=URL, slug=slug) for n, slug in enumerate(slugs, 1)]

    results = await import_links(owner, lines)

    made = [each.id for each in results if not isinstance(each, Exception)]
    assert len(made) == 3
    assert [each[:2] for each in await told()] == [("link.import", id_) for id_ in made]


@pytest.mark.parametrize("repeated", [False, True])
async def test_a_request_that_comes_twice_is_noted_once(
    owner: RequestContext, *, repeated: bool
) -> None:
    for _ in range(2 if repeated else 1):
        await create_link(owner, url=URL, request_id="r")

    assert [each[0] for each in await told()] == ["link.create"]


async def test_what_is_refused_is_not_noted(owner: RequestContext, ports: Ports) -> None:
    link = await make_link(owner, slug="a")
    stranger = as_person(ports, await make_user())
    before = await told()

    with pytest.raises(SlugTakenError):
        await make_link(stranger, slug="a")
    with pytest.raises(NotFoundError):
        await delete_link(stranger, link_id=link.id)
    with pytest.raises(RevisionConflictError):
        await delete_link(owner, link_id=link.id, if_revision=7)

    assert await told() == before


async def test_an_entry_says_through_what_and_from_where(ports: Ports) -> None:
    await make_domain()
    user = await make_user()
    key, _ = await create_api_key(as_person(ports, user), label="k")
    viewer = as_person(ports, user).viewer
    origin = Origin(address="2001:db8::1", request_id="r-1")
    ways: list[tuple[Viewer, Origin]] = [
        (replace(viewer, session_id=5), origin),
        (replace(viewer, api_key_id=key.id), origin),
        (as_command(ports).viewer, Origin()),
    ]
    await AuditEntry.all().delete()

    for viewer, origin in ways:
        await make_link(RequestContext(viewer, ports, origin))

    assert [
        (row.via, row.via_id, row.actor_id, row.address, row.request_id)
        for row in await AuditEntry.all().order_by("id")
    ] == [
        (AuditVia.SESSION, 5, user.id, "2001:db8::1", "r-1"),
        (AuditVia.API_KEY, key.id, user.id, "2001:db8::1", "r-1"),
        (AuditVia.COMMAND, None, None, "", ""),
    ]


async def test_keys_are_noted_without_their_secret(ports: Ports) -> None:
    user = await make_user()
    made = [await create_api_key(as_person(ports, user), label=text) for text in ("a", "b")]

    assert await revoke_keys(as_command(ports), user_id=user.id) == 2
    assert await revoke_keys(as_command(ports), user_id=user.id) == 0

    entries = await told(subject_type="api_key")
    assert [each[:2] for each in entries] == [
        (action, key.id) for action in ("api_key.create", "api_key.revoke") for key, _ in made
    ]
    assert entries[0][3]["prefix"] == made[0][0].prefix
    assert not any(secret in str(entries) for _, secret in made)


async def test_a_renamed_domain_is_noted_with_both_hosts(ports: Ports) -> None:
    domain = await make_domain()

    for host in (HOST, "new.test"):  # the second time changes nothing
        await rename_domain(as_command(ports), host=host, new_host="new.test")

    assert await told() == [
        ("domain.rename", domain.id, {"host": HOST}, {"host": "new.test"}),
    ]


async def test_a_reset_administrator_is_noted_with_the_role_before(ports: Ports) -> None:
    user = await make_user("lost@example.org")
    role = await Role.get(id=user.role_id)

    await reset_administrator(as_command(ports), email="lost@example.org")

    assert (await User.get(id=user.id).select_related("role")).role.name == "administrator"
    assert await told(action="user.reset") == [
        (
            "user.reset",
            user.id,
            {"role": role.name, "deactivated_at": None},
            {"role": "administrator", "deactivated_at": None},
        )
    ]


def test_secrets_are_masked_and_show_that_they_changed() -> None:
    values = {"password": "x", "token": None, "title": "T", "code": 7}

    assert masked(values) == {"password": MASK, "token": None, "title": "T", "code": MASK}


def test_secrets_are_masked_at_any_depth() -> None:
    values = {
        "user": {"name": "Ann", "password": "x", "keys": [{"secret": "y", "label": "L"}, "z"]},
        "pairs": ({"token": None}, [[{"code": 1}]]),
    }

    assert masked(values) == {
        "user": {
            "name": "Ann",
            "password": MASK,
            "keys": [{"secret": MASK, "label": "L"}, "z"],
        },
        "pairs": [{"token": None}, [[{"code": MASK}]]],
    }


async def seen_by(context: RequestContext) -> list[str]:
    """Return the subjects' ids of what somebody may read, the oldest first."""
    page = await audit_page(context, filter=AuditFilter(), window=PageWindow(first=100))
    return [str(row.subject_id) for row in reversed(page.rows)]


async def note(context: RequestContext, subject_id: int, *, actor_id: int | None = None) -> None:
    async with in_transaction("default") as connection:
        await log_action(
            context,
            connection,
            AuditAction.LINK_CREATE,
            subject_id=subject_id,
            actor_id=actor_id,
        )


async def test_who_changes_the_organization_takes_no_past_along(ports: Ports) -> None:
    one, other = await make_organization(), await make_organization()
    reach = Reach.ORGANIZATION
    ann = await make_user("ann@people.test", organization=one)
    of_one = as_person(ports, await make_user(reach=reach, organization=one))
    of_other = as_person(ports, await make_user(reach=reach, organization=other))
    await note(as_person(ports, ann), 1)
    await note(as_nobody(ports), 2, actor_id=ann.id)

    await User.filter(id=ann.id).update(organization_id=other.id)
    ann = await User.get(id=ann.id).prefetch_related("role")
    await note(as_person(ports, ann), 3)
    await note(as_nobody(ports), 4, actor_id=ann.id)

    assert await seen_by(of_one) == ["1", "2"]
    assert await seen_by(of_other) == ["3", "4"]
    assert await seen_by(as_person(ports, ann)) == ["1", "2", "3", "4"]
    assert await seen_by(as_command(ports)) == ["1", "2", "3", "4"]


async def test_entries_of_an_unknown_organization_are_in_no_organizations_log(
    ports: Ports,
) -> None:
    place = await make_organization()
    user = await make_user(reach=Reach.ORGANIZATION, organization=place)
    await note(as_person(ports, user), 1)
    await AuditEntry.all().update(organization_id=None)
    await note(as_command(ports), 2)

    assert await seen_by(as_person(ports, user)) == []
    assert await seen_by(as_command(ports)) == ["1", "2"]
