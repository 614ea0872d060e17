"""Keys over GraphQL: how many, for how long, and made void."""

from datetime import timedelta

import pytest

from models.api_keys import ApiKey
from models.rules.scopes import Scope
from models.texts import text
from models.users import User
from resolvers.api_keys import MAX_KEYS, create_api_key
from resolvers.key_uses import uses_written
from resolvers.ports import Ports
from schema.nodes import encode_id
from tests.factories import as_person, make_user
from tests.fakes import FixedClock
from tests.portal import Client, Portal, sign_in


@pytest.fixture
async def person(database: None) -> User:
    return await make_user()


def with_key(client: Client, secret: str) -> Portal:
    return Portal(client, {"Authorization": f"Bearer {secret}"})


async def test_a_key_that_expires_makes_none_that_goes_on(
    client: Client, ports: Ports, person: User, clock: FixedClock
) -> None:
    ends = clock.at + timedelta(days=1)
    _, secret = await create_api_key(as_person(ports, person), label="a", expires_at=ends)

    made = await with_key(client, secret).ask("ApiKeyCreate", input={"label": "for ever"})

    assert made["apiKeyCreate"]["__typename"] == "ApiKeyCreateSuccess"
    assert (await ApiKey.get(label="for ever")).expires_at == ends
    await uses_written()


async def test_a_key_for_nothing_is_refused(client: Client, ports: Ports, person: User) -> None:
    portal = await sign_in(client, ports, person)

    made = (await portal.ask("ApiKeyCreate", input={"label": "a", "scopes": []}))["apiKeyCreate"]

    assert (made["__typename"], made["code"], made["path"]) == (
        "ValidationProblem",
        "REQUIRED",
        ["scopes"],
    )
    assert await ApiKey.all().count() == 1


async def test_there_is_a_most_of_working_keys(client: Client, ports: Ports, person: User) -> None:
    portal = await sign_in(client, ports, person)
    for number in range(MAX_KEYS - 1):
        await create_api_key(as_person(ports, person), label=f"{number}")

    made = (await portal.ask("ApiKeyCreate", input={"label": "more"}))["apiKeyCreate"]

    assert made == {
        "__typename": "ApiKeyLimitProblem",
        "code": "API_KEY_LIMIT",
        "message": text("en", "API_KEY_LIMIT", limit=MAX_KEYS),
        "path": None,
        "limit": MAX_KEYS,
    }
    assert await ApiKey.all().count() == MAX_KEYS


async def test_a_key_is_revoked_by_its_owner_and_no_stranger(
    client: Client, ports: Ports, person: User
) -> None:
    portal = await sign_in(client, ports, person)
    key, secret = await create_api_key(as_person(ports, person), label="lost")
    own_id = encode_id("ApiKey", key.id)
    stranger = await sign_in(client, ports, await make_user(scopes=frozenset({Scope.LINK_READ})))

    for key_id in (own_id, encode_id("User", key.id), "nonsense"):
        refused = (await stranger.ask("ApiKeyRevoke", input={"id": key_id}))["apiKeyRevoke"]
        assert (refused["__typename"], refused["code"]) == ("NotFoundProblem", "NOT_FOUND")
    assert len((await with_key(client, secret).ask("Viewer"))["viewer"]["apiKeys"]) == 2
    done = (await portal.ask("ApiKeyRevoke", input={"id": own_id}))["apiKeyRevoke"]

    assert done == {"__typename": "ApiKeyRevokeSuccess", "revokedId": own_id}
    left = (await portal.ask("Viewer"))["viewer"]["apiKeys"]
    assert [each["label"] for each in left] == ["test"]
    assert (await ApiKey.get(id=key.id)).revoked_at is not None
    await uses_written()
