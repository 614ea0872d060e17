"""Roles of the installation's own, and those that nobody changes."""

import pytest

from models.errors import (
    NameTakenError,
    NotFoundError,
    ReachNotHeldError,
    RevisionConflictError,
    RoleBuiltInError,
    RoleInUseError,
    ScopeNotHeldError,
    ValueRequiredError,
)
from models.invitations import Invitation
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, CUSTOMER, FIRST_LINE
from models.rules.scopes import Scope, parse_scopes
from models.users import Role, User
from resolvers.context import NotPermittedError, RequestContext
from resolvers.invitations import create_invitation, revoke_invitation
from resolvers.ports import Ports
from resolvers.roles import RoleChanges, create_role, delete_role, roles, update_role
from resolvers.user_edits import UserChanges, update_user
from tests.factories import as_person, make_built_in, make_organization, make_user

WATCH = frozenset({Scope.LINK_READ, Scope.STATS_READ})


@pytest.fixture
async def admin(database: None, ports: Ports) -> RequestContext:
    return as_person(ports, await make_built_in(ADMINISTRATOR))


async def test_a_new_role_is_listed_behind_the_built_in_ones(admin: RequestContext) -> None:
    role = await create_role(admin, name=" Watchers ", scopes=WATCH, reach=Reach.ORGANIZATION)

    assert [each.name for each in await roles(admin)] == ["administrator", "Watchers"]
    stored = await Role.get(id=role.id)
    assert (parse_scopes(stored.scopes), stored.reach, stored.is_built_in) == (
        WATCH,
        Reach.ORGANIZATION,
        False,
    )


async def test_names_are_unique(admin: RequestContext) -> None:
    role = await create_role(admin, name="Watchers", scopes=WATCH, reach=Reach.OWN)
    with pytest.raises(NameTakenError):
        await create_role(admin, name="Watchers", scopes=WATCH, reach=Reach.OWN)
    with pytest.raises(NameTakenError):
        await update_role(admin, role_id=role.id, changes=RoleChanges(name="administrator"))
    with pytest.raises(ValueRequiredError):
        await create_role(admin, name="Nothing", scopes=frozenset(), reach=Reach.OWN)

    assert [each.name for each in await roles(admin)] == ["administrator", "Watchers"]


async def test_built_in_roles_stay_as_they_are(admin: RequestContext) -> None:
    role = await Role.get(name="administrator")

    with pytest.raises(RoleBuiltInError):
        await update_role(admin, role_id=role.id, changes=RoleChanges(scopes=WATCH))
    with pytest.raises(RoleBuiltInError):
        await delete_role(admin, role_id=role.id)

    stored = await Role.get(id=role.id)
    assert (stored.scopes, stored.reach, stored.revision) == (role.scopes, role.reach, 1)


async def test_people_have_the_changed_rights_at_once(admin: RequestContext) -> None:
    role = await create_role(admin, name="Watchers", scopes=WATCH, reach=Reach.OWN)
    person = await make_built_in(CUSTOMER)
    await update_user(admin, user_id=person.id, changes=UserChanges(role="Watchers"))

    saved = await update_role(
        admin,
        role_id=role.id,
        if_revision=1,
        changes=RoleChanges(scopes=frozenset({Scope.STATS_READ}), reach=Reach.ALL),
    )

    assert (saved.revision, saved.reach) == (2, Reach.ALL)
    stored = await User.get(id=person.id).select_related("role")
    assert (stored.scopes(), stored.role.reach) == (frozenset({Scope.STATS_READ}), Reach.ALL)
    with pytest.raises(RevisionConflictError):
        await update_role(admin, role_id=role.id, if_revision=1, changes=RoleChanges(name="X"))


async def test_nobody_makes_or_touches_a_role_beyond_their_own(
    admin: RequestContext, ports: Ports
) -> None:
    strong = await create_role(
        admin, name="Strong", scopes=frozenset({Scope.AUDIT_READ}), reach=Reach.ALL
    )
    scopes = WATCH | {Scope.USER_ADMIN}
    some = as_person(ports, await make_user(scopes=scopes, is_staff=True))
    place = await make_organization()
    boss = as_person(ports, await make_user(reach=Reach.ORGANIZATION, organization=place))
    staff = as_person(ports, await make_built_in(FIRST_LINE))

    for who, refusal in (
        (some, ScopeNotHeldError),
        (boss, ReachNotHeldError),
        (staff, NotPermittedError),
    ):
        for attempt in (
            create_role(who, name="New", scopes=frozenset(Scope), reach=Reach.OWN),
            update_role(who, role_id=strong.id, changes=RoleChanges(name="Mine")),
            delete_role(who, role_id=strong.id),
        ):
            with pytest.raises(refusal):
                await attempt

    assert (await Role.get(id=strong.id)).name == "Strong"
    assert not await Role.exists(name="New")


async def test_a_used_role_is_not_deleted(admin: RequestContext) -> None:
    role = await create_role(admin, name="Watchers", scopes=WATCH, reach=Reach.OWN)
    person = await make_built_in(CUSTOMER)
    await update_user(admin, user_id=person.id, changes=UserChanges(role="Watchers"))
    invitation = await create_invitation(admin, email="new@people.test", role="Watchers")

    with pytest.raises(RoleInUseError):
        await delete_role(admin, role_id=role.id)
    await update_user(admin, user_id=person.id, changes=UserChanges(role="customer"))
    with pytest.raises(RoleInUseError):
        await delete_role(admin, role_id=role.id)
    assert await Role.exists(id=role.id)
    assert await Invitation.exists(id=invitation.id)

    await revoke_invitation(admin, invitation_id=invitation.id)
    await delete_role(admin, role_id=role.id)

    assert not await Role.exists(id=role.id)
    with pytest.raises(NotFoundError):
        await delete_role(admin, role_id=role.id)
