"""Cookies to the letter, over plain sockets: what another host of the domain set is not ours."""

import asyncio
from pathlib import Path

import orjson
import pytest

from models.users import User
from resolvers.ports import Ports
from tests.people import begin, make_member
from tests.portal import Client

BODY = b'{"query":"{ viewer { user { email } } }"}'
NAME = b"__Host-linkyard"


@pytest.fixture
async def person(database: None) -> User:
    return await make_member()


async def name_for(client: Client, *headers: bytes) -> str | None:
    """Ask who one is, with header lines as they are; None is nobody."""
    assert client.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    head = [
        b"POST /graphql HTTP/1.1",
        b"Host: 127.0.0.1:%d" % client.port,
        b"Content-Type: application/json",
        b"Linkyard-Client: tests",
        b"Connection: close",
        b"Content-Length: %d" % len(BODY),
        *headers,
    ]
    writer.write(b"\r\n".join([*head, b"", BODY]))
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    viewer = orjson.loads(answer.partition(b"\r\n\r\n")[2])["data"]["viewer"]
    return None if viewer is None else str(viewer["user"]["email"])


@pytest.mark.parametrize(
    "line",
    [
        b"Cookie: %s=%s",
        b"cookie: a=b; %s=%s; c=d",
        b"Cookie:\t%s=%s ;",
        b"Cookie: ;;a;\t%s =\t%s",
        b'Cookie: %s="%s"',
        b"Cookie: a=b\r\nCookie: %s=%s",
        "Cookie: \u2000=x; %s=%s".encode(),
    ],
)
async def test_a_cookie_is_found_wherever_it_stands(
    client: Client, ports: Ports, person: User, line: bytes
) -> None:
    token = (await begin(ports, person)).token.encode()

    assert await name_for(client, line % (NAME, token)) == person.email


@pytest.mark.parametrize(
    "prefix",
    [
        "\u2000".encode(),
        "\u3000".encode(),
        "\u00a0".encode(),
        "\u0085".encode(),
        b"\xa0",
        b"\x85",
        b"x",
        b'"',
        b"=",
        b"a=b,",
    ],
    ids=lambda prefix: prefix.hex(),
)
async def test_a_name_with_anything_before_it_is_another_name(
    client: Client, ports: Ports, person: User, prefix: bytes
) -> None:
    token = (await begin(ports, person)).token.encode()
    other = (await begin(ports, person)).token.encode()

    assert await name_for(client, b"Cookie: %s%s=%s" % (prefix, NAME, token)) is None
    both = b"Cookie: %s=%s; %s%s=%s" % (NAME, b"v" * len(token), prefix, NAME, other)
    assert await name_for(client, both) is None
    beside = b"Cookie: %s=%s; %s%s=%s" % (NAME, token, prefix, NAME, b"v" * len(token))
    assert await name_for(client, beside) == person.email


@pytest.mark.parametrize("name", [b"__host-linkyard", b"__HOST-LINKYARD", b"__Host-linkyard\xa0"])
async def test_nor_is_it_ours_in_other_letters(
    client: Client, ports: Ports, person: User, name: bytes
) -> None:
    token = (await begin(ports, person)).token.encode()

    assert await name_for(client, b"Cookie: %s=%s" % (name, token)) is None


@pytest.mark.parametrize("between", [b"; ", b"\r\nCookie: "])
async def test_a_name_that_comes_twice_is_no_cookie(
    client: Client, ports: Ports, person: User, between: bytes
) -> None:
    token = (await begin(ports, person)).token.encode()
    pair = b"%s=%s" % (NAME, token)

    for second in (pair, NAME + b"=", NAME + b"=other"):
        assert await name_for(client, b"Cookie: " + pair + between + second) is None
        assert await name_for(client, b"Cookie: " + second + between + pair) is None


def test_nobody_reads_cookies_by_another_way() -> None:
    """The parser of aiohttp strips what browsers keep; see api/request_cookies.py."""
    sources = {path: path.read_text(encoding="utf-8") for path in Path("api").rglob("*.py")}

    assert sources
    assert [path for path, source in sources.items() if "request.cookies" in source] == []
