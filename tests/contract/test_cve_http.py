"""One test for each class of weakness that was published for aiohttp, against our own server.

Source: the advisories of aio-libs/aiohttp up to 3.14.
"""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import http_parser, web
from packaging.version import Version

from api.app import Parts, create_app
from resolvers.ports import Ports
from schema.context import PortalFacts
from tests.portal import Client
from tests.redirect_service import Service, read_reply, serving

HOST = b"Host: go.test\r\n"
MEBIBYTE = 1 << 20
SOURCES = [path for folder in ("api", "schema", "resolvers") for path in Path(folder).rglob("*.py")]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path) as service:
        yield service


async def send(service: Service, request: bytes) -> bytes:
    """Return all that comes back until the server closes, or the first reply."""
    reader, writer = await service.connect()
    writer.write(request)
    try:
        return await read_reply(reader)
    finally:
        writer.close()
        await writer.wait_closed()


def status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


def test_versions_are_newer_than_their_last_known_weakness() -> None:
    assert Version(version("aiohttp")) >= Version("3.14.1")
    assert Version(version("redis")) >= Version("4.5.5")
    assert Version(version("asyncpg")) >= Version("0.21.0")


def test_requests_are_read_by_the_parser_in_c() -> None:
    assert http_parser.HttpRequestParser.__module__ == "aiohttp._http_parser"
    assert not aiohttp.helpers.NO_EXTENSIONS


def test_pysec_2021_76_and_cve_2024_23334_nothing_normalises_paths_or_serves_folders(
    ports: Ports,
) -> None:
    facts = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")
    app = create_app(Parts(ports=ports, portal=facts))
    source = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)

    assert not [each for each in app.router.resources() if isinstance(each, web.StaticResource)]
    assert (
        re.findall(r"follow_symlinks|normalize_path_middleware|add_static|web\.static", source)
        == []
    )


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(
            b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", id="CVE-2023-47641 TE and CL"
        ),
        pytest.param(b"Content-Length: 3\r\nContent-Length: 4\r\n", id="two lengths"),
        pytest.param(b"Content-Length: 3\r\nContent-Length: 3\r\n", id="one length twice"),
        pytest.param(b"Content-Length: +3\r\n", id="CVE-2023-37276 signed length"),
        pytest.param(b"Content-Length: 0x3\r\n", id="length in hex"),
        pytest.param(b"Content-Length: 3_0\r\n", id="length with a line"),
        pytest.param(b"Content-Length: -3\r\n", id="negative length"),
        pytest.param("Content-Length: ３\r\n".encode(), id="digits of another script"),
        pytest.param(b"Transfer-Encoding: chunked, chunked\r\n", id="chunked twice"),
        pytest.param(b"Transfer-Encoding: chunked, identity\r\n", id="chunked not last"),
        pytest.param(b"Transfer-Encoding: xchunked\r\n", id="unknown coding"),
        pytest.param(b"Transfer-Encoding : chunked\r\n", id="CVE-2024-23829 blank before colon"),
        pytest.param(b"X\x00Y: 1\r\n", id="CVE-2026-34520 NUL in a name"),
        pytest.param(b"X: a\x00b\r\n", id="CVE-2026-34520 NUL in a value"),
        pytest.param(b"X: a\x0bb\x7f\r\n", id="CVE-2026-34520 control characters in a value"),
        pytest.param(b"X: a\rY: b\r\n", id="bare CR"),
        pytest.param(b" X: folded\r\n", id="folded first line"),
        pytest.param(b"no colon\r\n", id="CVE-2023-47627 line without colon"),
        pytest.param(b": nothing\r\n", id="empty name"),
        pytest.param(b"Host: other.test\r\n", id="CVE-2026-34525 two hosts"),
        pytest.param(b"host: go.test\r\n", id="CVE-2026-34525 the same host twice"),
        pytest.param(b"X: " + b"x" * 9000 + b"\r\n", id="line beyond 8190"),
        pytest.param(b"X" * 9000 + b": x\r\n", id="name beyond 8190"),
        pytest.param(b"X: 1\r\n" * 300, id="three hundred lines"),
    ],
)
@pytest.mark.parametrize("path", [b"/a", b"/healthz"])
async def test_ambiguous_head_is_a_bad_request_and_the_end_of_its_connection(
    service: Service, path: bytes, head: bytes
) -> None:
    smuggled = b"abc\r\nGET /since HTTP/1.1\r\n" + HOST + b"\r\n"
    reader, writer = await service.connect()
    writer.write(b"POST " + path + b" HTTP/1.1\r\n" + HOST + head + b"\r\n" + smuggled)
    async with asyncio.timeout(10):
        replies = await reader.read()
    writer.close()

    assert status(replies) == 400, replies
    assert len(re.findall(rb"HTTP/1\.[01] \d", replies)) == 1
    assert service.clicks() == []


@pytest.mark.parametrize(
    "line",
    [
        b"GET /" + b"x" * 9000 + b" HTTP/1.1",
        b"GET /a HTTP/1.1 x",
        b"GET /a HTTP/11.1",
        b"GET /a HTTP/1.\xc2\xb9",
        b"GET /a\x00 HTTP/1.1",
        b"G\x00T /a HTTP/1.1",
        b"GE\xd0\xa2 /a HTTP/1.1",
    ],
    ids=["long", "four words", "version", "digit", "NUL", "NUL in method", "letter"],
)
async def test_cve_2023_47627_request_line_that_is_none_is_refused(
    service: Service, line: bytes
) -> None:
    reply = await send(service, line + b"\r\n" + HOST + b"\r\n")

    assert status(reply) in {400, 404, 405, 414}
    assert service.clicks() == []


async def test_cve_2025_53643_trailers_of_a_body_are_no_next_request(service: Service) -> None:
    body = b"3\r\nabc\r\n0\r\nX: GET /a HTTP/1.1\r\n\r\n"
    head = b"POST /healthz HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    reader, writer = await service.connect()
    writer.write(head + body + b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n")

    assert (await read_reply(reader)).endswith(b"\r\n\r\nabc")
    assert status(await read_reply(reader)) == 302
    writer.close()
    assert len(service.clicks()) == 1


@pytest.mark.parametrize(
    "chunks",
    [
        b"3;\nGET /a HTTP/1.1\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    ],
)
async def test_cve_2024_52304_chunk_of_no_certain_length_is_refused(
    service: Service, chunks: bytes
) -> None:
    head = b"POST /healthz HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    reply = await send(service, head + chunks)

    assert status(reply) == 400
    assert service.clicks() == []


async def test_cve_2025_69223_body_that_unfolds_is_cut_off(client: Client) -> None:
    bomb = gzip.compress(bytes(100 * MEBIBYTE), compresslevel=9)
    before = psutil.Process().memory_info().rss
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    response = await client.post("/graphql", data=bomb, headers=headers, compress=None)

    assert response.status == 413
    assert psutil.Process().memory_info().rss - before < 64 * MEBIBYTE


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "unknown"])
async def test_body_that_is_not_in_its_coding_is_no_fault_of_ours(
    client: Client, coding: str
) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    response = await client.post("/graphql", data=b"\x00\xff" * 50, headers=headers)

    assert 400 <= response.status < 500


async def test_cve_2026_34516_multipart_is_not_read_at_all_by_graphql(client: Client) -> None:
    part = b"--b\r\n" + b"X: 1\r\n" * 10_000 + b"\r\n\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}

    response = await client.post("/graphql", data=part * 10 + b"--b--\r\n", headers=headers)

    assert response.status == 415


async def test_cve_2026_54273_ten_thousand_requests_at_once_take_little_memory(
    service: Service,
) -> None:
    """The sender reads nothing until all are sent, as far as the sockets' buffers let it."""
    count = 10_000
    reader, writer = await service.connect()
    before = psutil.Process().memory_info().rss
    request = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"

    async def write() -> None:
        for _ in range(count // 100):
            writer.write(request * 100)
            await writer.drain()

    async def read() -> int:
        answered = 0
        while answered < count:
            reply = await read_reply(reader)
            answered += status(reply) == 200
        return answered

    async with asyncio.timeout(60):
        _, answered = await asyncio.gather(write(), read())
    writer.close()

    assert answered == count
    assert psutil.Process().memory_info().rss - before < 32 * MEBIBYTE


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nX: y", "a\rX: y"])
async def test_cve_2026_34520_no_answer_splits_in_two(value: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)reason"):
        web.Response(reason=value)


def test_cve_2026_34518_no_client_of_ours_keeps_cookies() -> None:
    """Sessions of aiohttp follow redirects with cookies unless told not to keep any."""
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert "ClientSession(" not in text or "DummyCookieJar" in text, path
