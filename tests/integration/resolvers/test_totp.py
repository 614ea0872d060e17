"""The authenticator app of a person, from its making to its loss."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
from tortoise.transactions import in_transaction

from models.errors import (
    NotFoundError,
    RateLimitedError,
    SecondFactorWrongError,
    SessionRequiredError,
    StepUpRequiredError,
    TotpExistsError,
)
from models.mails import Mail
from models.second_factors import RecoveryCode, Totp
from models.sessions import Session
from models.users import User
from resolvers.context import RequestContext
from resolvers.ports import Ports
from resolvers.totp import confirm_totp, create_totp, delete_totp, has_totp, use_totp_code
from tests.factories import as_person, make_user
from tests.fakes import FixedClock
from tests.sign_ins import as_session, logged


@pytest.fixture
async def person(database: None) -> User:
    return await make_user("ann@people.test")


@pytest.fixture
async def context(person: User, ports: Ports) -> RequestContext:
    return await as_session(ports, person)


async def make_app(context: RequestContext, clock: FixedClock) -> pyotp.TOTP:
    """Make an app that counts; its first code is used up."""
    app = pyotp.TOTP((await create_totp(context, issuer="Linkyard")).secret)
    await confirm_totp(context, code=app.at(clock.at))
    return app


async def use(context: RequestContext, user: User, code: str) -> bool:
    async with in_transaction("default") as connection:
        return await use_totp_code(context, connection, user=user, code=code)


async def test_an_app_counts_once_it_has_shown_a_code(
    context: RequestContext, person: User, clock: FixedClock
) -> None:
    made = await create_totp(context, issuer="Linkyard")
    assert not await has_totp(person.id)
    stored = await Totp.get(user_id=person.id)
    assert made.secret not in stored.sealed_secret

    codes = await confirm_totp(context, code=pyotp.TOTP(made.secret).at(clock.at))

    assert await has_totp(person.id)
    assert len(set(codes)) == 10
    assert await RecoveryCode.filter(user_id=person.id, used_at=None).count() == 10
    assert await logged() == ["totp.create", "totp.confirm", "user.recovery_codes_create"]
    assert [(mail.to_address, mail.template) for mail in await Mail.all()] == [
        ("ann@people.test", "SECOND_FACTOR_CHANGED")
    ]


async def test_a_wrong_code_confirms_nothing(context: RequestContext, person: User) -> None:
    await create_totp(context, issuer="Linkyard")

    with pytest.raises(SecondFactorWrongError):
        await confirm_totp(context, code="000000")

    assert not await has_totp(person.id)
    assert (await RecoveryCode.all().count(), await Mail.all().count()) == (0, 0)
    assert await logged() == ["totp.create", "user.second_factor_refuse"]


async def test_other_sessions_end_with_the_first_code(
    context: RequestContext, person: User, ports: Ports, clock: FixedClock
) -> None:
    other = await as_session(ports, person)

    await make_app(context, clock)

    open_ones = [session.id for session in await Session.filter(revoked_at=None)]
    assert open_ones == [context.viewer.session_id]
    assert other.viewer.session_id not in open_ones


async def test_a_second_app_needs_the_first_one_deleted(
    context: RequestContext, person: User, clock: FixedClock
) -> None:
    await make_app(context, clock)
    [before] = await Totp.all()

    with pytest.raises(TotpExistsError):
        await create_totp(context, issuer="Linkyard")
    assert [row.sealed_secret for row in await Totp.all()] == [before.sealed_secret]

    await delete_totp(context)
    await create_totp(context, issuer="Linkyard")

    assert not await has_totp(person.id)


async def test_a_deleted_app_takes_the_recovery_codes_along(
    context: RequestContext, clock: FixedClock
) -> None:
    await make_app(context, clock)

    await delete_totp(context)

    assert (await Totp.all().count(), await RecoveryCode.all().count()) == (0, 0)
    assert (await logged())[-1] == "totp.delete"
    assert await Mail.all().count() == 2
    with pytest.raises(NotFoundError):
        await delete_totp(context)


async def test_a_code_is_good_once(
    context: RequestContext, person: User, clock: FixedClock
) -> None:
    app = await make_app(context, clock)
    clock.at += timedelta(seconds=30)
    code = app.at(clock.at)

    assert [await use(context, person, code) for _ in range(2)] == [True, False]


async def test_of_parallel_tries_with_one_code_one_wins(
    context: RequestContext, person: User, clock: FixedClock
) -> None:
    app = await make_app(context, clock)
    clock.at += timedelta(seconds=30)
    code = app.at(clock.at)

    won = await asyncio.gather(*(use(context, person, code) for _ in range(8)))

    assert sorted(won) == [False] * 7 + [True]


async def test_the_code_that_confirmed_the_app_signs_nobody_in(
    context: RequestContext, person: User, clock: FixedClock
) -> None:
    app = await make_app(context, clock)

    assert not await use(context, person, app.at(clock.at))


async def test_a_clock_that_jumps_back_revives_no_code(
    context: RequestContext, person: User, clock: FixedClock
) -> None:
    app = await make_app(context, clock)
    clock.at += timedelta(days=3)
    assert await use(context, person, app.at(clock.at))

    clock.at -= timedelta(days=3)

    assert not await use(context, person, app.at(clock.at))
    assert not await use(context, person, app.at(clock.at + timedelta(seconds=30)))


async def test_a_key_makes_no_way_of_signing_in(
    person: User, ports: Ports, context: RequestContext
) -> None:
    by_key = as_person(ports, person)
    by_key = replace(by_key, viewer=replace(by_key.viewer, api_key_id=1))

    for work in (
        create_totp(by_key, issuer="L"),
        confirm_totp(by_key, code="1"),
        delete_totp(by_key),
    ):
        with pytest.raises(SessionRequiredError):
            await work

    assert await Totp.all().count() == 0


async def test_an_old_proof_of_identity_is_not_enough(
    context: RequestContext, clock: FixedClock
) -> None:
    await make_app(context, clock)
    clock.at += timedelta(minutes=10)

    for work in (create_totp(context, issuer="L"), delete_totp(context)):
        with pytest.raises(StepUpRequiredError):
            await work

    assert await Totp.filter(confirmed_at__isnull=False).count() == 1


async def test_guessing_the_first_code_is_bounded(context: RequestContext, person: User) -> None:
    await create_totp(context, issuer="Linkyard")

    for _ in range(5):
        with pytest.raises(SecondFactorWrongError):
            await confirm_totp(context, code="000000")
    with pytest.raises(RateLimitedError):
        await confirm_totp(context, code="000000")

    assert not await has_totp(person.id)
