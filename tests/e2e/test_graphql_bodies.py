"""No body, however made, is answered by a 5xx or by anything but JSON."""

import asyncio
from collections.abc import Iterator

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import Parts, create_app
from resolvers.ports import Ports
from schema.context import PortalFacts

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.sampled_from(
    [
        "{ __typename }",
        "{ portal { name } }",
        "{ portal { name ",
        "query Q($id: ID!) { node(id: $id) { id } }",
        "mutation M($i: LinkCreateInput!) { linkCreate(input: $i) { __typename } }",
        "query Q($r: StatsRange!) { stats(range: $r) { asOf } }",
        "subscription { clickRecorded { id } }",
        "{ __schema { types { name } } }",
        "{ portal { ...F } } fragment F on Portal { ...F }",
        '{ node(id: "\\u{110000}") { id } }',
        "{ viewer @skip(if: true) { scopes } }",
    ]
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "query": DOCUMENTS | st.text() | JSON_VALUES,
        "variables": st.dictionaries(st.sampled_from(["id", "i", "r", "x"]), JSON_VALUES)
        | JSON_VALUES,
        "operationName": st.sampled_from(["Q", "M", ""]) | JSON_VALUES,
        "extensions": JSON_VALUES,
    },
)


def dump(value: object) -> bytes:
    """Return the value as JSON, or as what is left of it where JSON has no word."""
    try:
        return orjson.dumps(value)
    except (orjson.JSONEncodeError, TypeError):  # integers of more than 64 bits, surrogates
        return repr(value).encode("utf-8", "surrogatepass")


BODIES = st.binary() | JSON_VALUES.map(dump) | REQUESTS.map(dump)


class Lane:
    """One event loop with one server, for as many examples as hypothesis wants."""

    def __init__(self, ports: Ports) -> None:
        self._runner = asyncio.Runner()
        self._runner.run(self._open(ports))

    async def _open(self, ports: Ports) -> None:
        facts = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")
        app = create_app(Parts(ports=ports, portal=facts))
        self._client = TestClient(TestServer(app))
        await self._client.start_server()

    def post(self, body: bytes, content_type: str) -> tuple[int, bytes]:
        """Return status and body of the answer."""
        return self._runner.run(self._post(body, content_type))

    async def _post(self, body: bytes, content_type: str) -> tuple[int, bytes]:
        response = await self._client.post(
            "/graphql", data=body, headers={"Content-Type": content_type}
        )
        return response.status, await response.read()

    def close(self) -> None:
        """End the server, then the loop."""
        self._runner.run(self._client.close())
        self._runner.close()


@pytest.fixture
def lane(ports: Ports) -> Iterator[Lane]:
    """Nobody is signed in, so no example reaches the store."""
    lane = Lane(ports)
    yield lane
    lane.close()


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=BODIES)
def test_any_body_is_answered_in_json_and_never_by_a_5xx(lane: Lane, body: bytes) -> None:
    status, answer = lane.post(body, "application/json")
    parsed = orjson.loads(answer)

    assert status in {200, 400, 401}, answer
    assert isinstance(parsed, dict)
    assert all(each["extensions"]["code"] != "INTERNAL" for each in parsed.get("errors", []))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content_type=st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_any_content_type_is_answered_in_json(lane: Lane, content_type: str) -> None:
    status, answer = lane.post(b'{"query": "{ __typename }"}', content_type)

    assert status in {200, 415}
    assert isinstance(orjson.loads(answer), dict)
