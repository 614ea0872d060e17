"""What was proved and is not so any more when it is to count: nobody gets in by it.

A password is looked at for a tenth of a second. These tests stop there, let something
happen to the account, and go on.
"""

import asyncio
from datetime import timedelta

import pyotp
import pytest
from tortoise.transactions import in_transaction

from models.audit_entries import AuditEntry
from models.errors import (
    PasswordWrongError,
    SecondFactorRequiredError,
    SessionRequiredError,
    SignInRefusedError,
    TokenInvalidError,
)
from models.one_time_tokens import OneTimeToken
from models.rules.roles import ADMINISTRATOR
from models.rules.sign_in_methods import SecondFactor
from models.sessions import Session
from models.users import User
from resolvers.context import RequestContext
from resolvers.passwords import change_password, issue_reset, reset_password
from resolvers.ports import Ports
from resolvers.second_factors import confirm_session
from resolvers.sessions import StartedSession
from resolvers.sign_in import sign_in
from resolvers.totp import confirm_totp, create_totp
from resolvers.user_edits import deactivate_user
from tests.factories import PASSWORDS, as_command, make_built_in
from tests.fakes import FixedClock
from tests.people import PASSWORD, as_visitor, begin, in_session, make_member, seen
from tests.stopped_hasher import stopped

NEW = "four noisy cranes"


@pytest.fixture
async def person(database: None) -> User:
    return await make_member()


async def by_old_password(context: RequestContext) -> StartedSession:
    return await sign_in(context, email="ada@people.test", password=PASSWORD)


async def reset(ports: Ports, person: User, new: str = NEW) -> None:
    context = as_visitor(ports)
    async with in_transaction("default") as connection:
        path = await issue_reset(context, connection, user_id=person.id)
    await reset_password(context, token=path.partition("#")[2], new=new)


async def add_app(ports: Ports, person: User, clock: FixedClock) -> pyotp.TOTP:
    """Give the person an app in a session of their own."""
    context = await in_session(ports, person)
    app = pyotp.TOTP((await create_totp(context, issuer="Linkyard")).secret)
    await confirm_totp(context, code=app.at(clock.at))
    clock.at += timedelta(seconds=30)
    return app


async def live_sessions() -> int:
    return await Session.filter(revoked_at=None).count()


async def test_a_password_that_is_reset_while_it_is_looked_at_begins_no_session(
    ports: Ports, person: User
) -> None:
    async with stopped(as_visitor(ports), by_old_password) as signing_in:
        await reset(ports, person)

    with pytest.raises(SignInRefusedError):
        await signing_in
    assert await live_sessions() == 0
    last = await AuditEntry.all().order_by("-id").first()
    assert last is not None
    assert (last.action, last.subject_id) == ("user.sign_in_refuse", person.id)


async def test_nor_does_one_that_is_changed_meanwhile(ports: Ports, person: User) -> None:
    context = await in_session(ports, person)
    async with stopped(as_visitor(ports), by_old_password) as signing_in:
        await change_password(context, current=PASSWORD, new=NEW)

    with pytest.raises(SignInRefusedError):
        await signing_in
    assert await live_sessions() == 1


async def test_nor_does_one_that_is_set_again_to_the_same(ports: Ports, person: User) -> None:
    async with stopped(as_visitor(ports), by_old_password) as signing_in:
        await reset(ports, person, new=PASSWORD)

    with pytest.raises(SignInRefusedError):
        await signing_in
    assert await live_sessions() == 0


async def test_a_password_promises_no_second_step_once_it_was_reset(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    await add_app(ports, person, clock)
    async with stopped(as_visitor(ports), by_old_password) as signing_in:
        await reset(ports, person)

    with pytest.raises(SignInRefusedError):
        await signing_in
    assert await OneTimeToken.filter(purpose="SECOND_FACTOR", used_at=None).count() == 0


async def test_a_promise_from_before_a_reset_opens_nothing(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    app = await add_app(ports, person, clock)
    with pytest.raises(SecondFactorRequiredError) as promised:
        await by_old_password(as_visitor(ports))
    await reset(ports, person)

    with pytest.raises(TokenInvalidError):
        await confirm_session(as_visitor(ports), token=promised.value.token, code=app.at(clock.at))

    assert await live_sessions() == 0


async def test_an_app_that_is_confirmed_meanwhile_is_asked_for(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    async with stopped(as_visitor(ports), by_old_password) as signing_in:
        await add_app(ports, person, clock)

    with pytest.raises(SecondFactorRequiredError) as wanted:
        await signing_in
    assert wanted.value.factors == (SecondFactor.TOTP, SecondFactor.RECOVERY_CODE)
    assert await live_sessions() == 1  # the one in which the app was made


async def test_a_person_deactivated_meanwhile_stays_outside(ports: Ports, person: User) -> None:
    await make_built_in(ADMINISTRATOR)  # the last one could not be deactivated
    async with stopped(as_visitor(ports), by_old_password) as signing_in:
        await deactivate_user(as_command(ports), user_id=person.id)

    with pytest.raises(SignInRefusedError):
        await signing_in
    assert await live_sessions() == 0


async def test_a_hash_made_anew_meanwhile_is_still_the_same_password(
    ports: Ports, person: User
) -> None:
    async with stopped(as_visitor(ports), by_old_password) as signing_in:
        fresh = await PASSWORDS.hash(PASSWORD)
        await User.filter(id=person.id).update(password_hash=fresh)

    assert await seen(ports, (await signing_in).token) is not None


async def test_an_old_password_sets_no_new_one(ports: Ports, person: User) -> None:
    context = await in_session(ports, person)
    mine = "five wistful storks"

    async with stopped(
        context, lambda slow: change_password(slow, current=PASSWORD, new=mine)
    ) as changing:
        await reset(ports, person)

    with pytest.raises((PasswordWrongError, SessionRequiredError)):
        await changing
    assert (await PASSWORDS.verify(NEW, (await User.get(id=person.id)).password_hash)).is_right


async def test_of_resets_and_sign_ins_at_once_no_old_session_is_left(
    ports: Ports, person: User
) -> None:
    """In whatever order they come: what was begun before a reset is over, and nothing hangs."""
    await begin(ports, person)

    await asyncio.gather(
        *(by_old_password(as_visitor(ports)) for _ in range(6)),
        reset(ports, person),
        *(by_old_password(as_visitor(ports)) for _ in range(6)),
        return_exceptions=True,
    )

    assert await live_sessions() == 0
