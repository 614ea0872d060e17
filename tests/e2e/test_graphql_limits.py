"""Limits of requests: told in every answer, kept over HTTP and on sockets, and per key."""

import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.pytest_plugin import AiohttpClient

from api.app import Parts, create_app
from api.request_limits import RequestLimits
from benchmarks.service import Response, Service, service
from models.api_keys import ApiKey
from models.rules.scopes import Scope
from models.texts import text
from models.throttles import Throttle
from models.users import User
from resolvers.api_keys import MAX_PER_MINUTE, create_api_key
from resolvers.key_uses import uses_written
from resolvers.ports import Ports
from schema.context import PortalFacts
from tests.factories import as_person, make_user
from tests.fakes import FixedClock
from tests.portal import GRAPHQL_RESPONSE, Client, Portal, sign_in
from tests.servers import stoppable_redis

HELLO = "{ portal { name } }"
PROTOCOL = "graphql-transport-ws"


@pytest.fixture
async def limited(database: None, ports: Ports, aiohttp_client: AiohttpClient) -> Client:
    """The web application with small limits."""
    facts = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")
    limits = RequestLimits(per_key=5, per_person=4, per_address=3)
    return await aiohttp_client(create_app(Parts(ports=ports, portal=facts, limits=limits)))


@pytest.fixture
async def person(database: None) -> User:
    return await make_user()


def told(answer: ClientResponse) -> tuple[int, str, str]:
    headers = answer.headers
    return (answer.status, headers["RateLimit-Policy"], headers["RateLimit"])


async def test_each_answer_tells_what_is_left_and_the_last_one_how_long_to_wait(
    limited: Client, clock: FixedClock
) -> None:
    portal = Portal(limited, {"Accept-Language": "ru"})
    answers = [await portal.send(HELLO) for _ in range(4)]
    body = await answers[-1].json()

    # 03:04:05 lies 5 s into the window; the part of 7.5 s that begins at 03:04:00 leaves
    # the window at 03:05:07.5.
    assert [told(each) for each in answers] == [
        (200, '"address";q=3;w=60', '"address";r=2;t=63'),
        (200, '"address";q=3;w=60', '"address";r=1;t=63'),
        (200, '"address";q=3;w=60', '"address";r=0;t=63'),
        (429, '"address";q=3;w=60', '"address";r=0;t=63'),
    ]
    assert answers[-1].headers["Retry-After"] == "63"
    assert body == {
        "errors": [
            {
                "message": text("ru", "RATE_LIMITED", count=63),
                "extensions": {"code": "RATE_LIMITED", "retryAfter": 63},
            }
        ]
    }

    clock.at += timedelta(seconds=62)
    assert (await portal.send(HELLO)).status == 429
    clock.at += timedelta(seconds=1)
    assert (await portal.send(HELLO)).status == 200


async def test_a_request_that_is_one_too_many_changes_nothing(
    limited: Client, ports: Ports, person: User
) -> None:
    portal = await sign_in(limited, ports, person)
    for _ in range(5):
        assert (await portal.send(HELLO)).status == 200

    answer = await portal.send("ApiKeyCreate", input={"label": "one too many"})

    assert told(answer) == (429, '"key";q=5;w=60', '"key";r=0;t=63')
    assert await ApiKey.all().count() == 1
    await uses_written()


async def test_keys_and_strangers_are_counted_apart(
    limited: Client, ports: Ports, person: User
) -> None:
    first, second = await sign_in(limited, ports, person), await sign_in(limited, ports, person)
    for _ in range(6):
        await first.send(HELLO)
    for _ in range(4):
        await Portal(limited).send(HELLO)

    assert (await first.send(HELLO)).status == 429
    assert (await Portal(limited).send(HELLO)).status == 429
    assert (await second.send(HELLO)).status == 200
    await uses_written()


async def test_bad_keys_are_counted_by_address(limited: Client) -> None:
    guesser = Portal(limited, {"Authorization": "Bearer lky_wrong"})

    statuses = [(await guesser.send(HELLO)).status for _ in range(5)]

    assert statuses == [401, 401, 401, 429, 429]


async def test_documents_that_are_refused_count_too(limited: Client) -> None:
    portal = Portal(limited, {"Accept": GRAPHQL_RESPONSE})

    statuses = [(await portal.send("{ nothing }")).status for _ in range(4)]

    assert statuses == [400, 400, 400, 429]


async def test_a_key_has_the_number_it_was_made_with(
    limited: Client, ports: Ports, person: User
) -> None:
    portal = await sign_in(limited, ports, person)
    made = (await portal.ask("ApiKeyCreate", input={"label": "slow", "perMinute": 2}))[
        "apiKeyCreate"
    ]
    slow = Portal(limited, {"Authorization": f"Bearer {made['secret']}"})

    statuses = [(await slow.send(HELLO)).status for _ in range(3)]

    assert made["apiKey"]["perMinute"] == 2
    assert statuses == [200, 200, 429]
    await uses_written()


async def test_a_key_makes_no_key_that_may_send_more(
    client: Client, ports: Ports, person: User
) -> None:
    _, secret = await create_api_key(as_person(ports, person), label="slow", per_minute=7)
    slow = Portal(client, {"Authorization": f"Bearer {secret}"})

    refused = (await slow.ask("ApiKeyCreate", input={"label": "a", "perMinute": 8}))["apiKeyCreate"]
    made = (await slow.ask("ApiKeyCreate", input={"label": "b"}))["apiKeyCreate"]

    assert (refused["__typename"], refused["path"], refused["message"]) == (
        "ValidationProblem",
        ["perMinute"],
        text("en", "INVALID_VALUE.per_minute", maximum=7),
    )
    assert made["apiKey"]["perMinute"] == 7
    assert [key.label for key in await ApiKey.all().order_by("id")] == ["slow", "b"]
    await uses_written()


@pytest.mark.parametrize(
    ("scopes", "per_minute", "maximum"),
    [
        ({Scope.LINK_READ}, 600, None),
        ({Scope.LINK_READ}, 601, 600),
        ({Scope.LINK_READ}, 0, 600),
        ({Scope.LINK_READ}, -1, 600),
        ({Scope.USER_ADMIN}, MAX_PER_MINUTE, None),
        ({Scope.USER_ADMIN}, MAX_PER_MINUTE + 1, MAX_PER_MINUTE),
    ],
)
async def test_only_an_administrator_grants_more_than_the_settings_do(
    client: Client, ports: Ports, scopes: set[Scope], per_minute: int, maximum: int | None
) -> None:
    portal = await sign_in(client, ports, await make_user(scopes=frozenset(scopes)))

    made = (await portal.ask("ApiKeyCreate", input={"label": "k", "perMinute": per_minute}))[
        "apiKeyCreate"
    ]

    if maximum is None:
        assert made["apiKey"]["perMinute"] == per_minute
    else:
        assert made["fieldProblems"][0]["message"] == text(
            "en", "INVALID_VALUE.per_minute", maximum=maximum
        )
        assert not await ApiKey.exists(label="k")
    await uses_written()


async def test_operations_on_a_socket_count_and_the_socket_stays_open(limited: Client) -> None:
    socket = await limited.ws_connect("/graphql", protocols=[PROTOCOL])
    await socket.send_json({"type": "connection_init"})
    assert await socket.receive_json(timeout=5) == {"type": "connection_ack"}
    messages: list[dict[str, Any]] = []
    for number in range(4):
        query = {"query": HELLO}
        await socket.send_json({"id": f"{number}", "type": "subscribe", "payload": query})
        messages.append(await socket.receive_json(timeout=5))
        if messages[-1]["type"] == "next":
            await socket.receive_json(timeout=5)

    assert [each["type"] for each in messages] == ["next", "next", "next", "error"]
    [error] = messages[-1]["payload"]
    assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 63}
    await socket.send_json({"type": "ping"})
    assert await socket.receive_json(timeout=5) == {"type": "pong"}
    await socket.close()


async def test_unknown_hashes_on_a_socket_count_too(limited: Client) -> None:
    socket = await limited.ws_connect("/graphql", protocols=[PROTOCOL])
    await socket.send_json({"type": "connection_init"})
    assert await socket.receive_json(timeout=5) == {"type": "connection_ack"}
    codes: list[str] = []
    for number in range(4):
        unknown = {"documentId": "0" * 64}
        await socket.send_json({"id": f"{number}", "type": "subscribe", "payload": unknown})
        [error] = (await socket.receive_json(timeout=5))["payload"]
        codes.append(error["extensions"]["code"])

    assert codes == [*["PERSISTED_QUERY_NOT_FOUND"] * 3, "RATE_LIMITED"]
    assert (await Portal(limited).send(HELLO)).status == 429
    await socket.close()


async def test_without_limits_nothing_is_counted_and_nothing_told(client: Client) -> None:
    answer = await Portal(client).send(HELLO)

    assert [name for name in answer.headers if name.lower().startswith("ratelimit")] == []
    assert not await Throttle.exists()


def post(running: Service, document: str) -> Response:
    headers = {"Content-Type": "application/json", "Linkyard-Client": "test"}
    body = json.dumps({"query": document}).encode()
    return running.request("POST", "/graphql", headers=headers, body=body)


def test_with_redis_killed_in_the_middle_sign_in_works_and_limits_hold(
    migrated_database_url: str,
) -> None:
    guess = (
        'mutation { sessionCreate(input: {email: "admin@localhost", password: "a guess"}) '
        "{ ... on Problem { code } } }"
    )
    settings = {
        "PROCESSES": "1",
        "ANONYMOUS_PER_MINUTE": "60",
        "DATABASE_URL": migrated_database_url,
    }
    with stoppable_redis() as redis, service({**settings, "REDIS_URL": redis.url}) as running:
        before = [post(running, HELLO).status for _ in range(30)]
        redis.stop()
        signed_in = [post(running, guess).json()["data"]["sessionCreate"] for _ in range(6)]
        meanwhile = [post(running, HELLO).status for _ in range(40)]
        redis.start()
        afterwards = [post(running, HELLO).status for _ in range(5)]

    assert before == [200] * 30
    assert [each["code"] for each in signed_in] == ["SIGN_IN_REFUSED"] * 5 + ["RATE_LIMITED"]
    assert meanwhile == [200] * 24 + [429] * 16
    assert afterwards == [429] * 5


def test_the_web_processes_of_a_service_have_one_limit_together(
    migrated_database_url: str, redis_url: str | None
) -> None:
    settings = {
        "PROCESSES": "2",
        "ANONYMOUS_PER_MINUTE": "60",
        "DATABASE_URL": migrated_database_url,
    }
    if redis_url is not None:
        settings["REDIS_URL"] = redis_url
    with service(settings) as running:
        answers = [post(running, HELLO) for _ in range(80)]

    statuses = [each.status for each in answers]
    assert set(statuses) == {200, 429}
    assert 60 <= statuses.count(200) <= 62
    assert answers[0].headers["ratelimit-policy"] == '"address";q=60;w=60'
