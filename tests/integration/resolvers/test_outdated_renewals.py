"""A password that is not the one any more when it is to renew a session."""

import pytest
from tortoise.transactions import in_transaction

from models.errors import PasswordWrongError
from models.sessions import Session
from models.users import User
from resolvers.context import RequestContext
from resolvers.passwords import change_password, issue_reset, reset_password
from resolvers.ports import Ports
from resolvers.renewals import renew_by_password
from resolvers.sessions import StartedSession
from tests.people import PASSWORD, as_visitor, in_session, make_member
from tests.stopped_hasher import stopped

NEW = "four noisy cranes"


@pytest.fixture
async def person(database: None) -> User:
    return await make_member()


async def renew_by_old_password(context: RequestContext) -> StartedSession:
    return await renew_by_password(context, password=PASSWORD)


async def reset(ports: Ports, person: User, new: str = NEW) -> None:
    context = as_visitor(ports)
    async with in_transaction("default") as connection:
        path = await issue_reset(context, connection, user_id=person.id)
    await reset_password(context, token=path.partition("#")[2], new=new)


async def live_sessions() -> int:
    return await Session.filter(revoked_at=None).count()


async def test_an_old_password_does_not_renew_a_session(ports: Ports, person: User) -> None:
    context = await in_session(ports, person)
    before = await Session.get()

    async with stopped(
        context, lambda slow: renew_by_password(slow, password=PASSWORD)
    ) as renewing:
        await change_password(context, current=PASSWORD, new=NEW)
    changed = await Session.get()

    with pytest.raises(PasswordWrongError):
        await renewing
    assert changed.token_hash != before.token_hash
    assert (await Session.get()).token_hash == changed.token_hash


async def test_nor_one_that_a_reset_has_ended(ports: Ports, person: User) -> None:
    context = await in_session(ports, person)

    async with stopped(
        context, lambda slow: renew_by_password(slow, password=PASSWORD)
    ) as renewing:
        await reset(ports, person)

    with pytest.raises(PasswordWrongError):
        await renewing
    assert await live_sessions() == 0
