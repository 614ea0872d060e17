"""Passwords and sign-up over HTTP: every answer that a front end may get."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.pytest_plugin import AiohttpClient

from api.app import Parts, create_app
from api.keys import PORTS
from models.mails import Mail
from models.sessions import Session
from models.users import User
from resolvers.first_run import prepare_installation
from resolvers.letter_order_filling import fill_orders
from resolvers.ports import AccessPolicy, Ports
from resolvers.session_lookup import session_uses_written
from schema.context import PortalFacts
from tests.factories import as_nobody
from tests.fakes import FixedClock
from tests.people import PASSWORD, make_member, token_of_letter
from tests.portal import Portal
from tests.portal import sign_in as sign_in_by_key

NEW = "four noisy cranes"
FACTS = PortalFacts(name="Linkyard", version="0", public_url="http://localhost:8080")


@pytest.fixture
async def person(database: None) -> User:
    return await make_member()


async def open_browser(aiohttp_client: AiohttpClient, ports: Ports) -> Portal:
    client = await aiohttp_client(create_app(Parts(ports=ports, portal=FACTS)))
    return Portal(client, {"Linkyard-Client": "tests"})


@pytest.fixture
async def browser(database: None, ports: Ports, aiohttp_client: AiohttpClient) -> Portal:
    return await open_browser(aiohttp_client, ports)


async def enter(portal: Portal, email: str = "ada@people.test", password: str = PASSWORD) -> str:
    found = await portal.ask("SessionCreate", input={"email": email, "password": password})
    kind: str = found["sessionCreate"]["__typename"]
    return kind


async def sent(portal: Portal, operation: str, /, **values: Any) -> dict[str, Any]:  # noqa: ANN401
    data = await portal.ask(operation, input=values)
    await fill_orders(as_nobody(portal.client.app[PORTS]))
    await session_uses_written()
    [answer] = data.values()
    result: dict[str, Any] = answer
    return result


def token(browser: Portal) -> str:
    """Return the browser's token of a session."""
    jar = browser.client.session.cookie_jar
    [value] = [each.value for each in jar if each.key == "linkyard-local"]
    return value


async def test_a_password_is_changed(browser: Portal, person: User) -> None:
    await enter(browser)
    before = token(browser)

    done = await sent(browser, "PasswordChange", currentPassword=PASSWORD, newPassword=NEW)

    after = token(browser)
    assert done["__typename"] == "SessionStartSuccess"
    assert before != after
    assert (await browser.ask("{ viewer { user { name } } }"))["viewer"] is not None
    assert await enter(browser, password=PASSWORD) == "SignInRefusedProblem"
    assert await enter(browser, password=NEW) == "SessionStartSuccess"
    await session_uses_written()


async def test_a_change_is_refused_with_the_field_at_fault(browser: Portal, person: User) -> None:
    await enter(browser)

    wrong = await sent(browser, "PasswordChange", currentPassword="x", newPassword=NEW)
    short = await sent(browser, "PasswordChange", currentPassword=PASSWORD, newPassword="x")

    assert (wrong["__typename"], wrong["path"]) == ("PasswordWrongProblem", ["currentPassword"])
    assert (short["__typename"], short["path"]) == ("ValidationProblem", ["newPassword"])
    assert await enter(browser) == "SessionStartSuccess"


async def test_a_key_changes_no_password(browser: Portal, ports: Ports, person: User) -> None:
    by_key = await sign_in_by_key(browser.client, ports, person)
    by_key.headers["Linkyard-Client"] = "tests"

    refused = await sent(by_key, "PasswordChange", currentPassword=PASSWORD, newPassword=NEW)

    assert (refused["__typename"], refused["code"]) == (
        "SessionRequiredProblem",
        "SESSION_REQUIRED",
    )


async def test_without_a_password_the_proof_must_be_recent(
    browser: Portal, person: User, clock: FixedClock
) -> None:
    await enter(browser)
    await User.filter(id=person.id).update(password_hash=None)
    clock.at += timedelta(minutes=10)

    refused = await sent(browser, "PasswordChange", newPassword=NEW)

    assert (refused["__typename"], refused["code"]) == (
        "StepUpRequiredProblem",
        "STEP_UP_REQUIRED",
    )


async def test_a_forgotten_password_is_set_by_a_letter(browser: Portal, person: User) -> None:
    await enter(browser)
    answers = [
        await sent(browser, "PasswordResetRequest", email=email)
        for email in ("ada@people.test", "nobody@people.test")
    ]
    assert answers == [
        {"__typename": "PasswordResetRequestSuccess", "email": email}
        for email in ("ada@people.test", "nobody@people.test")
    ]
    token = await token_of_letter("PASSWORD_RESET")
    short = await sent(browser, "PasswordReset", token=token, newPassword="short")
    assert (short["__typename"], short["path"]) == ("ValidationProblem", ["newPassword"])

    done = await sent(browser, "PasswordReset", token=token, newPassword=NEW)

    assert done == {"__typename": "PasswordResetSuccess", "isReset": True}
    assert (await browser.ask("{ viewer { locale } }"))["viewer"] is None
    again = await sent(browser, "PasswordReset", token=token, newPassword=PASSWORD)
    never = await sent(browser, "PasswordReset", token="x" * 43, newPassword=PASSWORD)
    assert again == never
    assert (again["__typename"], again["path"]) == ("TokenInvalidProblem", ["token"])
    assert await enter(browser, password=NEW) == "SessionStartSuccess"


async def test_what_is_no_address_gets_no_letter(browser: Portal, person: User) -> None:
    refused = await sent(browser, "PasswordResetRequest", email="ada")

    assert (refused["__typename"], refused["path"]) == ("ValidationProblem", ["email"])
    assert await Mail.all().count() == 0


async def test_too_many_requests_are_refused_with_the_time_to_wait(
    browser: Portal, person: User
) -> None:
    for _ in range(3):
        await sent(browser, "PasswordResetRequest", email=person.email)

    refused = await sent(browser, "PasswordResetRequest", email=person.email)

    assert (refused["__typename"], refused["code"]) == ("RateLimitedProblem", "RATE_LIMITED")
    assert refused["retryAfter"] > 0
    assert await Mail.all().count() == 3


async def test_over_plain_http_from_elsewhere_no_password_is_set(
    ports: Ports, person: User, aiohttp_client: AiohttpClient
) -> None:
    known = replace(ports, own_hosts=frozenset({"192.0.2.7"}))
    browser = await open_browser(aiohttp_client, known)
    await sent(browser, "PasswordResetRequest", email=person.email)
    token = await token_of_letter("PASSWORD_RESET")
    outside = browser.with_headers(Host="192.0.2.7")

    refused = await sent(outside, "PasswordReset", token=token, newPassword=NEW)

    assert refused["__typename"] == "InsecureTransportProblem"
    assert await enter(browser) == "SessionStartSuccess"


async def test_sign_up_is_closed_unless_the_operator_opens_it(
    browser: Portal, person: User
) -> None:
    refused = await sent(browser, "SignUpRequest", email="new@people.test")
    made = await sent(browser, "SignUp", token="x" * 43, password=NEW)

    assert [each["code"] for each in (refused, made)] == ["SIGN_UP_CLOSED"] * 2
    assert (await Mail.all().count(), await User.all().count()) == (0, 1)


async def test_an_account_is_made_by_a_letter(
    database: None, ports: Ports, clock: FixedClock, aiohttp_client: AiohttpClient
) -> None:
    await prepare_installation(host="go.test", admin_email="root@people.test", now=clock.at)
    ports = replace(ports, access=AccessPolicy(may_sign_up=True))
    browser = await open_browser(aiohttp_client, ports)
    assert (await browser.ask("Portal"))["portal"]["signUp"] is True
    russian = browser.with_headers(Accept_Language="ru")
    asked = await sent(russian, "SignUpRequest", email="New@people.test")
    assert asked == {"__typename": "SignUpRequestSuccess", "email": "new@people.test"}
    token = await token_of_letter("SIGN_UP")

    common = await sent(browser, "SignUp", token=token, password="password123")  # noqa: S106
    done = await sent(browser, "SignUp", token=token, name="Ada", password=NEW)
    again = await sent(browser, "SignUp", token=token, name="Ada", password=NEW)

    assert (common["__typename"], common["path"]) == ("ValidationProblem", ["password"])
    assert done == {"__typename": "SignUpSuccess", "email": "new@people.test"}
    assert again["__typename"] == "TokenInvalidProblem"
    assert await Session.all().count() == 0
    assert (await User.get(email="new@people.test")).locale == "ru"
    assert await enter(browser, "new@people.test", NEW) == "SessionStartSuccess"
