r"""Virus scanner over the protocol of clamd, on a TCP port or a Unix socket.

Source: clamd(8), section COMMANDS: `zINSTREAM\0`, then parts with their length in front as
four bytes, the longest byte first, and a part without bytes at the end. The answer is one
line: `stream: OK`, `stream: NAME FOUND`, or one that ends in ERROR. Over its StreamMaxLength
clamd answers and closes while we are still sending.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, cast
from urllib.parse import urlsplit

from resolvers.file_ports import ScannerAwayError, ScanRefusedError, ScanVerdict

DEFAULT_PORT: Final = 3310
_COMMAND: Final = b"zINSTREAM\0"
_MAX_PART_BYTES: Final = 256 << 10
_MAX_ANSWER_BYTES: Final = 4096
_LIMIT: Final = b"INSTREAM size limit exceeded"
# What clamd says of its own troubles, and not of the content.
_TROUBLES: Final = (b"COMMAND READ TIMED OUT", b"Can't open temporary file", b"Error writing to")


class ClamdScanner:
    """VirusScanner that hands contents to clamd, each over a connection of its own."""

    def __init__(self, url: str, *, connect_s: float = 5.0, silence_s: float = 60.0) -> None:
        """Connect to nobody yet.

        Args:
            url: `tcp://HOST:PORT` or `unix:///PATH`, as api.settings has checked it.
            connect_s: longest wait for a connection, in seconds.
            silence_s: longest wait for clamd to take a part, or to answer after the last one.
        """
        self._url = urlsplit(url)
        self._connect_s = connect_s
        self._silence_s = silence_s

    async def scan(self, content: AsyncIterator[bytes]) -> ScanVerdict:
        """See VirusScanner.scan."""
        try:
            connection = await asyncio.wait_for(self._connect(), self._connect_s)
        except (OSError, TimeoutError) as error:
            raise ScannerAwayError(str(error) or "no connection in time") from error
        with connection:
            try:
                await self._send(connection, content)
                async with asyncio.timeout(self._silence_s):
                    answer = await _answer(connection)
            except (OSError, TimeoutError) as error:
                raise ScannerAwayError(str(error) or "no answer in time") from error
        return _verdict(answer)

    async def _connect(self) -> socket.socket:
        """Return a plain socket: a stream would forget an answer that comes with a reset."""
        if self._url.scheme == "unix":
            return await _connected(socket.AF_UNIX, self._url.path)
        found = await asyncio.get_running_loop().getaddrinfo(
            self._url.hostname, self._url.port or DEFAULT_PORT, type=socket.SOCK_STREAM
        )
        failure: OSError | None = None
        for family, _, _, _, address in found:
            try:
                return await _connected(family, address)
            except OSError as error:
                failure = error
        raise failure or OSError("no address")

    async def _send(self, connection: socket.socket, content: AsyncIterator[bytes]) -> None:
        """Send all parts, or as many as clamd takes: why it stopped, its answer says."""
        with suppress(ConnectionError):
            await self._put(connection, _COMMAND)
            async for data in content:
                for start in range(0, len(data), _MAX_PART_BYTES):
                    if _has_answered(connection):
                        return
                    part = data[start : start + _MAX_PART_BYTES]
                    await self._put(connection, len(part).to_bytes(4, "big") + part)
            await self._put(connection, bytes(4))

    async def _put(self, connection: socket.socket, data: bytes) -> None:
        async with asyncio.timeout(self._silence_s):
            await asyncio.get_running_loop().sock_sendall(connection, data)


async def _connected(family: int, address: object) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)  # noqa: FBT003 - of the library
        await asyncio.get_running_loop().sock_connect(connection, cast("Any", address))
    except BaseException:
        connection.close()
        raise
    return connection


def _has_answered(connection: socket.socket) -> bool:
    """Tell whether clamd says something, or has closed, while we are still sending."""
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


async def _answer(connection: socket.socket) -> bytes:
    """Read up to the zero byte that ends an answer, or what there is when clamd closes."""
    loop, found = asyncio.get_running_loop(), bytearray()
    while len(found) < _MAX_ANSWER_BYTES and b"\0" not in found:
        part = await loop.sock_recv(connection, _MAX_ANSWER_BYTES)
        if not part:
            break
        found += part
    return bytes(found.partition(b"\0")[0]).strip()


def _verdict(answer: bytes) -> ScanVerdict:
    """Say what an answer means.

    Raises:
        ScannerAwayError: none came, or clamd has troubles of its own.
        ScanRefusedError: it will say no more about this content.
    """
    told = answer.decode("utf-8", "replace")
    if answer == b"stream: OK":
        return ScanVerdict()
    if answer.startswith(b"stream: ") and answer.endswith(b" FOUND"):
        return ScanVerdict(signature=told.removeprefix("stream: ").removesuffix(" FOUND"))
    if answer.startswith(_LIMIT):
        raise ScanRefusedError(told, is_final=True)
    if answer.endswith(b"ERROR") and not any(each in answer for each in _TROUBLES):
        raise ScanRefusedError(told)
    raise ScannerAwayError(told or "closed without an answer")
