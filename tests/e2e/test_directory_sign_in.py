"""`sessionCreate` with the passwords of a real directory, beside our own."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import orjson
import pyotp
import pytest

from api.adapters.ldap_directory import LdapDirectory, LdapSettings
from models.audit_entries import AuditEntry
from models.errors import (
    PasswordWrongError,
    SecondFactorRequiredError,
    SignInRefusedError,
    StepUpRequiredError,
)
from models.rules.roles import CUSTOMER
from models.rules.sign_in_methods import ProofWay
from models.second_factors import Identity
from models.sessions import Session
from models.users import Role, User
from resolvers.context import RequestContext
from resolvers.ports import Ports
from resolvers.renewals import renew_by_password
from resolvers.second_factors import confirm_session
from resolvers.sessions import require_fresh
from resolvers.sign_in import sign_in
from resolvers.totp import confirm_totp, create_totp
from tests.factories import make_user
from tests.fakes import FixedClock
from tests.ldap_server import BASE, LdapServer, ldap_server
from tests.people import as_visitor, in_session, make_member, seen

PASSWORD = "three quiet herons"  # noqa: S105 - Ann's, in the directory


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LdapServer]:
    with ldap_server(tmp_path_factory.mktemp("ldap")) as found:
        yield found


@pytest.fixture
def ports(ports: Ports, server: LdapServer) -> Iterator[Ports]:
    server.forget()
    directory = LdapDirectory(LdapSettings(url=server.url, user_dn=f"uid={{name}},{BASE}"))
    yield replace(ports, directory=directory)
    directory.close()


async def refused() -> list[object]:
    entries = await AuditEntry.filter(action="identity.refuse").order_by("id")
    return [orjson.loads(entry.after)["reason"] for entry in entries]


async def test_a_person_of_the_directory_gets_the_account_of_their_address(
    database: None, ports: Ports
) -> None:
    user = await make_user("ann@people.test")

    started = await sign_in(as_visitor(ports), email=" ann ", password=PASSWORD)

    assert started.user_id == user.id
    assert (await Session.get()).factors == "directory"
    assert [(each.user_id, each.subject) for each in await Identity.all()] == [
        (user.id, "7c1f3c1e-0001")
    ]


async def test_our_own_password_is_asked_first_and_the_directory_hears_nothing(
    database: None, ports: Ports, server: LdapServer
) -> None:
    await make_member("ada@people.test", password="our own long secret")  # noqa: S106

    await sign_in(as_visitor(ports), email="ada@people.test", password="our own long secret")  # noqa: S106

    assert (await Session.get()).factors == "password"
    assert server.seen == []


@pytest.mark.parametrize(
    ("name", "password"), [("ann", "wrong"), ("ann", ""), ("nobody", PASSWORD), ("ann", " " * 9)]
)
async def test_a_wrong_password_signs_nobody_in(
    database: None, ports: Ports, name: str, password: str
) -> None:
    await make_user("ann@people.test")

    with pytest.raises(SignInRefusedError):
        await sign_in(as_visitor(ports), email=name, password=password)

    assert (await Session.all().count(), await Identity.all().count()) == (0, 0)


async def test_strangers_of_the_directory_get_an_account_only_where_that_is_wanted(
    database: None, ports: Ports
) -> None:
    await Role.create(name=CUSTOMER, scopes="LINK_READ")
    with pytest.raises(SignInRefusedError):
        await sign_in(as_visitor(ports), email="ann", password=PASSWORD)
    assert (await User.all().count(), await refused()) == (0, ["unknown"])

    welcoming = replace(ports, access=replace(ports.access, adds_directory_people=True))
    await sign_in(as_visitor(welcoming), email="ann", password=PASSWORD)

    assert [(user.email, user.name) for user in await User.all()] == [
        ("ann@people.test", "Ann Lee")
    ]


async def test_the_second_factor_is_asked_for_as_after_every_password(
    database: None, ports: Ports, clock: FixedClock
) -> None:
    user = await make_user("ann@people.test")
    context = await in_session(ports, user)
    app = pyotp.TOTP((await create_totp(context, issuer="L")).secret)
    await confirm_totp(context, code=app.at(clock.at))

    with pytest.raises(SecondFactorRequiredError) as wanted:
        await sign_in(as_visitor(ports), email="ann", password=PASSWORD)
    clock.at += timedelta(seconds=30)
    code = app.at(clock.at)
    await confirm_session(as_visitor(ports), token=wanted.value.token, code=code)

    assert sorted(each.factors for each in await Session.all()) == ["directory totp", "password"]


async def test_a_deactivated_person_stays_out(
    database: None, ports: Ports, clock: FixedClock
) -> None:
    user = await make_user("ann@people.test")
    await sign_in(as_visitor(ports), email="ann", password=PASSWORD)
    await User.filter(id=user.id).update(deactivated_at=clock.at)

    with pytest.raises(SignInRefusedError):
        await sign_in(as_visitor(ports), email="ann", password=PASSWORD)

    assert (await Session.all().count(), await refused()) == (1, ["deactivated"])


async def test_a_directory_that_is_away_keeps_nobody_else_out(database: None, ports: Ports) -> None:
    await make_member("ada@people.test", password="our own long secret")  # noqa: S106
    away = LdapDirectory(LdapSettings(url="ldap://127.0.0.1:1", user_dn=f"uid={{name}},{BASE}"))
    ports = replace(ports, directory=away)

    with pytest.raises(SignInRefusedError):
        await sign_in(as_visitor(ports), email="ann", password=PASSWORD)
    await sign_in(as_visitor(ports), email="ada@people.test", password="our own long secret")  # noqa: S106

    away.close()
    assert (await Session.all().count(), await refused()) == (1, ["unavailable"])


async def in_directory_session(ports: Ports) -> RequestContext:
    """Sign in by the directory, and return the context of the next request."""
    started = await sign_in(as_visitor(ports), email="ann", password=PASSWORD)
    viewer = await seen(ports, started.token)
    assert viewer is not None
    return replace(as_visitor(ports), viewer=viewer)


async def test_people_of_the_directory_prove_anew_by_its_password(
    database: None, ports: Ports, clock: FixedClock
) -> None:
    await make_user("ann@people.test")
    context = await in_directory_session(ports)
    clock.at += timedelta(minutes=11)
    with pytest.raises(StepUpRequiredError) as stale:
        await require_fresh(context)
    assert stale.value.ways == (ProofWay.PASSWORD,)

    renewed = await renew_by_password(context, password=PASSWORD)

    viewer = await seen(ports, renewed.token)
    assert viewer is not None
    assert (viewer.session_id, viewer.authenticated_at) == (context.viewer.session_id, clock.at)
    assert (await AuditEntry.get(action="session.renew")).after == '{"factor":"directory"}'


@pytest.mark.parametrize("fault", ["wrong", "empty", "other entry", "away"])
async def test_nothing_else_of_the_directory_is_a_proof(
    database: None, ports: Ports, clock: FixedClock, fault: str
) -> None:
    await make_user("ann@people.test")
    context = await in_directory_session(ports)
    password = {"wrong": "four noisy cranes", "empty": ""}.get(fault, PASSWORD)
    if fault == "other entry":  # the name was given to somebody else
        await Identity.all().update(subject="7c1f3c1e-0009")
    if fault == "away":
        directory = LdapDirectory(
            LdapSettings(url="ldap://127.0.0.1:1", user_dn=f"uid={{name}},{BASE}")
        )
        context = replace(context, ports=replace(ports, directory=directory))
    before = await Session.all().values()

    with pytest.raises(PasswordWrongError):
        await renew_by_password(context, password=password)

    assert await Session.all().values() == before
