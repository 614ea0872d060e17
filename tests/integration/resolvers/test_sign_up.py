"""Accounts that people make themselves."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models.errors import SignUpClosedError, TokenInvalidError, ValueInvalidError
from models.mails import Mail
from models.one_time_tokens import OneTimeToken
from models.rules.roles import CUSTOMER
from models.users import User
from resolvers.first_run import prepare_installation
from resolvers.letter_order_filling import fill_orders
from resolvers.ports import AccessPolicy, Ports
from resolvers.sign_in import sign_in
from resolvers.sign_up import request_sign_up, sign_up
from tests.factories import as_nobody
from tests.fakes import FixedClock
from tests.people import PASSWORD, as_visitor, token_of_letter

EMAIL = "new@people.test"


@pytest.fixture
async def open_ports(database: None, ports: Ports) -> Ports:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    await prepare_installation(host="go.test", admin_email="root@people.test", now=now)
    return replace(ports, access=AccessPolicy(may_sign_up=True))


async def ask(ports: Ports, email: str = EMAIL, *, locale: str = "ru") -> None:
    await request_sign_up(as_visitor(ports), email=email, locale=locale)
    await fill_orders(as_nobody(ports))


async def make(ports: Ports, token: str, *, name: str = "") -> User:
    return await sign_up(as_visitor(ports), token=token, name=name, password=PASSWORD)


async def test_a_letter_makes_an_account(open_ports: Ports) -> None:
    await ask(open_ports, " NEW@people.test")
    token = await token_of_letter("SIGN_UP")

    user = await make(open_ports, token, name="  New  Person ")

    stored = await User.get(id=user.id).select_related("role")
    assert (stored.email, stored.locale, stored.role.name) == (EMAIL, "ru", CUSTOMER)
    assert stored.email_verified_at == open_ports.clock.now()
    started = await sign_in(as_visitor(open_ports), email=EMAIL, password=PASSWORD)
    assert started.user_id == user.id


async def test_its_token_works_once_also_in_parallel(open_ports: Ports) -> None:
    await ask(open_ports)
    token = await token_of_letter("SIGN_UP")

    answers = await asyncio.gather(
        *(make(open_ports, token) for _ in range(4)), return_exceptions=True
    )

    assert [type(each) for each in answers].count(User) == 1
    assert [type(each) for each in answers].count(TokenInvalidError) == 3
    assert await User.filter(email=EMAIL).count() == 1


async def test_two_letters_make_one_account(open_ports: Ports) -> None:
    await ask(open_ports)
    first = await token_of_letter("SIGN_UP")
    await Mail.all().delete()
    await ask(open_ports)
    await make(open_ports, first)

    with pytest.raises(TokenInvalidError):
        await make(open_ports, await token_of_letter("SIGN_UP"))

    assert await User.filter(email=EMAIL).count() == 1


async def test_it_ends_after_a_day(open_ports: Ports, clock: FixedClock) -> None:
    await ask(open_ports)
    clock.at += timedelta(hours=24)

    with pytest.raises(TokenInvalidError):
        await make(open_ports, await token_of_letter("SIGN_UP"))

    assert not await User.exists(email=EMAIL)


async def test_a_refused_password_leaves_the_token_as_good_as_it_was(open_ports: Ports) -> None:
    await ask(open_ports)
    token = await token_of_letter("SIGN_UP")
    with pytest.raises(ValueInvalidError):
        await sign_up(as_visitor(open_ports), token=token, name="", password=EMAIL)

    assert (await make(open_ports, token)).email == EMAIL


async def test_who_has_an_account_learns_it_by_letter_alone(
    open_ports: Ports, sql: list[str]
) -> None:
    async def statements(email: str) -> list[str]:
        sql.clear()
        await request_sign_up(as_visitor(open_ports), email=email, locale="en")
        done = [each.partition(":")[0] for each in sql]
        await fill_orders(as_nobody(open_ports))
        return done

    await statements("first@people.test")  # counters have their first rows

    assert await statements(EMAIL) == await statements("root@people.test")
    letters = {each.to_address: each.template for each in await Mail.all()}
    assert letters == {
        "first@people.test": "SIGN_UP",
        EMAIL: "SIGN_UP",
        "root@people.test": "EMAIL_TAKEN_NOTICE",
    }


async def test_where_the_operator_lets_nobody_nothing_is_sent_or_made(
    open_ports: Ports, ports: Ports
) -> None:
    await ask(open_ports)
    token = await token_of_letter("SIGN_UP")
    with pytest.raises(SignUpClosedError):
        await ask(ports, "other@people.test")
    with pytest.raises(SignUpClosedError):
        await make(ports, token)

    assert (await Mail.all().count(), await OneTimeToken.all().count()) == (1, 1)
    assert not await User.exists(email=EMAIL)
