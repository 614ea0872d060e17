"""Secrets that open one door once."""

import asyncio
from datetime import timedelta

import pytest
from tortoise.transactions import in_transaction

from models.one_time_tokens import OneTimeToken, TokenPurpose
from models.users import User
from resolvers.context import RequestContext
from resolvers.one_time_tokens import FoundToken, find_token, issue_token, use_token, void_tokens
from resolvers.ports import Ports
from tests.factories import as_nobody, make_user
from tests.fakes import FixedClock

LIFE = timedelta(minutes=30)
RESET, SIGN_UP = TokenPurpose.PASSWORD_RESET, TokenPurpose.SIGN_UP


@pytest.fixture
async def person(database: None) -> User:
    return await make_user()


@pytest.fixture
def context(ports: Ports) -> RequestContext:
    return as_nobody(ports)


async def issue(context: RequestContext, person: User) -> str:
    async with in_transaction("default") as connection:
        return await issue_token(
            context, connection, purpose=RESET, user_id=person.id, payload={"a": 1}, life=LIFE
        )


async def use(
    context: RequestContext, token: str | None, *, purpose: TokenPurpose = RESET
) -> FoundToken | None:
    async with in_transaction("default") as connection:
        return await use_token(context, connection, token, purpose=purpose)


async def test_a_token_opens_its_door_once(context: RequestContext, person: User) -> None:
    token = await issue(context, person)

    assert await use(context, token) == FoundToken(user_id=person.id, payload={"a": 1})
    assert await use(context, token) is None


async def test_the_store_tells_neither_token_nor_payload(
    context: RequestContext, person: User
) -> None:
    token = await issue(context, person)

    row = await OneTimeToken.get()
    assert token not in (row.token_hash, row.sealed_payload)
    assert '"a"' not in row.sealed_payload


async def test_of_parallel_uses_one_wins(context: RequestContext, person: User) -> None:
    for _ in range(5):
        token = await issue(context, person)

        found = await asyncio.gather(*(use(context, token) for _ in range(8)))

        assert len([each for each in found if each is not None]) == 1


async def test_it_opens_no_other_door_and_is_good_for_its_own_afterwards(
    context: RequestContext, person: User
) -> None:
    token = await issue(context, person)

    assert await use(context, token, purpose=SIGN_UP) is None
    assert await use(context, token) is not None


async def test_it_ends_with_its_life(
    context: RequestContext, person: User, clock: FixedClock
) -> None:
    early, late = await issue(context, person), await issue(context, person)
    clock.at += LIFE - timedelta(microseconds=1)
    assert await use(context, early) is not None
    clock.at += timedelta(microseconds=1)

    assert await use(context, late) is None


async def test_a_use_that_is_rolled_back_was_none(context: RequestContext, person: User) -> None:
    token = await issue(context, person)

    async def fail() -> None:
        async with in_transaction("default") as connection:
            assert await use_token(context, connection, token, purpose=RESET) is not None
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert await use(context, token) is not None


@pytest.mark.parametrize("token", [None, "", " ", "null", "0", "x" * 42, "x" * 44, "é" * 43])
async def test_what_is_none_is_refused_without_a_query(
    context: RequestContext, person: User, sql: list[str], token: str | None
) -> None:
    await issue(context, person)
    async with in_transaction("default") as connection:
        sql.clear()

        assert await use_token(context, connection, token, purpose=RESET) is None
        assert await find_token(context, connection, token, purpose=RESET) is None
        assert sql == []

    assert (await OneTimeToken.get()).used_at is None


async def test_a_look_uses_nothing_up(context: RequestContext, person: User) -> None:
    token = await issue(context, person)
    async with in_transaction("default") as connection:
        for _ in range(2):
            assert await find_token(context, connection, token, purpose=RESET) is not None

    assert await use(context, token) is not None


async def test_a_persons_tokens_can_be_made_void_and_nobody_elses(
    context: RequestContext, person: User
) -> None:
    token, other = await issue(context, person), await issue(context, await make_user())
    async with in_transaction("default") as connection:
        await void_tokens(context, connection, user_id=person.id, purpose=SIGN_UP)
        assert await find_token(context, connection, token, purpose=RESET) is not None
        await void_tokens(context, connection, user_id=person.id)

    assert await use(context, token) is None
    assert await use(context, other) is not None
