"""mutation linkCreate over HTTP."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models.links import Link, LinkChange, LinkSlug
from models.replays import Replay
from models.rules.scopes import Scope
from models.texts import text
from models.users import User
from resolvers.links import delete_link
from resolvers.ports import Ports
from tests.factories import HOST, as_person, make_domain, make_link, make_user
from tests.fakes import CountingSignal, FixedClock
from tests.portal import Client, Portal, sign_in

TARGET = "https://example.org/"


@pytest.fixture
async def person(database: None) -> User:
    await make_domain()
    return await make_user()


@pytest.fixture
async def portal(client: Client, ports: Ports, person: User) -> Portal:
    return await sign_in(client, ports, person)


async def create(portal: Portal, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    answer = await portal.ask("LinkCreate", input={"url": TARGET, **fields})
    result: dict[str, Any] = answer["linkCreate"]
    return result


async def test_success_returns_the_link_as_stored(
    portal: Portal, ports: Ports, clock: FixedClock
) -> None:
    result = await create(
        portal,
        url="HTTPS://Example.ORG:443/ä b",
        slug="Ссылка",
        title="A title",
        expiresAt="2026-02-01T00:00:00+03:00",
    )

    link = await Link.get()
    assert result["__typename"] == "LinkCreateSuccess"
    assert result["link"] == {
        "id": result["link"]["id"],
        "revision": 1,
        "slug": "Ссылка",
        "domain": HOST,
        "shortUrl": f"https://{HOST}/%D0%A1%D1%81%D1%8B%D0%BB%D0%BA%D0%B0",
        "url": "https://example.org/%C3%A4%20b",
        "title": "A title",
        "state": "ACTIVE",
        "startsAt": None,
        "expiresAt": "2026-01-31T21:00:00.000Z",
        "passwordProtected": False,
        "clickCount": 0,
    }
    assert (link.slug, link.target) == ("Ссылка", "https://example.org/%C3%A4%20b")
    assert isinstance(ports.link_signal, CountingSignal)
    assert ports.link_signal.sent == 1


async def test_slug_is_random_when_none_is_given(portal: Portal) -> None:
    slugs = {(await create(portal))["link"]["slug"] for _ in range(5)}

    assert len(slugs) == 5
    assert all(len(slug) >= 7 for slug in slugs)


@pytest.mark.parametrize(
    ("fields", "typename", "code", "path"),
    [
        ({"url": "javascript:alert(1)"}, "TargetNotAllowedProblem", "URL_NOT_ALLOWED", ["url"]),
        ({"url": "https://u:p@example.org"}, "TargetNotAllowedProblem", "URL_NOT_ALLOWED", ["url"]),
        ({"url": f"http://{HOST}./x"}, "TargetLoopProblem", "URL_LOOP", ["url"]),
        ({"url": TARGET + "x" * 2100}, "TargetTooLongProblem", "TOO_LONG", ["url"]),
        ({"slug": "a b"}, "SlugInvalidProblem", "SLUG_INVALID", ["slug"]),
        ({"slug": "аpp"}, "SlugInvalidProblem", "SLUG_INVALID", ["slug"]),
        ({"slug": "x" * 65}, "SlugInvalidProblem", "SLUG_INVALID", ["slug"]),
        ({"slug": "GraphQL"}, "SlugReservedProblem", "SLUG_RESERVED", ["slug"]),
        ({"domain": "unknown.test"}, "DomainUnknownProblem", "DOMAIN_UNKNOWN", ["domain"]),
        ({"title": "x" * 301}, "ValidationProblem", "TOO_LONG", ["title"]),
        (
            {"startsAt": "2027-01-01T00:00:00Z", "expiresAt": "2026-06-01T00:00:00Z"},
            "ValidationProblem",
            "INVALID_VALUE",
            ["expiresAt"],
        ),
    ],
)
@pytest.mark.parametrize("locale", ["ru", "en"])
async def test_refusal_names_the_field_in_the_callers_language_and_changes_nothing(  # noqa: PLR0913, PLR0917
    portal: Portal, fields: dict[str, str], typename: str, code: str, path: list[str], locale: str
) -> None:
    result = await create(portal.with_headers(Accept_Language=locale), **fields)

    assert (result["__typename"], result["code"], result["path"]) == (typename, code, path)
    assert any("а" <= letter <= "я" for letter in result["message"]) is (locale == "ru")
    assert await Link.all().count() == await LinkSlug.all().count() == 0
    assert await LinkChange.all().count() == 0


async def test_several_wrong_fields_come_together(portal: Portal) -> None:
    result = await create(portal, url="ftp://example.org", slug="a b", title="x" * 301)

    assert result["__typename"] == "ValidationProblem"
    assert {tuple(problem["path"]) for problem in result["fieldProblems"]} == {
        ("url",),
        ("slug",),
        ("title",),
    }
    assert await Link.all().count() == 0


async def test_taken_slug_comes_with_free_ones(portal: Portal) -> None:
    await create(portal, slug="taken")
    result = await create(portal, slug="taken")

    assert (result["__typename"], result["code"], result["path"]) == (
        "SlugTakenProblem",
        "SLUG_TAKEN",
        ["slug"],
    )
    assert 1 <= len(result["suggestions"]) <= 5
    for slug in result["suggestions"]:
        assert (await create(portal, slug=slug))["__typename"] == "LinkCreateSuccess"


async def test_deleted_slug_goes_back_to_its_owner_and_to_nobody_else(
    client: Client, portal: Portal, ports: Ports, person: User
) -> None:
    context = as_person(ports, person)
    await delete_link(context, link_id=(await make_link(context, slug="mine")).id)
    stranger = await sign_in(client, ports, await make_user())
    staff = await sign_in(client, ports, await make_user(is_staff=True))

    assert (await create(stranger, slug="mine"))["__typename"] == "SlugTakenProblem"
    assert (await create(stranger, slug="mine", reuseDeletedSlug=True))["__typename"] == (
        "SlugTakenProblem"
    )
    assert (await create(staff, slug="mine"))["__typename"] == "SlugTakenProblem"
    assert (await create(portal, slug="mine"))["__typename"] == "LinkCreateSuccess"


async def test_staff_may_reuse_a_deleted_slug_by_saying_so(
    client: Client, ports: Ports, person: User
) -> None:
    context = as_person(ports, person)
    await delete_link(context, link_id=(await make_link(context, slug="theirs")).id)
    staff = await sign_in(client, ports, await make_user(is_staff=True))

    result = await create(staff, slug="theirs", reuseDeletedSlug=True)

    assert result["__typename"] == "LinkCreateSuccess"


async def test_same_request_id_with_the_same_input_gives_the_same_link(portal: Portal) -> None:
    first = await create(portal, requestId="r1")
    second = await create(portal, requestId="r1")

    assert first == second
    assert await Link.all().count() == 1


async def test_same_request_id_with_another_input_is_a_problem(portal: Portal) -> None:
    await create(portal, requestId="r1")
    result = await create(portal, requestId="r1", title="another")

    assert (result["__typename"], result["code"], result["path"]) == (
        "RequestIdReusedProblem",
        "REQUEST_ID_REUSED",
        ["requestId"],
    )
    assert await Link.all().count() == 1


@pytest.mark.parametrize("locale", ["ru", "en"])
async def test_same_request_id_after_the_link_was_deleted_is_a_problem(
    portal: Portal, ports: Ports, person: User, locale: str
) -> None:
    await create(portal, requestId="r1", slug="gone")
    [link] = await Link.all()
    await delete_link(as_person(ports, person), link_id=link.id)
    [deleted] = await Link.all()
    results = [
        await create(portal.with_headers(Accept_Language=locale), requestId="r1", slug="gone")
        for _ in range(2)
    ]

    assert results[0] == results[1]
    assert (results[0]["__typename"], results[0]["code"], results[0]["path"]) == (
        "RequestUndoneProblem",
        "REQUEST_UNDONE",
        ["requestId"],
    )
    assert results[0]["message"] == text(locale, "REQUEST_UNDONE")
    assert [(each.revision, each.deleted_at) for each in await Link.all()] == [
        (deleted.revision, deleted.deleted_at)
    ]
    assert (await create(portal, requestId="r2", slug="gone"))["__typename"] == "LinkCreateSuccess"


async def test_request_id_is_free_again_after_a_day(portal: Portal, clock: FixedClock) -> None:
    await create(portal, requestId="r1")
    clock.at += timedelta(hours=24, seconds=1)
    result = await create(portal, requestId="r1", title="another")

    assert result["__typename"] == "LinkCreateSuccess"
    assert await Link.all().count() == 2


async def test_thirty_two_sends_at_once_create_one_link(portal: Portal) -> None:
    results = await asyncio.gather(*(create(portal, requestId="r1") for _ in range(32)))

    assert {result["__typename"] for result in results} == {"LinkCreateSuccess"}
    assert len({result["link"]["id"] for result in results}) == 1
    assert await Link.all().count() == await Replay.all().count() == 1


async def test_only_one_of_many_racing_claims_of_a_slug_wins(portal: Portal) -> None:
    results = await asyncio.gather(*(create(portal, slug="raced") for _ in range(16)))

    kinds = sorted(result["__typename"] for result in results)
    assert kinds == ["LinkCreateSuccess", *["SlugTakenProblem"] * 15]
    assert await Link.all().count() == 1


async def test_anonymous_caller_gets_a_top_level_error_and_nothing_is_written(
    client: Client, person: User
) -> None:
    response = await Portal(client).send("LinkCreate", input={"url": TARGET})
    body = await response.json()

    assert response.status == 401
    assert body["data"] is None
    assert [each["extensions"] for each in body["errors"]] == [{"code": "UNAUTHENTICATED"}]
    assert await Link.all().count() == 0


async def test_key_without_the_scope_gets_a_problem_and_nothing_is_written(
    client: Client, ports: Ports, person: User
) -> None:
    reader = await sign_in(client, ports, person, scopes=frozenset({Scope.LINK_READ}))
    result = await create(reader)

    assert result == {
        "__typename": "ForbiddenProblem",
        "code": "FORBIDDEN",
        "message": text("en", "FORBIDDEN", scope="LINK_WRITE"),
        "path": None,
        "scope": "LINK_WRITE",
    }
    assert await Link.all().count() == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"url": None},
        {"url": 1},
        {"url": ["https://example.org"]},
        {"slug": 1},
        {"unknownField": "x"},
        {"expiresAt": "tomorrow"},
        {"expiresAt": "2026-02-30T00:00:00Z"},
        {"expiresAt": "0001-01-01T00:00:00+14:00"},
        {"reuseDeletedSlug": None},
        {"reuseDeletedSlug": "yes"},
    ],
)
async def test_input_of_another_shape_is_a_bad_request(
    portal: Portal, fields: dict[str, Any]
) -> None:
    response = await portal.send("LinkCreate", input={"url": TARGET, **fields})
    body = await response.json()

    assert response.status == 200  # application/json was asked for: see the conformance table
    assert "data" not in body
    assert {each["extensions"]["code"] for each in body["errors"]} == {"BAD_REQUEST"}
    assert await Link.all().count() == 0


async def test_what_we_did_not_foresee_is_masked_and_has_a_number(
    client: Client, ports: Ports, person: User
) -> None:
    class Leaky(CountingSignal):
        async def links_changed(self) -> None:
            raise RuntimeError("redis://:secret@10.0.0.1 refused")

    portal = await sign_in(client, ports, person)
    object.__setattr__(ports, "link_signal", Leaky())
    response = await portal.with_headers(X_Request_Id="number-7").send(
        "LinkCreate", input={"url": TARGET}
    )
    body = await response.json()

    assert response.headers["X-Request-Id"] == "number-7"
    assert [(each["message"], each["extensions"]) for each in body["errors"]] == [
        (
            text("en", "INTERNAL", request_id="number-7"),
            {"code": "INTERNAL", "requestId": "number-7"},
        )
    ]
    assert "secret" not in str(body)
