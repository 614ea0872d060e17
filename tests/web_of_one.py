"""A little internet for tests of the outbound client: one server, and names that lead to it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from api.adapters.outbound_http import OutboundHttp

LOOPBACK = bytes((127, 0, 0, 1))
PUBLIC = bytes((93, 184, 215, 14))
AGENT = "Linkyard/0 (+https://portal.test)"

Serve: TypeAlias = Callable[["Web", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Web:
    """The server, who came, and what was asked."""

    port: int = 0
    connections: int = 0
    heads: list[str] = field(default_factory=list)
    lookups: list[str] = field(default_factory=list)
    names: dict[str, list[Sequence[bytes]]] = field(default_factory=dict)

    def url(self, path: str = "/", *, host: str = "site.test") -> str:
        """Return an address that leads to the server."""
        return f"http://{host}:{self.port}{path}"

    async def addresses(self, host: str, _port: int) -> Sequence[bytes]:
        """Answer for a name: in turn what `names` has for it, its last answer for ever."""
        self.lookups.append(host)
        answers = self.names.get(host, [[LOOPBACK]])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def client(self, *, total_s: float = 5.0) -> OutboundHttp:
        """Return a client for which this server is the open internet."""
        return OutboundHttp(
            user_agent=AGENT,
            addresses=self.addresses,
            may_reach=lambda packed: packed == LOOPBACK,
            ports={self.port},
            total_s=total_s,
        )

    def strict_client(self) -> OutboundHttp:
        """Return a client with the real rule, that only takes the server's port for ordinary."""
        return OutboundHttp(
            user_agent=AGENT, addresses=self.addresses, ports={self.port, 80, 443}, total_s=2.0
        )

    async def head(self, reader: asyncio.StreamReader) -> str:
        """Read the head of a request, note it, and return its path."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        return head.split(" ")[1]


@asynccontextmanager
async def web(serve: Serve, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Web]:
    """Serve on a free port of loopback; `serve` is called for every connection."""
    found = Web()
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await serve(found, reader, writer)
        tasks.discard(task)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        for task in list(tasks):
            task.cancel()
        server.close()
        await server.wait_closed()


def reply(
    body: bytes = b"", *headers: str, status: str = "200 OK", content_type: str = "text/html"
) -> bytes:
    """Return the bytes of a whole answer."""
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def pages(answers: dict[str, bytes]) -> Serve:
    """Serve fixed answers by path; any other path gets 404."""

    async def serve(found: Web, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = await found.head(reader)
        writer.write(answers.get(path, reply(status="404 Not Found")))
        await writer.drain()

    return serve
