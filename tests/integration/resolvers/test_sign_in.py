"""Signing in by a password: who gets in, and how little anybody learns who does not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from api.adapters.argon2_hasher import Argon2Hasher
from models.audit_entries import AuditEntry
from models.errors import (
    InsecureTransportError,
    PasswordWrongError,
    RateLimitedError,
    SecondFactorRequiredError,
    SessionRequiredError,
    SignInRefusedError,
)
from models.mails import Mail
from models.one_time_tokens import OneTimeToken, TokenPurpose
from models.rules.sign_in_methods import SecondFactor
from models.second_factors import Passkey, RecoveryCode, Totp
from models.sessions import Session
from models.users import User
from resolvers.ports import Ports
from resolvers.renewals import renew_by_password
from resolvers.sessions import StartedSession
from resolvers.sign_in import sign_in
from tests.factories import PASSWORDS, as_person
from tests.fakes import FixedClock
from tests.people import FROM, PASSWORD, as_visitor, begin, in_session, make_member, seen

WRONG = "three quiet herrings"


@pytest.fixture
async def person(database: None) -> User:
    return await make_member()


@pytest.fixture
async def stronger(ports: Ports) -> AsyncIterator[Argon2Hasher]:
    """A hasher with other parameters than those of the stored hash."""
    hasher = Argon2Hasher(memory_kib=16, time_cost=1, parallelism=1)
    yield hasher
    hasher.close()


async def start(ports: Ports, email: str, password: str = PASSWORD) -> StartedSession:
    return await sign_in(as_visitor(ports), email=email, password=password)


async def entries() -> list[tuple[str, int | None, str]]:
    return [(row.action, row.subject_id, row.after) for row in await AuditEntry.all()]


@pytest.mark.parametrize("email", ["ada@people.test", "  ADA@People.TEST "])
async def test_the_right_password_begins_a_session(ports: Ports, person: User, email: str) -> None:
    started = await start(ports, email)

    viewer = await seen(ports, started.token)
    assert viewer is not None
    assert viewer.user_id == person.id
    assert (await Session.get()).factors == "password"
    [entry] = await AuditEntry.all()
    assert (entry.action, entry.subject_id, entry.actor_id, entry.address) == (
        "session.create",
        started.session_id,
        person.id,
        FROM.address,
    )


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@people.test", WRONG),
        ("ada@people.test", ""),
        ("ada@people.test", PASSWORD + "\0"),
        ("ada@people.test", "x" * 1_000_000),
        ("nobody@people.test", PASSWORD),
        ("nobody@people.test", ""),
        ("", PASSWORD),
        ("x" * 100_000, PASSWORD),
        ("bob@people.test", PASSWORD),  # deactivated
        ("eve@people.test", PASSWORD),  # has no password
        ("eve@people.test", ""),
    ],
)
async def test_everything_else_is_refused_alike_after_one_hash(
    ports: Ports, person: User, email: str, password: str
) -> None:
    bob = await make_member("bob@people.test")
    eve = await make_member("eve@people.test")
    await User.filter(id=bob.id).update(deactivated_at=ports.clock.now())
    await User.filter(id=eve.id).update(password_hash=None)
    before = PASSWORDS.hashes

    with pytest.raises(SignInRefusedError) as refused:
        await sign_in(as_visitor(ports), email=email, password=password)

    assert (PASSWORDS.hashes - before, str(refused.value)) == (1, "SIGN_IN_REFUSED")
    assert await Session.all().count() == 0
    assert [action for action, _, _ in await entries()] == ["user.sign_in_refuse"]


async def test_known_and_unknown_take_the_same_queries(
    ports: Ports, person: User, sql: list[str]
) -> None:
    async def statements(email: str) -> list[str]:
        sql.clear()
        with pytest.raises(SignInRefusedError):
            await sign_in(as_visitor(ports), email=email, password=WRONG)
        return [each.partition(":")[0] for each in sql]

    await statements("nobody@people.test")  # counters have their first rows

    assert await statements("ada@people.test") == await statements("neither@people.test")


async def test_over_plain_http_nobody_signs_in_and_nothing_is_looked_at(
    ports: Ports, person: User
) -> None:
    context = as_visitor(ports, origin=replace(FROM, is_secure=False))
    before = PASSWORDS.hashes

    with pytest.raises(InsecureTransportError):
        await sign_in(context, email=person.email, password=PASSWORD)

    assert (PASSWORDS.hashes, await Session.all().count()) == (before, 0)


async def test_guesses_have_to_wait_longer_and_longer_and_the_right_one_forgives(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    for _ in range(5):
        with pytest.raises(SignInRefusedError):
            await sign_in(as_visitor(ports), email=person.email, password=WRONG)
    before = PASSWORDS.hashes

    with pytest.raises(RateLimitedError) as refused:
        await sign_in(as_visitor(ports), email="ADA@people.test", password=PASSWORD)

    assert (PASSWORDS.hashes, refused.value.retry_after_s) == (before, 4)
    clock.at += timedelta(seconds=4)
    await start(ports, person.email)
    with pytest.raises(SignInRefusedError):
        await sign_in(as_visitor(ports), email=person.email, password=WRONG)
    await start(ports, person.email)


async def test_one_address_guesses_for_many_accounts_only_so_often(
    ports: Ports, database: None
) -> None:
    for number in range(30):
        with pytest.raises(SignInRefusedError):
            await sign_in(as_visitor(ports), email=f"{number}@people.test", password=WRONG)

    with pytest.raises(RateLimitedError):
        await sign_in(as_visitor(ports), email="more@people.test", password=WRONG)


async def test_the_session_that_the_browser_had_ends(ports: Ports, person: User) -> None:
    context = await in_session(ports, person)

    started = await sign_in(context, email=person.email, password=PASSWORD)

    alive = await Session.filter(revoked_at=None)
    assert [each.id for each in alive] == [started.session_id]
    assert [action for action, _, _ in await entries()] == ["session.delete", "session.create"]


@pytest.mark.parametrize(
    ("has", "wanted"),
    [
        ("totp", (SecondFactor.TOTP,)),
        ("passkey", (SecondFactor.PASSKEY,)),
        ("all", (SecondFactor.TOTP, SecondFactor.PASSKEY, SecondFactor.RECOVERY_CODE)),
    ],
)
async def test_who_has_a_second_factor_is_asked_for_it(
    ports: Ports, person: User, has: str, wanted: tuple[SecondFactor, ...]
) -> None:
    if has in {"totp", "all"}:
        await Totp.create(user=person, sealed_secret="-", confirmed_at=ports.clock.now())  # noqa: S106
    if has in {"passkey", "all"}:
        await Passkey.create(user=person, credential_id="c", public_key="k", label="phone")
    if has == "all":
        await RecoveryCode.create(user=person, code_hash="h")

    with pytest.raises(SecondFactorRequiredError) as asked:
        await sign_in(as_visitor(ports), email=person.email, password=PASSWORD)

    assert asked.value.factors == wanted
    assert asked.value.token not in str(asked.value)
    token = await OneTimeToken.get()
    assert (token.purpose, token.user_id) == (TokenPurpose.SECOND_FACTOR, person.id)
    assert await Session.all().count() == 0


async def test_an_app_that_never_showed_a_code_and_used_up_paper_ask_for_nothing(
    ports: Ports, person: User
) -> None:
    await Totp.create(user=person, sealed_secret="-")  # noqa: S106
    await RecoveryCode.create(user=person, code_hash="h", used_at=ports.clock.now())

    assert (await start(ports, person.email)).user_id == person.id


async def test_new_parameters_are_taken_over_at_the_next_sign_in(
    ports: Ports, person: User, stronger: Argon2Hasher
) -> None:
    await start(replace(ports, passwords=stronger), person.email)

    stored = (await User.get(id=person.id)).password_hash
    assert stored is not None
    assert "$m=16,t=1,p=1$" in stored
    before = stronger.hashes
    await start(replace(ports, passwords=stronger), person.email)
    assert stronger.hashes - before == 1


async def test_a_thief_with_the_same_browser_is_told_of_by_letter(
    ports: Ports, person: User
) -> None:
    await start(ports, person.email)
    assert await Mail.all().count() == 0  # the first time there is nobody to warn

    await start(ports, person.email)

    [letter] = await Mail.all()
    assert (letter.template, letter.to_address) == ("SIGN_IN_NEW_DEVICE", person.email)


async def test_an_update_of_the_owners_browser_causes_no_letter(ports: Ports, person: User) -> None:
    first = await start(ports, person.email)
    updated = replace(FROM, user_agent="Firefox 150", device_token=first.device_token)

    await sign_in(as_visitor(ports, origin=updated), email=person.email, password=PASSWORD)

    assert await Mail.all().count() == 0


async def test_the_device_of_one_account_is_new_to_another(ports: Ports, person: User) -> None:
    first = await start(ports, person.email)
    other = await make_member("eve@people.test")
    await start(ports, other.email)
    shown = replace(FROM, device_token=first.device_token)

    await sign_in(as_visitor(ports, origin=shown), email=other.email, password=PASSWORD)

    [letter] = await Mail.all()
    assert letter.to_address == other.email


async def test_who_was_here_before_their_sessions_were_cleared_away_is_warned(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    await User.filter(id=person.id).update(last_seen_at=clock.at - timedelta(days=400))

    await start(ports, person.email)

    assert [letter.template for letter in await Mail.all()] == ["SIGN_IN_NEW_DEVICE"]


async def test_more_hashes_than_wait_are_refused_and_the_rest_goes_on(
    ports: Ports, person: User
) -> None:
    hasher = Argon2Hasher(memory_kib=8, time_cost=1, parallelism=1, max_waiting=2)
    crowded = replace(ports, passwords=hasher)

    answers = await asyncio.gather(
        *(hasher.verify(PASSWORD, person.password_hash) for _ in range(5)),
        return_exceptions=True,
    )

    assert [type(each).__name__ for each in answers] == [
        *["PasswordVerdict"] * 2,
        *["RateLimitedError"] * 3,
    ]
    await start(crowded, person.email)
    hasher.close()


async def test_a_proof_gives_the_session_a_new_token(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    context = await in_session(ports, person)
    clock.at += timedelta(hours=1)

    renewed = await renew_by_password(context, password=PASSWORD)

    viewer = await seen(ports, renewed.token)
    assert viewer is not None
    assert (viewer.session_id, viewer.authenticated_at) == (context.viewer.session_id, clock.at)
    assert [action for action, _, _ in await entries()] == ["session.renew"]


async def test_a_wrong_proof_changes_nothing(ports: Ports, person: User, clock: FixedClock) -> None:
    context = await in_session(ports, person)
    before = await Session.all().values()
    clock.at += timedelta(hours=1)

    with pytest.raises(PasswordWrongError):
        await renew_by_password(context, password=WRONG)

    assert await Session.all().values() == before


async def test_proofs_are_counted(ports: Ports, person: User) -> None:
    context = await in_session(ports, person)
    for _ in range(5):
        with pytest.raises(PasswordWrongError):
            await renew_by_password(context, password=WRONG)

    with pytest.raises(RateLimitedError):
        await renew_by_password(context, password=PASSWORD)


async def test_a_key_proves_nothing_anew(ports: Ports, person: User) -> None:
    await begin(ports, person)
    with pytest.raises(SessionRequiredError):
        await renew_by_password(as_person(ports, person), password=PASSWORD)
