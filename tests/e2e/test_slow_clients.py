"""Clients that send or read too slowly, and crowds of them: real sockets, small limits."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from api.connection_limits import ConnectionLimits
from tests.redirect_service import Service, read_reply, serving

SHORT = ConnectionLimits(head_s=0.1, body_grace_s=0.1, body_s=0.4, write_s=0.2, sweep_s=0.02)
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
NO_ROOM = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)
GET = b"GET /a HTTP/1.1\r\nHost: go.test\r\n\r\n"
BIG = b"GET /big HTTP/1.1\r\nHost: go.test\r\n\r\n"
WAIT_S = 10.0


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Return all that comes until the server closes."""
    async with asyncio.timeout(WAIT_S):
        return await reader.read()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what nobody tells of."""
    async with asyncio.timeout(WAIT_S):
        while not is_so():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)


async def gone(service: Service) -> None:
    """Wait until no connection is left."""
    await until(lambda: not service.server.connections)


async def flood(writer: asyncio.StreamWriter, request: bytes, *, for_s: float) -> None:
    """Send a request again and again, as long as the server takes it, or for a time."""
    try:
        async with asyncio.timeout(for_s):
            while True:
                writer.write(request * 100)
                await writer.drain()
                await asyncio.sleep(0)
    except (ConnectionError, TimeoutError):
        pass


def ended(service: Service, reason: str) -> float:
    return service.counted(f'linkyard_connections_ended_total{{reason="{reason}"}}')


@pytest.mark.parametrize("is_fast", [True, False])
@pytest.mark.parametrize(
    "part",
    [
        b"G",
        b"GET",
        b"GET /a",
        b"GET /a HTTP/1.1\r\n",
        b"GET /a HTTP/1.1\r\nHost: go.test\r\n",
        b"GET /a HTTP/1.1\r\nHost: go.test\r\n\r",
        b"POST /healthz HTTP/1.1\r\nHost: go.test\r\nContent-Length: 9\r\n",
        "GET /ссыл".encode(),
        GET + b"GET /a HTTP/1.1\r\nHo",
    ],
)
async def test_a_head_that_does_not_end_is_cut_off(
    tmp_path: Path, part: bytes, *, is_fast: bool
) -> None:
    async with serving(tmp_path, is_fast=is_fast, limits=SHORT) as service:
        reader, writer = await service.connect()
        writer.write(part)

        told = await rest(reader)

        assert told.endswith(TIMED_OUT)
        assert told.count(b"HTTP/1.1 302") == part.count(GET)
        await gone(service)
        assert ended(service, "head") == 1
        assert len(service.server.slow) == 0
        writer.close()


async def test_a_head_that_drips_gets_no_more_time_than_one_that_stands_still(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, limits=SHORT) as service:
        reader, writer = await service.connect()
        began = asyncio.get_running_loop().time()

        async def drip() -> None:
            writer.write(b"GET /a HTTP/1.1\r\nHost: go.test\r\n")
            while True:
                writer.write(b"X-A: b\r\n")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert (await rest(reader)).endswith(TIMED_OUT)
        dripping.cancel()

        assert asyncio.get_running_loop().time() - began < 5
        writer.close()


async def test_a_head_in_two_parts_is_answered_and_forgotten(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=SHORT) as service:
        reader, writer = await service.connect()
        writer.write(GET[:20])
        await until(lambda: len(service.server.slow) == 1)
        writer.write(GET[20:])

        assert (await read_reply(reader)).startswith(b"HTTP/1.1 302 ")
        assert len(service.server.slow) == 0
        writer.close()


async def test_an_idle_connection_is_not_watched(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=SHORT) as service:
        reader, writer = await service.connect()
        for _ in range(3):
            writer.write(GET)
            await read_reply(reader)
            assert len(service.server.slow) == 0
        assert service.server.slow._timer is None

        await asyncio.sleep(SHORT.head_s * 2)  # longer than any head may take

        writer.write(GET)
        assert (await read_reply(reader)).startswith(b"HTTP/1.1 302 ")
        writer.close()


async def test_a_body_that_stands_still_is_cut_off(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=SHORT) as service:
        reader, writer = await service.connect()
        writer.write(b"POST /healthz HTTP/1.1\r\nHost: go.test\r\nContent-Length: 9\r\n\r\nabc")

        assert await rest(reader) == b""
        await gone(service)
        assert ended(service, "body") == 1
        writer.close()


async def test_a_body_slower_than_its_least_speed_is_cut_off(tmp_path: Path) -> None:
    limits = replace(SHORT, body_s=WAIT_S)
    async with serving(tmp_path, limits=limits) as service:
        reader, writer = await service.connect()
        writer.write(b"POST /healthz HTTP/1.1\r\nHost: go.test\r\nContent-Length: 99999\r\n\r\n")

        async def drip() -> None:
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.01)  # 100 bytes a second

        dripping = asyncio.create_task(drip())
        assert await rest(reader) == b""
        dripping.cancel()
        await gone(service)
        assert ended(service, "body") == 1
        writer.close()


async def test_a_body_that_is_fast_enough_still_has_to_end_in_time(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=SHORT) as service:
        reader, writer = await service.connect()
        writer.write(
            b"POST /healthz HTTP/1.1\r\nHost: go.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

        async def feed() -> None:
            while True:
                writer.write(b"100\r\n" + b"x" * 256 + b"\r\n")
                await asyncio.sleep(0.01)  # 25 KiB a second

        feeding = asyncio.create_task(feed())
        with suppress(ConnectionResetError):  # more was on its way when the end came
            assert await rest(reader) == b""
        feeding.cancel()
        await gone(service)
        assert ended(service, "body") == 1
        writer.close()


async def test_a_body_in_parts_is_answered(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=SHORT) as service:
        reader, writer = await service.connect()
        writer.write(b"POST /healthz HTTP/1.1\r\nHost: go.test\r\nContent-Length: 6\r\n\r\nabc")
        await until(lambda: len(service.server.slow) == 1)
        writer.write(b"def")

        assert (await read_reply(reader)).endswith(b"abcdef")
        assert len(service.server.slow) == 0
        writer.close()


async def test_a_slow_answer_is_not_the_fault_of_the_client(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=SHORT) as service:
        reader, writer = await service.connect()
        writer.write(b"GET /slow HTTP/1.1\r\nHost: go.test\r\n\r\n")
        await service.entered.wait()
        await asyncio.sleep(SHORT.body_s)
        service.leave.set()

        assert (await read_reply(reader)).endswith(b"slow")
        writer.close()


async def test_a_client_that_asks_and_never_reads_is_cut_off(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=SHORT) as service:
        reader, writer = await service.connect()
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await flood(writer, BIG, for_s=WAIT_S)

        await gone(service)
        assert ended(service, "write") == 1
        writer.close()


async def test_a_lost_connection_does_not_idle_for_long(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=SHORT) as service:
        reader, writer = await service.connect()
        writer.write(
            b"GET /healthz HTTP/1.1\r\nHost: go.test\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
        )
        assert (await read_reply(reader)).startswith(b"HTTP/1.1 200 ")
        writer.write(b"GET /healthz HTTP/1.1\r\nHo")

        assert await rest(reader) == b""
        await gone(service)
        assert ended(service, "lost") == 1
        writer.close()


# Crowds


async def test_a_crowd_with_half_heads_holds_up_nobody_and_is_cut_off(tmp_path: Path) -> None:
    limits = replace(SHORT, head_s=1.0)
    async with serving(tmp_path, limits=limits) as service:
        crowd = [await service.connect() for _ in range(300)]
        for _, writer in crowd:
            writer.write(b"GET /a HTTP/1.1\r\nHost: go.te")

        for reply in await service.ask(*[b"GET /a"] * 50):
            assert reply.startswith(b"HTTP/1.1 302 ")

        ends = await asyncio.gather(*(rest(reader) for reader, _ in crowd))
        assert set(ends) == {TIMED_OUT}
        await gone(service)
        assert ended(service, "head") == len(crowd)
        for _, writer in crowd:
            writer.close()


async def test_where_all_places_are_taken_the_next_one_is_told_to_come_again(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, limits=ConnectionLimits(connections=2)) as service:
        first = await service.connect()
        second = await service.connect()
        for reader, writer in (first, second):
            writer.write(GET)
            await read_reply(reader)

        reader, writer = await service.connect()
        assert await rest(reader) == NO_ROOM
        writer.close()
        assert ended(service, "full") == 1
        assert len(service.server.connections) == 2

        first[1].close()
        await first[1].wait_closed()
        await until(lambda: len(service.server.connections) == 1)
        assert (await service.ask(b"GET /a"))[0].startswith(b"HTTP/1.1 302 ")
        second[1].close()


async def test_what_a_client_without_a_place_sends_is_dropped(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=ConnectionLimits(connections=1)) as service:
        first = await service.connect()
        first[1].write(GET)
        await read_reply(first[0])
        reader, writer = await service.connect()
        writer.write(GET)

        assert b"302" not in await rest_of_a_refused(reader)
        assert len(service.clicks()) == 1
        assert len(service.server.slow) == 0
        writer.close()
        first[1].close()


async def rest_of_a_refused(reader: asyncio.StreamReader) -> bytes:
    """Return what comes; a reset may overtake it, since the server reads nothing."""
    try:
        return await rest(reader)
    except ConnectionError:
        return b""


# Pipelines


async def test_ten_thousand_requests_in_one_pipeline_are_answered_a_few_at_a_time(
    tmp_path: Path,
) -> None:
    count = 10_000
    async with serving(tmp_path) as service:
        reader, writer = await service.connect()
        longest = 0

        async def send() -> None:
            for _ in range(count // 100):
                writer.write(GET * 100)
                await writer.drain()

        sending = asyncio.create_task(send())
        answered = 0
        async with asyncio.timeout(60):
            while answered < count:
                answered += (await reader.read(1 << 16)).count(b"HTTP/1.1 302 ")
                [connection] = service.server.connections
                longest = max(longest, len(connection._messages))
                assert len(connection._held) <= 17
        await sending

        assert longest <= 33
        writer.close()


@pytest.mark.parametrize("request_", [BIG, BIG.replace(b"big", b"healthz"), GET])
async def test_a_pipeline_whose_answers_nobody_reads_stops_being_read(
    tmp_path: Path, request_: bytes
) -> None:
    async with serving(tmp_path, limits=replace(SHORT, write_s=WAIT_S)) as service:
        reader, writer = await service.connect()
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await flood(writer, request_, for_s=1.0)

        [connection] = service.server.connections
        assert len(connection._messages) <= 33
        assert len(connection._held) <= 17
        assert connection.transport is not None
        assert connection.transport.get_write_buffer_size() < 1 << 20
        writer.transport.abort()
        await gone(service)
