"""mutations linkUpdate and linkDelete over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from models.links import Link, LinkChange, LinkSlug
from models.rules.scopes import Scope
from models.users import User
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.factories import as_person, make_link, make_user
from tests.portal import Client, Portal, sign_in


@pytest.fixture
async def person(database: None) -> User:
    return await make_user()


@pytest.fixture
async def portal(client: Client, ports: Ports, person: User) -> Portal:
    return await sign_in(client, ports, person)


@pytest.fixture
async def link(ports: Ports, person: User) -> Link:
    return await make_link(as_person(ports, person), slug="first")


async def update(portal: Portal, link: Link, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = await portal.ask("LinkUpdate", input={"id": encode_id("Link", link.id), **fields})
    result: dict[str, Any] = answer["linkUpdate"]
    return result


Mutation: TypeAlias = Callable[..., Awaitable[dict[str, Any]]]


async def delete(portal: Portal, link: Link, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = await portal.ask("LinkDelete", input={"id": encode_id("Link", link.id), **fields})
    result: dict[str, Any] = answer["linkDelete"]
    return result


async def test_absent_fields_are_kept_and_null_clears(portal: Portal, link: Link) -> None:
    await update(portal, link, title="A title", expiresAt="2027-01-01T00:00:00Z")
    result = await update(portal, link, title=None)

    assert result["__typename"] == "LinkUpdateSuccess"
    assert (result["link"]["title"], result["link"]["expiresAt"], result["link"]["revision"]) == (
        None,
        "2027-01-01T00:00:00.000Z",
        3,
    )


async def test_every_field_can_be_changed(portal: Portal, link: Link) -> None:
    result = await update(
        portal,
        link,
        url="https://example.com/new",
        slug="second",
        title="New",
        startsAt="2026-05-01T00:00:00Z",
        expiresAt="2026-06-01T00:00:00Z",
    )

    assert result["link"] == {
        "id": encode_id("Link", link.id),
        "revision": 2,
        "slug": "second",
        "shortUrl": "https://go.test/second",
        "url": "https://example.com/new",
        "title": "New",
        "state": "SCHEDULED",
        "startsAt": "2026-05-01T00:00:00.000Z",
        "expiresAt": "2026-06-01T00:00:00.000Z",
        "passwordProtected": False,
    }


async def test_former_slug_still_finds_the_link(portal: Portal, link: Link) -> None:
    await update(portal, link, slug="second")
    found = await portal.ask("Link", by={"address": {"slug": "first"}})

    assert found["link"]["slug"] == "second"


async def test_link_is_switched_off_and_on(portal: Portal, link: Link) -> None:
    off = await update(portal, link, disabled=True)
    on = await update(portal, link, disabled=False)

    assert (off["link"]["state"], on["link"]["state"]) == ("DISABLED", "ACTIVE")


async def test_older_revision_is_a_conflict_and_nothing_is_saved(
    portal: Portal, link: Link
) -> None:
    await update(portal, link, title="theirs")
    result = await update(portal, link, title="mine", ifRevision=1)

    assert (result["__typename"], result["currentRevision"]) == ("RevisionConflictProblem", 2)
    assert (result["code"], result["path"]) == ("CONFLICT", ["ifRevision"])
    assert (await Link.get(id=link.id)).title == "theirs"


async def test_of_racing_saves_of_one_revision_one_wins(portal: Portal, link: Link) -> None:
    results = await asyncio.gather(
        *(update(portal, link, title=f"title {n}", ifRevision=1) for n in range(8))
    )

    kinds = sorted(result["__typename"] for result in results)
    assert kinds == ["LinkUpdateSuccess", *["RevisionConflictProblem"] * 7]
    assert (await Link.get(id=link.id)).revision == 2


@pytest.mark.parametrize(
    ("fields", "typename", "code", "path"),
    [
        ({"url": "file:///etc/passwd"}, "TargetNotAllowedProblem", "URL_NOT_ALLOWED", ["url"]),
        ({"url": "http://go.test/x"}, "TargetLoopProblem", "URL_LOOP", ["url"]),
        ({"url": "https://a.test/" + "x" * 2100}, "TargetTooLongProblem", "TOO_LONG", ["url"]),
        ({"slug": "a b"}, "SlugInvalidProblem", "SLUG_INVALID", ["slug"]),
        ({"slug": "metrics"}, "SlugReservedProblem", "SLUG_RESERVED", ["slug"]),
        ({"slug": "other"}, "SlugTakenProblem", "SLUG_TAKEN", ["slug"]),
        ({"title": "x" * 301}, "ValidationProblem", "TOO_LONG", ["title"]),
    ],
)
async def test_refusal_is_typed_and_changes_nothing(  # noqa: PLR0913, PLR0917
    portal: Portal,
    ports: Ports,
    person: User,
    link: Link,
    fields: dict[str, str],
    typename: str,
    code: str,
    path: list[str],
) -> None:
    await make_link(as_person(ports, person), slug="other")
    changes = await LinkChange.all().count()
    result = await update(portal, link, **fields)

    assert (result["__typename"], result["code"], result["path"]) == (typename, code, path)
    kept = await Link.get(id=link.id)
    assert (kept.slug, kept.target, kept.revision) == ("first", "https://example.org/", 1)
    assert await LinkChange.all().count() == changes


@pytest.mark.parametrize("field", ["url", "slug", "disabled"])
async def test_field_that_cannot_be_empty_takes_no_null(
    portal: Portal, link: Link, field: str
) -> None:
    response = await portal.send(
        "LinkUpdate", input={"id": encode_id("Link", link.id), field: None}
    )
    body = await response.json()

    assert [each["extensions"]["code"] for each in body["errors"]] == ["BAD_REQUEST"]
    assert (await Link.get(id=link.id)).revision == 1


async def test_deleted_link_is_gone_and_its_slug_stays_held(portal: Portal, link: Link) -> None:
    result = await delete(portal, link, ifRevision=1)

    assert result == {"__typename": "LinkDeleteSuccess", "deletedId": encode_id("Link", link.id)}
    assert (await portal.ask("Node", id=encode_id("Link", link.id)))["node"] is None
    assert (await portal.ask("Links"))["links"]["edges"] == []
    assert await LinkSlug.filter(slug="first", released_at=None).count() == 1


async def test_delete_of_an_older_revision_is_a_conflict(portal: Portal, link: Link) -> None:
    await update(portal, link, title="theirs")
    result = await delete(portal, link, ifRevision=1)

    assert (result["__typename"], result["currentRevision"]) == ("RevisionConflictProblem", 2)
    assert (await Link.get(id=link.id)).deleted_at is None


@pytest.mark.parametrize("mutation", [update, delete], ids=["update", "delete"])
async def test_absent_foreign_deleted_and_mistyped_ids_look_the_same(  # noqa: PLR0913, PLR0917
    client: Client, portal: Portal, ports: Ports, person: User, link: Link, mutation: Mutation
) -> None:
    stranger = await sign_in(client, ports, await make_user())
    context = as_person(ports, person)
    gone = await make_link(context, slug="gone")
    await delete(portal, gone)

    answers = [
        await mutation(stranger, link),
        await mutation(portal, gone),
        await mutation(portal, Link(id=7)),
        await mutation(portal, link, id=encode_id("User", person.id)),
        await mutation(portal, link, id="nonsense"),
        await mutation(portal, link, id=""),
    ]

    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["__typename"] == "NotFoundProblem"
    assert (await Link.get(id=link.id)).revision == 1


async def test_staff_change_what_is_not_theirs(client: Client, ports: Ports, link: Link) -> None:
    staff = await sign_in(client, ports, await make_user(is_staff=True))

    assert (await update(staff, link, title="by staff"))["__typename"] == "LinkUpdateSuccess"


@pytest.mark.parametrize("mutation", [update, delete], ids=["update", "delete"])
async def test_key_without_the_scope_changes_nothing(
    client: Client, ports: Ports, person: User, link: Link, mutation: Mutation
) -> None:
    reader = await sign_in(client, ports, person, scopes=frozenset({Scope.LINK_READ}))
    result = await mutation(reader, link)

    assert (result["__typename"], result["code"]) == ("ForbiddenProblem", "FORBIDDEN")
    assert (await Link.get(id=link.id)).revision == 1
