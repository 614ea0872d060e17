"""Second factors and passkeys as a front end uses them, with the operations it sends."""

from datetime import timedelta
from typing import Any

import pyotp
import pytest
from aiohttp.pytest_plugin import AiohttpClient

from api.adapters.fernet_sealer import FernetSealer
from api.app import Parts, create_app
from models.audit_entries import AuditEntry
from models.one_time_tokens import OneTimeToken
from models.rules.passkeys import Assertion
from models.rules.scopes import Scope
from models.second_factors import Passkey, RecoveryCode, Totp
from models.sessions import Session
from models.texts import text
from models.throttles import Throttle
from models.users import User
from resolvers.key_uses import uses_written
from resolvers.ports import Ports
from resolvers.session_lookup import session_uses_written
from schema.context import PortalFacts
from schema.nodes import encode_id
from tests.authenticator import Authenticator
from tests.factories import make_user
from tests.fakes import FixedClock
from tests.people import PASSWORD, make_member
from tests.portal import Portal, sign_in

ORIGIN = "http://localhost:8080"


@pytest.fixture
async def person(database: None) -> User:
    return await make_member()


@pytest.fixture
async def browser(database: None, ports: Ports, aiohttp_client: AiohttpClient) -> Portal:
    """A page of a portal on this machine, with a cookie jar."""
    facts = PortalFacts(name="Linkyard", version="0", public_url=ORIGIN)
    client = await aiohttp_client(create_app(Parts(ports=ports, portal=facts)))
    return Portal(client, {"Linkyard-Client": "tests"})


async def run(portal: Portal, name: str, **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Send an operation and return the result of its one field."""
    found = await portal.ask(name, **variables)
    await session_uses_written()
    [result] = found.values()
    answer: dict[str, Any] = result
    return answer


async def enter(portal: Portal, user: User) -> dict[str, Any]:
    return await run(portal, "SessionCreate", input={"email": user.email, "password": PASSWORD})


async def make_app(portal: Portal, clock: FixedClock) -> tuple[pyotp.TOTP, list[str]]:
    made = await run(portal, "TotpCreate")
    app = pyotp.TOTP(made["secret"])
    confirmed = await run(portal, "TotpConfirm", input={"code": app.at(clock.at)})
    clock.at += timedelta(seconds=30)
    return app, confirmed["recoveryCodes"]


def answer_of(assertion: Assertion) -> dict[str, str]:
    return {
        "id": assertion.credential_id,
        "clientDataJSON": assertion.client_data,
        "authenticatorData": assertion.authenticator_data,
        "signature": assertion.signature,
        "userHandle": assertion.user_handle,
    }


async def make_passkey(portal: Portal, label: str = "phone") -> tuple[Authenticator, str]:
    """Make a passkey as a browser does, and return the device and the passkey's id."""
    begun = await run(portal, "PasskeyCreateBegin")
    options = begun["options"]
    device = Authenticator(origin=ORIGIN, rp_id=options["rp"]["id"])
    device.user_handle = options["user"]["id"]
    answer = device.attest(options["challenge"])
    made = await run(
        portal,
        "PasskeyCreate",
        input={
            "token": begun["token"],
            "label": label,
            "credential": {
                "id": answer.credential_id,
                "clientDataJSON": answer.client_data,
                "attestationObject": answer.attestation,
                "transports": ["internal", "teleport", "hybrid"],
            },
        },
    )
    return device, made["passkey"]["id"]


async def test_an_app_is_asked_for_at_the_next_sign_in(
    browser: Portal, person: User, clock: FixedClock
) -> None:
    await enter(browser, person)
    app, codes = await make_app(browser, clock)
    assert await run(browser, "SecondFactors") == {
        "hasTotp": True,
        "recoveryCodesLeft": 10,
        "passkeys": [],
    }
    await run(browser, "SessionDelete")

    wanted = await enter(browser, person)
    assert wanted["__typename"] == "SecondFactorRequiredProblem"
    assert wanted["factors"] == ["TOTP", "RECOVERY_CODE"]
    assert (await browser.ask("Viewer"))["viewer"] is None
    refused = await run(
        browser, "SessionConfirm", input={"token": wanted["token"], "code": "000000"}
    )
    assert refused == {
        "__typename": "SecondFactorWrongProblem",
        "code": "SECOND_FACTOR_WRONG",
        "message": text("en", "SECOND_FACTOR_WRONG"),
        "path": ["code"],
    }
    done = await run(
        browser, "SessionConfirm", input={"token": wanted["token"], "code": app.at(clock.at)}
    )

    assert done["__typename"] == "SessionStartSuccess"
    assert (await run(browser, "Viewer"))["user"]["email"] == person.email
    assert len(codes) == 10


async def test_guesses_under_aliases_of_one_document_are_not_even_looked_at(
    browser: Portal, person: User, clock: FixedClock
) -> None:
    await enter(browser, person)
    app, _ = await make_app(browser, clock)
    await run(browser, "SessionDelete")
    wanted = await enter(browser, person)
    before = await everything()

    for guesses, limit in ((2, "aliases"), (101, "tokens")):
        codes = ["000000"] * (guesses - 1) + [app.at(clock.at)]
        fields = " ".join(
            f'g{n}: sessionConfirm(input: {{token: "{wanted["token"]}", code: "{code}"}}) '
            "{ __typename }"
            for n, code in enumerate(codes)
        )
        [error] = await browser.errors(f"mutation {{ {fields} }}")
        assert error["extensions"]["code"] == "DOCUMENT_LIMIT"
        assert error["extensions"]["limit"] == limit

    assert await everything() == before
    right = {"token": wanted["token"], "code": app.at(clock.at)}
    assert (await run(browser, "SessionConfirm", input=right))[
        "__typename"
    ] == "SessionStartSuccess"


async def test_each_of_a_hundred_guesses_sent_one_by_one_counts_until_the_limit(
    browser: Portal, person: User, clock: FixedClock
) -> None:
    await enter(browser, person)
    app, _ = await make_app(browser, clock)
    await run(browser, "SessionDelete")
    wanted = await enter(browser, person)
    before = await everything()

    codes = []
    for _ in range(101):
        guess = {"token": wanted["token"], "code": "000000"}
        codes.append((await run(browser, "SessionConfirm", input=guess))["code"])

    assert codes == ["SECOND_FACTOR_WRONG"] * 5 + ["RATE_LIMITED"] * 96
    right = {"token": wanted["token"], "code": app.at(clock.at)}
    assert (await run(browser, "SessionConfirm", input=right))["code"] == "RATE_LIMITED"
    new = [row for row in await everything() if row not in before]
    assert [row["hits"] for row in new if "hits" in row] == [5]
    assert [row["action"] for row in new if "hits" not in row] == ["user.second_factor_refuse"] * 5


async def everything() -> list[Any]:
    """Return all that a guess could change."""
    tables = (Session, Totp, RecoveryCode, Throttle, OneTimeToken, AuditEntry)
    rows = [row for table in tables for row in await table.all().values()]
    return sorted(rows, key=repr)


async def test_the_app_is_described_once_and_deleted_for_good(
    browser: Portal, person: User, clock: FixedClock
) -> None:
    await enter(browser, person)
    made = await run(browser, "TotpCreate")
    assert made["uri"].startswith("otpauth://totp/Linkyard:")
    assert f"secret={made['secret']}" in made["uri"]
    app = pyotp.TOTP(made["secret"])
    wrong = await run(browser, "TotpConfirm", input={"code": "abc"})
    assert wrong["__typename"] == "SecondFactorWrongProblem"
    await run(browser, "TotpConfirm", input={"code": app.at(clock.at)})
    again = await run(browser, "TotpCreate")
    assert (again["__typename"], again["code"]) == ("TotpExistsProblem", "TOTP_EXISTS")

    assert await run(browser, "TotpDelete") == {"__typename": "TotpDeleteSuccess", "hasTotp": False}

    gone = await run(browser, "TotpDelete")
    assert (gone["__typename"], gone["code"], gone["path"]) == (
        "NotFoundProblem",
        "NOT_FOUND",
        None,
    )
    assert await Totp.all().count() == 0


async def test_recovery_codes_are_made_anew(
    browser: Portal, person: User, clock: FixedClock
) -> None:
    await enter(browser, person)
    without = await run(browser, "RecoveryCodesCreate")
    assert without["__typename"] == "NotFoundProblem"
    _, codes = await make_app(browser, clock)

    fresh = await run(browser, "RecoveryCodesCreate")

    assert len(set(fresh["recoveryCodes"]) - set(codes)) == 10


async def test_an_old_proof_is_renewed_before_anything_dangerous(
    browser: Portal, person: User, clock: FixedClock
) -> None:
    await enter(browser, person)
    clock.at += timedelta(minutes=10)

    for name in ("TotpCreate", "TotpDelete", "RecoveryCodesCreate", "PasskeyCreateBegin"):
        refused = await run(browser, name)
        assert (refused["__typename"], refused["code"]) == (
            "StepUpRequiredProblem",
            "STEP_UP_REQUIRED",
        )
    await run(browser, "SessionRenew", input={"password": PASSWORD})

    assert (await run(browser, "TotpCreate"))["__typename"] == "TotpCreateSuccess"


async def test_who_has_an_app_renews_by_it_and_never_by_the_password_alone(
    browser: Portal, person: User, clock: FixedClock
) -> None:
    await enter(browser, person)
    app, codes = await make_app(browser, clock)
    clock.at += timedelta(minutes=10)

    refused = await run(browser, "SessionRenew", input={"password": PASSWORD})
    assert refused == {
        "__typename": "StepUpRequiredProblem",
        "code": "STEP_UP_REQUIRED",
        "message": text("en", "STEP_UP_REQUIRED"),
        "path": None,
        "ways": ["TOTP", "RECOVERY_CODE"],
    }
    wrong = await run(browser, "SessionRenew", input={"code": "000000"})
    assert (wrong["__typename"], wrong["path"]) == ("SecondFactorWrongProblem", ["code"])
    assert (await run(browser, "TotpDelete"))["__typename"] == "StepUpRequiredProblem"

    for code in (app.at(clock.at), codes[0]):
        renewed = await run(browser, "SessionRenew", input={"code": code})
        assert renewed["__typename"] == "SessionStartSuccess"
    assert (await run(browser, "TotpDelete"))["__typename"] == "TotpDeleteSuccess"


async def test_a_proof_is_one_thing_at_a_time(browser: Portal, person: User) -> None:
    await enter(browser, person)
    for sent in ({}, {"password": PASSWORD, "code": "000000"}, {"password": None}):
        [error] = await browser.errors("SessionRenew", input=sent)
        assert error["extensions"]["code"] == "BAD_REQUEST"


async def test_a_passkey_renews_the_session_that_asked(
    browser: Portal, person: User, clock: FixedClock
) -> None:
    await enter(browser, person)
    device, passkey_id = await make_passkey(browser)
    clock.at += timedelta(minutes=10)
    stale = await run(browser, "SessionRenew", input={"password": PASSWORD})
    assert stale["ways"] == ["PASSKEY"]

    begun = await run(browser, "PasskeyRenewBegin")
    sent = {
        "token": begun["token"],
        "credential": answer_of(device.answer(begun["options"]["challenge"])),
    }
    done = await run(browser, "SessionRenewByPasskey", input=sent)

    assert done["__typename"] == "SessionStartSuccess"
    again = await run(browser, "SessionRenewByPasskey", input=sent)
    assert (again["__typename"], again["code"]) == ("PasskeyRefusedProblem", "PASSKEY_REFUSED")
    gone = await run(browser, "PasskeyDelete", input={"id": passkey_id})
    assert gone["__typename"] == "PasskeyDeleteSuccess"


async def test_a_passkey_signs_in_without_a_password(browser: Portal, person: User) -> None:
    await enter(browser, person)
    device, passkey_id = await make_passkey(browser)
    stored = await Passkey.get()
    assert (stored.transports, encode_id("Passkey", stored.id)) == ("hybrid internal", passkey_id)
    known = (await run(browser, "PasskeyCreateBegin"))["options"]["excludeCredentials"]
    assert known == [{"id": device.id, "type": "public-key", "transports": ["hybrid", "internal"]}]
    await run(browser, "SessionDelete")

    begun = await run(browser, "PasskeySignInBegin")
    options = begun["options"]
    assert (options["rpId"], options["userVerification"]) == ("localhost", "required")
    sent = {
        "token": begun["token"],
        "credential": answer_of(device.answer(options["challenge"])),
    }
    done = await run(browser, "SessionCreateByPasskey", input=sent)

    assert done["__typename"] == "SessionStartSuccess"
    assert (await run(browser, "Viewer"))["user"]["email"] == person.email
    replayed = await run(browser, "SessionCreateByPasskey", input=sent)
    assert (replayed["__typename"], replayed["code"]) == (
        "PasskeyRefusedProblem",
        "PASSKEY_REFUSED",
    )


async def test_the_options_are_all_that_a_browser_needs(browser: Portal, person: User) -> None:
    await enter(browser, person)

    options = (await run(browser, "PasskeyCreateBegin"))["options"]

    assert len(options.pop("challenge")) == 43
    assert len(options["user"].pop("id")) == 11
    assert options == {
        "rp": {"id": "localhost", "name": "Linkyard"},
        "user": {"name": person.email, "displayName": person.name},
        "pubKeyCredParams": [
            {"type": "public-key", "alg": -8},
            {"type": "public-key", "alg": -7},
            {"type": "public-key", "alg": -257},
        ],
        "timeout": 300_000,
        "excludeCredentials": [],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


async def test_a_passkey_is_listed_found_and_forgotten(browser: Portal, person: User) -> None:
    await enter(browser, person)
    _, passkey_id = await make_passkey(browser, label="the blue one")
    [listed] = (await run(browser, "SecondFactors"))["passkeys"]
    assert (listed["id"], listed["label"]) == (passkey_id, "the blue one")
    asked = "query ($id: ID!) { node(id: $id) { ... on Passkey { label } } }"
    assert await run(browser, asked, id=passkey_id) == {"label": "the blue one"}

    done = await run(browser, "PasskeyDelete", input={"id": passkey_id})

    assert done == {"__typename": "PasskeyDeleteSuccess", "deletedId": passkey_id}
    again = await run(browser, "PasskeyDelete", input={"id": passkey_id})
    assert again["__typename"] == "NotFoundProblem"
    assert (await browser.ask(asked, id=passkey_id))["node"] is None


async def test_a_key_changes_no_factors(browser: Portal, person: User, ports: Ports) -> None:
    portal = await sign_in(browser.client, ports, person)

    for name, variables in {
        "TotpCreate": {},
        "TotpConfirm": {"input": {"code": "123456"}},
        "TotpDelete": {},
        "RecoveryCodesCreate": {},
        "PasskeyCreateBegin": {},
        "PasskeyRenewBegin": {},
        "PasskeyDelete": {"input": {"id": "x"}},
    }.items():
        refused = await run(portal, name, **variables)
        assert (refused["__typename"], refused["code"]) == (
            "SessionRequiredProblem",
            "SESSION_REQUIRED",
        ), name
    await uses_written()
    assert await Totp.all().count() == 0


async def test_nobody_gets_a_session_who_cannot_keep_the_cookie(
    browser: Portal, person: User
) -> None:
    program = Portal(browser.client)
    confirm = {"token": "x" * 43, "code": "123456"}
    answer = {"token": "x" * 43, "credential": answer_of(Authenticator().answer("AA"))}

    for name, sent in {"SessionConfirm": confirm, "SessionCreateByPasskey": answer}.items():
        [error] = await program.errors(name, input=sent)
        assert error["extensions"]["code"] == "BAD_REQUEST"

    assert await Session.all().count() == 0


async def test_an_administrator_resets_a_lost_second_factor(
    browser: Portal, person: User, ports: Ports, clock: FixedClock
) -> None:
    await enter(browser, person)
    await make_app(browser, clock)
    await make_passkey(browser)
    await run(browser, "SessionDelete")
    boss = await sign_in(browser.client, ports, await make_user(is_staff=True))
    whom = {"id": encode_id("User", person.id)}

    reader = await make_user(scopes=frozenset({Scope.LINK_READ}))
    plain = await sign_in(browser.client, ports, reader)
    refused = await run(plain, "UserSecondFactorReset", input=whom)
    assert (refused["__typename"], refused["code"]) == ("ForbiddenProblem", "FORBIDDEN")
    assert await Totp.all().count() == 1
    done = await run(boss, "UserSecondFactorReset", input=whom)

    assert done["user"] == whom
    assert (await Totp.all().count(), await Passkey.all().count()) == (0, 0)
    absent = await run(boss, "UserSecondFactorReset", input={"id": encode_id("User", 5)})
    assert absent["__typename"] == "NotFoundProblem"
    assert (await enter(browser, person))["__typename"] == "SessionStartSuccess"
    await uses_written()


async def test_an_app_whose_key_is_gone_is_a_problem_with_a_way_out(
    browser: Portal, person: User, clock: FixedClock, ports: Ports
) -> None:
    await enter(browser, person)
    app, codes = await make_app(browser, clock)
    lost = FernetSealer([b"l" * 32]).seal("JBSWY3DPEHPK3PXP", purpose="totp")
    await Totp.all().update(sealed_secret=lost)
    promised = await enter(browser, person)

    answer = await run(
        browser, "SessionConfirm", input={"token": promised["token"], "code": app.at(clock.at)}
    )

    assert answer == {
        "__typename": "SecondFactorUnreadableProblem",
        "code": "SECOND_FACTOR_UNREADABLE",
        "message": text("en", "SECOND_FACTOR_UNREADABLE"),
        "path": ["code"],
    }
    done = await run(
        browser, "SessionConfirm", input={"token": promised["token"], "code": codes[0]}
    )
    assert done["__typename"] == "SessionStartSuccess"
