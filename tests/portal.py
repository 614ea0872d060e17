"""A client of the GraphQL endpoint that sends the documents of frontend_contract."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from models.rules.scopes import Scope
from models.users import User
from resolvers.api_keys import create_api_key
from resolvers.ports import Ports
from tests.factories import as_person

Client: TypeAlias = TestClient[web.Request, web.Application]
OPERATIONS = Path("frontend_contract/operations")
GRAPHQL_RESPONSE = "application/graphql-response+json"


def operation(name: str) -> str:
    """Return the text of one of the operations that front ends send."""
    return (OPERATIONS / f"{name}.graphql").read_text()


@dataclass
class Portal:
    """One caller: headers go with every request."""

    client: Client
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, document: str, **variables: Any) -> ClientResponse:  # noqa: ANN401 - JSON
        """Post a document, or an operation of frontend_contract by its name."""
        text = document if "{" in document else operation(document)
        return await self.client.post(
            "/graphql", json={"query": text, "variables": variables}, headers=self.headers
        )

    async def ask(self, document: str, **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Return `data` of an answer without errors."""
        body = await (await self.send(document, **variables)).json()
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data

    async def errors(self, document: str, **variables: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        """Return the top-level errors of an answer without data."""
        body = await (await self.send(document, **variables)).json()
        assert body.get("data") is None, body
        errors: list[dict[str, Any]] = body["errors"]
        return errors

    def with_headers(self, **headers: str) -> "Portal":
        """Return the same caller with more headers; `_` stands for `-`."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Portal(self.client, {**self.headers, **more})


async def sign_in(
    client: Client, ports: Ports, user: User, *, scopes: frozenset[Scope] | None = None
) -> Portal:
    """Make a key for a person from make_user and call with it."""
    _, secret = await create_api_key(
        as_person(ports, user), label="test", scopes=None if scopes is None else list(scopes)
    )
    return Portal(client, {"Authorization": f"Bearer {secret}"})
