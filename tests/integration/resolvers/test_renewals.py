"""Proving anew who one is: by the strongest thing one has, and never by less."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from tortoise.transactions import in_transaction

from models.audit_entries import AuditEntry
from models.errors import (
    InsecureTransportError,
    PasskeyRefusedError,
    PasswordWrongError,
    RateLimitedError,
    SecondFactorWrongError,
    SessionRequiredError,
    StepUpRequiredError,
)
from models.rules.passkeys import Site
from models.rules.sign_in_methods import ProofWay
from models.second_factors import Identity, Passkey, RecoveryCode, Totp
from models.sessions import Session
from models.users import User
from resolvers.context import RequestContext
from resolvers.passkey_sign_ins import begin_passkey_sign_in
from resolvers.passkeys import begin_passkey, create_passkey
from resolvers.passwords import change_password
from resolvers.ports import PasswordVerdict, Ports
from resolvers.proof_ways import ways_of
from resolvers.renewals import (
    begin_passkey_renewal,
    renew_by_code,
    renew_by_passkey,
    renew_by_password,
)
from resolvers.session_lookup import session_uses_written
from resolvers.sessions import StartedSession, end_sessions, require_fresh
from resolvers.totp import confirm_totp, create_totp, delete_totp
from tests.authenticator import Authenticator
from tests.factories import as_person
from tests.fakes import FixedClock
from tests.people import PASSWORD, as_visitor, in_session, make_member, seen
from tests.sign_ins import logged

SITE = Site.of("https://portal.test", name="Linkyard")
NEW = "four patient storks"


@pytest.fixture
async def person(database: None) -> User:
    return await make_member()


@pytest.fixture
async def context(ports: Ports, person: User) -> RequestContext:
    return await in_session(ports, person)


async def with_app(context: RequestContext, clock: FixedClock) -> tuple[pyotp.TOTP, list[str]]:
    """Give the person an app; the proof of the session is too old afterwards."""
    app = pyotp.TOTP((await create_totp(context, issuer="L")).secret)
    codes = await confirm_totp(context, code=app.at(clock.at))
    clock.at += timedelta(minutes=11)
    return app, codes


async def with_passkey(context: RequestContext, clock: FixedClock) -> Authenticator:
    offer = await begin_passkey(context)
    device = Authenticator()
    device.user_handle = offer.handle
    answer = device.attest(offer.challenge)
    await create_passkey(
        context, token=offer.token, label="phone", answer=answer, transports=[], site=SITE
    )
    clock.at += timedelta(minutes=11)
    return device


async def with_token(context: RequestContext, started: StartedSession) -> RequestContext:
    """Return the context of the next request of the browser."""
    viewer = await seen(context.ports, started.token)
    await session_uses_written()
    assert viewer is not None
    return replace(as_visitor(context.ports), viewer=viewer)


async def rows() -> list[Any]:
    tables = (Session, Totp, Passkey, RecoveryCode)
    return [row for table in tables for row in await table.all().order_by("id").values()]


async def test_a_password_beside_a_stolen_session_never_removes_the_app(
    context: RequestContext, clock: FixedClock
) -> None:
    await with_app(context, clock)
    before = await rows()

    with pytest.raises(StepUpRequiredError) as refused:
        await renew_by_password(context, password=PASSWORD)
    assert refused.value.ways == (ProofWay.TOTP, ProofWay.RECOVERY_CODE)
    assert await rows() == before

    started = await change_password(context, current=PASSWORD, new=NEW)
    thief = await with_token(context, started)
    with pytest.raises(StepUpRequiredError):
        await delete_totp(thief)
    with pytest.raises(StepUpRequiredError):
        await renew_by_password(thief, password=NEW)
    assert await Totp.all().count() == 1


async def test_an_app_that_comes_while_the_password_is_looked_at_is_not_passed_by(
    context: RequestContext, clock: FixedClock
) -> None:
    app = pyotp.TOTP((await create_totp(context, issuer="L")).secret)

    class Slow:
        """Lets the app count while the hash is computed."""

        async def verify(self, password: str, stored: str | None) -> PasswordVerdict:
            await confirm_totp(context, code=app.at(clock.at))
            return await context.ports.passwords.verify(password, stored)

        async def hash(self, password: str) -> str:
            return await context.ports.passwords.hash(password)

    slow = replace(context, ports=replace(context.ports, passwords=Slow()))

    with pytest.raises(StepUpRequiredError):
        await renew_by_password(slow, password=PASSWORD)

    assert "session.renew" not in await logged()


async def test_a_new_password_is_a_proof_where_nothing_stronger_is(
    context: RequestContext, clock: FixedClock
) -> None:
    clock.at += timedelta(minutes=11)
    with pytest.raises(StepUpRequiredError):
        await require_fresh(context)

    started = await change_password(context, current=PASSWORD, new=NEW)

    renewed = await with_token(context, started)
    await require_fresh(renewed)
    assert renewed.viewer.authenticated_at == clock.at


async def test_a_new_password_of_somebody_without_one_proves_nothing_new(
    context: RequestContext, person: User, clock: FixedClock
) -> None:
    await User.filter(id=person.id).update(password_hash=None)
    clock.at += timedelta(minutes=6)
    started = await change_password(context, current=None, new=NEW)
    clock.at += timedelta(minutes=6)

    with pytest.raises(StepUpRequiredError):
        await require_fresh(await with_token(context, started))


async def test_a_code_of_the_app_is_a_proof_once(
    context: RequestContext, clock: FixedClock
) -> None:
    app, _ = await with_app(context, clock)
    code = app.at(clock.at)

    renewed = await renew_by_code(context, code=code)

    fresh = await with_token(context, renewed)
    await require_fresh(fresh)
    assert fresh.viewer.session_id == context.viewer.session_id
    entry = await AuditEntry.get(action="session.renew")
    assert (entry.after, entry.actor_id) == ('{"factor":"totp"}', context.viewer.user_id)
    before = await rows()
    with pytest.raises(SecondFactorWrongError):
        await renew_by_code(fresh, code=code)
    assert await rows() == before


async def test_a_recovery_code_is_a_proof_and_used_up(
    context: RequestContext, clock: FixedClock
) -> None:
    _, codes = await with_app(context, clock)

    renewed = await renew_by_code(context, code=codes[0])

    await require_fresh(await with_token(context, renewed))
    assert await RecoveryCode.filter(used_at=None).count() == 9
    entry = await AuditEntry.get(action="session.renew")
    assert entry.after == '{"factor":"recovery_code"}'


async def test_wrong_codes_count_with_those_of_a_sign_in_and_change_nothing(
    context: RequestContext, clock: FixedClock
) -> None:
    app, _ = await with_app(context, clock)
    before = await rows()

    for _ in range(5):
        with pytest.raises(SecondFactorWrongError):
            await renew_by_code(context, code="000000")
    with pytest.raises(RateLimitedError):
        await renew_by_code(context, code=app.at(clock.at))

    assert await rows() == before
    assert (await logged()).count("user.second_factor_refuse") == 5


async def test_who_has_no_app_proves_nothing_by_a_code(context: RequestContext) -> None:
    before = await rows()

    with pytest.raises(SecondFactorWrongError):
        await renew_by_code(context, code="123456")

    assert await rows() == before


async def test_a_passkey_is_a_proof_in_the_session_that_asked(
    context: RequestContext, clock: FixedClock
) -> None:
    device = await with_passkey(context, clock)
    with pytest.raises(StepUpRequiredError) as refused:
        await renew_by_password(context, password=PASSWORD)
    assert refused.value.ways == (ProofWay.PASSKEY,)
    question = await begin_passkey_renewal(context)
    answer = device.answer(question.challenge)

    renewed = await renew_by_passkey(context, token=question.token, answer=answer, site=SITE)

    fresh = await with_token(context, renewed)
    await require_fresh(fresh)
    assert (await AuditEntry.get(action="session.renew")).after == '{"factor":"passkey"}'
    with pytest.raises(PasskeyRefusedError):
        await renew_by_passkey(fresh, token=question.token, answer=answer, site=SITE)


@pytest.mark.parametrize("fault", ["other session", "sign-in", "challenge", "person", "unknown"])
async def test_a_passkey_proves_nothing_that_it_was_not_asked_for(
    ports: Ports, context: RequestContext, person: User, clock: FixedClock, fault: str
) -> None:
    device = await with_passkey(context, clock)
    if fault == "person":
        device = await with_passkey(await in_session(ports, await make_member("eve@p.test")), clock)
    asking = context
    if fault == "other session":
        asking = await in_session(ports, person)
    question = await (
        begin_passkey_sign_in(asking) if fault == "sign-in" else begin_passkey_renewal(asking)
    )
    challenge = question.challenge
    if fault == "challenge":
        challenge = (await begin_passkey_renewal(context)).challenge
    if fault == "unknown":
        device = Authenticator()
    before = await Session.all().order_by("id").values()

    with pytest.raises(PasskeyRefusedError):
        await renew_by_passkey(
            context, token=question.token, answer=device.answer(challenge), site=SITE
        )

    assert await Session.all().order_by("id").values() == before
    noted = fault in {"challenge", "person", "unknown"}  # others are no answer to our question
    assert (await logged()).count("passkey.refuse") == noted


async def test_a_session_that_is_over_is_not_renewed(
    context: RequestContext, person: User, clock: FixedClock
) -> None:
    app, _ = await with_app(context, clock)
    async with in_transaction("default") as connection:
        await end_sessions(context, connection, user_id=person.id)
    before = await rows()

    with pytest.raises(SessionRequiredError):
        await renew_by_code(context, code=app.at(clock.at))

    assert await rows() == before


async def test_nothing_is_proved_where_others_can_read_it(context: RequestContext) -> None:
    open_air = replace(context, origin=replace(context.origin, is_secure=False))

    for attempt in (
        renew_by_password(open_air, password=PASSWORD),
        renew_by_code(open_air, code="123456"),
        begin_passkey_renewal(open_air),
    ):
        with pytest.raises(InsecureTransportError):
            await attempt


async def test_a_key_has_no_session_to_renew(ports: Ports, person: User) -> None:
    by_key = as_person(ports, person)

    for attempt in (
        renew_by_password(by_key, password=PASSWORD),
        renew_by_code(by_key, code="123456"),
        begin_passkey_renewal(by_key),
    ):
        with pytest.raises(SessionRequiredError):
            await attempt


async def test_ways_are_those_that_the_person_has(
    ports: Ports, context: RequestContext, person: User, clock: FixedClock
) -> None:
    assert await ways_of(context, person.id) == (ProofWay.PASSWORD,)
    await Identity.create(user=person, issuer="https://id.test", subject="a")
    assert await ways_of(context, person.id) == (ProofWay.PASSWORD,)
    access = replace(ports.access, provider_issuer="https://id.test")
    with_provider = replace(context, ports=replace(ports, access=access))
    assert await ways_of(with_provider, person.id) == (ProofWay.PASSWORD, ProofWay.PROVIDER)
    await User.filter(id=person.id).update(password_hash=None)
    assert await ways_of(context, person.id) == ()
    await with_app(context, clock)
    context = await in_session(ports, person)
    await with_passkey(replace(context, ports=ports), clock)
    assert await ways_of(with_provider, person.id) == (
        ProofWay.PASSKEY,
        ProofWay.TOTP,
        ProofWay.RECOVERY_CODE,
        ProofWay.PROVIDER,
    )


async def test_an_account_without_a_password_is_told_its_ways(
    context: RequestContext, person: User
) -> None:
    await User.filter(id=person.id).update(password_hash=None)
    before = await rows()

    with pytest.raises(StepUpRequiredError) as refused:
        await renew_by_password(context, password=PASSWORD)

    assert refused.value.ways == ()
    assert await rows() == before


async def test_wrong_passwords_are_refused_and_counted(context: RequestContext) -> None:
    for _ in range(5):
        with pytest.raises(PasswordWrongError):
            await renew_by_password(context, password=NEW)
    with pytest.raises(RateLimitedError):
        await renew_by_password(context, password=PASSWORD)
