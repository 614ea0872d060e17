"""People, organizations, roles and invitations over HTTP, by the documents of front ends."""

import json
from typing import Any

import orjson
import pytest

from models.invitations import Invitation
from models.links import Link
from models.mails import Mail
from models.organizations import Organization
from models.rules.mail_templates import MailTemplate
from models.rules.reach import Reach
from models.rules.roles import ADMINISTRATOR, CUSTOMER, FIRST_LINE
from models.rules.scopes import Scope
from models.users import Role, User
from resolvers.mails import SEALED_FOR
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.desk import make_ticket, stored
from tests.factories import (
    SEALER,
    as_person,
    make_built_in,
    make_link,
    make_organization,
    make_user,
)
from tests.portal import Client, Portal, sign_in

PASSWORD = "nine lives 9"  # noqa: S105 - of nobody


@pytest.fixture
async def boss(database: None) -> User:
    return await make_built_in(ADMINISTRATOR)


@pytest.fixture
async def admin(client: Client, ports: Ports, boss: User) -> Portal:
    return await sign_in(client, ports, boss)


async def do(portal: Portal, name: str, /, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Send a mutation of one input and return its result."""
    [result] = (await portal.ask(name, input=fields)).values()
    assert isinstance(result, dict)
    return result


def uid(user: User) -> str:
    return encode_id("User", user.id)


async def letter(email: str) -> str:
    """Return the token of the last invitation to an address."""
    mails = Mail.filter(to_address=email, template=MailTemplate.INVITATION.value)
    mail = await mails.order_by("-id").first()
    assert mail is not None
    path = orjson.loads(SEALER.open(mail.sealed_params, purpose=SEALED_FOR))["path"]
    token: str = path.partition("#")[2]
    return token


async def test_an_invited_person_comes_into_their_place_and_leaves_again(
    admin: Portal, client: Client, ports: Ports
) -> None:
    await make_built_in(CUSTOMER)
    made = await do(admin, "OrganizationCreate", name="Firm", kind="PARTNER", maxUsers=2)
    place = made["organization"]["id"]
    asked = await do(
        admin, "InvitationCreate", email="Anna@firm.test", role="customer", organizationId=place
    )
    assert asked["invitation"]["email"] == "anna@firm.test"
    assert asked["invitation"]["organization"] == {"id": place, "name": "Firm"}
    listed = (await admin.ask("Invitations"))["invitations"]
    assert [node["email"] for node in listed["nodes"]] == ["anna@firm.test"]

    token = await letter("anna@firm.test")
    accepted = await do(
        Portal(client), "InvitationAccept", token=token, name="Anna", password=PASSWORD
    )
    again = await do(
        Portal(client), "InvitationAccept", token=token, name="Anna", password=PASSWORD
    )
    assert accepted == {"__typename": "InvitationAcceptSuccess", "email": "anna@firm.test"}
    assert (again["__typename"], again["code"], again["path"]) == (
        "InvitationInvalidProblem",
        "INVITATION_INVALID",
        ["token"],
    )

    found = (await admin.ask("Users", organization=place))["users"]
    assert found["totalCount"] == 1
    [anna] = found["nodes"]
    assert (anna["name"], anna["role"], anna["organization"]["name"]) == (
        "Anna",
        "customer",
        "Firm",
    )
    changed = await do(admin, "UserUpdate", id=anna["id"], ifRevision=1, maxLinks=3)
    assert (changed["user"]["maxLinks"], changed["user"]["revision"]) == (3, 2)
    stale = await do(admin, "UserUpdate", id=anna["id"], ifRevision=1, maxLinks=None)
    assert (stale["__typename"], stale["currentRevision"]) == ("RevisionConflictProblem", 2)

    gone = await do(admin, "UserDeactivate", id=anna["id"])
    assert gone["user"]["deactivatedAt"] is not None
    active = (await admin.ask("Users", organization=place, state="ACTIVE"))["users"]
    assert active["nodes"] == []
    erased = await do(admin, "UserErase", id=anna["id"])
    assert (erased["user"]["name"], erased["user"]["email"]) == ("", None)
    assert erased["user"]["erasedAt"] is not None


async def test_every_refusal_has_its_problem_and_changes_nothing(
    admin: Portal, boss: User, client: Client, ports: Ports
) -> None:
    place = await make_organization("Full", max_users=0)
    person = await make_built_in(CUSTOMER)
    role = await Role.create(name="Own", scopes="LINK_READ")
    used = await make_user(scopes=frozenset({Scope.LINK_READ}))
    chief = await make_user(reach=Reach.ORGANIZATION, organization=place)
    small = await sign_in(client, ports, chief)
    asked = await do(admin, "InvitationCreate", email=person.email, role="customer")
    assert asked["__typename"] == "InvitationCreateSuccess"
    token = await letter(person.email)
    built_in = await Role.get(name="administrator")
    before = await snapshot()
    full = encode_id("Organization", place.id)

    refusals = [
        await do(admin, "UserDeactivate", id=uid(boss)),
        await do(admin, "UserUpdate", id=uid(boss), role="customer"),
        await do(admin, "UserUpdate", id=uid(person), organizationId=full),
        await do(admin, "UserUpdate", id=uid(person), role="no such role"),
        await do(admin, "UserUpdate", id="nonsense", name="X"),
        await do(admin, "UserErase", id=uid(person)),
        await do(admin, "RoleUpdate", id=encode_id("Role", built_in.id), name="X"),
        await do(admin, "RoleDelete", id=encode_id("Role", used.role_id)),
        await do(admin, "RoleCreate", name="Own", scopes=["LINK_READ"], reach="OWN"),
        await do(admin, "OrganizationCreate", name="Full", kind="CUSTOMER"),
        await do(admin, "OrganizationActivate", id=encode_id("Role", role.id)),
        await do(admin, "LinksTransfer", fromUserId=uid(person), toUserId=uid(person)),
        await do(small, "OrganizationUpdate", id=full, maxUsers=9),
        await do(small, "RoleCreate", name="Mine", scopes=["LINK_READ"], reach="OWN"),
        await do(small, "InvitationCreate", email="x@people.test", role="administrator"),
        await do(Portal(client), "InvitationAccept", token=token, name="X", password=PASSWORD),
        await do(Portal(client), "InvitationAccept", token=token, name="", password=PASSWORD[:4]),
        await do(Portal(client), "InvitationAccept", token=None, name="X", password=PASSWORD),
    ]

    assert [each["__typename"] for each in refusals] == [
        "LastAdministratorProblem",
        "LastAdministratorProblem",
        "QuotaExceededProblem",
        "ValidationProblem",
        "NotFoundProblem",
        "UserActiveProblem",
        "RoleBuiltInProblem",
        "RoleInUseProblem",
        "NameTakenProblem",
        "NameTakenProblem",
        "NotFoundProblem",
        "ValidationProblem",
        "ReachNotHeldProblem",
        "ReachNotHeldProblem",
        "ReachNotHeldProblem",
        "EmailTakenProblem",
        "ValidationProblem",
        "InvitationInvalidProblem",
    ]
    assert (refusals[2]["limit"], refusals[2]["used"]) == (0, 1)
    assert all(each["message"] for each in refusals)
    assert await snapshot() == before


async def snapshot() -> list[Any]:
    """Return all that people, places, roles and invitations are."""
    tables = (User, Organization, Role, Invitation, Link, Mail)
    return [await table.all().order_by("id").values() for table in tables]


async def test_staff_without_the_right_see_names_and_no_addresses(
    client: Client, ports: Ports, boss: User
) -> None:
    staff = await make_built_in(FIRST_LINE)
    person = await make_built_in(CUSTOMER, organization=await make_organization("Firm"))
    await make_link(as_person(ports, person), slug="theirs")
    fields = "id name email maxLinks lastSeenAt organization { name }"
    document = f"{{ links {{ nodes {{ owner {{ {fields} }} }} }} viewer {{ user {{ email }} }} }}"

    seen = await (await sign_in(client, ports, staff)).ask(document)
    all_of_it = await (await sign_in(client, ports, boss)).ask(document)

    nothing = {"email": None, "maxLinks": None, "lastSeenAt": None, "organization": None}
    known = {"id": uid(person), "name": person.name}
    assert seen["links"]["nodes"] == [{"owner": {**known, **nothing}}]
    assert seen["viewer"]["user"]["email"] == staff.email
    [node] = all_of_it["links"]["nodes"]
    assert (node["owner"]["email"], node["owner"]["organization"]) == (
        person.email,
        {"name": "Firm"},
    )


async def test_node_shows_people_in_reach_alone(client: Client, ports: Ports, boss: User) -> None:
    here, there = await make_organization("Here"), await make_organization("There")
    chief = await make_user(reach=Reach.ORGANIZATION, organization=here)
    colleague = await make_built_in(CUSTOMER, organization=here)
    stranger = await make_built_in(CUSTOMER, organization=there)
    ids = [
        *(uid(user) for user in (chief, colleague, stranger, boss)),
        *(encode_id("Organization", place.id) for place in (here, there)),
        encode_id("Role", chief.role_id),
    ]
    document = "query N($ids: [ID!]!) { nodes(ids: $ids) { id } }"

    async def seen(user: User) -> list[bool]:
        portal = await sign_in(client, ports, user)
        return [node is not None for node in (await portal.ask(document, ids=ids))["nodes"]]

    assert await seen(chief) == [True, True, False, False, True, False, True]
    assert await seen(colleague) == [False, True, False, False, True, False, False]
    assert await seen(boss) == [True] * 7


async def test_pages_of_people_cost_the_same_whatever_their_number(
    admin: Portal, sql: list[str]
) -> None:
    for number in range(4):
        await make_built_in(CUSTOMER, organization=await make_organization(f"Firm {number}"))
    counts = []
    for first in (2, 5):
        sql.clear()
        page = (await admin.ask("Users", first=first))["users"]
        assert len(page["nodes"]) == first
        counts.append(len([line for line in sql if line.startswith("SELECT")]))

    assert counts[0] == counts[1]


async def test_links_are_transferred_and_the_profile_is_ones_own(
    admin: Portal, boss: User, client: Client, ports: Ports
) -> None:
    person = await make_built_in(CUSTOMER)
    link = await make_link(as_person(ports, person), slug="theirs")

    moved = await do(admin, "LinksTransfer", fromUserId=uid(person), toUserId=uid(boss))
    saved = await do(admin, "ViewerUpdate", name="Chief", locale="ru", timeZone="Asia/Tokyo")

    assert moved == {"__typename": "LinksTransferSuccess", "transferred": 1}
    assert (await Link.get(id=link.id)).owner_id == boss.id
    assert (saved["user"]["name"], saved["locale"], saved["timeZone"]) == (
        "Chief",
        "ru",
        "Asia/Tokyo",
    )
    refused = await do(admin, "ViewerUpdate", name="")
    assert refused["__typename"] == "ValidationProblem"
    document = "mutation V($z: TimeZone!) { viewerUpdate(input: {timeZone: $z}) { __typename } }"
    [error] = await admin.errors(document, z="Mars/Olympus")
    assert error["extensions"]["code"] == "BAD_REQUEST"


async def test_tickets_are_transferred_or_it_is_told_why_not(admin: Portal, ports: Ports) -> None:
    person, heir = await make_built_in(CUSTOMER), await make_built_in(CUSTOMER)
    foreign = await make_built_in(CUSTOMER, organization=await make_organization())
    ticket = await make_ticket(as_person(ports, person))

    refused = await do(admin, "TicketsTransfer", fromId=uid(person), toId=uid(foreign))
    moved = await do(admin, "TicketsTransfer", fromId=uid(person), toId=uid(heir))

    assert refused == {
        "__typename": "TicketTransferNotPossibleProblem",
        "tickets": 1,
        "code": "TICKET_TRANSFER_NOT_POSSIBLE",
        "message": "1 ticket can go only to somebody of the same organization.",
        "path": ["toId"],
    }
    assert moved == {
        "__typename": "TicketsTransferSuccess",
        "requested": 1,
        "assigned": 0,
        "followed": 0,
    }
    assert (await stored(ticket)).requester_id == heir.id


async def test_a_quota_is_told_to_who_makes_links(client: Client, ports: Ports) -> None:
    place = await make_organization(max_links=1)
    portal = await sign_in(client, ports, await make_built_in(CUSTOMER, organization=place))
    await make_link(
        as_person(ports, await make_built_in(CUSTOMER, organization=place)), slug="first"
    )
    document = """mutation C($input: LinkCreateInput!) { linkCreate(input: $input) { __typename
      ... on QuotaExceededProblem { code limit used } } }"""

    result = (await portal.ask(document, input={"url": "https://example.org/"}))["linkCreate"]

    assert result == {
        "__typename": "QuotaExceededProblem",
        "code": "QUOTA_EXCEEDED",
        "limit": 1,
        "used": 1,
    }
    assert await Link.all().count() == 1


async def test_the_document_of_a_person_is_theirs_to_take(
    client: Client, ports: Ports, admin: Portal
) -> None:
    person = await make_built_in(CUSTOMER)
    links = [await make_link(as_person(ports, person), slug=f"s{n}") for n in range(3)]
    other = await sign_in(client, ports, await make_built_in(CUSTOMER))
    own = await sign_in(client, ports, person)
    narrow = await sign_in(client, ports, person, scopes=frozenset({Scope.STATS_READ}))
    path = f"/api/people/{uid(person)}/data"

    for portal in (own, admin):
        response = await client.get(path, headers=portal.headers)
        assert response.status == 200
        assert response.headers["Content-Disposition"].startswith("attachment;")
        assert response.headers["Cache-Control"] == "no-store"
        document = json.loads(await response.text())
        assert document["person"][0]["email"] == person.email
        assert [link["slug"] for link in document["links"]] == [link.slug for link in links]
        assert document["passkeys"] == []

    for headers, asked, status, code in (
        ({}, path, 401, "UNAUTHENTICATED"),
        ({"Authorization": "Bearer lky_x"}, path, 401, "UNAUTHENTICATED"),
        (other.headers, path, 404, "NOT_FOUND"),
        (own.headers, "/api/people/x/data", 404, "NOT_FOUND"),
        (narrow.headers, path, 403, "FORBIDDEN"),
    ):
        response = await client.get(asked, headers=headers)
        body = await response.json()
        assert (response.status, body["errors"][0]["extensions"]["code"]) == (status, code)
    assert (await client.post(path, headers=own.headers)).status == 405
