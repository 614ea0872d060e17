"""What a session whose proof of identity is old may not do, asked for real."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp.pytest_plugin import AiohttpClient

from api.app import Parts, create_app
from models.api_keys import ApiKey
from models.audit_entries import AuditEntry
from models.invitations import Invitation
from models.organizations import Organization
from models.rules.roles import ADMINISTRATOR, CUSTOMER, PARTNER
from models.users import Role, User
from resolvers.key_uses import uses_written
from resolvers.ports import Ports
from resolvers.session_lookup import session_uses_written
from schema.context import PortalFacts
from schema.nodes import encode_id
from tests.factories import PASSWORDS, make_built_in, make_organization
from tests.fakes import FixedClock
from tests.people import PASSWORD
from tests.portal import Portal, sign_in
from tests.step_up import ASKS, NOUNS

ORIGIN = "http://localhost:8080"


@pytest.fixture
async def boss(database: None) -> User:
    boss = await make_built_in(ADMINISTRATOR, "boss@people.test")
    boss.password_hash = await PASSWORDS.hash(PASSWORD)
    await boss.save()
    return boss


@pytest.fixture
async def browser(boss: User, ports: Ports, aiohttp_client: AiohttpClient) -> Portal:
    """An administrator's browser."""
    facts = PortalFacts(name="Linkyard", version="0", public_url=ORIGIN)
    client = await aiohttp_client(create_app(Parts(ports=ports, portal=facts)))
    portal = Portal(client, {"Linkyard-Client": "tests"})
    await run(portal, "SessionCreate", input={"email": boss.email, "password": PASSWORD})
    return portal


async def run(portal: Portal, document: str, **variables: Any) -> dict[str, Any]:  # noqa: ANN401
    [found] = (await portal.ask(document, **variables)).values()
    await session_uses_written()
    answer: dict[str, Any] = found
    return answer


async def stored() -> list[Any]:
    tables = (User, Role, Organization, Invitation, ApiKey)
    hidden = {"last_seen_at", "last_used_at"}
    rows = [row for table in tables for row in await table.all().order_by("id").values()]
    kept = [{name: row[name] for name in row.keys() - hidden} for row in rows]
    return [*kept, await AuditEntry.all().count()]


async def variables_of(field: str) -> dict[str, Any]:
    noun = NOUNS.get(field, "User")
    person = await make_built_in(CUSTOMER, organization=await make_organization())
    other = await make_built_in(CUSTOMER)
    row = await Role.create(name="helpers", scopes="LINK_READ") if noun == "Role" else person
    row_id = person.organization_id if noun == "Organization" else row.id
    found = {"id": encode_id(noun, row_id or 0), "other": encode_id("User", other.id)}
    return {name: value for name, value in found.items() if f"${name}" in ASKS[field]}


@pytest.mark.parametrize("field", ASKS)
async def test_an_old_proof_is_not_enough_and_changes_nothing(
    browser: Portal, ports: Ports, boss: User, clock: FixedClock, field: str
) -> None:
    variables = await variables_of(field)
    before = await stored()
    clock.at += timedelta(minutes=10)

    refused = await run(browser, ASKS[field], **variables)

    assert refused == {"__typename": "StepUpRequiredProblem"}
    assert await stored() == before
    await run(browser, "SessionRenew", input={"password": PASSWORD})
    passed = (await run(browser, ASKS[field], **variables))["__typename"]
    assert passed == ("UserActiveProblem" if field == "userErase" else f"{_big(field)}Success")


@pytest.mark.parametrize("field", ASKS)
async def test_a_key_proves_itself_each_time(
    browser: Portal, ports: Ports, boss: User, clock: FixedClock, field: str
) -> None:
    variables = await variables_of(field)
    clock.at += timedelta(minutes=10)
    program = Portal(browser.client, (await sign_in(browser.client, ports, boss)).headers)
    browser.client.session.cookie_jar.clear()

    passed = (await run(program, ASKS[field], **variables))["__typename"]

    await uses_written()
    assert passed == ("UserActiveProblem" if field == "userErase" else f"{_big(field)}Success")


async def test_what_gives_nobody_more_than_a_customer_has_needs_no_fresh_proof(
    browser: Portal, clock: FixedClock
) -> None:
    person = await make_built_in(CUSTOMER)
    clock.at += timedelta(minutes=10)
    whom = encode_id("User", person.id)

    invited = await run(
        browser, "InvitationCreate", input={"email": "b@people.test", "role": CUSTOMER}
    )
    renamed = await run(
        browser, "UserUpdate", input={"id": whom, "name": "B", "role": CUSTOMER, "maxLinks": 5}
    )

    assert invited["__typename"] == "InvitationCreateSuccess"
    assert renamed["__typename"] == "UserUpdateSuccess"


async def test_another_organization_and_a_reach_beyond_ones_own_want_a_proof(
    browser: Portal, clock: FixedClock
) -> None:
    person, place = await make_built_in(CUSTOMER), await make_organization()
    await make_built_in(PARTNER)
    clock.at += timedelta(minutes=10)
    moved = {
        "id": encode_id("User", person.id),
        "organizationId": encode_id("Organization", place.id),
    }

    refused = [
        await run(browser, "UserUpdate", input=moved),
        await run(browser, "InvitationCreate", input={"email": "b@people.test", "role": PARTNER}),
    ]

    assert [each["__typename"] for each in refused] == ["StepUpRequiredProblem"] * 2
    assert await Invitation.all().count() == 0
    assert (await User.get(id=person.id)).organization_id is None


def _big(field: str) -> str:
    return field[0].upper() + field[1:]
