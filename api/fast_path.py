"""Answers plain redirects inside aiohttp's protocol, and leaves all else to aiohttp.

A chunk that comes while the connection is idle and that llhttp reads as exactly
one plain GET or HEAD for a slug is answered at the end of the event-loop turn,
without request object or task. Every other byte goes to aiohttp untouched, and
the fast path comes back only when aiohttp is provably between two requests.

This relies on private members of aiohttp.web_protocol.RequestHandler (aiohttp
3.14): tests/contract/test_aiohttp_private_api.py says which, and what they mean.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import lmdb
from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from api.redirect_replies import FOUND, Connection
from api.redirect_turn import RedirectTurn, slug_of
from api.request_heads import HeadReader, LostTrackError, MessageTracker, escape_line
from models.rules.click_record import CLICK_START_BYTES
from models.rules.replica_format import (
    ALWAYS,
    PLAIN,
    TARGET_AT,
    read_plain,
)
from models.rules.spool_format import encode_frame, start_frame

KEEPALIVE_S: Final = 75.0  # an idle connection is closed after it
_DRAIN_LOOK_S: Final = 0.02
_MAX_HELD_CHUNKS: Final = 16  # of a connection whose reply waits for its click

# Why a connection may not be answered here; 0 is the fast path.
_PENDING: Final = 1  # its reply waits for the flush
_BUSY: Final = 2  # aiohttp has bytes of it
_CLOSED: Final = 4
_WRITE_PAUSED: Final = 8  # the client does not read
_OFF: Final = 16  # draining, or turned off
_HELD: Final = 32  # bytes came after the pending request
_HALF_CLOSED: Final = 64  # the client will send no more

_PATH_BYTES: Final = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%"  # RFC 3986, 2.3, 2.1
)
_crc32: Final = zlib.crc32

RequestFactory = Callable[[Any, Any, Any, Any, Any], web.BaseRequest]


class RedirectProtocol(RequestHandler):
    """One connection."""

    __slots__ = (
        "_accept_language",
        "_end",
        "_fields",
        "_frame_start",
        "_held",
        "_host",
        "_is_head",
        "_is_in_line",
        "_is_lost",
        "_peer",
        "_reader",
        "_seen",
        "_tracker",
        "_turn",
        "blocked",
    )

    def __init__(self, manager: "RedirectServer", **options: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(manager, **options)
        self._turn = manager.turn
        self._reader = manager.reader
        self.blocked = 0 if manager.is_fast else _OFF
        # The last plain GET of this connection: a request that differs from it in the
        # letters and digits of the slug alone is read without the parser. b"" matches
        # nothing, because the slug is then empty.
        self._end = b""
        self._host = b""
        self._fields = b""
        self._frame_start = b""
        self._accept_language = b""
        self._is_head = False
        self._peer: bytes | None = None
        self._held: list[bytes] = []
        self._tracker: MessageTracker | None = None
        self._seen = 0  # messages that aiohttp was given
        self._is_in_line = False  # the last chunk ended inside a request line
        self._is_lost = False  # aiohttp keeps the connection for good

    def data_received(self, data: bytes) -> None:  # noqa: C901 - hot: every call costs
        """Answer a plain redirect; hand everything else to aiohttp."""
        if self.blocked:
            self._receive_blocked(data)
            return
        end = self._end
        slug: bytes | None
        if (
            data[:5] != b"GET /"
            or not data.endswith(end)
            or not (slug := data[5 : -len(end)]).isalnum()
        ):
            slug = self._read_head(data)
        turn = self._turn
        if slug is None or slug in turn.reserved:
            self._pass_on(data)
            return
        if not turn.is_open:
            turn.open()
        prefix = turn.hosts.get(self._host)
        if prefix and (get := turn.get) is not None:
            key = prefix + slug
            try:
                value = get(key)
            except lmdb.Error:  # the slower way tells why
                value = b""
            if value is None:
                if turn.is_absent(key):
                    self._send_page(404)
                    return
            elif len(value) > TARGET_AT:
                checksum, kind, link_id, window = read_plain(value)
                if kind == PLAIN and window == ALWAYS and _crc32(key + value[4:]) == checksum:
                    start = turn.head_click_start if self._is_head else turn.click_start
                    click = start + link_id + self._fields
                    checksum = _crc32(click)
                    turn.frames.append(self._frame_start + checksum.to_bytes(4, "little") + click)
                    turn.waiting_replies.append(FOUND + value[TARGET_AT:] + turn.replies.found_end)
                    turn.connections.append(self)
                    self.blocked = _PENDING
                    self._next_keepalive_close_time = turn.keepalive_until
                    return
        self._answer(data, slug)

    def _read_head(self, data: bytes) -> bytes | None:
        """Read a head with the parser and return its slug, None if it is not for the fast path."""
        reader = self._reader
        if not reader.read(data):
            return None
        slug: bytes | None = reader.url[1:]
        is_repeatable = reader.url[1:].isalnum()
        if not is_repeatable:
            path, _, _ = reader.url.partition(b"?")
            if path[1:].translate(None, _PATH_BYTES):
                return None
            slug = slug_of(path)
        if self._peer is None:
            self._peer = peer_address(self.transport) + b"\n"
        self._host = reader.host
        self._fields = fields = self._peer + reader.fields
        self._frame_start = start_frame(CLICK_START_BYTES + len(fields))
        self._accept_language = reader.accept_language
        self._is_head = reader.is_head
        self._end = reader.end if is_repeatable and not reader.is_head else b""
        return slug

    def _answer(self, data: bytes, slug: bytes) -> None:
        """Answer what is no plain redirect, or hand it on if the replica cannot."""
        turn = self._turn
        answer = turn.resolve(self._host, slug)
        if answer is None:
            self._pass_on(data)
            return
        if not answer.target:
            self._send_page(answer.status)
            return
        click = turn.click(answer.link_id, self._fields, is_head=self._is_head)
        turn.frames.append(encode_frame(click))
        reply = turn.replies.found(answer.status, answer.target, Connection.OPEN)
        self._send(answer.status, reply)

    def _send_page(self, status: int) -> None:
        reply = self._turn.replies.open_page(
            status, self._accept_language, with_body=not self._is_head
        )
        self._send(status, reply)

    def _send(self, status: int, reply: bytes) -> None:
        turn = self._turn
        turn.count(status, "fast")
        turn.waiting_replies.append(reply)
        turn.connections.append(self)
        self.blocked |= _PENDING
        self._next_keepalive_close_time = turn.keepalive_until

    # To aiohttp and back

    def _pass_on(self, data: bytes) -> None:
        """Hand bytes to aiohttp and follow where its messages end."""
        if not data:  # aiohttp asks itself to look at what it kept
            super().data_received(data)
            return
        if not self._is_lost and (self._is_in_line or self._tracker is None):
            line = data.lstrip(b"\r\n")
            escaped = escape_line(line)
            self._is_in_line = b"\n" not in line
            if escaped is not line:
                data = escaped
                if not self.blocked:
                    self.data_received(data)
                    return
        self.blocked |= _BUSY
        if not self._is_lost:
            self._follow(data)
        super().data_received(data)

    def _follow(self, data: bytes) -> None:
        tracker = self._tracker
        if tracker is None:
            tracker = self._tracker = MessageTracker()
        before = tracker.messages
        try:
            is_between = tracker.feed(data)
        except LostTrackError:
            self._is_lost, self._tracker = True, None
        else:
            self._seen += tracker.messages - before
            if is_between:
                self._tracker = None

    def _is_idle(self) -> bool:
        """Tell whether aiohttp has answered all it was given and waits for a new message."""
        waiter = self._waiter
        return (
            not self._is_lost
            and self._tracker is None
            and waiter is not None
            and not waiter.done()
            and self._request_count == self._seen
            and not self._messages
            and not self._upgraded  # pyright: ignore[reportUnknownMemberType] - aiohttp 3.14
            and self._payload_parser is None
            and not self._reading_paused
            and not self._buffer_paused
        )

    def _receive_blocked(self, data: bytes) -> None:
        if self.blocked & _PENDING:
            self._hold(data)
        elif self.blocked & (_CLOSED | _OFF | _WRITE_PAUSED):
            self._pass_on(data)
        elif data and self._is_idle():
            self.blocked &= ~_BUSY
            self.data_received(data)
        else:
            self._pass_on(data)

    def _hold(self, data: bytes) -> None:
        """Keep a chunk until the reply before it has left.

        Chunks stay apart, because aiohttp drops a good request that comes in one
        chunk with a bad one.
        """
        self._held.append(data)
        self.blocked |= _HELD
        if len(self._held) == _MAX_HELD_CHUNKS and self.transport is not None:
            self.transport.pause_reading()

    def after_reply(self) -> None:
        """Go on with what came while the reply was waiting."""
        self.blocked &= ~_PENDING
        if self.blocked & _HELD:
            held, self._held = self._held, []
            self.blocked &= ~_HELD
            if len(held) >= _MAX_HELD_CHUNKS and self.transport is not None:
                self.transport.resume_reading()
            for chunk in held:
                self.data_received(chunk)
        if self.blocked & _HALF_CLOSED and not self.blocked & _PENDING:
            self._end_half_closed()

    def _end_half_closed(self) -> None:
        self.blocked &= ~_HALF_CLOSED
        if self.transport is not None:
            self.transport.close()

    # What happens to the connection

    def eof_received(self) -> bool | None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - asyncio.Protocol's own type
        """Keep the connection for a reply that is on its way."""
        if self.blocked & _PENDING:
            self.blocked |= _HALF_CLOSED
            return True
        return super().eof_received()

    def pause_writing(self) -> None:
        """Leave a client that does not read to aiohttp, which waits for it."""
        self.blocked |= _WRITE_PAUSED
        super().pause_writing()

    def resume_writing(self) -> None:
        """Take the connection back once the client reads again."""
        self.blocked &= ~_WRITE_PAUSED
        super().resume_writing()

    def close(self) -> None:
        """See RequestHandler.close."""
        self.blocked |= _CLOSED
        super().close()

    def force_close(self) -> None:
        """See RequestHandler.force_close, which connection_lost calls too."""
        self.blocked |= _CLOSED
        super().force_close()

    def turn_off(self) -> None:
        """Leave all further requests of the connection to aiohttp."""
        self.blocked |= _OFF

    def idle_since(self) -> float | None:
        """Return the loop time of the last request, None while one comes or is answered."""
        is_coming = self._tracker is not None
        if self.blocked & _PENDING or self._request_in_progress or self._messages or is_coming:
            return None
        return self._next_keepalive_close_time - self._keepalive_timeout


def release(connections: list[RedirectProtocol], replies: list[bytes]) -> None:
    """Send the replies of a turn whose clicks are in the spool."""
    for connection, reply in zip(connections, replies, strict=True):
        if (transport := connection.transport) is not None:
            try:
                transport.write(reply)
            except (RuntimeError, OSError):  # uvloop 0.23: closed, and not told us yet
                continue
        if connection.blocked == _PENDING:
            connection.blocked = 0
        else:
            connection.after_reply()


def peer_address(transport: asyncio.BaseTransport | None) -> bytes:
    """Return the address of the other end, b"" if it has none."""
    peer = None if transport is None else transport.get_extra_info("peername")
    return peer[0].encode() if isinstance(peer, tuple) and isinstance(peer[0], str) else b""


class RedirectServer(web.Server):
    """Makes the connections of a web process: hand it to loop.create_server.

    Attributes:
        is_draining: every further reply closes its connection.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        turn: RedirectTurn,
        *,
        request_factory: RequestFactory | None = None,
        is_fast: bool = True,
        keepalive_s: float = KEEPALIVE_S,
    ) -> None:
        """Serve what `handler` and `request_factory` serve, plain redirects faster.

        Args:
            handler: of the application, as AppRunner.server.request_handler has it.
            turn: of this process.
            request_factory: AppRunner.server.request_factory.
            is_fast: False leaves everything to the handler.
            keepalive_s: after it an idle connection is closed.
        """
        super().__init__(
            handler,
            request_factory=request_factory,
            access_log=None,
            keepalive_timeout=keepalive_s,
        )
        self.turn = turn
        self.reader = HeadReader()
        self.is_fast = is_fast
        self.is_draining = False
        self._make = self.request_factory
        self.request_factory = self._request
        turn.release = release
        turn.keepalive_s = keepalive_s

    @classmethod
    def of(
        cls,
        runner: web.AppRunner,
        turn: RedirectTurn,
        *,
        is_fast: bool = True,
        keepalive_s: float = KEEPALIVE_S,
    ) -> "RedirectServer":
        """Serve the application of a runner that was set up."""
        plain = runner.server
        if plain is None:
            raise RuntimeError("the runner is not set up")
        return cls(
            plain.request_handler,
            turn,
            request_factory=plain.request_factory,
            is_fast=is_fast,
            keepalive_s=keepalive_s,
        )

    def __call__(self) -> RedirectProtocol:
        """Make the protocol of a new connection."""
        return RedirectProtocol(self, loop=self._loop, **self._kwargs)

    async def drain(self, *, timeout_s: float, idle_s: float = 1.0) -> None:
        """Answer what was accepted, then close all connections.

        Every reply from now on closes its connection. One that is idle may have a
        request on its way, so it is closed only after `idle_s` without any.

        Args:
            timeout_s: what is not done by then is cut off.
            idle_s: seconds.
        """
        self.is_draining, self.is_fast = True, False
        deadline = self._loop.time() + timeout_s
        began = self._loop.time()
        await self.turn.settled()
        for connection in self.connections:
            connection.turn_off()
        while self.connections and (now := self._loop.time()) < deadline:
            for connection in self.connections:
                since = connection.idle_since()
                if since is not None and now - max(since, began) >= idle_s:
                    connection.force_close()
            await asyncio.sleep(_DRAIN_LOOK_S)
        await self.turn.settled()
        await self.shutdown(max(deadline - self._loop.time(), 0.1))

    @property
    def connections(self) -> list[RedirectProtocol]:  # type: ignore[override]  # made by __call__
        """The open connections."""
        return list(self._connections)  # type: ignore[arg-type]

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        if self.is_draining:
            message = message._replace(should_close=True)
        return self._make(message, payload, protocol, writer, task)
