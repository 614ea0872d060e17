"""Sessions: what opens what, for how long, and who ends them."""

from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from tortoise.transactions import in_transaction

from models.audit_entries import AuditEntry
from models.errors import SessionRequiredError, StepUpRequiredError
from models.organizations import Organization, OrganizationKind
from models.sessions import Session
from models.users import User
from resolvers.ports import Ports
from resolvers.session_lookup import find_session_by_id, session_uses_written
from resolvers.sessions import (
    MAX_SESSIONS,
    end_sessions,
    require_fresh,
    revoke_sessions,
    rotate_session,
    sessions_of,
    sign_out,
)
from tests.factories import as_command, as_nobody, as_person
from tests.fakes import FixedClock
from tests.people import FROM, begin, in_session, make_member, seen

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def person(database: None) -> User:
    return await make_member()


async def actions() -> list[str]:
    return [each.action for each in await AuditEntry.all().order_by("id")]


async def test_a_token_opens_the_session_of_its_person(ports: Ports, person: User) -> None:
    started = await begin(ports, person)

    viewer = await seen(ports, started.token)

    assert viewer is not None
    assert (viewer.user_id, viewer.session_id) == (person.id, started.session_id)
    assert (viewer.scopes, viewer.authenticated_at, viewer.expires_at) == (
        person.scopes(),
        ports.clock.now(),
        ports.clock.now() + ports.access.sessions.life,
    )
    row = await Session.get()
    assert started.token not in (row.token_hash, repr(started))
    assert (row.address, row.user_agent) == (FROM.address, FROM.user_agent)


async def test_it_is_found_by_one_query_and_what_is_no_token_by_none(
    ports: Ports, person: User, sql: list[str]
) -> None:
    started = await begin(ports, person)
    await seen(ports, started.token)  # connects
    sql.clear()

    assert await seen(ports, started.token) is not None
    assert len(sql) == 1
    sql.clear()
    for nonsense in ("", " ", "null", "x" * 42, "é" * 43, started.token + "x"):
        assert await seen(ports, nonsense) is None

    assert sql == []


async def test_a_use_is_written_once_a_minute(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    began = clock.at
    started = await begin(ports, person)
    written = []
    for _ in range(4):
        clock.at += 0.4 * MINUTE
        await seen(ports, started.token)
        await session_uses_written()
        written.append((await Session.get()).last_seen_at.astimezone(UTC) - began)

    assert written == [timedelta(0), timedelta(0), 1.2 * MINUTE, 1.2 * MINUTE]
    last = (await User.get(id=person.id)).last_seen_at
    assert last is not None
    assert last - began == 1.2 * MINUTE


async def test_looking_after_a_socket_is_no_use(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    started = await begin(ports, person)
    span = ports.access.sessions
    clock.at += span.idle - MINUTE
    found = await find_session_by_id(started.session_id, span=span, now=clock.at, is_use=False)
    assert found is not None
    await session_uses_written()
    clock.at += MINUTE

    assert await seen(ports, started.token) is None


async def test_no_clock_that_is_set_back_revives_a_session(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    started = await begin(ports, person)
    clock.at += ports.access.sessions.life
    assert await seen(ports, started.token) is None
    await session_uses_written()
    clock.at -= ports.access.sessions.life - MINUTE

    assert await seen(ports, started.token) is None


@pytest.mark.parametrize("who", ["person", "organization"])
async def test_deactivation_ends_it_at_once(ports: Ports, person: User, who: str) -> None:
    company = await Organization.create(name="ACME", kind=OrganizationKind.CUSTOMER)
    person.organization = company
    await person.save()
    started = await begin(ports, person)
    assert await seen(ports, started.token) is not None

    target = person if who == "person" else company
    target.deactivated_at = ports.clock.now()
    await target.save()

    assert await seen(ports, started.token) is None


async def test_a_rotated_session_goes_on_under_its_new_token_alone(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    context = await in_session(ports, person)
    ends_at = (await Session.get()).expires_at
    clock.at += MINUTE
    async with in_transaction("default") as connection:
        renewed = await rotate_session(context, connection)

    viewer = await seen(ports, renewed.token)

    assert viewer is not None
    assert (viewer.session_id, viewer.authenticated_at) == (context.viewer.session_id, clock.at)
    assert (renewed.ends_at, await Session.all().count()) == (ends_at, 1)


async def test_the_old_token_of_a_rotated_session_opens_nothing(ports: Ports, person: User) -> None:
    started = await begin(ports, person)
    viewer = await seen(ports, started.token)
    assert viewer is not None
    async with in_transaction("default") as connection:
        await rotate_session(replace(as_nobody(ports), viewer=viewer), connection)

    assert await seen(ports, started.token) is None


async def test_a_session_that_ended_meanwhile_is_not_rotated(ports: Ports, person: User) -> None:
    context = await in_session(ports, person)
    await Session.all().update(revoked_at=ports.clock.now())
    async with in_transaction("default") as connection:
        with pytest.raises(SessionRequiredError):
            await rotate_session(context, connection)


async def test_all_of_a_person_can_end_but_one(ports: Ports, person: User) -> None:
    kept, first, second = [await begin(ports, person) for _ in range(3)]
    foreign = await begin(ports, await make_member("bob@people.test"))
    async with in_transaction("default") as connection:
        ended = await end_sessions(
            as_command(ports), connection, user_id=person.id, but=kept.session_id
        )
        again = await end_sessions(
            as_command(ports), connection, user_id=person.id, but=kept.session_id
        )

    assert (ended, again) == ([first.session_id, second.session_id], [])
    assert [
        await seen(ports, each.token) is not None for each in (kept, first, second, foreign)
    ] == [True, False, False, True]


async def test_people_see_and_revoke_their_own_alone(ports: Ports, person: User) -> None:
    context = await in_session(ports, person)
    other = await begin(ports, person)
    foreign = await begin(ports, await make_member("bob@people.test"))

    listed = {each.id for each in await sessions_of(context)}
    assert listed == {context.viewer.session_id, other.session_id}
    assert await sessions_of(as_person(ports, person)) == []
    ids = [foreign.session_id, other.session_id, 7]

    assert await revoke_sessions(context, ids=ids) == [other.session_id]
    assert await revoke_sessions(context, ids=ids) == []
    assert await seen(ports, foreign.token) is not None
    assert await actions() == ["session.revoke"]


async def test_all_but_ones_own_session_end(ports: Ports, person: User) -> None:
    context = await in_session(ports, person)
    others = [(await begin(ports, person)).session_id for _ in range(2)]

    assert await revoke_sessions(context, ids=None) == others
    assert [each.id for each in await sessions_of(context)] == [context.viewer.session_id]


async def test_signing_out_ends_one(ports: Ports, person: User) -> None:
    context, other = await in_session(ports, person), await begin(ports, person)

    await sign_out(context)

    assert [each.id for each in await Session.filter(revoked_at=None)] == [other.session_id]
    assert await actions() == ["session.delete"]


async def test_a_key_ends_no_session(ports: Ports, person: User) -> None:
    await begin(ports, person)
    context = as_person(ports, person)

    with pytest.raises(SessionRequiredError):
        await revoke_sessions(context, ids=None)
    with pytest.raises(SessionRequiredError):
        await sign_out(context)

    assert await Session.filter(revoked_at=None).count() == 1


async def test_the_oldest_makes_room(ports: Ports, person: User) -> None:
    first = await begin(ports, person)
    for _ in range(MAX_SESSIONS - 1):
        await begin(ports, person)
    last = await begin(ports, person)

    assert await Session.filter(revoked_at=None).count() == MAX_SESSIONS
    assert await seen(ports, first.token) is None
    assert await seen(ports, last.token) is not None
    [ended] = await AuditEntry.filter(action="session.revoke")
    assert (ended.subject_id, ended.actor_id) == (first.session_id, person.id)
    assert ended.after == '{"reason":"too_many"}'


async def test_dangerous_actions_want_a_recent_proof_of_a_session_alone(
    ports: Ports, person: User, clock: FixedClock
) -> None:
    context = await in_session(ports, person)
    await require_fresh(context)
    clock.at += 10 * MINUTE

    with pytest.raises(StepUpRequiredError):
        await require_fresh(context)
    for others in (as_command(ports), as_person(ports, person)):
        await require_fresh(others)
