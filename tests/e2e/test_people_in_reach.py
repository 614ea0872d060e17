"""What those who manage people see of them, and the sessions that they end, over GraphQL."""

import pytest

from models.audit_entries import AuditEntry
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, CUSTOMER
from models.rules.scopes import Scope
from models.sessions import Session
from models.users import User
from resolvers.api_keys import create_api_key
from resolvers.ports import Ports
from resolvers.sessions import revoke_sessions, sessions_by_person
from schema.nodes import encode_id
from tests.factories import as_person, make_built_in, make_organization, make_user
from tests.people import begin, in_session
from tests.portal import Client, sign_in

SEEN = "{ users(first: 20) { nodes { email state apiKeys { label } sessions { isCurrent } } } }"
ONE = "query ($id: ID!) { node(id: $id) { ... on User { state apiKeys { label } } } }"


@pytest.fixture
async def person(database: None, ports: Ports) -> User:
    user = await make_built_in(CUSTOMER, "ada@people.test", organization=await make_organization())
    await create_api_key(as_person(ports, user), label="report")
    await begin(ports, user)
    return user


async def test_administrators_see_keys_sessions_and_state_of_everybody(
    client: Client, ports: Ports, person: User
) -> None:
    admin = await make_built_in(ADMINISTRATOR)
    portal = await sign_in(client, ports, admin)
    await User.filter(id=person.id).update(deactivated_at=ports.clock.now())

    nodes = (await portal.ask(SEEN))["users"]["nodes"]

    [ada] = [each for each in nodes if each["email"] == person.email]
    assert ada == {
        "email": person.email,
        "state": "DEACTIVATED",
        "apiKeys": [{"label": "report"}],
        "sessions": [{"isCurrent": False}],
    }


async def test_colleagues_see_nothing_of_it(client: Client, ports: Ports, person: User) -> None:
    colleague = await make_built_in(CUSTOMER)
    portal = await sign_in(client, ports, colleague)

    assert await portal.ask(ONE, id=encode_id("User", person.id)) == {"node": None}


async def test_people_are_read_by_two_queries_however_many(ports: Ports, person: User) -> None:
    context = as_person(ports, await make_user(is_staff=True))
    bob = await make_built_in(CUSTOMER, "bob@people.test")

    found = await sessions_by_person(context, [bob.id, person.id, 7])

    assert [len(each) for each in found] == [0, 1, 0]
    strangers = as_person(ports, await make_user(reach=Reach.ORGANIZATION))
    assert await sessions_by_person(strangers, [person.id]) == [[]]
    own = as_person(ports, person, scopes=frozenset({Scope.LINK_READ}))
    assert await sessions_by_person(own, [person.id]) == [[]]  # a key is no session


async def test_an_administrator_ends_sessions_of_others(ports: Ports, person: User) -> None:
    context = await in_session(ports, await make_user(is_staff=True))
    foreign = await begin(ports, person)

    assert await revoke_sessions(context, ids=[foreign.session_id]) == [foreign.session_id]

    entries = AuditEntry.filter(action="session.revoke", actor_id=context.viewer.user_id)
    assert await entries.filter(subject_id=foreign.session_id).count() == 1


async def test_nobody_ends_those_of_who_may_more(ports: Ports, person: User) -> None:
    boss = await make_built_in(ADMINISTRATOR)
    started = await begin(ports, boss)
    few = frozenset({Scope.USER_ADMIN, Scope.LINK_READ})
    context = await in_session(ports, await make_user(scopes=few, is_staff=True))

    assert await revoke_sessions(context, ids=[started.session_id]) == []
    assert (await Session.get(id=started.session_id)).revoked_at is None
