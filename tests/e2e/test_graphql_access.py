"""Who may read what: anonymous callers, wrong keys, missing scopes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp.pytest_plugin import AiohttpClient
from graphql import GraphQLObjectType, GraphQLSchema

from api.app import Parts, create_app
from models.api_keys import ApiKey
from models.rules.scopes import Scope
from models.texts import text
from models.users import User
from resolvers.api_keys import MAX_KEYS, api_keys_by_ids, create_api_key
from resolvers.ports import Ports
from schema.context import PortalFacts
from schema.nodes import encode_id
from schema.root import served_schema
from tests.access_desk import DESK_PROBES
from tests.factories import as_person, make_domain, make_user
from tests.fakes import FixedClock
from tests.portal import Client, Portal, sign_in

RANGE = '{period: {preset: LAST_7_DAYS}, timeZone: "UTC"}'
OPEN = {"portal": "{ portal { name } }", "viewer": "{ viewer { scopes } }"}
# Ways in are for nobody yet: tests/e2e/test_sign_in.py has who gets through them.
DOORS = (
    "sessionCreate",
    "passwordResetRequest",
    "passwordReset",
    "emailChange",
    "signUpRequest",
    "signUp",
    "invitationAccept",
    "sessionConfirm",
    "sessionCreateByPasskey",
    "passkeySignInBegin",
)
GUARDED = {
    "auditEntries": "{ auditEntries { nodes { id } } }",
    "passkeyCreateBegin": "mutation { passkeyCreateBegin { __typename } }",
    "passkeyCreate": 'mutation { passkeyCreate(input: {token: "x", label: "x", credential: '
    '{id: "x", clientDataJSON: "x", attestationObject: "x"}}) { __typename } }',
    "passkeyDelete": 'mutation { passkeyDelete(input: {id: "x"}) { __typename } }',
    "recoveryCodesCreate": "mutation { recoveryCodesCreate { __typename } }",
    "totpCreate": "mutation { totpCreate { __typename } }",
    "totpConfirm": 'mutation { totpConfirm(input: {code: "x"}) { __typename } }',
    "totpDelete": "mutation { totpDelete { __typename } }",
    "userSecondFactorReset": 'mutation { userSecondFactorReset(input: {id: "x"}) { __typename } }',
    "node": '{ node(id: "x") { id } }',
    "nodes": '{ nodes(ids: ["x"]) { id } }',
    "link": '{ link(by: {id: "x"}) { id } }',
    "links": "{ links { totalCount } }",
    "stats": f"{{ stats(range: {RANGE}) {{ asOf }} }}",
    "linkCreate": 'mutation { linkCreate(input: {url: "x"}) { __typename } }',
    "fileUploadBegin": 'mutation { fileUploadBegin(input: {name: "x", bytes: 1}) { __typename } }',
    "fileDelete": 'mutation { fileDelete(input: {id: "x"}) { __typename } }',
    "linkUpdate": 'mutation { linkUpdate(input: {id: "x"}) { __typename } }',
    "linkDelete": 'mutation { linkDelete(input: {id: "x"}) { __typename } }',
    "apiKeyCreate": 'mutation { apiKeyCreate(input: {label: "x"}) { __typename } }',
    "emailChangeRequest": 'mutation { emailChangeRequest(input: {email: "x"}) { __typename } }',
    "sessionDelete": "mutation { sessionDelete { __typename } }",
    "sessionRenew": 'mutation { sessionRenew(input: {password: "x"}) { __typename } }',
    "passkeyRenewBegin": "mutation { passkeyRenewBegin { __typename } }",
    "sessionRenewByPasskey": 'mutation { sessionRenewByPasskey(input: {token: "x", credential: '
    '{id: "x", clientDataJSON: "x", authenticatorData: "x", signature: "x", userHandle: "x"}}) '
    "{ __typename } }",
    "sessionsRevoke": "mutation { sessionsRevoke(input: {ids: []}) { __typename } }",
    "passwordChange": 'mutation { passwordChange(input: {newPassword: "x"}) { __typename } }',
    "users": "{ users { totalCount } }",
    "organizations": "{ organizations { totalCount } }",
    "roles": "{ roles { id } }",
    "invitations": "{ invitations { totalCount } }",
    "userUpdate": 'mutation { userUpdate(input: {id: "x"}) { __typename } }',
    "userDeactivate": 'mutation { userDeactivate(input: {id: "x"}) { __typename } }',
    "userActivate": 'mutation { userActivate(input: {id: "x"}) { __typename } }',
    "userErase": 'mutation { userErase(input: {id: "x"}) { __typename } }',
    "linksTransfer": "mutation { linksTransfer("
    'input: {fromUserId: "x", toUserId: "y"}) { __typename } }',
    "ticketsTransfer": "mutation { ticketsTransfer("
    'input: {fromId: "x", toId: "y"}) { __typename } }',
    "viewerUpdate": "mutation { viewerUpdate(input: {}) { __typename } }",
    "organizationCreate": "mutation { organizationCreate("
    'input: {name: "x", kind: CUSTOMER}) { __typename } }',
    "organizationUpdate": 'mutation { organizationUpdate(input: {id: "x"}) { __typename } }',
    "organizationDeactivate": "mutation { organizationDeactivate("
    'input: {id: "x"}) { __typename } }',
    "organizationActivate": 'mutation { organizationActivate(input: {id: "x"}) { __typename } }',
    "roleCreate": "mutation { roleCreate("
    'input: {name: "x", scopes: [LINK_READ], reach: OWN}) { __typename } }',
    "roleUpdate": 'mutation { roleUpdate(input: {id: "x"}) { __typename } }',
    "roleDelete": 'mutation { roleDelete(input: {id: "x"}) { __typename } }',
    "invitationCreate": "mutation { invitationCreate("
    'input: {email: "x", role: "x"}) { __typename } }',
    "invitationResend": 'mutation { invitationResend(input: {id: "x"}) { __typename } }',
    "invitationRevoke": 'mutation { invitationRevoke(input: {id: "x"}) { __typename } }',
    "apiKeyRevoke": 'mutation { apiKeyRevoke(input: {id: "x"}) { __typename } }',
}
# Root fields of the desk, asked as in the access matrix.
DESK = {
    field.partition(".")[2]: probe.document
    for field, probe in DESK_PROBES.items()
    if field.startswith(("Query.", "Mutation.")) and " of " not in field
}


def core_schema() -> GraphQLSchema:
    return served_schema()._schema


@pytest.fixture
async def person(database: None) -> User:
    return await make_user()


def test_every_root_field_is_declared_open_or_guarded() -> None:
    schema = core_schema()
    roots = (schema.query_type, schema.mutation_type)
    fields = [name for root in roots if isinstance(root, GraphQLObjectType) for name in root.fields]

    assert sorted(fields) == sorted([*OPEN, *DOORS, *GUARDED, *DESK])


@pytest.mark.parametrize("name", OPEN)
async def test_anonymous_caller_reads_portal_and_viewer(client: Client, name: str) -> None:
    expected = {"portal": {"name": "Linkyard"}, "viewer": None}

    assert await Portal(client).ask(OPEN[name]) == {name: expected[name]}


@pytest.mark.parametrize("name", GUARDED)
async def test_anonymous_caller_reads_nothing_else(client: Client, name: str) -> None:
    await refuse(client, name, GUARDED[name])


async def test_anonymous_caller_reads_nothing_of_the_desk(client: Client) -> None:
    for name, document in DESK.items():
        await refuse(client, name, document)


async def refuse(client: Client, name: str, document: str) -> None:
    """Ask for a field as nobody, and see that nothing comes of it."""
    words = dict.fromkeys(("id", "ticket", "me", "other", "word"), "x")
    asked = {key: value for key, value in {**words, "number": 1}.items() if f"${key}" in document}
    response = await Portal(client, {"Accept-Language": "ru"}).send(document, **asked)
    body = await response.json()

    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="linkyard"'
    assert body["errors"] == [
        {
            "message": text("ru", "UNAUTHENTICATED"),
            "locations": body["errors"][0]["locations"],
            "path": [name],
            "extensions": {"code": "UNAUTHENTICATED"},
        }
    ]
    assert not body["data"] or body["data"][name] is None


async def test_data_beside_a_guarded_field_is_answered_with_200(client: Client) -> None:
    response = await Portal(client).send('{ portal { name } node(id: "x") { id } }')
    body = await response.json()

    assert response.status == 200
    assert body["data"] == {"portal": {"name": "Linkyard"}, "node": None}
    assert [each["extensions"]["code"] for each in body["errors"]] == ["UNAUTHENTICATED"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer lky_" + "0" * 38,
        "Basic dXNlcjpwYXNz",
        "lky_without_scheme",
        "Bearer ключ",
        "Bearer " + "x" * 5000,
    ],
)
async def test_key_that_is_none_is_401_also_for_what_is_open(client: Client, header: str) -> None:
    response = await Portal(client, {"Authorization": header}).send(OPEN["portal"])
    body = await response.json()

    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="linkyard", error="invalid_token"'
    assert body == {
        "errors": [
            {
                "message": text("en", "UNAUTHENTICATED"),
                "extensions": {"code": "UNAUTHENTICATED"},
            }
        ]
    }


async def test_revoked_expired_and_deactivated_keys_open_nothing(
    client: Client, ports: Ports, clock: FixedClock
) -> None:
    revoked, expiring, leaving = await make_user(), await make_user(), await make_user()
    context = as_person(ports, expiring)
    _, secret = await create_api_key(
        context, label="short", expires_at=clock.now() + timedelta(hours=1)
    )
    portals = [
        await sign_in(client, ports, revoked),
        Portal(client, {"Authorization": f"Bearer {secret}"}),
        await sign_in(client, ports, leaving),
    ]
    for portal in portals:
        assert (await portal.send(OPEN["viewer"])).status == 200

    await ApiKey.filter(user_id=revoked.id).update(revoked_at=clock.now())
    await User.filter(id=leaving.id).update(deactivated_at=clock.now())
    clock.at += timedelta(hours=2)

    for portal in portals:
        assert (await portal.send(OPEN["viewer"])).status == 401


@pytest.mark.parametrize(
    ("name", "scope"),
    [("link", Scope.LINK_READ), ("links", Scope.LINK_READ), ("stats", Scope.STATS_READ)],
)
async def test_query_without_its_scope_is_forbidden(
    client: Client, ports: Ports, person: User, name: str, scope: Scope
) -> None:
    portal = await sign_in(client, ports, person, scopes=frozenset(Scope) - {scope})
    body = await (await portal.send(GUARDED[name])).json()

    assert [each["extensions"] for each in body["errors"]] == [{"code": "FORBIDDEN"}]
    assert body["errors"][0]["message"] == text("en", "FORBIDDEN", scope=scope.value)


async def test_key_never_holds_more_than_the_role_allows_today(
    client: Client, ports: Ports, person: User
) -> None:
    portal = await sign_in(client, ports, person)
    person.role.scopes = "LINK_READ"
    await person.role.save()

    assert (await portal.ask(OPEN["viewer"]))["viewer"] == {"scopes": ["LINK_READ"]}
    [error] = await portal.errors(GUARDED["stats"])
    assert error["extensions"] == {"code": "FORBIDDEN"}


async def test_viewer_tells_who_is_signed_in(client: Client, ports: Ports, person: User) -> None:
    portal = await sign_in(client, ports, person)
    viewer = (await portal.ask("Viewer"))["viewer"]

    assert viewer["user"] == {
        "id": encode_id("User", person.id),
        "name": person.name,
        "email": person.email,
        "role": person.role.name,
        "isStaff": False,
    }
    assert (viewer["scopes"], viewer["locale"], viewer["timeZone"]) == (
        [scope.value for scope in Scope],
        "en",
        "UTC",
    )
    assert [key["label"] for key in viewer["apiKeys"]] == ["test"]


async def test_portal_tells_what_a_front_end_needs_before_sign_in(client: Client) -> None:
    await make_domain()

    assert (await Portal(client).ask("Portal"))["portal"] == {
        "name": "Linkyard",
        "version": "0",
        "url": "https://portal.test",
        "locales": ["ru", "en"],
        "shortDomains": ["go.test"],
        "maxFileBytes": 50 << 20,
        "signInProvider": None,
        "signUp": False,
        "signInMethods": ["PASSWORD", "PASSKEY"],
    }


@pytest.mark.parametrize(
    ("default_host", "listed"),
    [
        ("", ["old.test", "middle.test", "new.test"]),
        ("old.test", ["old.test", "middle.test", "new.test"]),
        ("new.test", ["new.test", "old.test", "middle.test"]),
        ("absent.test", ["old.test", "middle.test", "new.test"]),
    ],
)
async def test_default_domain_comes_first_and_then_the_oldest(
    database: None,
    ports: Ports,
    aiohttp_client: AiohttpClient,
    default_host: str,
    listed: list[str],
) -> None:
    for host in ("old.test", "middle.test", "new.test"):
        await make_domain(host)
    facts = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")
    parts = Parts(ports=replace(ports, default_host=default_host), portal=facts)
    portal = Portal(await aiohttp_client(create_app(parts)))

    assert (await portal.ask("{ portal { shortDomains } }"))["portal"] == {"shortDomains": listed}


async def test_language_is_the_headers_else_the_viewers(client: Client, ports: Ports) -> None:
    portal = await sign_in(client, ports, await make_user(locale="ru"))
    create = 'mutation { linkCreate(input: {url: "ftp://a.test"}) { ... on Problem { message } } }'
    await make_domain()

    own = await portal.ask(create)
    asked = await portal.with_headers(Accept_Language="en").ask(create)

    assert own["linkCreate"]["message"] == text("ru", "URL_NOT_ALLOWED.scheme", scheme="ftp")
    assert asked["linkCreate"]["message"] == text("en", "URL_NOT_ALLOWED.scheme", scheme="ftp")


async def test_new_key_is_shown_once_and_works(client: Client, ports: Ports, person: User) -> None:
    portal = await sign_in(client, ports, person)
    made = (await portal.ask("ApiKeyCreate", input={"label": "ci", "scopes": ["LINK_READ"]}))[
        "apiKeyCreate"
    ]
    fresh = Portal(client, {"Authorization": f"Bearer {made['secret']}"})
    listed = (await portal.ask("Viewer"))["viewer"]["apiKeys"]
    [stored] = await ApiKey.filter(label="ci")

    assert made["__typename"] == "ApiKeyCreateSuccess"
    assert made["apiKey"] == listed[0]
    assert made["apiKey"]["scopes"] == ["LINK_READ"]
    assert made["secret"].startswith(made["apiKey"]["prefix"])
    assert made["secret"] not in str(listed) + stored.secret_hash
    assert (await fresh.ask(OPEN["viewer"]))["viewer"] == {"scopes": ["LINK_READ"]}
    assert (await portal.ask("Node", id=made["apiKey"]["id"]))["node"]["__typename"] == "ApiKey"


async def test_key_without_scopes_named_holds_all_of_the_callers(
    client: Client, ports: Ports, person: User
) -> None:
    portal = await sign_in(client, ports, person, scopes=frozenset({Scope.LINK_WRITE}))
    made = (await portal.ask("ApiKeyCreate", input={"label": "all"}))["apiKeyCreate"]

    assert made["apiKey"]["scopes"] == ["LINK_WRITE"]


async def test_scope_that_is_not_held_is_not_given(
    client: Client, ports: Ports, person: User
) -> None:
    portal = await sign_in(client, ports, person, scopes=frozenset({Scope.LINK_READ}))
    before = await ApiKey.all().count()
    made = (await portal.ask("ApiKeyCreate", input={"label": "more", "scopes": ["USER_ADMIN"]}))[
        "apiKeyCreate"
    ]

    assert (made["__typename"], made["code"], made["path"], made["scope"]) == (
        "ScopeNotHeldProblem",
        "SCOPE_NOT_HELD",
        ["scopes"],
        "USER_ADMIN",
    )
    assert await ApiKey.all().count() == before


async def test_key_needs_a_label_and_a_future(
    client: Client, ports: Ports, person: User, clock: FixedClock
) -> None:
    portal = await sign_in(client, ports, person)
    made = (
        await portal.ask("ApiKeyCreate", input={"label": " ", "expiresAt": clock.now().isoformat()})
    )["apiKeyCreate"]

    assert made["__typename"] == "ValidationProblem"
    assert [(each["code"], each["path"]) for each in made["fieldProblems"]] == [
        ("REQUIRED", ["label"]),
        ("INVALID_VALUE", ["expiresAt"]),
    ]
    assert await ApiKey.all().count() == 1


async def test_key_that_is_too_old_for_the_list_is_a_node_still(
    client: Client, ports: Ports, person: User, clock: FixedClock
) -> None:
    portal = await sign_in(client, ports, person)
    oldest = await ApiKey.get(user_id=person.id)
    for number in range(MAX_KEYS):  # as an earlier version let people make
        await ApiKey.create(
            user=person, label=f"{number}", prefix="lky_x", secret_hash=f"{number}", scopes=""
        )
    ids = [encode_id("ApiKey", oldest.id)]
    listed = (await portal.ask("Viewer"))["viewer"]["apiKeys"]

    assert ids[0] not in [each["id"] for each in listed]
    assert [each["id"] for each in (await portal.ask("Nodes", ids=ids))["nodes"]] == ids
    await ApiKey.filter(id=oldest.id).update(expires_at=clock.now())
    assert await api_keys_by_ids(as_person(ports, person), [oldest.id]) == []


async def test_strangers_people_and_keys_are_absent(
    client: Client, ports: Ports, person: User
) -> None:
    await sign_in(client, ports, person)
    key = await ApiKey.get(user_id=person.id)
    stranger = await sign_in(
        client, ports, await make_user(), scopes=frozenset(Scope) - {Scope.USER_ADMIN}
    )
    ids = [encode_id("User", person.id), encode_id("ApiKey", key.id)]

    assert (await stranger.ask("Nodes", ids=ids))["nodes"] == [None, None]
