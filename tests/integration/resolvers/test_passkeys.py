"""Passkeys against an authenticator in software: what is taken, and each part that is forged."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from models.audit_entries import AuditEntry
from models.errors import (
    NotFoundError,
    PasskeyLimitError,
    PasskeyRefusedError,
    RateLimitedError,
    SessionRequiredError,
    StepUpRequiredError,
    TextTooLongError,
)
from models.mails import Mail
from models.rules.base64url import to_base64url
from models.rules.passkeys import Assertion, Attestation, Site, Transport
from models.second_factors import Passkey
from models.sessions import Session
from models.users import User
from resolvers.context import RequestContext
from resolvers.passkey_sign_ins import begin_passkey_sign_in, sign_in_by_passkey
from resolvers.passkeys import (
    MAX_PASSKEYS,
    begin_passkey,
    create_passkey,
    delete_passkey,
    passkeys_of,
)
from resolvers.ports import Ports
from resolvers.recovery_codes import create_recovery_codes, recovery_codes_left
from resolvers.sessions import StartedSession
from tests.authenticator import ORIGIN, PRESENT, VERIFIED, Authenticator
from tests.factories import as_nobody, as_person, make_user
from tests.fakes import FixedClock
from tests.sign_ins import as_session, logged

SITE = Site.of(ORIGIN, name="Linkyard")


@pytest.fixture
async def person(database: None) -> User:
    return await make_user("ann@people.test")


@pytest.fixture
async def context(person: User, ports: Ports) -> RequestContext:
    return await as_session(ports, person)


async def make(context: RequestContext, device: Authenticator, label: str = "phone") -> Passkey:
    offer = await begin_passkey(context)
    device.user_handle = offer.handle
    return await create_passkey(
        context,
        token=offer.token,
        label=label,
        answer=device.attest(offer.challenge),
        transports=[Transport.INTERNAL, Transport.HYBRID, Transport.INTERNAL],
        site=SITE,
    )


async def sign_in(ports: Ports, device: Authenticator) -> StartedSession:
    question = await begin_passkey_sign_in(as_nobody(ports))
    return await sign_in_by_passkey(
        as_nobody(ports), token=question.token, answer=device.answer(question.challenge), site=SITE
    )


async def reasons() -> list[object]:
    """Return why passkeys were refused, as the log has it."""
    entries = await AuditEntry.filter(action="passkey.refuse").order_by("id")
    return [orjson.loads(entry.after)["reason"] for entry in entries]


async def test_a_passkey_is_made_listed_and_told_of(context: RequestContext, person: User) -> None:
    device = Authenticator()

    made = await make(context, device)

    [listed] = await passkeys_of(context)
    assert (listed.id, listed.label, listed.credential_id) == (made.id, "phone", device.id)
    assert (listed.user_id, listed.transports, listed.last_used_at) == (
        person.id,
        "internal hybrid",
        None,
    )
    assert await logged() == ["passkey.create"]
    assert [mail.template for mail in await Mail.all()] == ["SECOND_FACTOR_CHANGED"]


async def test_a_passkey_signs_its_person_in(
    context: RequestContext, person: User, ports: Ports, clock: FixedClock
) -> None:
    device = Authenticator()
    await make(context, device)

    started = await sign_in(ports, device)

    assert started.user_id == person.id
    assert (await Session.get(id=started.session_id)).factors == "passkey"
    [passkey] = await Passkey.all()
    assert (passkey.sign_count, passkey.last_used_at) == (1, clock.at)
    assert (await logged())[-1] == "session.create"


async def test_a_passkey_that_does_not_count_signs_in_again_and_again(
    context: RequestContext, ports: Ports
) -> None:
    device = Authenticator(count=-1)
    await make(context, device)

    for _ in range(3):
        await sign_in(ports, device)

    assert await Session.filter(factors="passkey").count() == 3


@pytest.mark.parametrize(
    "forged",
    [
        Authenticator(origin="https://portal.test.evil.example"),
        Authenticator(origin="http://portal.test"),
        Authenticator(origin="https://portal.test:444"),
        Authenticator(rp_id="evil.example"),
        Authenticator(flags=PRESENT),
        Authenticator(flags=VERIFIED),
        Authenticator(cross_origin=True),
        Authenticator(create_type="webauthn.get"),
        Authenticator(format="fido-u2f"),
        Authenticator(credential_id=b""),
        Authenticator(credential_id=bytes(1024)),
    ],
    ids=[
        "longer host",
        "plain http",
        "other port",
        "other site",
        "not verified",
        "not present",
        "in a frame",
        "other ceremony",
        "other format",
        "no id",
        "long id",
    ],
)
async def test_a_forged_passkey_is_not_kept(context: RequestContext, forged: Authenticator) -> None:
    with pytest.raises(PasskeyRefusedError):
        await make(context, forged)

    assert (await Passkey.all().count(), await Mail.all().count()) == (0, 0)


@pytest.mark.parametrize("part", ["credential_id", "client_data", "attestation"])
@pytest.mark.parametrize("value", ["", "!", "AA==", "AAAA", "A" * 20_000, "ё"])
async def test_an_answer_of_any_shape_is_refused(
    context: RequestContext, part: str, value: str
) -> None:
    offer = await begin_passkey(context)
    answer = Authenticator().attest(offer.challenge)
    broken = Attestation(
        **{name: getattr(answer, name) for name in ("credential_id", "client_data", "attestation")}
        | {part: value}
    )

    with pytest.raises(PasskeyRefusedError):
        await create_passkey(
            context, token=offer.token, label="a", answer=broken, transports=[], site=SITE
        )

    assert await Passkey.all().count() == 0


async def test_a_challenge_makes_one_passkey_for_its_own_person(
    context: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    used, other, late = [await begin_passkey(context) for _ in range(3)]
    stranger = await as_session(ports, await make_user())

    async def create(who: RequestContext, token: str, challenge: str) -> None:
        await create_passkey(
            who,
            token=token,
            label="a",
            answer=Authenticator().attest(challenge),
            transports=[],
            site=SITE,
        )

    await create(context, used.token, used.challenge)
    with pytest.raises(PasskeyRefusedError):
        await create(context, used.token, used.challenge)
    with pytest.raises(PasskeyRefusedError):
        await create(stranger, other.token, other.challenge)
    with pytest.raises(PasskeyRefusedError):
        await create(context, late.token, to_base64url(bytes(32)))
    clock.at += timedelta(minutes=5)
    with pytest.raises(PasskeyRefusedError):
        await create(context, late.token, late.challenge)

    assert await Passkey.all().count() == 1


async def test_one_credential_belongs_to_one_person(context: RequestContext, ports: Ports) -> None:
    device = Authenticator()
    await make(context, device)
    stranger = await as_session(ports, await make_user())

    for who in (context, stranger):
        with pytest.raises(PasskeyRefusedError):
            await make(who, device)

    assert await Passkey.all().count() == 1


async def test_there_is_a_most_of_passkeys(context: RequestContext) -> None:
    for _ in range(MAX_PASSKEYS - 1):
        await make(context, Authenticator())
    first, second = await begin_passkey(context), await begin_passkey(context)
    await create_passkey(
        context,
        token=first.token,
        label="last",
        answer=Authenticator().attest(first.challenge),
        transports=[],
        site=SITE,
    )

    with pytest.raises(PasskeyLimitError):
        await create_passkey(
            context,
            token=second.token,
            label="more",
            answer=Authenticator().attest(second.challenge),
            transports=[],
            site=SITE,
        )
    with pytest.raises(PasskeyLimitError):
        await begin_passkey(context)

    assert await Passkey.all().count() == MAX_PASSKEYS


async def test_a_label_is_short_and_the_challenge_lives_on(context: RequestContext) -> None:
    offer = await begin_passkey(context)
    answer = Authenticator().attest(offer.challenge)

    with pytest.raises(TextTooLongError):
        await create_passkey(
            context, token=offer.token, label="x" * 101, answer=answer, transports=[], site=SITE
        )
    await create_passkey(
        context, token=offer.token, label="x" * 100, answer=answer, transports=[], site=SITE
    )

    assert await Passkey.all().count() == 1


def _other_origin(device: Authenticator) -> None:
    device.origin = "https://evil.example"


def _other_site(device: Authenticator) -> None:
    device.rp_id = "evil.example"


def _not_verified(device: Authenticator) -> None:
    device.flags = PRESENT


def _not_present(device: Authenticator) -> None:
    device.flags = VERIFIED


def _in_a_frame(device: Authenticator) -> None:
    device.cross_origin = True


def _other_ceremony(device: Authenticator) -> None:
    device.get_type = "webauthn.create"


def _other_key(device: Authenticator) -> None:
    device.key = Authenticator().key


@pytest.mark.parametrize(
    "forge",
    [
        _other_origin,
        _other_site,
        _not_verified,
        _not_present,
        _in_a_frame,
        _other_ceremony,
        _other_key,
    ],
)
async def test_a_forged_answer_signs_nobody_in(
    context: RequestContext, ports: Ports, forge: Callable[[Authenticator], None]
) -> None:
    device = Authenticator()
    await make(context, device)
    forge(device)

    with pytest.raises(PasskeyRefusedError):
        await sign_in(ports, device)

    assert await Session.all().count() == 1
    assert await reasons() == ["signature"]
    assert (await Passkey.get()).sign_count == 0


async def test_a_counter_that_goes_back_is_refused_and_written_down(
    context: RequestContext, ports: Ports
) -> None:
    device = Authenticator()
    await make(context, device)
    for _ in range(3):
        await sign_in(ports, device)

    for count in (0, 1, 2, -1):
        device.count = count
        with pytest.raises(PasskeyRefusedError):
            await sign_in(ports, device)

    assert await Session.filter(factors="passkey").count() == 3
    assert await reasons() == ["counter"] * 4
    assert (await Passkey.get()).sign_count == 3


async def test_an_answer_is_good_once_and_for_its_own_challenge(
    context: RequestContext, ports: Ports, clock: FixedClock
) -> None:
    device, nobody = Authenticator(), as_nobody(ports)
    await make(context, device)
    first, second, late = [await begin_passkey_sign_in(nobody) for _ in range(3)]
    answer = device.answer(first.challenge)
    await sign_in_by_passkey(nobody, token=first.token, answer=answer, site=SITE)

    for token in (first.token, second.token, "", "x" * 43):
        with pytest.raises(PasskeyRefusedError):
            await sign_in_by_passkey(nobody, token=token, answer=answer, site=SITE)
    clock.at += timedelta(minutes=5)
    with pytest.raises(PasskeyRefusedError):
        await sign_in_by_passkey(
            nobody, token=late.token, answer=device.answer(late.challenge), site=SITE
        )

    assert await Session.filter(factors="passkey").count() == 1


async def test_of_parallel_uses_of_one_challenge_one_wins(
    context: RequestContext, ports: Ports
) -> None:
    device, nobody = Authenticator(), as_nobody(ports)
    await make(context, device)
    question = await begin_passkey_sign_in(nobody)
    answer = device.answer(question.challenge)

    results = await asyncio.gather(
        *(
            sign_in_by_passkey(nobody, token=question.token, answer=answer, site=SITE)
            for _ in range(6)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(each, StartedSession) for each in results) == 1
    assert sum(isinstance(each, PasskeyRefusedError) for each in results) == 5


async def test_a_passkey_answers_for_its_own_person_alone(
    context: RequestContext, ports: Ports
) -> None:
    mine, theirs = Authenticator(), Authenticator()
    await make(context, mine)
    await make(await as_session(ports, await make_user()), theirs)
    mine.user_handle = theirs.user_handle

    with pytest.raises(PasskeyRefusedError):
        await sign_in(ports, mine)

    assert await reasons() == ["person"]


async def test_an_unknown_passkey_is_refused(database: None, ports: Ports) -> None:
    with pytest.raises(PasskeyRefusedError):
        await sign_in(ports, Authenticator())

    assert (await reasons(), await Session.all().count()) == (["unknown"], 0)


async def test_a_deactivated_person_does_not_come_in_by_a_passkey(
    context: RequestContext, person: User, ports: Ports, clock: FixedClock
) -> None:
    device = Authenticator()
    await make(context, device)
    await User.filter(id=person.id).update(deactivated_at=clock.at)

    with pytest.raises(PasskeyRefusedError):
        await sign_in(ports, device)

    assert await reasons() == ["deactivated"]


@pytest.mark.parametrize("part", ["client_data", "authenticator_data", "signature"])
@pytest.mark.parametrize("value", ["", "!", "AAAA", "A" * 20_000])
async def test_an_assertion_of_any_shape_is_refused(
    context: RequestContext, ports: Ports, part: str, value: str
) -> None:
    device, nobody = Authenticator(), as_nobody(ports)
    await make(context, device)
    question = await begin_passkey_sign_in(nobody)
    broken: Assertion = replace(device.answer(question.challenge), **{part: value})

    with pytest.raises(PasskeyRefusedError):
        await sign_in_by_passkey(nobody, token=question.token, answer=broken, site=SITE)

    assert await Session.filter(factors="passkey").count() == 0


async def test_a_deleted_passkey_signs_nobody_in(context: RequestContext, ports: Ports) -> None:
    device = Authenticator()
    made = await make(context, device)
    await create_recovery_codes(context)

    await delete_passkey(context, passkey_id=made.id)

    with pytest.raises(PasskeyRefusedError):
        await sign_in(ports, device)
    assert (await passkeys_of(context), await recovery_codes_left(context)) == ([], 0)
    assert await Mail.all().count() == 3
    with pytest.raises(NotFoundError):
        await delete_passkey(context, passkey_id=made.id)


async def test_nobody_deletes_the_passkeys_of_others(context: RequestContext, ports: Ports) -> None:
    made = await make(context, Authenticator())
    stranger = await as_session(ports, await make_user(is_staff=True))

    with pytest.raises(NotFoundError):
        await delete_passkey(stranger, passkey_id=made.id)

    assert await Passkey.all().count() == 1


async def test_a_key_makes_and_deletes_no_passkeys(
    context: RequestContext, person: User, ports: Ports, clock: FixedClock
) -> None:
    made = await make(context, Authenticator())
    by_key = as_person(ports, person)

    with pytest.raises(SessionRequiredError):
        await begin_passkey(by_key)
    with pytest.raises(SessionRequiredError):
        await delete_passkey(by_key, passkey_id=made.id)
    clock.at += timedelta(minutes=10)
    with pytest.raises(StepUpRequiredError):
        await begin_passkey(context)
    with pytest.raises(StepUpRequiredError):
        await delete_passkey(context, passkey_id=made.id)

    assert await Passkey.all().count() == 1


async def test_challenges_from_one_address_are_bounded(database: None, ports: Ports) -> None:
    nobody = as_nobody(ports)
    for _ in range(30):
        await begin_passkey_sign_in(nobody)

    with pytest.raises(RateLimitedError):
        await begin_passkey_sign_in(nobody)


@pytest.mark.parametrize(
    ("public_url", "rp_id", "origin"),
    [
        ("https://portal.test", "portal.test", "https://portal.test"),
        ("https://Portal.test:443/x", "portal.test", "https://portal.test"),
        ("https://portal.test:8443", "portal.test", "https://portal.test:8443"),
        ("http://localhost:8080", "localhost", "http://localhost:8080"),
        ("http://localhost", "localhost", "http://localhost"),
        ("https://bücher.example", "xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_passkeys_hold_on_the_address_of_the_settings(
    public_url: str, rp_id: str, origin: str
) -> None:
    site = Site.of(public_url, name="L")

    assert (site.rp_id, site.origin) == (rp_id, origin)
