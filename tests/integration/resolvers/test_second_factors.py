"""The step after the password, recovery codes, and the second factor that was lost."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import pyotp
import pytest
from tortoise.transactions import in_transaction

from api.adapters.fernet_sealer import FernetSealer
from models.audit_entries import AuditEntry
from models.errors import (
    NotFoundError,
    RateLimitedError,
    ScopeNotHeldError,
    SecondFactorUnreadableError,
    SecondFactorWrongError,
    SignInRefusedError,
    TokenInvalidError,
)
from models.mails import Mail
from models.one_time_tokens import TokenPurpose
from models.rules.scopes import Scope
from models.second_factors import RecoveryCode, Totp
from models.sessions import Session
from models.users import User
from resolvers.context import NotPermittedError, RequestContext
from resolvers.one_time_tokens import issue_token
from resolvers.ports import Ports
from resolvers.recovery_codes import create_recovery_codes, recovery_codes_left
from resolvers.second_factors import confirm_session, reset_second_factors
from resolvers.sessions import StartedSession
from resolvers.totp import confirm_totp, create_totp
from tests.factories import as_command, as_nobody, as_person, make_user
from tests.fakes import FixedClock
from tests.sign_ins import as_session, logged


@dataclass(frozen=True)
class Person:
    """Somebody with an app, and the session in which it was made."""

    user: User
    app: pyotp.TOTP
    codes: list[str]
    context: RequestContext


@pytest.fixture
async def person(database: None, ports: Ports, clock: FixedClock) -> Person:
    user = await make_user("ann@people.test")
    context = await as_session(ports, user)
    app = pyotp.TOTP((await create_totp(context, issuer="Linkyard")).secret)
    codes = await confirm_totp(context, code=app.at(clock.at))
    clock.at += timedelta(seconds=30)
    return Person(user, app, codes, context)


async def promised(ports: Ports, user: User) -> str:
    """Return the token that a right password is answered with."""
    context = as_nobody(ports)
    async with in_transaction("default") as connection:
        return await issue_token(
            context,
            connection,
            purpose=TokenPurpose.SECOND_FACTOR,
            user_id=user.id,
            payload={"factors": ["password"]},
            life=timedelta(minutes=10),
        )


async def sessions_of(user: User) -> list[str]:
    return [each.factors for each in await Session.filter(user_id=user.id).order_by("id")]


async def test_a_code_of_the_app_begins_the_session(
    person: Person, ports: Ports, clock: FixedClock
) -> None:
    token = await promised(ports, person.user)

    started = await confirm_session(as_nobody(ports), token=token, code=person.app.at(clock.at))

    assert started.user_id == person.user.id
    assert await sessions_of(person.user) == ["password", "password totp"]
    assert (await logged())[-1] == "session.create"


async def test_a_wrong_code_can_be_corrected_and_is_written_down(
    person: Person, ports: Ports, clock: FixedClock
) -> None:
    token = await promised(ports, person.user)

    with pytest.raises(SecondFactorWrongError):
        await confirm_session(as_nobody(ports), token=token, code="000000")

    assert await sessions_of(person.user) == ["password"]
    assert (await logged())[-1] == "user.second_factor_refuse"
    await confirm_session(as_nobody(ports), token=token, code=person.app.at(clock.at))
    assert await sessions_of(person.user) == ["password", "password totp"]


async def test_a_token_is_good_once_and_not_for_ever(
    person: Person, ports: Ports, clock: FixedClock
) -> None:
    used, late = await promised(ports, person.user), await promised(ports, person.user)
    await confirm_session(as_nobody(ports), token=used, code=person.app.at(clock.at))
    clock.at += timedelta(minutes=10)

    for token in (used, late, "", "x" * 43):
        with pytest.raises(TokenInvalidError):
            await confirm_session(as_nobody(ports), token=token, code=person.app.at(clock.at))

    assert len(await sessions_of(person.user)) == 2


async def test_two_sign_ins_cannot_share_a_code(
    person: Person, ports: Ports, clock: FixedClock
) -> None:
    tokens = [await promised(ports, person.user) for _ in range(4)]
    code = person.app.at(clock.at)

    results = await asyncio.gather(
        *(confirm_session(as_nobody(ports), token=token, code=code) for token in tokens),
        return_exceptions=True,
    )

    assert sum(isinstance(each, StartedSession) for each in results) == 1
    assert sum(isinstance(each, SecondFactorWrongError) for each in results) == 3
    assert len(await sessions_of(person.user)) == 2


async def test_guessing_is_bounded_by_account_whatever_the_token(
    person: Person, ports: Ports, clock: FixedClock
) -> None:
    for _ in range(5):
        with pytest.raises(SecondFactorWrongError):
            await confirm_session(
                as_nobody(ports), token=await promised(ports, person.user), code="000000"
            )

    with pytest.raises(RateLimitedError):
        await confirm_session(
            as_nobody(ports), token=await promised(ports, person.user), code=person.app.at(clock.at)
        )

    assert len(await sessions_of(person.user)) == 1


async def test_a_right_code_forgives_the_wrong_ones(
    person: Person, ports: Ports, clock: FixedClock
) -> None:
    for _ in range(3):
        token = await promised(ports, person.user)
        for _ in range(3):
            with pytest.raises(SecondFactorWrongError):
                await confirm_session(as_nobody(ports), token=token, code="000000")
        await confirm_session(as_nobody(ports), token=token, code=person.app.at(clock.at))
        clock.at += timedelta(seconds=30)

    assert len(await sessions_of(person.user)) == 4


async def test_nobody_confirms_a_session_once_deactivated(
    person: Person, ports: Ports, clock: FixedClock
) -> None:
    token = await promised(ports, person.user)
    await User.filter(id=person.user.id).update(deactivated_at=clock.at)

    with pytest.raises(SignInRefusedError):
        await confirm_session(as_nobody(ports), token=token, code=person.app.at(clock.at))

    assert len(await sessions_of(person.user)) == 1


async def test_a_recovery_code_stands_in_for_the_app_once(person: Person, ports: Ports) -> None:
    code = person.codes[3]
    await confirm_session(as_nobody(ports), token=await promised(ports, person.user), code=code)

    with pytest.raises(SecondFactorWrongError):
        await confirm_session(as_nobody(ports), token=await promised(ports, person.user), code=code)

    assert await sessions_of(person.user) == ["password", "password recovery_code"]
    assert await recovery_codes_left(person.context) == 9
    assert "user.recovery_code_use" in await logged()
    assert {mail.template for mail in await Mail.all()} >= {"SECOND_FACTOR_CHANGED"}


async def test_of_parallel_sign_ins_with_one_recovery_code_one_wins(
    person: Person, ports: Ports
) -> None:
    tokens = [await promised(ports, person.user) for _ in range(4)]

    results = await asyncio.gather(
        *(confirm_session(as_nobody(ports), token=t, code=person.codes[0]) for t in tokens),
        return_exceptions=True,
    )

    assert sum(isinstance(each, StartedSession) for each in results) == 1
    assert await recovery_codes_left(person.context) == 9


async def test_the_codes_of_others_open_nothing(person: Person, ports: Ports) -> None:
    stranger = await make_user()

    with pytest.raises(SecondFactorWrongError):
        await confirm_session(
            as_nobody(ports), token=await promised(ports, stranger), code=person.codes[0]
        )

    assert (await sessions_of(stranger), await recovery_codes_left(person.context)) == ([], 10)


async def test_new_recovery_codes_replace_all_old_ones(person: Person, ports: Ports) -> None:
    fresh = await create_recovery_codes(person.context)

    assert not set(fresh) & set(person.codes)
    with pytest.raises(SecondFactorWrongError):
        await confirm_session(
            as_nobody(ports), token=await promised(ports, person.user), code=person.codes[0]
        )
    await confirm_session(as_nobody(ports), token=await promised(ports, person.user), code=fresh[0])
    stored = {each.code_hash for each in await RecoveryCode.all()}
    assert not stored & {*fresh, *person.codes}


async def test_who_has_no_factor_gets_no_recovery_codes(database: None, ports: Ports) -> None:
    context = await as_session(ports, await make_user())

    with pytest.raises(NotFoundError):
        await create_recovery_codes(context)

    assert await RecoveryCode.all().count() == 0


async def test_an_administrator_takes_lost_factors_away(
    person: Person, ports: Ports, clock: FixedClock
) -> None:
    waiting = await promised(ports, person.user)
    boss = await as_session(ports, await make_user(is_staff=True))

    await reset_second_factors(boss, user_id=person.user.id)

    assert (await Totp.all().count(), await RecoveryCode.all().count()) == (0, 0)
    assert await Session.filter(user_id=person.user.id, revoked_at=None).count() == 0
    assert await Session.filter(revoked_at=None).count() == 1
    with pytest.raises(TokenInvalidError):
        await confirm_session(as_nobody(ports), token=waiting, code=person.app.at(clock.at))
    assert (await logged())[-2:] == ["user.second_factor_reset", "one_time_token.refuse"]
    letters = await Mail.filter(to_address="ann@people.test")
    assert [letter.template for letter in letters] == ["SECOND_FACTOR_CHANGED"] * 2


async def test_the_command_line_takes_them_away_too(person: Person, ports: Ports) -> None:
    await reset_second_factors(as_command(ports), user_id=person.user.id)

    assert await Totp.all().count() == 0


async def test_nobody_takes_factors_from_those_who_may_do_more(
    person: Person, ports: Ports
) -> None:
    plain = await make_user(scopes=frozenset({Scope.LINK_READ}), is_staff=True)
    helper = await make_user(scopes=frozenset({Scope.USER_ADMIN}), is_staff=True)
    local = await make_user()

    with pytest.raises(NotPermittedError):
        await reset_second_factors(as_person(ports, plain), user_id=person.user.id)
    with pytest.raises(ScopeNotHeldError):
        await reset_second_factors(as_person(ports, helper), user_id=person.user.id)
    with pytest.raises(NotFoundError):
        await reset_second_factors(as_person(ports, local), user_id=person.user.id)
    with pytest.raises(NotFoundError):
        await reset_second_factors(as_command(ports), user_id=5)

    assert (await Totp.all().count(), await RecoveryCode.all().count()) == (1, 10)


def without_key(ports: Ports) -> Ports:
    """Return the ports of an installation that lost its secret key."""
    return replace(ports, sealer=FernetSealer([b"another key" * 3]))


async def test_an_app_whose_key_is_gone_has_a_reason_of_its_own(
    person: Person, ports: Ports, clock: FixedClock
) -> None:
    lost = without_key(ports)
    token = await promised(lost, person.user)

    with pytest.raises(SecondFactorUnreadableError):
        await confirm_session(as_nobody(lost), token=token, code=person.app.at(clock.at))

    assert await sessions_of(person.user) == ["password"]
    [entry] = await AuditEntry.filter(action="user.second_factor_refuse")
    assert (entry.actor_id, entry.after) == (person.user.id, '{"reason":"unreadable"}')
    assert (await Totp.get()).last_step == int(clock.at.timestamp()) // 30 - 1
    await confirm_session(as_nobody(lost), token=token, code=person.codes[0])
    assert await sessions_of(person.user) == ["password", "password recovery_code"]


async def test_tries_of_an_app_whose_key_is_gone_are_counted(
    person: Person, ports: Ports, clock: FixedClock
) -> None:
    lost = without_key(ports)
    token = await promised(lost, person.user)
    for _ in range(5):
        with pytest.raises(SecondFactorUnreadableError):
            await confirm_session(as_nobody(lost), token=token, code="000000")

    with pytest.raises(RateLimitedError):
        await confirm_session(as_nobody(lost), token=token, code="000000")


async def test_a_promise_whose_key_is_gone_is_none(
    person: Person, ports: Ports, clock: FixedClock
) -> None:
    token = await promised(ports, person.user)

    with pytest.raises(TokenInvalidError):
        await confirm_session(
            as_nobody(without_key(ports)), token=token, code=person.app.at(clock.at)
        )

    assert await sessions_of(person.user) == ["password"]


async def test_an_app_that_was_never_confirmed_is_made_anew_when_its_key_is_gone(
    database: None, ports: Ports, clock: FixedClock
) -> None:
    user = await make_user("bob@people.test")
    app = pyotp.TOTP((await create_totp(await as_session(ports, user), issuer="L")).secret)
    context = await as_session(without_key(ports), user)

    with pytest.raises(NotFoundError):
        await confirm_totp(context, code=app.at(clock.at))

    fresh = pyotp.TOTP((await create_totp(context, issuer="L")).secret)
    assert len(await confirm_totp(context, code=fresh.at(clock.at))) == 10
