"""The load client notices what a service must not do, or its proofs would be worth nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.load_client import Ledger, Load, LoadClient

_FOUND = b"HTTP/1.1 302 Found\r\nLocation: https://example.org/%s\r\nContent-Length: 0\r\n\r\n"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Callable[[int], bytes | None]) -> AsyncIterator[tuple[str, int]]:
    """Answer the n-th request by what the function returns; close after None or half a head."""
    asked = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                reply = answer(asked)
                asked += 1
                writer.write(reply or b"")
                if not (reply and b"\r\n\r\n" in reply):
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()


def client(address: tuple[str, int], folder: Path) -> LoadClient:
    targets = {"a": "https://example.org/a"}
    load = Load(address=address, host="localhost", targets=targets, connections=1)
    return LoadClient(load, folder)


async def test_every_request_and_every_answer_is_in_the_history(tmp_path: Path) -> None:
    async with serving(lambda _: _FOUND % b"a") as address:
        loaded = client(address, tmp_path)
        await loaded.burst(250)

    ledger = Ledger()
    ledger.add(loaded.history.path)
    assert (loaded.sent, loaded.answered, dict(loaded.statuses)) == (250, 250, {302: 250})
    assert ledger.answered == ledger.sent.keys() == {f"{loaded.label}-{n}" for n in range(250)}
    assert set(ledger.sent.values()) == {"a"}
    assert (loaded.wrong, loaded.wrong_targets, loaded.cuts) == ([], 0, [])


async def test_another_target_and_another_status_are_noticed(tmp_path: Path) -> None:
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
    replies = [_FOUND % b"a", _FOUND % b"b", missing]
    async with serving(lambda number: replies[number]) as address:
        loaded = client(address, tmp_path)
        await loaded.burst(3)

    ledger = Ledger()
    ledger.add(loaded.history.path)
    assert loaded.wrong_targets == 1
    assert loaded.wrong == [
        "a: 302 https://example.org/b instead of https://example.org/a",
        "a: 404  instead of https://example.org/a",
    ]
    assert ledger.refused == {f"{loaded.label}-2"}


async def test_a_cut_is_excused_only_on_a_connection_of_a_killed_process(tmp_path: Path) -> None:
    async with serving(lambda number: None if number == 1 else _FOUND % b"a") as address:
        loaded = client(address, tmp_path)
        await loaded.burst(3)

    ledger = Ledger()
    ledger.add(loaded.history.path)
    (cut,) = loaded.cuts
    assert (loaded.sent, loaded.answered) == (3, 2)
    assert ledger.sent.keys() - ledger.answered == {cut.request_id} == {f"{loaded.label}-1"}
    assert loaded.cuts_outside({cut.port: [cut.at - 1.0, cut.at + 60.0]}) == []
    assert loaded.cuts_outside({cut.port: [cut.at - 60.0, cut.at + 1.0]}) == [cut]
    assert loaded.cuts_outside({cut.port + 1: [cut.at]}) == [cut]
    assert loaded.cuts_outside({}) == [cut]


async def test_half_an_answer_is_no_answer(tmp_path: Path) -> None:
    whole = _FOUND % b"a"
    async with serving(lambda number: whole[: len(whole) - 3] if number == 0 else whole) as address:
        loaded = client(address, tmp_path)
        await loaded.burst(2)

    assert (loaded.sent, loaded.answered) == (2, 1)
    assert [cut.request_id for cut in loaded.cuts] == [f"{loaded.label}-0"]
