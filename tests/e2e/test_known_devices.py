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
from resolvers.known_devices import (
    DEVICE_LIFE,
    device_token,
    is_known_device,
    spend_password_try,
)
from resolvers.passwords import change_password, set_password
from resolvers.ports import Ports
from tests.factories import PASSWORDS, as_command, as_nobody, make_user
from tests.fakes import FixedClock
from tests.people import in_session
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


async def names(context: RequestContext, user: User) -> set[str]:
    """Count a try and return the names of all counters."""
    await spend_password_try(context, user.email, user)
    return {row.key for row in await Throttle.all()}


async def test_a_device_that_signs_in_again_stays_the_same_one(ports: Ports, person: User) -> None:
    first = seen(ports, device_token(as_nobody(ports), person))
    again = seen(ports, device_token(first, person))
    other = seen(ports, device_token(as_nobody(ports), person))

    assert len(await names(first, person)) == 2  # its own counter, and that of all devices
    assert len(await names(again, person)) == 2
    assert len(await names(other, person)) == 3


FAULTS = ["other account", "other password", "altered", "too old", "nonsense", "too long"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_token_that_says_nothing_leaves_one_a_stranger(
    ports: Ports, person: User, clock: FixedClock, fault: str
) -> None:
    other = await make_user("eve@people.test")
    token = device_token(as_nobody(ports), other if fault == "other account" else person)
    shown = {"altered": f"{token[:-9]}AAAAAAAA=", "nonsense": "ä", "too long": token * 9}
    if fault == "too old":
        clock.at += DEVICE_LIFE
    if fault == "other password":
        person.password_changed_at = clock.at
    strangers = await names(as_nobody(ports), person)

    assert await names(seen(ports, shown.get(fault, token)), person) == strangers


async def test_a_token_is_good_until_its_last_second(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    context = seen(ports, device_token(as_nobody(ports), person))
    clock.at += DEVICE_LIFE - timedelta(seconds=1)
    strangers = await names(as_nobody(ports), person)

    assert len(await names(context, person) - strangers) == 2


async def test_a_token_for_the_longest_address_is_read(ports: Ports, clock: FixedClock) -> None:
    user = User(email=f"{'x' * 241}@example.test", password_changed_at=clock.at)

    assert is_known_device(seen(ports, device_token(as_nobody(ports), user)), user)


async def test_many_devices_are_not_worth_many_times_as_many_guesses(
    client: Client, person: User, clock: FixedClock
) -> None:
    devices = [await known(client) for _ in range(5)]
    answers = [
        (await enter(device, f"guess {number}"))["code"]
        for number in range(4)
        for device in devices
    ]

    assert answers == ["SIGN_IN_REFUSED"] * 15 + ["RATE_LIMITED"] * 5
    assert (await enter(devices[4], PASSWORD))["code"] == "RATE_LIMITED"
    clock.at += timedelta(seconds=4)
    assert (await enter(devices[4], PASSWORD))["__typename"] == "SessionStartSuccess"
    assert (await enter(devices[3], "guess"))["code"] == "SIGN_IN_REFUSED"


async def test_a_new_password_makes_a_stranger_of_every_device_but_the_one_at_hand(
    client: Client, person: User, ports: Ports
) -> None:
    old = seen(ports, device_token(as_nobody(ports), person))
    context = await in_session(ports, person)

    started = await change_password(context, current=PASSWORD, new="four noisy cranes")

    changed = await User.get(id=person.id)
    assert not is_known_device(old, changed)
    assert is_known_device(seen(ports, started.device_token), changed)


async def test_a_reset_forgets_what_all_devices_tried(
    client: Client, person: User, ports: Ports
) -> None:
    devices = [await known(client) for _ in range(4)]
    for number in range(16):
        await enter(devices[number % 4], f"guess {number}")
    new, counters = "four noisy cranes", await Throttle.all().count()

    await set_password(as_command(ports), email=person.email, new=new)

    assert await Throttle.all().count() == counters - 1  # that of all devices
    assert (await enter(devices[0], new))["__typename"] == "SessionStartSuccess"
