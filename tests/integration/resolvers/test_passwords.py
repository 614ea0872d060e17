"""Passwords: changed by their owner, forgotten, set anew by a letter."""

import asyncio
from datetime import timedelta

import pytest

from models.audit_entries import AuditEntry
from models.errors import (
    DomainError,
    PasswordWrongError,
    RateLimitedError,
    SessionRequiredError,
    SignInRefusedError,
    StepUpRequiredError,
    TokenInvalidError,
    ValueInvalidError,
)
from models.mails import Mail
from models.one_time_tokens import OneTimeToken
from models.sessions import Session
from models.users import User
from resolvers.letter_order_filling import fill_orders
from resolvers.passwords import change_password, request_reset, reset_password, set_password
from resolvers.ports import Ports
from resolvers.sign_in import sign_in
from tests.factories import PASSWORDS, as_command, as_nobody, as_person
from tests.fakes import FixedClock
from tests.people import (
    PASSWORD,
    as_visitor,
    begin,
    in_session,
    letter_params,
    make_member,
    seen,
    token_of_letter,
)

NEW = "four noisy cranes"
LIFE = timedelta(minutes=30)


@pytest.fixture
async def person(database: None) -> User:
    return await make_member()


async def ask(ports: Ports, email: str = "ada@people.test") -> str:
    await request_reset(as_visitor(ports), email=email)
    await fill_orders(as_nobody(ports))
    return await token_of_letter("PASSWORD_RESET")


async def opens(ports: Ports, password: str) -> bool:
    try:
        await sign_in(as_visitor(ports), email="ada@people.test", password=password)
    except SignInRefusedError:
        return False
    return True


async def actions() -> list[str]:
    return [each.action for each in await AuditEntry.all().order_by("id")]


async def test_a_changed_password_ends_the_other_sessions_and_turns_this_ones_token(
    ports: Ports, person: User
) -> None:
    context, other = await in_session(ports, person), await begin(ports, person)

    renewed = await change_password(context, current=PASSWORD, new=NEW)

    assert renewed.session_id == context.viewer.session_id
    assert await seen(ports, renewed.token) is not None
    assert await seen(ports, other.token) is None
    assert await opens(ports, NEW)
    assert not await opens(ports, PASSWORD)
    assert (await actions())[0] == "user.password_change"
    letter = await Mail.get(template="PASSWORD_CHANGED")
    assert letter.to_address == person.email
    assert NEW not in letter_params(letter)


@pytest.mark.parametrize(
    ("current", "new", "error"),
    [
        ("wrong", NEW, PasswordWrongError),
        (None, NEW, PasswordWrongError),
        (PASSWORD, "short", ValueInvalidError),
        (PASSWORD, "ada@people.test", ValueInvalidError),
    ],
)
async def test_a_refused_change_changes_nothing(
    ports: Ports, person: User, current: str | None, new: str, error: type[DomainError]
) -> None:
    context, other = await in_session(ports, person), await begin(ports, person)

    with pytest.raises(error):
        await change_password(context, current=current, new=new)

    assert (await User.get(id=person.id)).password_hash == person.password_hash
    assert await seen(ports, other.token) is not None
    assert await Mail.all().count() == 0


async def test_who_has_no_password_sets_one_after_a_recent_proof(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    await User.filter(id=person.id).update(password_hash=None)
    context = await in_session(ports, person)
    clock.at += timedelta(minutes=10)
    with pytest.raises(StepUpRequiredError):
        await change_password(context, current=None, new=NEW)
    clock.at -= timedelta(minutes=1)

    await change_password(context, current=None, new=NEW)

    assert await opens(ports, NEW)


async def test_a_key_changes_no_password(ports: Ports, person: User) -> None:
    with pytest.raises(SessionRequiredError):
        await change_password(as_person(ports, person), current=PASSWORD, new=NEW)

    assert await opens(ports, PASSWORD)


async def test_a_letter_lets_in_who_forgot(ports: Ports, person: User) -> None:
    session = await begin(ports, person)
    token = await ask(ports, " Ada@People.test ")

    await reset_password(as_visitor(ports), token=token, new=NEW)

    assert await seen(ports, session.token) is None
    assert await Session.filter(revoked_at=None).count() == 0  # nobody was signed in
    assert await opens(ports, NEW)
    user = await User.get(id=person.id)
    assert user.email_verified_at == user.password_changed_at == ports.clock.now()
    assert (await actions())[:2] == ["user.password_reset_request", "user.password_reset"]
    assert await Mail.filter(template="PASSWORD_CHANGED").count() == 1


async def test_its_token_works_once_and_takes_the_others_along(ports: Ports, person: User) -> None:
    first = await ask(ports)
    await Mail.all().delete()
    second = await ask(ports)
    await reset_password(as_visitor(ports), token=second, new=NEW)

    for token in (first, second):
        with pytest.raises(TokenInvalidError):
            await reset_password(as_visitor(ports), token=token, new=PASSWORD)

    assert await opens(ports, NEW)


async def test_of_parallel_resets_one_wins(ports: Ports, person: User) -> None:
    token = await ask(ports)
    wanted = [f"{number} noisy cranes" for number in range(6)]

    answers = await asyncio.gather(
        *(reset_password(as_visitor(ports), token=token, new=each) for each in wanted),
        return_exceptions=True,
    )

    won = [password for password, answer in zip(wanted, answers, strict=True) if answer is None]
    assert len(won) == 1
    assert {type(each) for each in answers if each is not None} == {TokenInvalidError}
    assert await opens(ports, won[0])


async def test_it_ends_after_half_an_hour(ports: Ports, person: User, clock: FixedClock) -> None:
    token = await ask(ports)
    clock.at += LIFE

    with pytest.raises(TokenInvalidError):
        await reset_password(as_visitor(ports), token=token, new=NEW)

    assert await opens(ports, PASSWORD)


async def test_a_refused_password_leaves_the_token_as_good_as_it_was(
    ports: Ports, person: User
) -> None:
    token = await ask(ports)
    before = PASSWORDS.hashes
    with pytest.raises(ValueInvalidError):
        await reset_password(as_visitor(ports), token=token, new="password123")
    assert PASSWORDS.hashes == before

    await reset_password(as_visitor(ports), token=token, new=NEW)

    assert await opens(ports, NEW)


@pytest.mark.parametrize("token", ["", " ", "null", "x" * 43])
async def test_nothing_is_reset_by_what_is_no_token(ports: Ports, person: User, token: str) -> None:
    await ask(ports)
    with pytest.raises(TokenInvalidError):
        await reset_password(as_visitor(ports), token=token, new=NEW)

    assert await opens(ports, PASSWORD)


async def test_deactivated_people_get_no_letter_and_their_tokens_open_nothing(
    ports: Ports, person: User
) -> None:
    token = await ask(ports)
    await User.filter(id=person.id).update(deactivated_at=ports.clock.now())
    await request_reset(as_visitor(ports), email=person.email)
    await fill_orders(as_nobody(ports))

    with pytest.raises(TokenInvalidError):
        await reset_password(as_visitor(ports), token=token, new=NEW)

    assert await Mail.all().count() == 1


async def test_known_and_unknown_addresses_take_the_same_work_before_the_answer(
    ports: Ports, person: User, sql: list[str]
) -> None:
    async def statements(email: str) -> tuple[str, list[str]]:
        sql.clear()
        answer = await request_reset(as_visitor(ports), email=email)
        done = [each.partition(":")[0] for each in sql]
        await fill_orders(as_nobody(ports))
        return answer.partition("@")[2], done

    await statements("nobody@people.test")  # counters have their first rows
    before = PASSWORDS.hashes

    assert await statements("ada@people.test") == await statements("eve@people.test")
    assert PASSWORDS.hashes == before
    assert [each.to_address for each in await Mail.all()] == ["ada@people.test"]


async def test_nobody_floods_a_mailbox(ports: Ports, person: User) -> None:
    for _ in range(3):
        await request_reset(as_visitor(ports), email=person.email)
    with pytest.raises(RateLimitedError):
        await request_reset(as_visitor(ports), email=person.email)
    await fill_orders(as_nobody(ports))

    assert await Mail.all().count() == 3


async def test_an_operator_sets_a_password(ports: Ports, person: User) -> None:
    session = await begin(ports, person)
    token = await ask(ports)

    await set_password(as_command(ports), email=person.email, new=NEW)

    assert await seen(ports, session.token) is None
    assert await opens(ports, NEW)
    assert await OneTimeToken.filter(used_at=None).count() == 0
    with pytest.raises(TokenInvalidError):
        await reset_password(as_visitor(ports), token=token, new=PASSWORD)
