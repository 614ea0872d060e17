"""Strangers who guess at a password slow down themselves, not the browser of its owner."""

from dataclasses import replace
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

import pytest
from aiohttp import hdrs

from models.throttles import Throttle
from models.users import User
from resolvers.context import Origin, RequestContext
from resolvers.known_devices import DEVICE_LIFE, device_token, spend_password_try
from resolvers.ports import Ports
from tests.factories import PASSWORDS, as_nobody, make_user
from tests.fakes import FixedClock
from tests.portal import Client, Portal

PASSWORD = "correct horse battery staple"  # noqa: S105 - of a test
CLIENT = {"Linkyard-Client": "test"}
DEVICE = "__Host-linkyard-device"


@pytest.fixture
async def person(database: None) -> User:
    person = await make_user("ada@people.test")
    person.password_hash = await PASSWORDS.hash(PASSWORD)
    await person.save()
    return person


async def enter(portal: Portal, password: str) -> dict[str, Any]:
    found = await portal.ask(
        "SessionCreate", input={"email": "ada@people.test", "password": password}
    )
    result: dict[str, Any] = found["sessionCreate"]
    return result


async def known(client: Client) -> Portal:
    """Sign in once, and return the browser without its session."""
    answer = await Portal(client, dict(CLIENT)).send(
        "SessionCreate", input={"email": "ada@people.test", "password": PASSWORD}
    )
    [cookie] = [
        jar[DEVICE]
        for line in answer.headers.getall(hdrs.SET_COOKIE)
        if DEVICE in (jar := SimpleCookie(line))
    ]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", True)
    assert (cookie["path"], cookie["domain"], cookie["max-age"]) == ("/", "", "15552000")
    client.session.cookie_jar.clear()
    return Portal(client, {**CLIENT, "Cookie": f"{DEVICE}={cookie.value}"})


async def test_the_owners_browser_gets_in_while_strangers_have_to_wait(
    client: Client, person: User
) -> None:
    browser, stranger = await known(client), Portal(client, dict(CLIENT))
    answers = [(await enter(stranger, f"guess {number}"))["code"] for number in range(7)]

    assert answers == ["SIGN_IN_REFUSED"] * 5 + ["RATE_LIMITED"] * 2
    assert (await enter(browser, PASSWORD))["__typename"] == "SessionStartSuccess"
    assert (await enter(stranger, PASSWORD))["code"] == "RATE_LIMITED"


async def test_a_known_browser_has_five_tries_of_its_own(client: Client, person: User) -> None:
    browser, stranger = await known(client), Portal(client, dict(CLIENT))
    answers = [(await enter(browser, f"guess {number}"))["code"] for number in range(6)]

    assert answers == ["SIGN_IN_REFUSED"] * 5 + ["RATE_LIMITED"]
    assert (await enter(stranger, PASSWORD))["__typename"] == "SessionStartSuccess"


def seen(ports: Ports, token: str) -> RequestContext:
    return replace(as_nobody(ports), origin=Origin(device_token=token))


async def names(context: RequestContext, account: str) -> set[str]:
    """Count a try and return the names of all counters."""
    await spend_password_try(context, account)
    return {row.key for row in await Throttle.all()}


async def test_a_device_that_signs_in_again_stays_the_same_one(
    database: None, ports: Ports
) -> None:
    first = seen(ports, device_token(as_nobody(ports), "ada@people.test"))
    again = seen(ports, device_token(first, "ada@people.test"))
    other = seen(ports, device_token(as_nobody(ports), "ada@people.test"))

    assert len(await names(first, "ada@people.test")) == 1
    assert len(await names(again, "ada@people.test")) == 1
    assert len(await names(other, "ada@people.test")) == 2


@pytest.mark.parametrize("fault", ["other account", "altered", "too old", "nonsense", "too long"])
async def test_a_token_that_says_nothing_leaves_one_a_stranger(
    database: None, ports: Ports, clock: FixedClock, fault: str
) -> None:
    account = "eve@people.test" if fault == "other account" else "ada@people.test"
    token = device_token(as_nobody(ports), account)
    shown = {"altered": f"{token[:-9]}AAAAAAAA=", "nonsense": "ä", "too long": token * 9}
    if fault == "too old":
        clock.at += DEVICE_LIFE
    strangers = await names(as_nobody(ports), "ada@people.test")

    assert await names(seen(ports, shown.get(fault, token)), "ada@people.test") == strangers


async def test_a_token_is_good_until_its_last_second(
    database: None, ports: Ports, clock: FixedClock
) -> None:
    context = seen(ports, device_token(as_nobody(ports), "ada@people.test"))
    clock.at += DEVICE_LIFE - timedelta(seconds=1)
    strangers = await names(as_nobody(ports), "ada@people.test")

    assert len(await names(context, "ada@people.test") - strangers) == 1
