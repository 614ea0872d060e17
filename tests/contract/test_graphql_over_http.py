"""What GraphQL over HTTP and the published server audits ask of an endpoint.

Source: the draft at graphql.github.io/graphql-over-http, and the audits of the
npm package graphql-http, whose ids stand in the table. GET is an option of the
specification (MAY) that we refuse.
"""

import io
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse

from tests.portal import GRAPHQL_RESPONSE, Client

JSON = "application/json"
HELLO: dict[str, Any] = {"query": "{ __typename }"}
WITH_VARIABLE = "query Q($id: ID!) { node(id: $id) { id } }"
NAMED = "query A { __typename } query B { portal { name } }"
MODERN = (GRAPHQL_RESPONSE,)
LEGACY = (JSON,)
BOTH = (GRAPHQL_RESPONSE, JSON)


def deep_variables(inner: bytes, *, query: bytes = b"{ __typename }") -> bytes:
    """Return a body about as deep as orjson reads, which is deeper than Python recurses."""
    return b'{"query": "%s", "variables": {"id": %s%s%s}}' % (
        query,
        b"[" * 1000,
        inner,
        b"]" * 1000,
    )


@dataclass(frozen=True)
class Audit:
    """One POST and what must come back; `has_data` None: the answer may be of either kind."""

    id: str
    body: Any
    status: int
    accepts: tuple[str, ...] = BOTH
    has_data: bool | None = None
    headers: dict[str, str] = field(default_factory=dict)


AUDITS = [
    Audit("22EB accepts its media type", HELLO, 200, MODERN, has_data=True),
    Audit("4655 accepts application/json", HELLO, 200, LEGACY, has_data=True),
    Audit("03D4 accepts application/json requests", HELLO, 200, has_data=True),
    Audit("2C94 accepts POST", HELLO, 200, has_data=True),
    Audit("A5BF body is missing", b"", 400),
    Audit("423L query is missing", {"notquery": "{ __typename }"}, 400),
    Audit("LKJ0 query is an object", {"query": {"obj": "ect"}}, 400),
    Audit("LKJ1 query is a number", {"query": 0}, 400),
    Audit("LKJ2 query is a boolean", {"query": False}, 400),
    Audit("LKJ3 query is an array", {"query": ["array"]}, 400),
    Audit("query is null", {"query": None}, 400),
    Audit("query is empty", {"query": ""}, 400),
    Audit("34A2 13EE query is a string", HELLO, 200, has_data=True),
    Audit("6C00 operationName is an object", {**HELLO, "operationName": {"obj": "ect"}}, 400),
    Audit("6C01 operationName is a number", {**HELLO, "operationName": 0}, 400),
    Audit("6C02 operationName is a boolean", {**HELLO, "operationName": False}, 400),
    Audit("6C03 operationName is an array", {**HELLO, "operationName": ["array"]}, 400),
    Audit("8161 B8B3 operationName is a string", {"query": NAMED, "operationName": "B"}, 200),
    Audit("94B0 variables is null", {**HELLO, "variables": None}, 200, has_data=True),
    Audit("94B1 operationName is null", {**HELLO, "operationName": None}, 200, has_data=True),
    Audit("94B2 extensions is null", {**HELLO, "extensions": None}, 200, has_data=True),
    Audit("4760 variables is a string", {**HELLO, "variables": "string"}, 400),
    Audit("4761 variables is a number", {**HELLO, "variables": 0}, 400),
    Audit("4762 variables is a boolean", {**HELLO, "variables": False}, 400),
    Audit("4763 variables is an array", {**HELLO, "variables": ["array"]}, 400),
    Audit("2EA1 28B9 variables is a map", {**HELLO, "variables": {"some": "value"}}, 200),
    Audit("58B0 extensions is a string", {**HELLO, "extensions": "string"}, 400),
    Audit("58B1 extensions is a number", {**HELLO, "extensions": 0}, 400),
    Audit("58B2 extensions is a boolean", {**HELLO, "extensions": False}, 400),
    Audit("58B3 extensions is an array", {**HELLO, "extensions": ["array"]}, 400),
    Audit("428F 1B7A extensions is a map", {**HELLO, "extensions": {"some": "value"}}, 200),
    Audit("B6DC BCF8 body is no JSON", b'{ "not a JSON', 400),
    Audit("8764 3E3A parameters are wrong", {"qeury": "{ __typename }"}, 400),
    Audit("572B document does not parse", {"query": "{"}, 200, LEGACY, has_data=False),
    Audit("865D 556A D586 document does not parse", {"query": "{"}, 400, MODERN, has_data=False),
    Audit("FDE2 document is not valid", {"query": "{ 8f31403d }"}, 200, LEGACY, has_data=False),
    Audit("51FE 74FF 5E5B not valid", {"query": "{ unknown }"}, 400, MODERN, has_data=False),
    Audit("7B9B variable is missing", {"query": WITH_VARIABLE}, 200, LEGACY, has_data=False),
    Audit("86EE variable is missing", {"query": WITH_VARIABLE}, 400, MODERN, has_data=False),
    Audit(
        "86EE variable is of another type",
        {"query": WITH_VARIABLE, "variables": {"id": {"of": "another"}}},
        400,
        MODERN,
        has_data=False,
    ),
    Audit("no operation of that name", {**HELLO, "operationName": "X"}, 400, MODERN),
    Audit("no operation of that name, legacy", {**HELLO, "operationName": "X"}, 200, LEGACY),
    Audit("several operations and no name", {"query": NAMED}, 400, MODERN, has_data=False),
    Audit("no operation at all", {"query": "fragment F on Query { __typename }"}, 400, MODERN),
    Audit("subscription", {"query": "subscription { clickRecorded { id } }"}, 400, MODERN),
    Audit("batch", [HELLO, HELLO], 400),
    Audit("empty batch", [], 400),
    Audit("null", b"null", 400),
    Audit("number", b"1", 400),
    Audit("string", b'"{ __typename }"', 400),
    Audit("a hundred thousand brackets", b"[" * 100_000, 400),
    Audit("not UTF-8", b'{"query": "{ __typename } # \xff"}', 400),
    Audit("UTF-16", orjson.dumps(HELLO).decode().encode("utf-16"), 400),
    Audit(
        "U+0000 in a variable", b'{"query": "{ __typename }", "variables": {"a": "\\u0000"}}', 400
    ),
    Audit("U+0000 in the document", b'{"query": "{ node(id: \\"\\\\u0000\\") { id } }"}', 400),
    Audit("variables nested a thousand deep", deep_variables(b'"\\u0041"'), 200, has_data=True),
    Audit("U+0000 a thousand deep", deep_variables(b'"\\u0000"'), 400),
    Audit("U+0000 in a key a thousand deep", deep_variables(b'{"\\u0000": 1}'), 400),
    Audit(
        "a thousand deep where an id is wanted",
        deep_variables(b'"\\u0041"', query=WITH_VARIABLE.encode()),
        400,
        MODERN,
        has_data=False,
    ),
    Audit("lone surrogate", b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}', 400),
    Audit("nested document", {"query": "{a" * 490 + "}" * 490}, 400, MODERN, has_data=False),
    Audit("more tokens than allowed", {"query": "{" + " a" * 2000 + "}"}, 400, MODERN),
    Audit("9ABE no content type", HELLO, 415, headers={"Content-Type": ""}),
    Audit(
        "text/plain (a form of another site)", HELLO, 415, headers={"Content-Type": "text/plain"}
    ),
    Audit(
        "multipart (a form of another site)",
        b"--a\r\n\r\n--a--",
        415,
        headers={"Content-Type": "multipart/form-data; boundary=a"},
    ),
    Audit(
        "BF61 UTF-8 by name",
        HELLO,
        200,
        headers={"Content-Type": "application/json; charset=UTF-8"},
    ),
    Audit("78D5 UTF-8 is assumed", {"query": "{ __typename } # äж"}, 200, has_data=True),
    Audit(
        "another charset", HELLO, 415, headers={"Content-Type": "application/json; charset=latin1"}
    ),
    Audit("broken gzip", b"not gzip", 400, headers={"Content-Encoding": "gzip"}),
]


async def post(client: Client, body: object, headers: dict[str, str]) -> ClientResponse:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    skip = ["Content-Type"] if headers.get("Content-Type") == "" else []
    sent = {"Content-Type": JSON, **headers}
    return await client.post(
        "/graphql",
        data=io.BytesIO(data),
        headers={name: value for name, value in sent.items() if value},
        skip_auto_headers=skip,
    )


@pytest.mark.parametrize(
    ("audit", "accept"),
    [pytest.param(a, t, id=f"{a.id} [{t}]") for a in AUDITS for t in a.accepts],
)
async def test_audit(client: Client, audit: Audit, accept: str) -> None:
    response = await post(client, audit.body, {"Accept": accept, **audit.headers})
    answer = await response.json(content_type=None)

    assert response.status == audit.status, answer
    assert response.headers["Content-Type"] == f"{accept}; charset=utf-8"
    assert set(answer) <= {"data", "errors", "extensions"}
    if audit.has_data is not None:
        assert ("data" in answer) is audit.has_data
    if audit.status != 200:
        assert "data" not in answer
    for error in answer.get("errors", []):
        assert isinstance(error["message"], str)
        assert error["extensions"]["code"] in {
            "BAD_REQUEST",
            "DOCUMENT_LIMIT",
            "UNSUPPORTED_MEDIA_TYPE",
            "PAYLOAD_TOO_LARGE",
        }


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param(None, JSON, id="80D8 no Accept"),
        pytest.param("*/*", JSON, id="47DE anything"),
        pytest.param("text/html", JSON, id="nothing we speak"),
        pytest.param(f"{GRAPHQL_RESPONSE}, {JSON};q=0.9", GRAPHQL_RESPONSE, id="both, ours first"),
        pytest.param(f"{GRAPHQL_RESPONSE};q=0.5, {JSON}", JSON, id="both, json first"),
        pytest.param(f"{GRAPHQL_RESPONSE};q=0", JSON, id="refused"),
        pytest.param(f"{GRAPHQL_RESPONSE};q=no", JSON, id="unreadable weight"),
        pytest.param(GRAPHQL_RESPONSE.upper(), GRAPHQL_RESPONSE, id="capitals"),
    ],
)
async def test_accept_chooses_the_media_type(
    client: Client, accept: str | None, expected: str
) -> None:
    response = await client.post(
        "/graphql",
        json=HELLO,
        headers={} if accept is None else {"Accept": accept},
        skip_auto_headers=["Accept"],
    )

    assert response.headers["Content-Type"] == f"{expected}; charset=utf-8"
    assert await response.json(content_type=None) == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_9c48_other_methods_execute_nothing(client: Client, method: str) -> None:
    response = await client.request(method, "/graphql?query={__typename}", json=HELLO)

    assert response.status == 405
    assert response.headers["Allow"] == "POST"
    if method != "HEAD":
        body = await response.json()
        assert body["errors"][0]["extensions"] == {"code": "METHOD_NOT_ALLOWED"}


async def test_body_of_a_mebibyte_is_read_and_one_byte_more_is_not(client: Client) -> None:
    room = (1 << 20) - len(orjson.dumps({**HELLO, "extensions": {"a": ""}}))
    fits = {**HELLO, "extensions": {"a": "x" * room}}
    large = {**HELLO, "extensions": {"a": "x" * (room + 1)}}

    assert (await post(client, fits, {})).status == 200
    response = await post(client, large, {})

    assert response.status == 413
    assert (await response.json())["errors"][0]["extensions"] == {"code": "PAYLOAD_TOO_LARGE"}
