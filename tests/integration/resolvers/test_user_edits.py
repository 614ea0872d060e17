"""Who may change whom, and what goes with it."""

import asyncio
from dataclasses import replace

import pytest
from tortoise.transactions import in_transaction

from models.api_keys import ApiKey
from models.audit_entries import AuditEntry
from models.errors import (
    DomainError,
    LastAdministratorError,
    NotFoundError,
    QuotaExceededError,
    ReachNotHeldError,
    RevisionConflictError,
    ScopeNotHeldError,
    ValueInvalidError,
)
from models.invitations import Invitation
from models.links import Link
from models.mails import Mail
from models.orm import is_sqlite, reader
from models.raw_sql import fetch
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, CUSTOMER, FIRST_LINE, PARTNER, ROLES
from models.rules.scopes import Scope
from models.sessions import Session
from models.users import User
from resolvers.api_keys import authenticate_key, create_api_key, revoke_api_key
from resolvers.context import NotPermittedError, RequestContext
from resolvers.invitations import create_invitation
from resolvers.link_filters import link_conditions
from resolvers.organizations import activate_organization, deactivate_organization
from resolvers.paging import PageWindow
from resolvers.ports import Ports
from resolvers.profiles import ProfileChanges, update_viewer
from resolvers.session_lookup import find_session
from resolvers.sessions import start_session
from resolvers.user_edits import UserChanges, activate_user, deactivate_user, update_user
from resolvers.user_lists import UserFilter, count_users, user_cursor, users_page
from tests.factories import (
    as_command,
    as_person,
    make_built_in,
    make_link,
    make_organization,
    make_user,
)
from tests.fakes import FixedClock


async def loaded(user: User) -> User:
    return await User.get(id=user.id).select_related("role")


async def session_of(context: RequestContext, user: User) -> str:
    async with in_transaction("default") as connection:
        return (await start_session(context, connection, user=user, factors=["password"])).token


@pytest.fixture
async def admin(database: None, ports: Ports) -> RequestContext:
    return as_person(ports, await make_built_in(ADMINISTRATOR))


async def test_update_sets_what_is_given_and_raises_the_revision(admin: RequestContext) -> None:
    person = await make_built_in(CUSTOMER)
    await make_built_in(PARTNER)

    saved = await update_user(
        admin,
        user_id=person.id,
        if_revision=1,
        changes=UserChanges(name=" Anna ", role="partner", max_links=7),
    )

    stored = await loaded(person)
    assert (saved.name, saved.role.name, saved.max_links, saved.revision) == (
        "Anna",
        "partner",
        7,
        2,
    )
    assert (stored.name, stored.role.name, stored.max_links, stored.revision) == (
        "Anna",
        "partner",
        7,
        2,
    )


async def test_update_of_nothing_changes_nothing(admin: RequestContext) -> None:
    person = await make_built_in(CUSTOMER)

    saved = await update_user(admin, user_id=person.id, changes=UserChanges(role="customer"))

    assert saved.revision == 1
    assert await AuditEntry.all().count() == 0


async def test_stale_revision_is_refused(admin: RequestContext) -> None:
    person = await make_built_in(CUSTOMER)

    with pytest.raises(RevisionConflictError) as refusal:
        await update_user(admin, user_id=person.id, if_revision=4, changes=UserChanges(name="A"))

    assert refusal.value.current_revision == 1
    assert (await loaded(person)).name == person.name


async def test_of_two_parallel_saves_with_one_revision_one_wins(admin: RequestContext) -> None:
    person = await make_built_in(CUSTOMER)

    results = await asyncio.gather(
        *(
            update_user(admin, user_id=person.id, if_revision=1, changes=UserChanges(name=name))
            for name in ("One", "Two", "Three")
        ),
        return_exceptions=True,
    )

    winners = [result for result in results if isinstance(result, User)]
    assert len(winners) == 1
    assert sum(isinstance(result, RevisionConflictError) for result in results) == 2
    stored = await loaded(person)
    assert (stored.name, stored.revision) == (winners[0].name, 2)


async def test_the_log_tells_of_a_new_name_without_the_name(admin: RequestContext) -> None:
    person = await make_built_in(CUSTOMER, "secret.person@people.test")

    await update_user(admin, user_id=person.id, changes=UserChanges(name="Very Private"))

    [entry] = await AuditEntry.all()
    assert (entry.action, entry.subject_id, entry.actor_id) == (
        "user.update",
        person.id,
        admin.viewer.user_id,
    )
    told = entry.before + entry.after
    assert "***" in told
    assert [word for word in ("Private", "Person", "secret.person") if word in told] == []


@pytest.mark.parametrize(
    ("name", "refusal"), [("administrator", ScopeNotHeldError), ("first_line", ReachNotHeldError)]
)
async def test_nobody_gives_a_role_beyond_their_own(
    database: None, ports: Ports, name: str, refusal: type[DomainError]
) -> None:
    organization = await make_organization()
    scopes = ROLES[CUSTOMER].scopes | ROLES[FIRST_LINE].scopes | {Scope.USER_ADMIN}
    boss = await make_user(scopes=scopes, reach=Reach.ORGANIZATION, organization=organization)
    colleague = await make_built_in(CUSTOMER, organization=organization)
    await make_built_in(ADMINISTRATOR)
    await make_built_in(FIRST_LINE)

    for person in (colleague, boss):
        with pytest.raises(refusal):
            await update_user(
                as_person(ports, boss), user_id=person.id, changes=UserChanges(role=name)
            )

    assert (await loaded(colleague)).role.name == "customer"
    assert (await loaded(boss)).role_id == boss.role_id


async def test_nobody_changes_a_person_with_more_rights(database: None, ports: Ports) -> None:
    organization = await make_organization()
    boss = await make_user(
        scopes=frozenset({Scope.USER_ADMIN}), reach=Reach.ORGANIZATION, organization=organization
    )
    admin = await make_built_in(ADMINISTRATOR, organization=organization)
    await make_built_in(ADMINISTRATOR)
    context = as_person(ports, boss)

    with pytest.raises(ScopeNotHeldError):
        await update_user(context, user_id=admin.id, changes=UserChanges(name="Mine"))
    with pytest.raises(ScopeNotHeldError):
        await deactivate_user(context, user_id=admin.id)

    stored = await loaded(admin)
    assert (stored.name, stored.deactivated_at) == (admin.name, None)


@pytest.mark.parametrize("where", ["nowhere", "elsewhere", "absent"])
async def test_people_out_of_reach_look_absent(database: None, ports: Ports, where: str) -> None:
    boss = await make_user(reach=Reach.ORGANIZATION, organization=await make_organization())
    place = await make_organization() if where == "elsewhere" else None
    other = await make_user(scopes=frozenset({Scope.LINK_READ}), organization=place)
    user_id = 4 if where == "absent" else other.id
    context = as_person(ports, boss)

    for attempt in (
        update_user(context, user_id=user_id, changes=UserChanges(name="Mine")),
        deactivate_user(context, user_id=user_id),
        activate_user(context, user_id=user_id),
    ):
        with pytest.raises(NotFoundError):
            await attempt

    assert (await loaded(other)).name == other.name


async def test_without_the_scope_nobody_is_changed(database: None, ports: Ports) -> None:
    staff = as_person(ports, await make_built_in(FIRST_LINE))
    person = await make_built_in(CUSTOMER)

    for attempt in (
        update_user(staff, user_id=person.id, changes=UserChanges(name="Mine")),
        deactivate_user(staff, user_id=person.id),
        activate_user(staff, user_id=person.id),
    ):
        with pytest.raises(NotPermittedError):
            await attempt


async def test_only_who_sees_everybody_moves_people(database: None, ports: Ports) -> None:
    here, there = await make_organization(), await make_organization()
    boss = await make_user(reach=Reach.ORGANIZATION, organization=here)
    person = await make_built_in(CUSTOMER, organization=here)

    for place in (there.id, None):
        with pytest.raises(ReachNotHeldError):
            await update_user(
                as_person(ports, boss),
                user_id=person.id,
                changes=UserChanges(organization_id=place),
            )

    assert (await loaded(person)).organization_id == here.id


async def test_a_person_brings_their_free_links_into_an_organization(
    admin: RequestContext, ports: Ports
) -> None:
    old, new = await make_organization(), await make_organization()
    person = await make_built_in(CUSTOMER)
    free = await make_link(as_person(ports, person), slug="free")
    await update_user(admin, user_id=person.id, changes=UserChanges(organization_id=old.id))
    held = await make_link(as_person(ports, await loaded(person)), slug="held")

    await update_user(admin, user_id=person.id, changes=UserChanges(organization_id=new.id))
    last = await make_link(as_person(ports, await loaded(person)), slug="last")

    places = {link.id: link.organization_id for link in await Link.all()}
    assert places == {free.id: old.id, held.id: old.id, last.id: new.id}


async def test_nobody_is_put_into_a_deactivated_or_unknown_organization(
    admin: RequestContext,
) -> None:
    organization = await make_organization()
    await deactivate_organization(admin, organization_id=organization.id)
    person = await make_built_in(CUSTOMER)

    for place, refusal in ((organization.id, ValueInvalidError), (4, NotFoundError)):
        with pytest.raises(refusal):
            await update_user(admin, user_id=person.id, changes=UserChanges(organization_id=place))

    assert (await loaded(person)).organization_id is None


async def test_nobody_is_put_into_a_full_organization(admin: RequestContext) -> None:
    organization = await make_organization(max_users=1)
    people = [await make_built_in(CUSTOMER) for _ in range(2)]
    change = UserChanges(organization_id=organization.id)

    await update_user(admin, user_id=people[0].id, changes=change)
    with pytest.raises(QuotaExceededError) as refusal:
        await update_user(admin, user_id=people[1].id, changes=change)

    assert (refusal.value.limit, refusal.value.used) == (1, 1)
    assert [(await loaded(person)).organization_id for person in people] == [organization.id, None]


async def test_deactivation_ends_sessions_keys_and_invitations_of_the_powerful(
    admin: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    person = await make_built_in(ADMINISTRATOR)
    await make_built_in(CUSTOMER)  # there is such a role
    context = as_person(ports, person)
    _, secret = await create_api_key(context, label="key")
    token = await session_of(context, person)
    await create_invitation(context, email="chief@people.test", role="administrator")
    await create_invitation(context, email="new@people.test", role="customer")
    span = ports.access.sessions
    assert await authenticate_key(secret, now=clock.now()) is not None
    assert await find_session(token, span=span, now=clock.now()) is not None

    await deactivate_user(admin, user_id=person.id)

    assert await authenticate_key(secret, now=clock.now()) is None
    assert await find_session(token, span=span, now=clock.now()) is None
    assert await ApiKey.filter(revoked_at=None).count() == 0
    assert await Session.filter(revoked_at=None).count() == 0
    assert [each.email for each in await Invitation.filter(revoked_at=None)] == ["new@people.test"]
    assert await Mail.filter(to_address=person.email).count() == 1

    await activate_user(admin, user_id=person.id)

    assert await authenticate_key(secret, now=clock.now()) is None
    assert await find_session(token, span=span, now=clock.now()) is None


async def test_deactivating_and_activating_twice_is_no_error(admin: RequestContext) -> None:
    person = await make_built_in(CUSTOMER)

    first = await deactivate_user(admin, user_id=person.id)
    again = await deactivate_user(admin, user_id=person.id)
    back = await activate_user(admin, user_id=person.id)
    back_again = await activate_user(admin, user_id=person.id)

    assert first.deactivated_at == again.deactivated_at is not None
    assert (again.revision, back.revision, back_again.revision) == (2, 3, 3)
    assert back_again.deactivated_at is None
    actions = [entry.action for entry in await AuditEntry.all().order_by("id")]
    assert actions == ["user.deactivate", "user.activate"]


async def test_a_full_organization_takes_nobody_back(admin: RequestContext) -> None:
    organization = await make_organization(max_users=1)
    leaver = await make_built_in(CUSTOMER, organization=organization)
    await deactivate_user(admin, user_id=leaver.id)
    await make_built_in(CUSTOMER, organization=organization)

    with pytest.raises(QuotaExceededError):
        await activate_user(admin, user_id=leaver.id)

    assert (await loaded(leaver)).deactivated_at is not None


async def test_a_new_role_ends_the_sessions_of_the_person(
    admin: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    person = await make_built_in(CUSTOMER)
    await make_built_in(PARTNER)
    token = await session_of(as_person(ports, person), person)

    await update_user(admin, user_id=person.id, changes=UserChanges(role="partner"))

    assert await find_session(token, span=ports.access.sessions, now=clock.now()) is None


async def test_the_last_administrator_stays(database: None, ports: Ports) -> None:
    organization = await make_organization()
    last = await make_built_in(ADMINISTRATOR, organization=organization)
    await make_built_in(CUSTOMER)
    away = await make_built_in(ADMINISTRATOR)
    context = as_person(ports, last)
    await deactivate_user(context, user_id=away.id)
    closed = await make_organization()
    await deactivate_organization(context, organization_id=closed.id)

    for attempt in (
        deactivate_user(context, user_id=last.id),
        update_user(context, user_id=last.id, changes=UserChanges(role="customer")),
        deactivate_organization(context, organization_id=organization.id),
    ):
        with pytest.raises(LastAdministratorError):
            await attempt

    stored = await loaded(last)
    assert (stored.deactivated_at, stored.role.name) == (None, "administrator")
    await organization.refresh_from_db()
    assert organization.deactivated_at is None


async def test_people_of_a_deactivated_organization_cannot_come_in(
    admin: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    organization = await make_organization()
    person = await make_built_in(CUSTOMER, organization=organization)
    context = as_person(ports, person)
    _, secret = await create_api_key(context, label="key")
    token = await session_of(context, person)

    await deactivate_organization(admin, organization_id=organization.id)

    assert await authenticate_key(secret, now=clock.now()) is None
    assert await find_session(token, span=ports.access.sessions, now=clock.now()) is None

    await activate_organization(admin, organization_id=organization.id)

    assert await authenticate_key(secret, now=clock.now()) is not None
    assert await find_session(token, span=ports.access.sessions, now=clock.now()) is None


async def test_pages_show_the_people_in_reach_by_two_queries(
    database: None, ports: Ports, sql: list[str]
) -> None:
    here = await make_organization()
    boss = await make_user(reach=Reach.ORGANIZATION, organization=here)
    people = [await make_built_in(CUSTOMER, organization=here) for _ in range(12)]
    await make_built_in(CUSTOMER, organization=await make_organization())
    await make_built_in(CUSTOMER)
    expected = [user.id for user in reversed([boss, *people])]
    context = as_person(ports, boss)

    found: list[int] = []
    window = PageWindow(first=5)
    while True:
        sql.clear()
        page = await users_page(context, filter=UserFilter(), window=window)
        assert len([line for line in sql if line.startswith("SELECT")]) == 2
        found += [user.id for user in page.rows]
        if not page.has_next:
            break
        window = PageWindow(first=5, after=user_cursor(page.rows[-1]))

    assert found == expected
    assert await count_users(context, UserFilter()) == 13
    last = await users_page(context, filter=UserFilter(), window=PageWindow(last=3))
    assert [user.id for user in last.rows] == expected[-3:]
    assert (last.has_previous, last.has_next) == (True, False)


async def test_filters_hold_at_once(admin: RequestContext) -> None:
    here = await make_organization()
    anna = await make_built_in(CUSTOMER, "anna@firm.test", organization=here)
    await User.filter(id=anna.id).update(name="Анна Иванова")
    gone = await make_built_in(CUSTOMER, "ivan@firm.test", organization=here)
    await deactivate_user(admin, user_id=gone.id)
    await make_built_in(PARTNER, "boris@firm.test")

    async def ids(filter: UserFilter) -> list[int]:
        page = await users_page(admin, filter=filter, window=PageWindow(first=10))
        assert len(page.rows) == await count_users(admin, filter)
        return [user.id for user in page.rows]

    assert await ids(UserFilter(search="ИВАНОВА")) == [anna.id]
    assert await ids(UserFilter(search="FIRM.test", role="customer")) == [gone.id, anna.id]
    assert await ids(UserFilter(organization_id=here.id, is_active=True)) == [anna.id]
    assert await ids(UserFilter(organization_id=here.id, is_active=False)) == [gone.id]
    assert await ids(UserFilter(search="%", role="customer")) == []
    assert await ids(UserFilter(role="nobody\0")) == []


async def test_a_person_changes_their_own_profile(database: None, ports: Ports) -> None:
    person = await make_built_in(CUSTOMER)
    context = as_person(ports, person)

    saved = await update_viewer(
        context, changes=ProfileChanges(name="Anna", locale="ru", time_zone="Europe/Moscow")
    )

    assert (saved.name, saved.locale, saved.time_zone) == ("Anna", "ru", "Europe/Moscow")
    [entry] = await AuditEntry.all()
    assert "Anna" not in entry.before + entry.after
    for changes in (
        ProfileChanges(time_zone="Mars/Olympus"),
        ProfileChanges(time_zone="../etc/passwd"),
        ProfileChanges(locale="tlh"),
        ProfileChanges(name="a\x00b"),
    ):
        with pytest.raises(ValueInvalidError):
            await update_viewer(context, changes=changes)
    stored = await loaded(person)
    assert (stored.name, stored.locale, stored.time_zone) == ("Anna", "ru", "Europe/Moscow")


async def test_a_narrow_key_does_not_change_its_owner(database: None, ports: Ports) -> None:
    person = await make_built_in(CUSTOMER)
    context = as_person(ports, person)
    narrow = replace(context, viewer=replace(context.viewer, scopes=frozenset({Scope.STATS_READ})))

    with pytest.raises(NotPermittedError):
        await update_viewer(narrow, changes=ProfileChanges(name="Stolen"))

    assert (await loaded(person)).name == person.name


async def test_the_command_line_may_do_all_of_it(database: None, ports: Ports) -> None:
    await make_built_in(ADMINISTRATOR)
    person = await make_built_in(CUSTOMER)

    await deactivate_user(as_command(ports), user_id=person.id)

    assert (await loaded(person)).deactivated_at is not None


async def test_keys_are_revoked_within_reach_alone(database: None, ports: Ports) -> None:
    here = await make_organization()
    boss = as_person(ports, await make_user(reach=Reach.ORGANIZATION, organization=here))
    colleague = await make_built_in(CUSTOMER, organization=here)
    stranger = await make_built_in(CUSTOMER)
    near, _ = await create_api_key(as_person(ports, colleague), label="near")
    far, _ = await create_api_key(as_person(ports, stranger), label="far")

    assert (await revoke_api_key(boss, key_id=near.id)).revoked_at == ports.clock.now()
    with pytest.raises(NotFoundError):
        await revoke_api_key(boss, key_id=far.id)
    with pytest.raises(NotFoundError):
        await create_api_key(boss, label="mine", user_id=stranger.id)

    assert [key.id for key in await ApiKey.filter(revoked_at=None)] == [far.id]


@pytest.mark.parametrize("is_placed", [False, True], ids=["of nobody", "of an organization"])
async def test_own_links_are_read_by_their_owner_and_not_by_the_place_of_nobody(
    database: None, ports: Ports, *, is_placed: bool
) -> None:
    connection = reader()
    if not is_sqlite(connection):  # PostgreSQL plans by what the tables hold
        return
    place = await make_organization() if is_placed else None
    person = await make_built_in(CUSTOMER, organization=place)
    viewer = as_person(ports, person).viewer
    conditions = link_conditions(connection, viewer=viewer, now=ports.clock.now())

    rows = await fetch(
        connection,
        f"EXPLAIN QUERY PLAN SELECT link.id FROM link WHERE {conditions.sql}"
        " ORDER BY link.created_at DESC, link.id DESC LIMIT 50",
        conditions.arguments,
    )

    plan = " ".join(str(row["detail"]) for row in rows)
    assert "ix_link_owner_created (owner_id=?)" in plan
    assert "TEMP B-TREE" not in plan
