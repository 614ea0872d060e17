"""The scanner's adapter against a server that speaks clamd's protocol."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.adapters.clamd_scanner import ClamdScanner
from resolvers.file_ports import ScannerAwayError, ScanRefusedError, ScanVerdict
from tests.clamd_server import MALFORMED, NO_TEMPORARY, clamd
from tests.files import EICAR, chunks

BIG = bytes(range(256)) * 4096  # 1 MiB


def scanner(url: str, *, silence_s: float = 5.0) -> ClamdScanner:
    return ClamdScanner(url, connect_s=2.0, silence_s=silence_s)


@pytest.mark.parametrize("is_unix", [False, True])
async def test_a_content_arrives_byte_for_byte_and_is_clean(
    tmp_path: Path, *, is_unix: bool
) -> None:
    async with clamd(tmp_path / "clamd.ctl" if is_unix else None) as server:
        verdict = await scanner(server.url).scan(chunks(BIG[:700_000], b"", BIG[700_000:]))

    assert verdict == ScanVerdict()
    assert verdict.is_clean
    assert server.commands == [b"zINSTREAM\0"]
    assert server.streams == [BIG]


async def test_an_empty_content_is_scanned_too() -> None:
    async with clamd() as server:
        assert (await scanner(server.url).scan(chunks())).is_clean

    assert server.streams == [b""]


@pytest.mark.parametrize("in_parts", [False, True])
async def test_a_virus_is_told_by_its_name(*, in_parts: bool) -> None:
    async with clamd() as server:
        server.answer_in_parts = in_parts
        verdict = await scanner(server.url).scan(chunks(b"x" * 300, EICAR[:10], EICAR[10:]))

    assert verdict == ScanVerdict("Eicar-Test-Signature")
    assert not verdict.is_clean


async def test_what_is_longer_than_clamd_takes_is_refused_for_good() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield bytes(1 << 16)

    async with clamd() as server:
        with pytest.raises(ScanRefusedError, match="INSTREAM size limit exceeded") as refused:
            await scanner(server.url).scan(endless())

    assert refused.value.is_final
    assert server.streams == []
    assert sent > 16  # clamd took 1 MiB and closed


async def test_an_error_of_the_content_may_be_asked_about_again() -> None:
    async with clamd() as server:
        server.answer = MALFORMED
        with pytest.raises(ScanRefusedError, match="memory ERROR") as refused:
            await scanner(server.url).scan(chunks(b"x"))

    assert not refused.value.is_final


@pytest.mark.parametrize("answer", [NO_TEMPORARY, b"", b"what?\0", b"UNKNOWN COMMAND\0", b"stream"])
async def test_troubles_of_clamd_say_nothing_of_the_content(answer: bytes) -> None:
    async with clamd() as server:
        server.answer = answer
        with pytest.raises(ScannerAwayError):
            await scanner(server.url).scan(chunks(b"x"))


async def test_who_hangs_up_without_a_word_is_away() -> None:
    async with clamd() as server:
        server.closes_after_bytes = 1 << 18
        with pytest.raises(ScannerAwayError):
            await scanner(server.url).scan(chunks(*[BIG] * 8))

    assert server.streams == []


async def test_who_says_nothing_is_away_after_a_time() -> None:
    async with clamd() as server:
        server.is_silent = True
        with pytest.raises(ScannerAwayError, match="no answer in time"):
            await scanner(server.url, silence_s=0.05).scan(chunks(b"x"))


async def test_who_reads_nothing_is_away_after_a_time() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listening:
        url = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(ScannerAwayError):
            await scanner(url, silence_s=0.1).scan(chunks(*[BIG] * 32))


async def test_where_nobody_listens_the_scanner_is_away(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    for url in (f"tcp://127.0.0.1:{port}", f"unix://{tmp_path}/none.ctl"):
        with pytest.raises(ScannerAwayError):
            await scanner(url).scan(chunks(b"x"))


async def test_a_content_that_cannot_be_read_is_no_fault_of_the_scanner() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise LookupError

    async with clamd() as server:
        with pytest.raises(LookupError):
            await scanner(server.url).scan(broken())
        await asyncio.sleep(0)

    assert server.streams == []
