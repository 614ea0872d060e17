"""A load client that can prove afterwards what it sent and what it was answered.

It follows links over plain keep-alive sockets. Every request has an id of its
own (X-Request-Id), and its history goes to a file before it is counted: a
request before its first byte is sent, an answer before the next request. So
the file, not the memory of this process, is what a check compares with the
store.
"""

import asyncio
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

_TIMEOUT_S: Final = 15.0  # for one answer: longer than any hiccup that is no failure
_CONNECT_TIMEOUT_S: Final = 1.5  # a service that stops takes no new connections, in silence
_NOTICED_S: Final = 5.0  # a client hears that its server died within this time
_RECONNECT_S: Final = 0.02  # between two attempts to connect
_HEAD_LIMIT: Final = 16_384  # bytes
_BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class History:
    """What was sent and what came back: a file that is only ever appended to.

    Fields are separated by tabs: `S id slug`, `A id status location`, `C id reason`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def sent(self, request_id: str, slug: str) -> None:
        """Note a request before its first byte leaves."""
        os.write(self._file, f"S\t{request_id}\t{slug}\n".encode())

    def answered(self, request_id: str, answer: "Answer") -> None:
        """Note an answer that arrived whole."""
        os.write(self._file, f"A\t{request_id}\t{answer.status}\t{answer.location}\n".encode())

    def cut(self, request_id: str, reason: str) -> None:
        """Note a request whose connection ended before its answer."""
        os.write(self._file, f"C\t{request_id}\t{reason}\n".encode())

    def close(self) -> None:
        """Close the file; it stays on the disk."""
        os.close(self._file)


@dataclass(slots=True)
class Ledger:
    """A history read back from its file.

    Attributes:
        sent: slug by request id.
        answered: ids whose redirect (302) arrived whole.
        refused: ids answered with another status.
    """

    sent: dict[str, str] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def add(self, path: Path) -> None:
        """Read one more history."""
        for line in path.read_text("utf-8").splitlines():
            kind, request_id, *rest = line.split("\t")
            if kind == "S":
                self.sent[request_id] = rest[0]
            elif kind == "A":
                found = rest[0] == str(int(HTTPStatus.FOUND))
                (self.answered if found else self.refused).add(request_id)


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of a response. `location` is empty where there is none."""

    status: int
    location: str
    closes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A request without an answer.

    Attributes:
        at: time.monotonic() of the end.
        port: the client's port of the connection, 0 if it was never made.
        reason: what the socket said.
    """

    at: float
    port: int
    request_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to ask for, and how hard.

    Attributes:
        address: where the service listens.
        host: value of the Host header.
        targets: where each slug must lead.
        connections: open at the same time.
        requests_per_s: over all connections; 0 does not wait.
        requests_per_connection: after so many the client closes and connects anew.
    """

    address: tuple[str, int]
    host: str
    targets: Mapping[str, str]
    connections: int = 16
    requests_per_s: float = 1000.0
    requests_per_connection: int = 100


class LoadClient:
    """Follows random links until it is told to stop.

    Attributes:
        sent, answered: how many; an answer is any whole response.
        statuses: answers by status.
        wrong: answers that were not the right redirect, as sentences (the first few).
        wrong_targets: answers that led somewhere else, which must never happen.
        cuts: requests without an answer.
        unconnected: attempts to connect that failed.
        slowest_s: the longest wait for an answer.
    """

    def __init__(self, load: Load, folder: Path) -> None:
        self.load = load
        self.label = secrets.token_hex(4)
        self.history = History(folder / f"{self.label}.history")
        self.sent = 0
        self.answered = 0
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.wrong_targets = 0
        self.cuts: list[Cut] = []
        self.unconnected = 0
        self.slowest_s = 0.0
        self._slugs = tuple(load.targets)
        self._random = random.Random(self.label)  # noqa: S311 - which link is no secret
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._left: int | None = None  # requests that may still be sent, None: any number

    async def __aenter__(self) -> Self:
        self._stopping = False
        self._tasks = [asyncio.create_task(self._connect()) for _ in range(self.load.connections)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Wait for the answers that are due, then end. More load may follow."""
        self._stopping = True
        await asyncio.gather(*self._tasks)
        self._tasks = []

    def close(self) -> None:
        """Close the history; its file stays."""
        self.history.close()

    async def burst(self, count: int) -> None:
        """Send exactly so many requests and wait until each is answered or cut."""
        self._left = count
        try:
            async with self:
                await asyncio.gather(*self._tasks)
        finally:
            self._left = None

    def cuts_outside(self, excused: Mapping[int, Sequence[float]]) -> list[Cut]:
        """Return the cuts that no kill explains.

        Args:
            excused: client port of each connection that a killed process had open, and
                when it was killed; the same port may come back on a later connection.
        """
        return [
            cut
            for cut in self.cuts
            if not any(0 <= cut.at - at < _NOTICED_S for at in excused.get(cut.port, ()))
        ]

    # One connection

    async def _connect(self) -> None:
        while not self._stopping and self._left != 0:
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                    reader, writer = await asyncio.open_connection(
                        *self.load.address, limit=_HEAD_LIMIT
                    )
            except (OSError, TimeoutError):
                self.unconnected += 1
                await asyncio.sleep(_RECONNECT_S)
                continue
            try:
                await self._talk(reader, writer)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port: int = writer.get_extra_info("sockname")[1]
        pause_s = (
            self.load.connections / self.load.requests_per_s if self.load.requests_per_s else 0
        )
        for _ in range(self.load.requests_per_connection):
            # A server may close a connection between two requests; that costs nobody an answer.
            if self._stopping or self._left == 0 or reader.at_eof():
                return
            started = time.monotonic()
            if not await self._ask(reader, writer, port):
                return
            waited = time.monotonic() - started
            self.slowest_s = max(self.slowest_s, waited)
            if pause_s:
                await asyncio.sleep(max(0.0, pause_s * self._random.uniform(0.5, 1.5) - waited))

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
    ) -> bool:
        """Send one request and take its answer; tell whether the connection lives on."""
        if self._left is not None:
            self._left -= 1
        slug = self._random.choice(self._slugs)
        request_id = f"{self.label}-{self.sent}"
        self.history.sent(request_id, slug)
        self.sent += 1
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                writer.write(
                    f"GET /{quote(slug)} HTTP/1.1\r\nHost: {self.load.host}\r\n"
                    f"User-Agent: {_BROWSER}\r\nX-Request-Id: {request_id}\r\n\r\n".encode()
                )
                answer = await _read_answer(reader)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
            self.history.cut(request_id, reason)
            cut = Cut(at=time.monotonic(), port=port, request_id=request_id, reason=reason)
            self.cuts.append(cut)
            return False
        self.history.answered(request_id, answer)
        self._count(slug, answer)
        return not answer.closes

    def _count(self, slug: str, answer: Answer) -> None:
        self.answered += 1
        self.statuses[answer.status] += 1
        wanted = self.load.targets[slug]
        if answer.location and answer.location != wanted:
            self.wrong_targets += 1
        if (answer.status, answer.location) != (HTTPStatus.FOUND, wanted) and len(self.wrong) < 10:  # noqa: PLR2004 - enough to see
            self.wrong.append(f"{slug}: {answer.status} {answer.location} instead of {wanted}")


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    version, status, *_ = first.split(" ")
    if version != "HTTP/1.1":
        raise ValueError(f"no HTTP response: {first}")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    await reader.readexactly(int(headers.get("content-length", "0")))
    closes = headers.get("connection", "").lower() == "close"
    return Answer(status=int(status), location=headers.get("location", ""), closes=closes)
