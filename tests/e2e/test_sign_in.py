"""Signing in over HTTP, with real cookies: what a browser gets, keeps and must send."""

from dataclasses import replace
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

import pytest
from aiohttp import ClientResponse, hdrs
from aiohttp.pytest_plugin import AiohttpClient

from api.app import Parts, create_app
from models.api_keys import ApiKey
from models.sessions import Session
from models.texts import text
from models.users import User
from resolvers.key_uses import uses_written
from resolvers.ports import Ports
from resolvers.session_lookup import session_uses_written
from schema.context import PortalFacts
from schema.nodes import encode_id
from tests.fakes import FixedClock
from tests.people import PASSWORD, make_member
from tests.portal import Client, Portal, operation
from tests.portal import sign_in as sign_in_by_key

CLIENT = {"Linkyard-Client": "tests"}


@pytest.fixture
async def person(database: None) -> User:
    return await make_member()


async def serve(aiohttp_client: AiohttpClient, ports: Ports, public_url: str) -> Client:
    facts = PortalFacts(name="Linkyard", version="0", public_url=public_url)
    return await aiohttp_client(create_app(Parts(ports=ports, portal=facts)))


@pytest.fixture
async def browser(database: None, ports: Ports, aiohttp_client: AiohttpClient) -> Portal:
    """A page of a portal on this machine, with a cookie jar."""
    return Portal(await serve(aiohttp_client, ports, "http://localhost:8080"), dict(CLIENT))


async def enter(portal: Portal, password: str = PASSWORD, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    found = await portal.ask(
        "SessionCreate", input={"email": "ada@people.test", "password": password, **more}
    )
    result: dict[str, Any] = found["sessionCreate"]
    return result


async def name_of(portal: Portal) -> str | None:
    viewer = (await portal.ask("{ viewer { user { email } } }"))["viewer"]
    await session_uses_written()
    return None if viewer is None else viewer["user"]["email"]


def cookie_in(response: ClientResponse) -> SimpleCookie:
    return SimpleCookie(response.headers[hdrs.SET_COOKIE])


def tokens(browser: Portal) -> list[str]:
    """Return what the browser keeps of sessions; by which it is known again it keeps for long."""
    jar = browser.client.session.cookie_jar
    return [each.value for each in jar if each.key == "linkyard-local"]


async def test_a_browser_is_signed_in_by_its_cookie_until_it_signs_out(
    browser: Portal, person: User
) -> None:
    assert await name_of(browser) is None
    assert (await enter(browser))["__typename"] == "SessionStartSuccess"
    assert await name_of(browser) == person.email
    session = await Session.get()

    done = (await browser.ask("SessionDelete"))["sessionDelete"]

    assert done == {
        "__typename": "SessionDeleteSuccess",
        "deletedId": encode_id("Session", session.id),
    }
    assert await name_of(browser) is None
    assert tokens(browser) == []


async def test_the_cookie_on_this_machine_is_for_the_server_alone(
    browser: Portal, person: User
) -> None:
    response = await browser.send(
        "SessionCreate", input={"email": person.email, "password": PASSWORD}
    )

    cookie = cookie_in(response)["linkyard-local"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert (cookie["domain"], cookie["secure"], cookie["max-age"]) == ("", "", "604800")


async def test_over_https_the_cookie_belongs_to_the_host_and_never_goes_in_the_clear(
    client: Client, person: User
) -> None:
    response = await Portal(client, dict(CLIENT)).send(
        "SessionCreate", input={"email": person.email, "password": PASSWORD}
    )

    cookie = cookie_in(response)["__Host-linkyard"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert (cookie["domain"], cookie["secure"]) == ("", True)
    back = Portal(client, {**CLIENT, "Cookie": f"__Host-linkyard={cookie.value}"})
    assert await name_of(back) == person.email
    other_name = Portal(client, {**CLIENT, "Cookie": f"linkyard-local={cookie.value}"})
    assert await name_of(other_name) is None


async def test_unknown_address_and_wrong_password_have_the_same_body(
    browser: Portal, person: User
) -> None:
    wrong = await browser.send(
        "SessionCreate", input={"email": person.email, "password": "something else"}
    )
    unknown = await browser.send(
        "SessionCreate", input={"email": "nobody@people.test", "password": PASSWORD}
    )

    assert await wrong.read() == await unknown.read()
    assert await wrong.json() == {
        "data": {
            "sessionCreate": {
                "__typename": "SignInRefusedProblem",
                "code": "SIGN_IN_REFUSED",
                "message": text("en", "SIGN_IN_REFUSED"),
                "path": None,
            }
        }
    }
    assert hdrs.SET_COOKIE not in wrong.headers
    assert await Session.all().count() == 0


@pytest.mark.parametrize(
    ("public_url", "host"),
    [
        ("http://links.example.org", "links.example.org"),
        ("http://links.example.org", "localhost"),
        ("http://localhost:8080", "192.0.2.7:8080"),
        ("http://localhost:8080", "links.example.org"),
    ],
)
async def test_over_plain_http_from_elsewhere_sign_in_is_refused_with_the_reason(
    aiohttp_client: AiohttpClient, ports: Ports, person: User, public_url: str, host: str
) -> None:
    known = replace(ports, own_hosts=frozenset({host}))
    portal = Portal(await serve(aiohttp_client, known, public_url), {**CLIENT, "Host": host})

    refused = await enter(portal)

    assert refused == {
        "__typename": "InsecureTransportProblem",
        "code": "INSECURE_TRANSPORT",
        "message": text("en", "INSECURE_TRANSPORT"),
        "path": None,
    }
    assert await Session.all().count() == 0
    assert (await portal.ask("Portal"))["portal"]["signInMethods"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**CLIENT, "Origin": "https://evil.example"},
        {**CLIENT, "Origin": "null"},
        {**CLIENT, "Origin": "http://localhost:9"},
        {**CLIENT, "Origin": "https://localhost"},
    ],
)
async def test_no_other_site_signs_anybody_in(
    browser: Portal, person: User, headers: dict[str, str]
) -> None:
    errors = await Portal(browser.client, headers).errors(
        "SessionCreate", input={"email": person.email, "password": PASSWORD}
    )

    assert [each["extensions"]["code"] for each in errors] == ["BAD_REQUEST"]
    assert await Session.all().count() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {**CLIENT, "Origin": "https://evil.example"},
        {**CLIENT, "Origin": "null"},
        {**CLIENT, "Origin": ""},
        {**CLIENT, "Origin": "http://localhost.evil.example"},
        {**CLIENT, "Origin": "http://127.0.0.1:9"},
    ],
)
async def test_no_other_site_uses_the_cookie(
    browser: Portal, person: User, headers: dict[str, str]
) -> None:
    await enter(browser)

    response = await Portal(browser.client, headers).send("SessionDelete")

    assert response.status == 403
    [error] = (await response.json())["errors"]
    assert error["extensions"]["code"] == "CROSS_SITE"
    assert await Session.filter(revoked_at=None).count() == 1
    await session_uses_written()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
async def test_pages_of_this_machine_may_call_it_by_any_name(
    browser: Portal, person: User, name: str
) -> None:
    await enter(browser)
    port = browser.client.port

    assert await name_of(browser.with_headers(Origin=f"http://{name}:{port}")) == person.email


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_a_form_of_another_site_is_no_request(
    browser: Portal, person: User, content_type: str
) -> None:
    await enter(browser)

    response = await browser.client.post(
        "/graphql",
        data=f'{{"query": "{operation("SessionDelete")[:20]}"}}',
        headers={"Content-Type": content_type, "Origin": "https://evil.example"},
    )

    assert response.status == 415
    assert await Session.filter(revoked_at=None).count() == 1


async def test_cookie_and_key_together_are_refused(
    browser: Portal, ports: Ports, person: User
) -> None:
    await enter(browser)
    by_key = await sign_in_by_key(browser.client, ports, person)

    response = await Portal(browser.client, {**CLIENT, **by_key.headers}).send("Viewer")

    assert response.status == 400
    assert "never both" in (await response.json())["errors"][0]["message"]


async def test_a_cookie_that_opens_nothing_is_nobodys_and_lets_one_sign_in_again(
    browser: Portal, person: User
) -> None:
    await enter(browser)
    await Session.all().delete()

    assert await name_of(browser) is None
    assert (await enter(browser))["__typename"] == "SessionStartSuccess"
    assert await name_of(browser) == person.email


async def test_signing_in_turns_the_token(browser: Portal, person: User) -> None:
    await enter(browser)
    [before] = tokens(browser)
    await enter(browser)
    [after] = tokens(browser)

    assert before != after
    assert await Session.filter(revoked_at=None).count() == 1


async def test_a_deactivated_person_is_nobody_from_the_next_request_on(
    browser: Portal, ports: Ports, person: User
) -> None:
    await enter(browser)
    assert await name_of(browser) == person.email

    await User.filter(id=person.id).update(deactivated_at=ports.clock.now())

    assert await name_of(browser) is None
    assert (await enter(browser))["__typename"] == "SignInRefusedProblem"


async def test_sessions_are_listed_and_revoked(
    browser: Portal, ports: Ports, person: User, aiohttp_client: AiohttpClient
) -> None:
    await enter(browser)
    other = Portal(await serve(aiohttp_client, ports, "http://localhost:8080"), dict(CLIENT))
    await enter(other)

    listed = (await browser.ask("Sessions"))["viewer"]["sessions"]
    assert sorted(each["isCurrent"] for each in listed) == [False, True]
    assert {each["address"] for each in listed} == {"127.0.0.1"}
    assert [each["factors"] for each in listed] == [["password"]] * 2
    [away] = [each["id"] for each in listed if not each["isCurrent"]]
    assert (await browser.ask("Node", id=away))["node"]["id"] == away

    done = (await browser.ask("SessionsRevoke", input={"allExceptCurrent": True}))["sessionsRevoke"]

    assert done == {"__typename": "SessionsRevokeSuccess", "revokedIds": [away]}
    assert await name_of(other) is None
    assert await name_of(browser) == person.email
    nothing = await browser.ask("SessionsRevoke", input={"ids": [away, "nonsense"]})
    assert nothing["sessionsRevoke"]["revokedIds"] == []
    refused = await browser.ask("SessionsRevoke", input={"ids": ["x"] * 101})
    assert refused["sessionsRevoke"]["__typename"] == "ValidationProblem"


async def test_a_key_sees_and_ends_no_session(
    browser: Portal, ports: Ports, person: User, aiohttp_client: AiohttpClient
) -> None:
    await enter(browser)
    other = await serve(aiohttp_client, ports, "http://localhost:8080")
    by_key = await sign_in_by_key(other, ports, person)

    assert (await by_key.ask("Sessions"))["viewer"]["sessions"] == []
    answers = [
        (await by_key.ask("SessionDelete"))["sessionDelete"],
        (await by_key.ask("SessionsRevoke", input={"allExceptCurrent": True}))["sessionsRevoke"],
    ]

    assert {each["code"] for each in answers} == {"SESSION_REQUIRED"}
    assert await Session.filter(revoked_at=None).count() == 1


async def test_a_proof_of_identity_turns_the_token(browser: Portal, person: User) -> None:
    await enter(browser)
    [before] = tokens(browser)
    wrong = await browser.ask("SessionRenew", input={"password": "something else"})
    assert (wrong["sessionRenew"]["code"], wrong["sessionRenew"]["path"]) == (
        "PASSWORD_WRONG",
        ["password"],
    )

    done = (await browser.ask("SessionRenew", input={"password": PASSWORD}))["sessionRenew"]

    [after] = tokens(browser)
    assert done["__typename"] == "SessionStartSuccess"
    assert before != after
    assert await name_of(browser) == person.email


async def test_a_key_made_in_a_browser_wants_a_recent_proof_and_outlives_the_session(
    browser: Portal, ports: Ports, person: User, clock: FixedClock
) -> None:
    await enter(browser)
    clock.at += timedelta(minutes=10)
    refused = (await browser.ask("ApiKeyCreate", input={"label": "late"}))["apiKeyCreate"]
    assert (refused["__typename"], refused["code"]) == (
        "StepUpRequiredProblem",
        "STEP_UP_REQUIRED",
    )
    assert await ApiKey.all().count() == 0
    await browser.ask("SessionRenew", input={"password": PASSWORD})

    made = (await browser.ask("ApiKeyCreate", input={"label": "soon"}))["apiKeyCreate"]

    assert made["apiKey"]["expiresAt"] is None
    await browser.ask("SessionDelete")
    by_key = Portal(browser.client, {"Authorization": f"Bearer {made['secret']}"})
    assert await name_of(by_key) == person.email
    await uses_written()
    await session_uses_written()
