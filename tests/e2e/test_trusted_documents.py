"""Documents by hash, and an installation that answers browsers no others."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp.pytest_plugin import AiohttpClient
from graphql import parse, validate

from api.app import Parts, create_app
from resolvers.ports import Ports
from schema.context import PortalFacts
from schema.documents import Checker
from schema.root import served_schema
from schema.trusted_documents import hash_of, read_documents, trusted_json
from tests.factories import make_user
from tests.portal import GRAPHQL_RESPONSE, Client, operation, sign_in

FILE = Path("frontend_contract/trusted-documents.json")
RELEASED = Path("frontend_contract/released/trusted-documents.json")
HASH = hash_of(operation("Portal"))
OWN = "{ portal { name } }"
ORIGIN = {"Origin": "https://portal.test", "Accept": GRAPHQL_RESPONSE}


@pytest.fixture
async def strict(database: None, ports: Ports, aiohttp_client: AiohttpClient) -> Client:
    """An installation that answers browsers trusted documents only."""
    facts = PortalFacts(
        name="Linkyard",
        version="0",
        public_url="https://portal.test",
        trusts_documents_only=True,
    )
    return await aiohttp_client(create_app(Parts(ports=ports, portal=facts)))


async def post(client: Client, body: object, **headers: str) -> tuple[int, dict[str, Any]]:
    sent = {"Content-Type": "application/json", **headers}
    response = await client.post("/graphql", data=orjson.dumps(body), headers=sent)
    answer: dict[str, Any] = await response.json()
    return response.status, answer


def test_file_is_current_and_keeps_what_was_released() -> None:
    assert FILE.read_text(encoding="utf-8") == trusted_json() + "\n"
    assert read_documents(FILE).items() >= read_documents(RELEASED).items()


def test_every_trusted_document_is_valid_and_within_the_limits() -> None:
    schema = served_schema()._schema
    for text in read_documents(FILE).values():
        assert validate(schema, parse(text)) == []
        document = Checker(schema).check(text, sees_schema=False)
        assert document.errors == (), text
        assert document.cost(None, {"first": 50, "last": None}) <= 5000, text


def test_text_of_another_hash_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "documents.json"
    path.write_bytes(orjson.dumps({HASH: OWN}))

    with pytest.raises(ValueError, match="other texts than their hashes say"):
        read_documents(path)


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": HASH},
        {"documentId": f"sha256:{HASH.upper()}"},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": HASH}}},
        {"query": None, "documentId": HASH},
        {"query": operation("Portal"), "documentId": HASH},
    ],
)
async def test_hash_stands_for_its_document(client: Client, body: object) -> None:
    status, answer = await post(client, body)

    assert status == 200
    assert answer["data"]["portal"]["name"] == "Linkyard"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"documentId": "0" * 64}, "PERSISTED_QUERY_NOT_FOUND"),
        ({"documentId": ""}, "PERSISTED_QUERY_NOT_FOUND"),
        ({"extensions": {"persistedQuery": {"sha256Hash": "x"}}}, "PERSISTED_QUERY_NOT_FOUND"),
        ({"documentId": 1}, "BAD_REQUEST"),
        ({"documentId": [HASH]}, "BAD_REQUEST"),
        ({"extensions": {"persistedQuery": HASH}}, "BAD_REQUEST"),
        ({"extensions": {}}, "BAD_REQUEST"),
        ({"query": OWN, "documentId": HASH}, "BAD_REQUEST"),
        ({"query": "", "documentId": HASH}, "BAD_REQUEST"),
    ],
)
async def test_hash_that_names_nothing_or_something_else_is_refused(
    client: Client, body: object, code: str
) -> None:
    status, answer = await post(client, body)

    assert (status, [each["extensions"]["code"] for each in answer["errors"]]) == (400, [code])
    assert "data" not in answer


async def test_strict_installation_answers_browsers_trusted_documents(strict: Client) -> None:
    for body in ({"documentId": HASH}, {"query": operation("Portal")}):
        status, answer = await post(strict, body, **ORIGIN)
        assert (status, answer["data"]["portal"]["name"]) == (200, "Linkyard")


async def test_strict_installation_refuses_browsers_everything_else(strict: Client) -> None:
    status, answer = await post(strict, {"query": OWN}, **ORIGIN)

    assert status == 400
    assert [each["extensions"] for each in answer["errors"]] == [{"code": "DOCUMENT_NOT_TRUSTED"}]
    assert "data" not in answer


async def test_strict_installation_lets_programs_ask_anything(strict: Client, ports: Ports) -> None:
    portal = await sign_in(strict, ports, await make_user())

    assert await portal.ask(OWN) == {"portal": {"name": "Linkyard"}}


async def test_other_installations_answer_browsers_anything(client: Client) -> None:
    status, answer = await post(client, {"query": OWN}, **ORIGIN)

    assert (status, answer) == (200, {"data": {"portal": {"name": "Linkyard"}}})
