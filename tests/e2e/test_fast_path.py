"""What the fast path takes, what it leaves to aiohttp, and that nobody can tell the difference."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks.fuzz_heads import Side, compare, run_case
from benchmarks.fuzz_requests import Case
from tests.redirect_service import Service, plain, read_reply, serving

HOST = b"\r\nHost: go.test\r\n"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path) as service:
        yield service


def fast(service: Service) -> float:
    return service.counted('linkyard_redirects_total{status="302",way="fast"}')


def ordinary(service: Service) -> float:
    return service.counted('linkyard_redirects_total{status="302",way="ordinary"}')


@pytest.mark.parametrize("seed", [1, 2])
async def test_nobody_can_tell_the_fast_path_from_aiohttp(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    caplog.set_level(logging.CRITICAL, "aiohttp.server")

    tally = await compare(tmp_path, count=4000, seed=seed)

    assert tally.different == []
    assert tally.heads >= 4000
    assert tally.taken > 500


@pytest.mark.parametrize(
    "whole",
    [
        (
            b"GET /Go2?a=1 HTTP/1.1\r\nHost: go.test\r\nUser-Agent: x\r\n\r\n"
            b"HEAD /off HTTP/1.1\r\nHost: go.test\r\nAccept-Language: ru\r\n\r\n"
            b"GET /a HTTP/1.1\r\nHost: go.test\r\n\r\n"
        ),
        b"GET /\xd1\x81\xd1\x81\xd1\x8b\xd0\xbb\xd0\xba\xd0\xb0 HTTP/1.1\r\nHost: go.test\r\n\r\n",
    ],
)
async def test_requests_cut_at_any_byte_are_answered_the_same(tmp_path: Path, whole: bytes) -> None:
    sides = []
    for name, is_fast in (("fast", True), ("ordinary", False)):
        folder = tmp_path / name
        folder.mkdir()
        sides.append(await Side.make(folder, is_fast=is_fast))
    expected = await run_case(sides[1], Case((whole,), (False,), pauses_writing=False, heads=3))
    assert expected.written.count(b"HTTP/1.1 ") == whole.count(b"HTTP/1.1")
    assert len(expected.clicks) == whole.count(b"GET")

    for cut in range(1, len(whole)):
        for waits in (True, False):
            case = Case((whole[:cut], whole[cut:]), (waits, True), pauses_writing=False, heads=3)
            for side in sides:
                assert await run_case(side, case) == expected

    for side in sides:
        await side.server.shutdown(0.1)
        side.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /a HTTP/1.1" + HOST,
        b"HEAD /a HTTP/1.1" + HOST,
        b"GET /a?x=/y HTTP/1.1" + HOST,
        b"GET /%61 HTTP/1.1" + HOST,
        b"GET /\xd1\x81\xd1\x81\xd1\x8b\xd0\xbb\xd0\xba\xd0\xb0 HTTP/1.1" + HOST,
        b"GET /a HTTP/1.1" + HOST + b"Connection: Keep-Alive\r\nCookie: a=b\r\n",
    ],
)
async def test_plain_requests_are_taken_also_as_the_first_of_a_connection(
    service: Service, head: bytes
) -> None:
    await service.ask(head + b"\r\n")

    assert (fast(service), ordinary(service)) == (1, 0)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /a HTTP/1.0" + HOST + b"Connection: keep-alive\r\n",
        b"GET http://go.test/a HTTP/1.1" + HOST,
        b"GET /a/ HTTP/1.1" + HOST,
        b"GET /a/?x=1 HTTP/1.1" + HOST,
        b"GET /a HTTP/1.1" + HOST + b"Content-Length: 0\r\n",
        b"GET /a HTTP/1.1" + HOST + b"Upgrade: h2c\r\n",
        b"GET /a HTTP/1.1" + HOST + b"X-A: 1\r\nX-A: 2\r\n",
        b"GET /a HTTP/1.1" + HOST + b"Referer: \r\n",
        b"GET /a#x HTTP/1.1" + HOST,
        b"GET /a HTTP/1.1" + HOST + b"Cookie: " + b"x" * 5000 + b"\r\n",
        b"\r\nGET /a HTTP/1.1" + HOST,
    ],
)
async def test_unusual_requests_are_left_to_aiohttp(service: Service, head: bytes) -> None:
    await service.ask(head + b"\r\n")

    assert (fast(service), ordinary(service)) == (0, 1)


async def test_a_slug_beyond_all_limits_is_refused_by_aiohttp_also_after_a_plain_request(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "aiohttp.server")

    replies = await service.ask(b"GET /a", b"GET /" + b"x" * 300, b"GET /" + b"x" * 9000)

    assert [reply[9:12] for reply in replies] == [b"302", b"404", b"400"]


async def test_a_request_in_two_pieces_goes_to_aiohttp_and_the_next_is_fast_again(
    service: Service,
) -> None:
    reader, writer = await service.connect()
    head = plain(b"GET /a")
    writer.write(head[:20])
    await service_has_seen(service, 1)
    writer.write(head[20:])
    await read_reply(reader)
    assert (fast(service), ordinary(service)) == (0, 1)

    writer.write(head)
    await read_reply(reader)

    assert (fast(service), ordinary(service)) == (1, 1)
    writer.close()
    await writer.wait_closed()


async def service_has_seen(service: Service, connections: int) -> None:
    """Return when so many connections have given bytes to aiohttp."""
    async with asyncio.timeout(10):
        while sum(bool(c.blocked) for c in service.server.connections) < connections:  # noqa: ASYNC110 - bytes in flight tell nobody
            await asyncio.sleep(0)


async def test_own_paths_bodies_and_redirects_share_a_connection(service: Service) -> None:
    post = b"POST /healthz HTTP/1.1\r\nHost: go.test\r\nContent-Length: 5\r\n\r\nhello"

    replies = await service.ask(b"GET /a", post, b"GET /a", b"GET /healthz", b"GET /a", post)

    assert [reply.partition(b"\r\n\r\n")[2] for reply in replies] == [
        b"",
        b"hello",
        b"",
        b"ok",
        b"",
        b"hello",
    ]
    assert (fast(service), ordinary(service)) == (3, 0)


async def test_what_comes_while_aiohttp_answers_waits_its_turn(service: Service) -> None:
    reader, writer = await service.connect()
    writer.write(plain(b"GET /slow"))
    await service.entered.wait()
    writer.write(plain(b"GET /a"))
    await asyncio.sleep(0)
    service.leave.set()

    first, second = await read_reply(reader), await read_reply(reader)

    assert first.endswith(b"slow")
    assert second.startswith(b"HTTP/1.1 302 ")
    assert (fast(service), ordinary(service)) == (0, 1)
    writer.close()
    await writer.wait_closed()


async def test_a_setting_turns_it_off(tmp_path: Path) -> None:
    async with serving(tmp_path, is_fast=False) as service:
        await service.ask(b"GET /a", b"HEAD /a")

        assert (fast(service), ordinary(service)) == (0, 2)


async def test_an_idle_connection_is_closed_after_its_time(tmp_path: Path) -> None:
    async with serving(tmp_path, keepalive_s=0.2) as service:
        loop = asyncio.get_running_loop()
        reader, writer = await service.connect()
        async with asyncio.timeout(10):
            for _ in range(3):
                writer.write(plain(b"GET /a"))
                await read_reply(reader)
            answered = loop.time()
            assert await reader.read() == b""

        assert loop.time() - answered >= 0.15
        assert (fast(service), ordinary(service)) == (3, 0)
        writer.close()
        await writer.wait_closed()


async def test_requests_keep_a_connection_open_beyond_its_first_time(tmp_path: Path) -> None:
    async with serving(tmp_path, keepalive_s=0.3) as service:
        loop = asyncio.get_running_loop()
        reader, writer = await service.connect()
        began = loop.time()
        number = 0
        while loop.time() - began < 0.7:
            writer.write(plain(b"GET /a"))
            await read_reply(reader)
            number += 1
            await asyncio.wait([loop.create_future()], timeout=0.05)

        assert fast(service) == number > 3
        writer.close()
        await writer.wait_closed()


async def test_half_a_head_does_not_hold_a_connection_for_ever(tmp_path: Path) -> None:
    async with serving(tmp_path, keepalive_s=0.2) as service:
        reader, writer = await service.connect()
        writer.write(b"GET /a HTTP/1.1\r\nHost:")

        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_draining_answers_with_close_and_ends_when_all_have_left(service: Service) -> None:
    reader, writer = await service.connect()
    writer.write(plain(b"GET /a"))
    assert b"Connection" not in await read_reply(reader)
    draining = asyncio.create_task(service.server.drain(timeout_s=10, idle_s=5))
    await asyncio.sleep(0)

    writer.write(plain(b"GET /a"))
    reply = await read_reply(reader)

    assert reply.startswith(b"HTTP/1.1 302 ")
    assert b"\r\nConnection: close\r\n" in reply
    assert await reader.read() == b""
    async with asyncio.timeout(4):
        await draining
    assert len(service.clicks()) == 2
    writer.close()
    await writer.wait_closed()


async def test_draining_closes_idle_connections_after_a_while(service: Service) -> None:
    reader, writer = await service.connect()
    writer.write(plain(b"GET /a"))
    await read_reply(reader)

    async with asyncio.timeout(5):
        await service.server.drain(timeout_s=30, idle_s=0.1)

    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_draining_waits_for_a_request_that_is_being_answered(service: Service) -> None:
    reader, writer = await service.connect()
    writer.write(plain(b"GET /slow"))
    await service.entered.wait()
    draining = asyncio.create_task(service.server.drain(timeout_s=10, idle_s=0.0))
    done, _ = await asyncio.wait([draining], timeout=0.1)
    assert not done

    service.leave.set()

    assert (await read_reply(reader)).endswith(b"slow")
    async with asyncio.timeout(5):
        await draining
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_does_not_read_is_left_to_aiohttp(service: Service) -> None:
    """Its replies must not pile up in memory: aiohttp waits until it reads."""
    reader, writer = await service.connect()
    request = plain(b"GET /big")
    number = 3000  # replies of 2 kB, more than the buffers of a socket hold
    sending = asyncio.create_task(send_many(writer, request, number))

    async with asyncio.timeout(30):
        while fast(service) + ordinary(service) < 100:  # noqa: ASYNC110 - replies tell nobody
            await asyncio.sleep(0)
        for _ in range(number):
            await read_reply(reader)
    await sending

    assert fast(service) + ordinary(service) == number
    assert len(service.clicks()) == number
    writer.close()
    await writer.wait_closed()


async def send_many(writer: asyncio.StreamWriter, request: bytes, number: int) -> None:
    for _ in range(number):
        writer.write(request)
        await writer.drain()
        await asyncio.sleep(0)


async def test_bytes_behind_a_waiting_reply_are_held_in_order(tmp_path: Path) -> None:
    async with serving(tmp_path, sync_before_reply=True) as service:
        reader, writer = await service.connect()
        for number in range(60):
            writer.write(plain(b"GET /a" if number % 3 else b"GET /nosuch"))
            await asyncio.sleep(0)

        statuses = [(await read_reply(reader))[9:12] for _ in range(60)]

        assert statuses == [b"302" if number % 3 else b"404" for number in range(60)]
        assert len(service.clicks()) == 40
        writer.close()
        await writer.wait_closed()


async def test_a_connection_that_is_reset_does_not_disturb_the_others(service: Service) -> None:
    async def ask_and_reset() -> None:
        _, writer = await service.connect()
        writer.write(plain(b"GET /a"))
        await writer.drain()
        writer.transport.abort()

    for _ in range(20):
        _, replies = await asyncio.gather(ask_and_reset(), service.ask(b"GET /a", b"GET /a"))
        assert [reply[:12] for reply in replies] == [b"HTTP/1.1 302"] * 2
