"""Passwords of links: over GraphQL, and in a real service with several processes."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from benchmarks.service import Service, service
from models.audit_entries import AuditEntry
from models.links import Link, LinkChange
from models.rules.rate_limits import RULES, RateLimit, WindowRule
from models.users import User
from resolvers.ports import Ports
from tests.factories import make_domain, make_user
from tests.portal import Client, Portal, sign_in

TARGET = "https://example.org/secret-place"
WORD = "open sesame"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LIMIT_S = 20.0


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


async def update(portal: Portal, link: dict[str, Any], **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = await portal.ask("LinkUpdate", input={"id": link["id"], **fields})
    result: dict[str, Any] = answer["linkUpdate"]
    return result


async def test_a_password_is_set_changed_and_cleared_and_never_read(portal: Portal) -> None:
    made = (await create(portal, slug="a", password=WORD))["link"]
    changed = (await update(portal, made, password="another secret"))["link"]  # noqa: S106
    read = (await portal.ask("Link", by={"id": made["id"]}))["link"]
    listed = (await portal.ask("Links"))["links"]["edges"][0]["node"]
    cleared = (await update(portal, made, password=None))["link"]

    links = [made, changed, read, listed, cleared]
    assert [link["passwordProtected"] for link in links] == [True, True, True, True, False]
    assert (made["url"], cleared["revision"]) == (TARGET, 3)
    told = json.dumps([*links, await portal.ask("AuditEntries", first=10)])
    assert [word in told for word in ("argon2", WORD, "another secret")] == [False] * 3


async def test_a_link_without_a_password_says_so(portal: Portal) -> None:
    assert (await create(portal))["link"]["passwordProtected"] is False


@pytest.mark.parametrize(
    ("password", "code"),
    [("", "REQUIRED"), ("x" * 7, "INVALID_VALUE"), ("x" * 129, "INVALID_VALUE")],
)
async def test_what_cannot_be_a_password_is_a_problem_of_its_field(
    portal: Portal, password: str, code: str
) -> None:
    link = (await create(portal))["link"]

    results = [
        await create(portal, password=password),
        await update(portal, link, password=password),
    ]

    for result in results:
        assert (result["__typename"], result["path"]) == ("ValidationProblem", ["password"])
        assert [each["code"] for each in result["fieldProblems"]] == [code]
    assert await Link.all().values_list("password_hash", "revision") == [(None, 1)]
    assert (
        await LinkChange.all().count(),
        await AuditEntry.filter(action="link.update").count(),
    ) == (
        1,
        0,
    )


async def test_who_sets_passwords_too_often_is_told_how_long_to_wait(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {**RULES, RateLimit.LINK_PASSWORD_SET: WindowRule(most=1, window_s=600)}
    monkeypatch.setattr("resolvers.limits.RULES", rules)
    link = (await create(portal, password=WORD))["link"]

    results = [await create(portal, password=WORD), await update(portal, link, password=WORD)]

    assert [result["__typename"] for result in results] == ["RateLimitedProblem"] * 2
    assert all(0 < result["retryAfter"] <= 675 for result in results)
    assert [row.revision for row in await Link.all()] == [1]


async def test_a_stranger_learns_neither_target_nor_that_there_is_a_password(
    portal: Portal, client: Client, ports: Ports
) -> None:
    link = (await create(portal, slug="a", password=WORD))["link"]
    stranger = await sign_in(client, ports, await make_user())

    assert (await stranger.ask("Link", by={"id": link["id"]}))["link"] is None
    refused = await update(stranger, link, password=None)
    assert refused["__typename"] == "NotFoundProblem"
    assert (await Link.get()).password_hash is not None


# A real service


@pytest.fixture
def settings(migrated_database_url: str) -> dict[str, str]:
    return {"ARGON2_MEMORY_KIB": "7168", "DATABASE_URL": migrated_database_url}


def typed(running: Service, password: str) -> tuple[int, str | None, bytes]:
    body = f"password={password.replace(' ', '+')}".encode()
    answer = running.request("POST", "/a", headers=FORM, body=body)
    return answer.status, answer.headers.get("location"), answer.body


def wait_for(running: Service, status: int) -> None:
    """Return when every process of the service answers so: twenty times in a row."""
    deadline = time.monotonic() + LIMIT_S
    in_a_row = 0
    while in_a_row < 20:
        assert time.monotonic() < deadline
        in_a_row = in_a_row + 1 if running.get("/a").status == status else 0


def test_a_service_that_only_redirects_asks_in_every_process_and_has_one_limit(
    settings: dict[str, str],
) -> None:
    with service(settings, start=False) as running:
        running.arguments = ("--role", "redirect")
        running.start()
        file = running.folder / "links.csv"
        file.write_text(f"url,slug,password\n{TARGET},a,{WORD}\n")
        assert running.cli("links", "import", str(file)).returncode == 0
        wait_for(running, 200)

        page = running.get("/a").body
        assert (b"<form" in page, b"secret-place" in page) == (True, False)
        assert typed(running, WORD)[:2] == (303, TARGET)
        with ThreadPoolExecutor(8) as visitors:
            wrong = list(visitors.map(lambda _: typed(running, "guess"), range(16)))

        assert sorted(status for status, _, _ in wrong) == [403] * 5 + [429] * 11
        assert all(b"secret-place" not in body for _, _, body in wrong)
        deadline = time.monotonic() + LIMIT_S
        while running.rows("SELECT count(*) FROM click") == [(0,)]:
            assert time.monotonic() < deadline
        assert running.stop() == 0
        assert running.rows("SELECT count(*) FROM click") == [(1,)]
        for path in (running.data / "replica").rglob("*"):
            with suppress(IsADirectoryError):
                assert b"secret-place" not in path.read_bytes()
