"""LINKYARD_LOCAL_PASSWORDS=false: only those who manage people have a password here."""

from dataclasses import replace

import pytest

from models.errors import (
    DomainError,
    SignInRefusedError,
    StepUpRequiredError,
    TokenInvalidError,
    ValueInvalidError,
    ValueRequiredError,
)
from models.mails import Mail
from models.one_time_tokens import OneTimeToken
from models.rules.roles import ADMINISTRATOR, CUSTOMER
from models.users import User
from resolvers.invitation_accepting import accept_invitation
from resolvers.invitations import create_invitation
from resolvers.letter_order_filling import fill_orders
from resolvers.passwords import (
    change_password,
    first_way_in,
    request_reset,
    reset_password,
    set_password,
)
from resolvers.ports import AccessPolicy, Ports
from resolvers.renewals import renew_by_password
from resolvers.sign_in import sign_in
from tests.factories import PASSWORDS, as_command, as_nobody, make_built_in
from tests.people import PASSWORD, as_visitor, in_session, token_of_letter

NEW = "four noisy cranes"


@pytest.fixture
def closed(ports: Ports) -> Ports:
    return replace(ports, access=AccessPolicy(local_passwords=False))


async def make(role: str, email: str) -> User:
    user = await make_built_in(role, email)
    user.password_hash = await PASSWORDS.hash(PASSWORD)
    await user.save()
    return user


@pytest.fixture
async def person(database: None) -> User:
    return await make(CUSTOMER, "ada@people.test")


@pytest.fixture
async def admin(database: None) -> User:
    return await make(ADMINISTRATOR, "boss@people.test")


async def test_a_right_password_is_answered_as_a_wrong_one_after_one_hash(
    closed: Ports, person: User
) -> None:
    for password in (PASSWORD, "a wrong one"):
        before = PASSWORDS.hashes
        with pytest.raises(SignInRefusedError):
            await sign_in(as_visitor(closed), email=person.email, password=password)
        assert PASSWORDS.hashes == before + 1


async def test_those_who_manage_people_have_a_way_back_in(closed: Ports, admin: User) -> None:
    started = await sign_in(as_visitor(closed), email=admin.email, password=PASSWORD)
    assert started.user_id == admin.id
    await request_reset(as_visitor(closed), email=admin.email)
    await fill_orders(as_nobody(closed))
    await reset_password(as_visitor(closed), token=await token_of_letter("PASSWORD_RESET"), new=NEW)

    started = await sign_in(as_visitor(closed), email=admin.email, password=NEW)
    assert started.user_id == admin.id


async def test_no_letter_lets_others_set_one(closed: Ports, person: User) -> None:
    assert await request_reset(as_visitor(closed), email=person.email) == person.email
    await fill_orders(as_nobody(closed))

    assert await Mail.all().count() == await OneTimeToken.all().count() == 0


async def test_a_letter_of_before_opens_nothing(ports: Ports, closed: Ports, person: User) -> None:
    await request_reset(as_visitor(ports), email=person.email)
    await fill_orders(as_nobody(ports))
    token = await token_of_letter("PASSWORD_RESET")
    with pytest.raises(TokenInvalidError):
        await reset_password(as_visitor(closed), token=token, new=NEW)

    assert (await User.get(id=person.id)).password_hash == person.password_hash


async def test_nobody_sets_one_for_others(closed: Ports, person: User) -> None:
    await User.filter(id=person.id).update(password_hash=None)
    context = await in_session(closed, person)
    with pytest.raises(ValueInvalidError):
        await change_password(context, current=None, new=NEW)
    with pytest.raises(ValueInvalidError):
        await set_password(as_command(closed), email=person.email, new=NEW)
    with pytest.raises(ValueInvalidError):
        await first_way_in(as_command(closed), email=person.email)

    assert (await User.get(id=person.id)).password_hash is None
    assert await OneTimeToken.all().count() == 0


async def test_it_proves_nothing_in_a_session(closed: Ports, person: User) -> None:
    context = await in_session(closed, person)
    refused: type[DomainError] = StepUpRequiredError
    with pytest.raises(refused):
        await renew_by_password(context, password=PASSWORD)


@pytest.mark.parametrize(("role", "kept"), [(CUSTOMER, 0), (ADMINISTRATOR, 1)])
async def test_who_accepts_an_invitation_gets_one_only_as_an_administrator(
    closed: Ports, admin: User, role: str, kept: int
) -> None:
    if role != ADMINISTRATOR:
        await make_built_in(role)
    await create_invitation(as_command(closed), email="new@people.test", role=role)
    token = await token_of_letter("INVITATION")

    user = await accept_invitation(as_visitor(closed), token=token, name="New", password=NEW)

    stored = await User.get(id=user.id)
    found = [stored.password_hash, stored.password_changed_at]
    assert len([each for each in found if each is not None]) == 2 * kept


async def test_only_an_administrator_needs_a_password_to_accept_an_invitation(
    closed: Ports, admin: User
) -> None:
    await make_built_in(CUSTOMER)
    await create_invitation(as_command(closed), email="new@people.test", role=CUSTOMER)
    token = await token_of_letter("INVITATION")
    user = await accept_invitation(as_visitor(closed), token=token, name="New", password=None)
    await Mail.all().delete()
    await create_invitation(as_command(closed), email="chief@people.test", role=ADMINISTRATOR)
    token = await token_of_letter("INVITATION")

    with pytest.raises(ValueRequiredError) as refused:
        await accept_invitation(as_visitor(closed), token=token, name="Chief", password=None)

    assert refused.value.path == ("password",)
    assert (await User.get(id=user.id)).password_hash is None
    assert not await User.exists(email="chief@people.test")
