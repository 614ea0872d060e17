"""Whatever goes wrong in whatever resolver, a caller learns a number and nothing else."""

from collections.abc import AsyncIterator
from typing import Any, NoReturn

import pytest
from aiohttp.pytest_plugin import AiohttpClient
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    execute_sync,
    get_named_type,
    is_composite_type,
    parse,
)
from structlog.testing import capture_logs

from api import app
from api.graphql import Endpoint
from resolvers.context import Origin, Viewer
from resolvers.ports import Ports
from schema.context import GraphQLContext, PortalFacts
from schema.failures import public_error
from schema.root import PortalSchema, build_schema
from tests.contract.test_graphql_transport_ws import open_socket, receive
from tests.factories import make_user
from tests.portal import Client, Portal, sign_in

LEAKED = "postgres://linkyard:hunter2@db.internal/linkyard"
FACTS = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")


class LeakyError(Exception):
    """An error as drivers raise them, with everything they know."""


def leak(*_: object, **__: object) -> NoReturn:
    raise LeakyError(LEAKED)


async def leak_stream(*_: object, **__: object) -> AsyncIterator[object]:
    raise LeakyError(LEAKED)
    yield


def objects(schema: PortalSchema) -> list[GraphQLObjectType]:
    return [
        each
        for each in schema._schema.type_map.values()
        if isinstance(each, GraphQLObjectType) and not each.name.startswith("__")
    ]


def leaky_schema() -> PortalSchema:
    """Return our schema with every resolver broken, and no argument that must be given."""
    schema = build_schema()
    for each in objects(schema):
        each.is_type_of = None
        for field in each.fields.values():
            field.resolve, field.args = leak, {}
            if each is schema._schema.subscription_type:
                field.subscribe = leak_stream
    return schema


def selection_of(field: GraphQLField) -> str:
    return "{ __typename }" if is_composite_type(get_named_type(field.type)) else ""


@pytest.fixture
async def broken(
    database: None, monkeypatch: pytest.MonkeyPatch, ports: Ports, aiohttp_client: AiohttpClient
) -> AsyncIterator[Client]:
    """The application with a schema that leaks wherever it can."""
    monkeypatch.setattr(app, "served_schema", leaky_schema)
    with capture_logs():
        yield await aiohttp_client(app.create_app(app.Parts(ports=ports, portal=FACTS)))


async def test_no_root_field_tells_a_secret(broken: Client, ports: Ports) -> None:
    portal = await sign_in(broken, ports, await make_user())
    schema = build_schema()._schema
    asked = 0
    for kind, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            response = await portal.send(f"{kind} {{ {name} {selection_of(field)} }}")
            text, body = await response.text(), await response.json()
            [error] = body["errors"]
            number = response.headers["X-Request-Id"]

            assert "hunter2" not in text, name
            assert "LeakyError" not in text, name
            assert error["path"] == [name]
            assert error["extensions"] == {"code": "INTERNAL", "requestId": number}, name
            asked += 1

    assert asked > 10


async def test_no_subscription_tells_a_secret(broken: Client, ports: Ports) -> None:
    portal = await sign_in(broken, ports, await make_user())
    socket = await open_socket(portal)
    root = build_schema()._schema.subscription_type
    assert root is not None
    for name, field in root.fields.items():
        query = f"subscription {{ {name} {selection_of(field)} }}"
        await socket.send_json({"id": name, "type": "subscribe", "payload": {"query": query}})
        message = await receive(socket)
        assert message["id"] == name
        assert "hunter2" not in str(message)
        assert "INTERNAL" in str(message)
        if message["type"] == "next":
            assert (await receive(socket))["type"] == "complete"


def test_no_field_of_any_type_tells_a_secret(ports: Ports) -> None:
    context = GraphQLContext.start(
        viewer=Viewer(user_id=7),
        ports=ports,
        portal=FACTS,
        locale="en",
        origin=Origin(request_id="order-66"),
        renew=_never,
    )
    for each in objects(leaky_schema()):
        probe = GraphQLObjectType(
            "Probe", {"probe": GraphQLField(each, resolve=lambda *_: object())}
        )
        schema = GraphQLSchema(query=probe, assume_valid=True)
        for name, field in each.fields.items():
            document = parse(f"{{ probe {{ {name} {selection_of(field)} }} }}")
            result: Any = execute_sync(schema, document)
            with capture_logs() as log:
                [error] = [public_error(one, context).formatted for one in result.errors]

            assert "hunter2" not in str(error), f"{each.name}.{name}"
            assert error["extensions"] == {"code": "INTERNAL", "requestId": "order-66"}
            assert [(line["request_id"], str(line["exc_info"])) for line in log] == [
                ("order-66", LEAKED)
            ]


async def _never() -> None:
    return None


async def test_error_before_the_operation_tells_a_number(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Endpoint, "_context", leak)
    response = await Portal(client).send("{ __typename }")
    text = await response.text()

    assert response.status == 500
    assert "hunter2" not in text
    assert response.headers["X-Request-Id"] in text
