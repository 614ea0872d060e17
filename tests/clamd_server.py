"""A server that speaks clamd's INSTREAM byte for byte: clamd itself is not needed for tests.

Source: clamd(8), and clamd/session.c and clamd/server-th.c of ClamAV 1.4 for the words of its
answers and for when it closes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.files import EICAR

FOUND = b"stream: Eicar-Test-Signature FOUND\0"
OK = b"stream: OK\0"
TOO_LONG = b"INSTREAM size limit exceeded. ERROR\0"
NO_TEMPORARY = b"INSTREAM: Can't open temporary file. ERROR\0"
MALFORMED = b"stream: Can't allocate memory ERROR\0"


@dataclass
class Clamd:
    """What it is like, and what it was sent.

    Attributes:
        max_stream_bytes: its StreamMaxLength; over it, it answers and closes at once.
        answer: given instead of a scan; b"" closes without a word.
        closes_after_bytes: it hangs up while it is sent so much, without a word.
        is_silent: it takes everything and says nothing.
    """

    url: str = ""
    max_stream_bytes: int = 1 << 20
    answer: bytes | None = None
    closes_after_bytes: int | None = None
    is_silent: bool = False
    commands: list[bytes] = field(default_factory=list)
    streams: list[bytes] = field(default_factory=list)
    answer_in_parts: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        try:
            self.commands.append(await reader.readuntil(b"\0"))
            answer = await self._stream(reader)
            if self.is_silent:
                await reader.read()
            for part in [answer[:9], answer[9:]] if self.answer_in_parts else [answer]:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _stream(self, reader: asyncio.StreamReader) -> bytes:
        content = b""
        while length := int.from_bytes(await reader.readexactly(4), "big"):
            if self.closes_after_bytes is not None and len(content) >= self.closes_after_bytes:
                return b""
            if len(content) + length > self.max_stream_bytes:
                return TOO_LONG
            content += await reader.readexactly(length)
        self.streams.append(content)
        if self.answer is not None:
            return self.answer
        return FOUND if EICAR in content else OK


@asynccontextmanager
async def clamd(socket: Path | None = None) -> AsyncIterator[Clamd]:
    """Serve on a free port of loopback, or on a Unix socket."""
    found, tasks = Clamd(), set[asyncio.Task[None]]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):
            await found.serve(reader, writer)
        tasks.discard(task)

    if socket is None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        found.url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    else:
        server = await asyncio.start_unix_server(handle, socket)
        found.url = f"unix://{socket}"
    try:
        yield found
    finally:
        for task in list(tasks):
            task.cancel()
        server.close()
        await server.wait_closed()
