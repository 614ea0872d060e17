"""Answers plain redirects inside aiohttp's protocol, and leaves all else to aiohttp.

A chunk that comes while the connection is idle is looked at at the end of the
event-loop turn. If llhttp reads it as exactly one plain GET or HEAD for a slug it is
answered there, without request object or task. Every other byte goes to aiohttp
untouched, and the fast path comes back only when aiohttp is provably between two
requests.

This relies on private members of aiohttp.web_protocol.RequestHandler (aiohttp
3.14): tests/contract/test_aiohttp_private_api.py says which, and what they mean.
"""

import asyncio
import zlib
from typing import Any, Final, cast

import lmdb
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from api.admission import Admission
from api.redirect_answers import slug_of
from api.redirect_replies import FOUND, NO_ROOM, TIMED_OUT, Connection
from api.redirect_turn import RedirectTurn
from api.request_heads import (
    MAX_HEAD_BYTES,
    HeadReader,
    LostTrackError,
    MessageTracker,
    escape_line,
)
from api.security_headers import headers_with
from api.slow_clients import Phase, SlowClients
from models.rules.click_record import CLICK_START_BYTES
from models.rules.replica_format import (
    ALWAYS,
    PLAIN,
    TARGET_AT,
    read_plain,
)
from models.rules.spool_format import encode_frame, start_frame

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


class RedirectProtocol(RequestHandler):
    """One connection."""

    __slots__ = (
        "_accept_language",
        "_admission",
        "_admitted",
        "_held",
        "_is_in_line",
        "_is_lost",
        "_peer",
        "_reader",
        "_seen",
        "_slow",
        "_tracker",
        "blocked",
        "end",
        "fields",
        "frame_start",
        "host",
        "is_head",
        "turn",
    )

    def __init__(  # noqa: PLR0913 - called in one place
        self,
        manager: web.Server,
        *,
        turn: RedirectTurn,
        reader: HeadReader,
        slow: SlowClients,
        admission: Admission,
        is_fast: bool,
        **options: Any,  # noqa: ANN401 - of RequestHandler
    ) -> None:
        super().__init__(manager, **options)
        self.turn = turn
        self._reader = reader
        self._slow = slow
        self._admission = admission
        self._admitted: str | None = None  # the address it is counted under
        self.blocked = 0 if is_fast else _OFF
        # The last plain GET of this connection: a request that differs from it in the
        # letters and digits of the slug alone is read without the parser. b"" matches
        # nothing, because the slug is then empty.
        self.end = b""
        self.host = b""
        self.fields = b""
        self.frame_start = b""
        self._accept_language = b""
        self.is_head = False
        self._peer: bytes | None = None
        self._held: list[bytes] = []
        self._tracker: MessageTracker | None = None
        self._seen = 0  # messages that aiohttp was given
        self._is_in_line = False  # the last chunk ended inside a request line
        self._is_lost = False  # aiohttp keeps the connection for good

    def data_received(self, data: bytes) -> None:
        """Keep a chunk for the end of the turn if it may be a plain redirect."""
        if self.blocked:
            self._receive_blocked(data)
            return
        self.blocked = _PENDING
        turn = self.turn
        turn.arrivals.append(self)
        turn.chunks.append(data)
        if not turn.is_scheduled:
            turn.schedule()

    def read_head(self, data: bytes) -> bytes | None:
        """Read a head with the parser and return its slug, None if it is not for the fast path."""
        reader = self._reader
        if not reader.read(data):
            escaped = escape_line(data)
            if escaped is data or not reader.read(escaped):
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
        self.host = reader.host
        self.fields = fields = self._peer + reader.fields
        self.frame_start = start_frame(CLICK_START_BYTES + len(fields))
        self._accept_language = reader.accept_language
        self.is_head = reader.is_head
        self.end = reader.end if is_repeatable and not reader.is_head else b""
        return slug

    def answer(self, data: bytes, slug: bytes) -> None:
        """Answer what is no plain redirect, or hand it on if the replica cannot."""
        turn = self.turn
        is_short = len(data) <= MAX_HEAD_BYTES  # no parser saw a head that repeats another
        answer = turn.resolve(self.host, slug) if is_short else None
        if answer is None:
            self.leave(data)
        elif not answer.target:
            self.send_page(answer.status)
        else:
            click = turn.click(answer.link_id, self.fields, is_head=self.is_head)
            turn.frames.append(encode_frame(click))
            reply = turn.replies.found(answer.status, answer.target, Connection.OPEN)
            self._send(answer.status, reply)

    def send_page(self, status: int) -> None:
        """Answer with one of api.pages."""
        reply = self.turn.replies.open_page(
            status, self._accept_language, with_body=not self.is_head
        )
        self._send(status, reply)

    def _send(self, status: int, reply: bytes) -> None:
        turn = self.turn
        turn.count(status, "fast")
        turn.waiting_replies.append(reply)
        turn.connections.append(self)
        self._next_keepalive_close_time = turn.keepalive_until

    def leave(self, data: bytes) -> None:
        """Hand a chunk that waited for the end of the turn to aiohttp, and what came after it."""
        self.blocked &= ~_PENDING
        self._pass_on(data)
        self.after_reply()

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
            self._slow.came(self, Phase.LOST, number=0, size_bytes=len(data))
        else:
            self._seen += tracker.messages - before
            if is_between:
                self._tracker = None
                self._slow.ended(self)
            else:
                phase = Phase.BODY if tracker.is_in_body else Phase.HEAD
                self._slow.came(self, phase, number=tracker.messages, size_bytes=len(data))

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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or turn it away where there is no room for it."""
        address = peer_address(transport).decode()
        refusal = self._admission.enter(address)
        if not refusal:
            self._admitted = address
            super().connection_made(transport)
            return
        self.turn.count_ended(refusal)
        self.blocked |= _CLOSED
        self._force_close = self._is_lost = True  # whatever comes is dropped
        self._manager = None  # who never heard of it need not hear of its end
        refused = cast("asyncio.Transport", transport)
        refused.write(NO_ROOM)
        refused.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """See RequestHandler.connection_lost."""
        if self._admitted is not None:
            self._admission.leave(self._admitted)
            self._admitted = None
            self._slow.gone(self)
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - asyncio.Protocol's own type
        """Keep the connection for a reply that is on its way."""
        if self.blocked & _PENDING:
            self.blocked |= _HALF_CLOSED
            return True
        return super().eof_received()

    def _process_keepalive(self) -> None:
        if self.blocked & _PENDING:  # a request came just in time
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        super()._process_keepalive()

    def pause_writing(self) -> None:
        """Leave a client that does not read to aiohttp, which waits for it."""
        self.blocked |= _WRITE_PAUSED
        self._slow.stuck(self)
        super().pause_writing()

    def resume_writing(self) -> None:
        """Take the connection back once the client reads again."""
        self.blocked &= ~_WRITE_PAUSED
        self._slow.reads(self)
        super().resume_writing()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """See RequestHandler.handle_error: what it answers has passed no middleware."""
        response = super().handle_error(request, status, exc, message)
        response.headers.update(headers_with(self.turn.config.hsts))
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """See RequestHandler.finish_response; then wait for a client that does not read.

        aiohttp 3.14 waits only inside a large reply: many small ones to a pipeline would
        all lie in memory.
        """
        sent, is_lost = await super().finish_response(request, resp, start_time)
        if self._paused and not is_lost:
            try:
                await self._drain_helper()
            except ConnectionError:
                return sent, True
        return sent, is_lost

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

    def fail(self) -> None:
        """Close the connection after an exception that nobody expected, and log it."""
        self.log_exception("Error on the fast path")
        self.force_close()

    @property
    def is_held_up(self) -> bool:
        """See api.slow_clients.Watched."""
        return self._reading_paused or self._buffer_paused

    @property
    def is_answering(self) -> bool:
        """See api.slow_clients.Watched; a socket is answered as long as it is open."""
        return self._request_in_progress or bool(self._messages)

    def time_out(self, *, is_told: bool) -> None:
        """See api.slow_clients.Watched."""
        if is_told and not self.is_answering and self.transport is not None:
            self.transport.write(TIMED_OUT)
        self.force_close()

    def cut(self) -> None:
        """See api.slow_clients.Watched."""
        transport = self.transport
        self.force_close()
        if transport is not None:
            transport.abort()

    def let_body_take(self, extra_s: float) -> None:
        """See api.slow_clients.SlowClients.let_body_take."""
        self._slow.let_body_take(self, extra_s)

    def idle_since(self) -> float | None:
        """Return the loop time of the last request, None while one comes or is answered."""
        is_coming = self._tracker is not None
        if self.blocked & _PENDING or self._request_in_progress or self._messages or is_coming:
            return None
        return self._next_keepalive_close_time - self._keepalive_timeout


def answer_arrivals(  # noqa: C901 - hot: every call and every attribute costs
    turn: RedirectTurn, connections: list[RedirectProtocol], chunks: list[bytes]
) -> None:
    """Answer what came in a turn, or hand it on; replies and clicks wait in the turn.

    One loop over all requests, with everything they share in local variables: done
    one by one between two system calls the same work costs a quarter more.
    """
    get, hosts, reserved = turn.get, turn.hosts, turn.reserved
    click_start, found_end, until = turn.click_start, turn.replies.found_end, turn.keepalive_until
    frames, replies, answered = turn.frames, turn.waiting_replies, turn.connections
    slug: bytes | None
    for connection, data in zip(connections, chunks, strict=True):
        if connection.blocked & _CLOSED:
            continue
        try:
            end = connection.end
            if (
                data[:5] != b"GET /"
                or not data.endswith(end)
                or not (slug := data[5 : -len(end)]).isalnum()
            ):
                slug = connection.read_head(data)
            if slug is None or slug in reserved:
                connection.leave(data)
                continue
            prefix = hosts.get(connection.host)
            if prefix and get is not None:
                key = prefix + slug
                try:
                    value = get(key)
                except lmdb.Error:  # the slower way tells why
                    value = b""
                if value is None:
                    if len(data) <= MAX_HEAD_BYTES and turn.is_absent(key):
                        connection.send_page(404)
                        continue
                elif len(value) > TARGET_AT:
                    checksum, kind, link_id, window = read_plain(value)
                    if kind == PLAIN and window == ALWAYS and _crc32(key + value[4:]) == checksum:
                        start = turn.head_click_start if connection.is_head else click_start
                        click = start + link_id + connection.fields
                        sealed = _crc32(click).to_bytes(4, "little") + click
                        frames.append(connection.frame_start + sealed)
                        replies.append(FOUND + value[TARGET_AT:] + found_end)
                        answered.append(connection)
                        connection._next_keepalive_close_time = until  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - hot
                        continue
            connection.answer(data, slug)
        except Exception:  # noqa: BLE001 - a fault of one must not cost the others
            connection.fail()


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
            continue
        try:
            connection.after_reply()
        except Exception:  # noqa: BLE001 - a fault of one must not cost the others
            connection.fail()


def peer_address(transport: asyncio.BaseTransport | None) -> bytes:
    """Return the address of the other end, b"" if it has none."""
    peer = None if transport is None else transport.get_extra_info("peername")
    return peer[0].encode() if isinstance(peer, tuple) and isinstance(peer[0], str) else b""
