"""One test for each class of weakness that was published for strawberry-graphql or its kind.

Source: the project's advisories up to 0.341; two of other servers name their own.
"""

import asyncio
from importlib.metadata import version
from typing import Any

import orjson
import pytest
from packaging.version import Version

from api.graphql_ws import MAX_OPERATIONS
from benchmarks.hostile_documents import tower
from models.links import Link
from models.rules.scopes import Scope
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.contract.test_graphql_transport_ws import (
    HELLO,
    INIT,
    PROTOCOL,
    WATCH,
    closing,
    open_socket,
    receive,
)
from tests.factories import as_person, make_link, make_user
from tests.portal import Client, Portal, sign_in

BOUNDARY = "----b"
FORM = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="operations"\r\n\r\n'
    '{"query": "{ __typename }"}\r\n'
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="map"\r\n\r\n{{}}\r\n--{BOUNDARY}--\r\n'
)


@pytest.mark.parametrize(
    ("package", "least"),
    [("strawberry-graphql", "0.327.2"), ("graphql-core", "3.3.0"), ("tortoise-orm", "0.16.6")],
)
def test_packages_are_newer_than_their_last_known_weakness(package: str, least: str) -> None:
    assert Version(version(package)) >= Version(least)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (f"multipart/form-data; boundary={BOUNDARY}", FORM.encode()),
        ("application/x-www-form-urlencoded", b"query=%7B__typename%7D"),
        ("text/plain", b'{"query": "{ __typename }"}'),
    ],
)
async def test_cve_2024_47082_form_of_another_site_is_not_answered(
    client: Client, content_type: str, body: bytes
) -> None:
    response = await client.post("/graphql", data=body, headers={"Content-Type": content_type})

    assert response.status == 415
    assert "data" not in await response.json()


async def test_cve_2025_22151_id_under_another_type_names_nothing(
    client: Client, ports: Ports
) -> None:
    person = await make_user()
    link = await make_link(as_person(ports, person), slug="mine")
    portal = await sign_in(client, ports, person)
    types = ("Link", "User", "ApiKey", "AuditEntry", "Query", "")
    ids = [encode_id(name, link.id) for name in types]

    found = (await portal.ask("query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids))[
        "nodes"
    ]

    assert found == [{"id": ids[0]}, *[None] * (len(types) - 1)]


async def test_cve_2026_35523_nothing_runs_before_the_acknowledgement(client: Client) -> None:
    legacy = await client.ws_connect("/graphql", protocols=["graphql-ws"])
    assert await closing(legacy) == 4406
    socket = await open_socket(Portal(client), init=False)
    await socket.send_json({**HELLO, "type": "start"})
    assert await closing(socket) == 4400
    socket = await open_socket(Portal(client), init=False)
    await socket.send_json(HELLO)
    assert await closing(socket) == 4401


async def test_cve_2026_35526_subscriptions_of_one_socket_are_bounded(
    client: Client, ports: Ports
) -> None:
    socket = await open_socket(await sign_in(client, ports, await make_user()))
    for number in range(MAX_OPERATIONS + 1):
        await socket.send_json({**WATCH, "id": str(number)})

    message = await receive(socket)
    assert (message["id"], message["type"]) == (str(MAX_OPERATIONS), "error")


@pytest.mark.parametrize("path", ["/graphql", "/graphql?query={__typename}", "/graphql?headers=x"])
async def test_cve_2026_45739_there_is_no_page_for_queries_and_no_get(
    client: Client, path: str
) -> None:
    response = await client.get(path, headers={"Accept": "text/html"})

    assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert response.content_type == "application/json"
    assert "data" not in await response.json()


@pytest.mark.parametrize(
    "document",
    [
        "{ ...F } fragment F on Query { ...F }",
        "{ ...F } fragment F on Query { ...G } fragment G on Query { ... { ...F } }",
        "{ __typename } fragment F on Query { ...G } fragment G on Query { ...F }",
    ],
)
async def test_cve_2026_47706_fragments_in_a_circle_are_one_error(
    client: Client, document: str
) -> None:
    [error] = await Portal(client).errors(document)

    assert error["message"] == "Fragment 'F' spreads itself."
    assert error["extensions"] == {"code": "BAD_REQUEST"}


@pytest.mark.parametrize(
    "document",
    [
        "{ " + "...F " * 16 + "} fragment F on Query { a: __typename }",
        "{ " + "... { a: __typename } " * 16 + "}",
        "{ ...F } fragment F on Query { "
        + "... @include(if: true) { a: portal { name } } " * 16
        + "}",
        "query A { a: __typename } query B { ...F } fragment F on Query { "
        + " ".join(f"a{n}: __typename" for n in range(16))
        + " }",
    ],
)
async def test_cve_2026_47707_aliases_are_counted_wherever_they_hide(
    client: Client, document: str
) -> None:
    [error] = await Portal(client).errors(document)

    assert error["extensions"] == {"code": "DOCUMENT_LIMIT", "limit": "aliases", "maximum": 15}


async def test_cve_2026_107727_operation_that_ended_leaves_its_place(client: Client) -> None:
    socket = await open_socket(Portal(client))
    for number in range(MAX_OPERATIONS + 1):
        await socket.send_json({**HELLO, "id": str(number)})
        assert [(await receive(socket))["type"] for _ in range(2)] == ["next", "complete"]
    for number in range(MAX_OPERATIONS + 1):
        bad = {"id": str(number), "type": "subscribe", "payload": {"query": "{"}}
        await socket.send_json(bad)
        assert (await receive(socket))["type"] == "error"


async def test_ghsa_mfj6_6p54_m98c_tower_of_fragments_is_refused_at_once(client: Client) -> None:
    [error] = await Portal(client).errors(tower(30, 10))

    assert error["extensions"]["limit"] == "selections"


async def test_answers_of_requests_at_once_never_mix(client: Client, ports: Ports) -> None:
    people = [await make_user() for _ in range(5)]
    portals = [await sign_in(client, ports, person) for person in people]

    answers = await asyncio.gather(
        *(portal.ask("{ viewer { user { email } } }") for portal in portals * 4)
    )

    assert [each["viewer"]["user"]["email"] for each in answers] == [
        person.email for person in people
    ] * 4


@pytest.mark.parametrize("body", [b"null", b"[" * 100_000, b'[{"query": "{ __typename }"}]', b"1"])
async def test_body_that_is_no_object_is_a_bad_request(client: Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = await client.post("/graphql", data=body, headers=headers)

    assert response.status == 400
    assert list(await response.json()) == ["errors"]


async def test_one_request_changes_one_thing(client: Client, ports: Ports) -> None:
    person = await make_user()
    links = [await make_link(as_person(ports, person), slug=f"s{n}") for n in range(2)]
    portal = await sign_in(client, ports, person)
    deletions = " ".join(
        f'd{n}: linkDelete(input: {{id: "{encode_id("Link", link.id)}"}}) {{ __typename }}'
        for n, link in enumerate(links)
    )

    [error] = await portal.errors(f"mutation {{ {deletions} }}")

    assert error["extensions"] == {"code": "DOCUMENT_LIMIT", "limit": "mutations", "maximum": 1}
    assert await Link.filter(deleted_at=None).count() == 2


@pytest.mark.parametrize(
    "introspects", ["__schema { queryType { name } }", '__type(name: "A") { name }']
)
async def test_schema_is_told_to_administrators_alone(
    client: Client, ports: Ports, introspects: str
) -> None:
    administrator = await sign_in(client, ports, await make_user())
    customer = await sign_in(client, ports, await make_user(), scopes=frozenset({Scope.LINK_READ}))
    document = f"{{ ...F }} fragment F on Query {{ {introspects} }}"

    await administrator.ask(document)
    for caller in (customer, Portal(client)):
        [error] = await caller.errors(document)
        assert error["extensions"] == {"code": "INTROSPECTION_OFF"}


async def test_names_are_guessed_for_administrators_alone(client: Client, ports: Ports) -> None:
    administrator = await sign_in(client, ports, await make_user())
    customer = await sign_in(client, ports, await make_user(), scopes=frozenset({Scope.LINK_READ}))
    sent: list[tuple[str, dict[str, Any]]] = [
        ("{ porta { name } }", {}),
        ("{ links(orderBy: {field: CREATE_AT}) { totalCount } }", {}),
        ("query ($f: LinkFilter) { links(filter: $f) { totalCount } }", {"f": {"serch": "x"}}),
    ]
    for document, variables in sent:
        [told] = await administrator.errors(document, **variables)
        [hidden] = await customer.errors(document, **variables)
        assert "Did you mean" in told["message"]
        assert "Did you mean" not in orjson.dumps(hidden).decode()


def test_only_the_protocol_of_today_is_spoken() -> None:
    assert (PROTOCOL, INIT["type"]) == ("graphql-transport-ws", "connection_init")
