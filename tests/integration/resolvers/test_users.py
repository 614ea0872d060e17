"""Accounts of people."""

import pytest

from models.errors import EmailTakenError, InputInvalidError, ValueInvalidError
from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.users import Role, User
from resolvers.context import NotPermittedError
from resolvers.ports import Ports
from resolvers.users import (
    create_user,
    reset_administrator,
    users_by_id,
    viewer_of,
    viewer_user,
)
from tests.factories import as_command, as_nobody, as_person, make_user
from tests.fakes import FixedClock


async def test_an_account_is_found_by_its_address_in_any_case(database: None, ports: Ports) -> None:
    await Role.create(name="customer", scopes="LINK_READ")

    user = await create_user(as_command(ports), email=" Ann@Example.ORG ")

    assert (user.email, user.name) == ("ann@example.org", "ann")
    assert await User.by_email("ANN@example.org") == user
    with pytest.raises(EmailTakenError):
        await create_user(as_command(ports), email="aNN@example.org")
    assert await User.all().count() == 1


@pytest.mark.parametrize("email", ["x", "@x", "x@", "a b@x", "a@b@c", "a\x00@x", "<a@x>", "я@"])
async def test_what_is_no_address_makes_no_account(
    database: None, ports: Ports, email: str
) -> None:
    await Role.create(name="customer", scopes="")

    with pytest.raises(ValueInvalidError):
        await create_user(as_command(ports), email=email)

    assert await User.all().count() == 0


async def test_every_wrong_field_of_an_account_is_named(database: None, ports: Ports) -> None:
    with pytest.raises(InputInvalidError) as refused:
        await create_user(as_command(ports), email="", name="x" * 201, role_name="none")

    assert [problem.path for problem in refused.value.problems] == [
        ("email",),
        ("name",),
        ("role",),
    ]


async def test_accounts_are_made_by_administrators_only(database: None, ports: Ports) -> None:
    user = await make_user(scopes=frozenset(Scope) - {Scope.USER_ADMIN})

    for context in (as_person(ports, user), as_nobody(ports)):
        with pytest.raises(NotPermittedError):
            await create_user(context, email="a@example.org")
        with pytest.raises(NotPermittedError):
            await reset_administrator(context, email="a@example.org")

    assert await User.all().count() == 1


async def test_people_are_loaded_with_their_roles_in_order(
    database: None, ports: Ports, sql: list[str]
) -> None:
    first, second = await make_user(), await make_user(is_staff=True)
    sql.clear()

    found = await users_by_id([second.id, 5, first.id, second.id])

    assert len(sql) == 1
    assert [getattr(each, "id", None) for each in found] == [second.id, None, first.id, second.id]
    assert isinstance(found[0], User)
    assert viewer_of(found[0]).is_staff
    assert await viewer_user(as_person(ports, first)) == first
    assert await viewer_user(as_nobody(ports)) is None


async def test_a_lost_administrator_comes_back_whatever_became_of_the_account(
    database: None, ports: Ports, clock: FixedClock
) -> None:
    made = await reset_administrator(as_command(ports), email="Boss@example.org")
    await User.filter(id=made.id).update(deactivated_at=clock.at)
    await Role.filter(id=made.role_id).update(scopes="", reach=Reach.OWN)

    again = await reset_administrator(as_command(ports), email="boss@EXAMPLE.org")

    assert again.id == made.id
    [stored] = await User.all().select_related("role")
    assert (stored.deactivated_at, stored.role.name) == (None, "administrator")
    assert viewer_of(stored).is_staff
    assert stored.scopes() == frozenset(Scope)
