"""GraphQL over WebSocket: graphql-transport-ws on the address of the endpoint.

Source: PROTOCOL.md of enisdenjo/graphql-ws. Strawberry's handler keeps the
states; three things are done otherwise here. Messages are checked before they
are believed (a number or a list as a frame crashed the stock handler). A bad
document ends its operation and not the whole socket, as `error` messages are
for. And every operation has a context of its own, for which the caller's key is
looked at again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeAlias, cast

import orjson
import structlog
from aiohttp import WSCloseCode, hdrs, web
from graphql import GraphQLError
from strawberry.aiohttp.views import AiohttpWebSocketAdapter
from strawberry.http.websocket_origin import is_same_origin
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)
from strawberry.types.unset import UNSET, UnsetType

from api.auth import CredentialRefusedError
from api.credentials import SocketCaller, cookie_of_handshake
from api.ending_tasks import end_tasks
from api.graphql_http import RequestRefusedError, demand_trust, document_of
from api.keys import LIMITS, PORTS
from api.socket_counts import SocketCounts
from models.texts import DEFAULT_LOCALE, text
from resolvers.context import Viewer
from schema.context import GraphQLContext
from schema.failures import UNAVAILABLE
from schema.root import PortalSchema

ViewerNow: TypeAlias = Callable[[], Awaitable[Viewer]]
OpenContext: TypeAlias = Callable[[web.Request, ViewerNow], Awaitable[GraphQLContext]]
MAX_MESSAGE_BYTES: Final = 1 << 20
MAX_OPERATIONS: Final = 20  # at once on one socket
INIT_TIMEOUT_S: Final = 10.0
RECHECK_S: Final = 4.0  # how long a socket outlives its session or key, at most
MESSAGES_PER_S: Final = 50.0  # of one socket, in the long run
MESSAGES_AT_ONCE: Final = 250  # beyond that rate; a page that comes back subscribes to much
_HEARTBEAT_S: Final = 30.0
_MAX_REASON_BYTES: Final = 120  # RFC 6455 section 5.5: a close frame has 125 with its code
_log = structlog.get_logger(__name__)


class Sockets:
    """Every open socket of this process."""

    def __init__(
        self,
        schema: PortalSchema,
        open_context: OpenContext,
        *,
        init_timeout_s: float,
        recheck_s: float = RECHECK_S,
    ) -> None:
        self._open_context = open_context
        self._terms = _Terms(
            schema=schema, init_timeout=timedelta(seconds=init_timeout_s), recheck_s=recheck_s
        )
        self._open: set[web.WebSocketResponse] = set()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket until it closes.

        Raises:
            web.HTTPException: the handshake is none, or comes from a foreign page.
        """
        cookie = cookie_of_handshake(request)
        origin = request.headers.get(hdrs.ORIGIN)
        if (
            not cookie
            and origin is not None
            and not is_same_origin(origin, request.headers.get(hdrs.HOST))
        ):
            raise web.HTTPForbidden(text="Sockets are opened by pages of the portal only.")
        socket = web.WebSocketResponse(
            protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            heartbeat=_HEARTBEAT_S,
            max_msg_size=MAX_MESSAGE_BYTES,
        )
        await socket.prepare(request)
        if socket.ws_protocol != GRAPHQL_TRANSPORT_WS_PROTOCOL:
            await socket.close(code=4406, message=b"Subprotocol not acceptable")
            return socket
        self._open.add(socket)
        caller = SocketCaller(
            request.app[PORTS],
            cookie=cookie,
            authorization=request.headers.get(hdrs.AUTHORIZATION),
        )
        handler = _Handler(
            _Adapter(cast("Any", _Codec()), request, socket),
            self._terms,
            lambda: self._open_context(request, caller.viewer),
            caller,
            request,
        )
        try:
            await handler.handle()
        finally:
            self._open.discard(socket)
            await handler.leave()
        return socket

    async def close(self, _app: web.Application) -> None:
        """Close every socket, so that the process can end; clients come back by themselves."""
        for socket in list(self._open):
            with suppress(ConnectionError):
                await socket.close(code=WSCloseCode.GOING_AWAY, message=b"Server is restarting")


class _Codec:
    """The part of strawberry's view that its handler uses."""

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        return orjson.dumps(data).decode()  # text frames: the protocol knows no binary ones

    async def on_ws_connect(self, _context: object) -> UnsetType:
        return cast("UnsetType", UNSET)


class _Adapter(AiohttpWebSocketAdapter):
    async def close(self, code: int, reason: str) -> None:
        """Close with a reason that fits into the frame."""
        cut = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
        await super().close(code, cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What holds for every socket; see Sockets."""

    schema: PortalSchema
    init_timeout: timedelta
    recheck_s: float
    counts: SocketCounts = field(default_factory=SocketCounts)


class _MessageBudget:
    """How many messages a socket may send: MESSAGES_AT_ONCE, filled up by MESSAGES_PER_S."""

    def __init__(self) -> None:
        self._left = float(MESSAGES_AT_ONCE)
        self._at = time.monotonic()

    def spend(self) -> bool:
        """Take one message; False if it was one too many."""
        now = time.monotonic()
        filled = self._left + (now - self._at) * MESSAGES_PER_S
        self._left, self._at = min(filled, float(MESSAGES_AT_ONCE)), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class _Handler(BaseGraphQLTransportWSHandler[GraphQLContext | None, None]):
    """One socket."""

    def __init__(
        self,
        websocket: _Adapter,
        terms: _Terms,
        open_context: Callable[[], Awaitable[GraphQLContext]],
        caller: SocketCaller,
        request: web.Request,
    ) -> None:
        super().__init__(
            view=cast("Any", websocket).view,
            websocket=websocket,
            context=None,
            root_value=None,
            schema=terms.schema,
            connection_init_wait_timeout=terms.init_timeout,
            max_subscriptions_per_connection=MAX_OPERATIONS,
        )
        self._open_context = open_context
        self._request = request
        self._caller = caller
        self._terms = terms
        self._recheck: asyncio.Task[None] | None = None
        self._budget = _MessageBudget()

    async def leave(self) -> None:
        """Give the socket's place to another one."""
        self._terms.counts.leave(self)
        if self._recheck is not None:
            await end_tasks([self._recheck])

    async def handle_message(self, message: Message) -> None:
        """Pass on what has the shape of a message; anything else closes the socket."""
        if not self._budget.spend():
            await self.websocket.close(code=4429, reason="Too many messages")
            return
        fault = _fault(message)
        if fault is not None:
            await self.handle_invalid_message(fault)
            return
        await super().handle_message(message)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Look at the key in the payload, then acknowledge; a bad key closes the socket."""
        payload = message.get("payload") or {}
        if not self.connection_init_received and not self.connection_timed_out:
            sent = payload.get("Authorization", self._caller.authorization)
            self._caller.authorization = sent if isinstance(sent, str | None) else ""
            try:
                context = await self._open_context()
            except CredentialRefusedError:
                await self.websocket.close(code=4403, reason="Forbidden")
                return
            if not self._terms.counts.enter(self, context):
                await self.websocket.close(code=4429, reason="Too many sockets")
                return
            if context.viewer.user_id is not None:
                self._recheck = asyncio.create_task(self._keep_checking())
        await super().handle_connection_init({"type": "connection_init", "payload": payload})

    async def _keep_checking(self) -> None:
        """Close the socket soon after its session or key is worth nothing any more."""
        while True:
            await asyncio.sleep(self._terms.recheck_s)
            try:
                await self._caller.viewer(is_use=False)
            except CredentialRefusedError:
                await self.websocket.close(code=4403, reason="Forbidden")
                return
            except Exception:  # noqa: BLE001 - the store may be down; the next look tells
                _log.warning("graphql_socket_not_checked", exc_info=True)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Put the trusted document in the place of its hash, then begin the operation."""
        if self.connection_acknowledged and message["id"] not in self.operations:
            payload = cast("dict[str, Any]", message["payload"])
            try:
                payload["query"] = document_of(payload)
            except RequestRefusedError as refusal:
                await self._refuse(message["id"], refusal)
                return
        await super().handle_subscribe(message)

    async def _refuse(self, operation_id: str, refusal: RequestRefusedError) -> None:
        """Count an operation that names no document we know, then tell why it does not begin."""
        try:
            context = await self._open_context()
            await self._request.app[LIMITS].charge(context, locale=context.locale)
        except CredentialRefusedError:
            await self.websocket.close(code=4403, reason="Forbidden")
            return
        except RequestRefusedError as too_many:
            refusal = too_many
        errors = [_told(refusal).formatted]
        await self.send_message({"id": operation_id, "type": "error", "payload": errors})

    async def run_operation(self, operation: Operation[GraphQLContext | None, None]) -> None:
        """Execute with a context of the moment."""
        try:
            context = await self._open_context()
            await self._request.app[LIMITS].charge(context, locale=context.locale)
        except CredentialRefusedError:
            await self.websocket.close(code=4403, reason="Forbidden")
            return
        except RequestRefusedError as refusal:
            await operation.send_initial_errors([_told(refusal)])
            return
        except Exception:  # noqa: BLE001 - logged; the store may be down, and the socket goes on
            _log.exception("graphql_socket_failed")
            error = GraphQLError(
                text(DEFAULT_LOCALE, UNAVAILABLE), extensions={"code": UNAVAILABLE}
            )
            await operation.send_initial_errors([error])
            return
        try:
            demand_trust(
                operation.query,
                facts=context.portal,
                viewer=context.viewer,
                headers=self._request.headers,
            )
        except RequestRefusedError as refusal:
            await operation.send_initial_errors([_told(refusal)])
            return
        self.context = context  # read by the next line before anything else can run
        await super().run_operation(operation)

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> str | None:  # noqa: ARG004
        return None  # an `error` message tells of it; the other operations go on


def _told(refusal: RequestRefusedError) -> GraphQLError:
    return GraphQLError(refusal.message, extensions=refusal.extensions)


def _fault(message: object) -> str | None:
    """Say what is wrong with a frame; None for a message of the protocol."""
    if not isinstance(message, dict):
        return "A message must be a JSON object"
    fields = cast("dict[str, object]", message)
    kind = fields.get("type")
    if not isinstance(kind, str):
        return "A message must have a type"
    payload = fields.get("payload")
    if kind in {"connection_init", "ping", "pong"} and not isinstance(payload, dict | None):
        return "The payload must be an object"
    if kind in {"subscribe", "complete"}:
        operation_id = fields.get("id")
        if not isinstance(operation_id, str) or not operation_id:
            return "The message must have an id"
    if kind == "subscribe" and not _is_request(fields.get("payload")):
        return "The payload must be a GraphQL request"
    return None


def _is_request(payload: object) -> bool:
    if not isinstance(payload, dict):
        return False
    fields = cast("dict[str, Any]", payload)
    extensions: object = fields.get("extensions") or {}
    has_hash = fields.get("query") is None and (
        "documentId" in fields or (isinstance(extensions, dict) and "persistedQuery" in extensions)
    )
    return (
        (has_hash or isinstance(fields.get("query"), str))
        and isinstance(fields.get("variables"), dict | None)
        and isinstance(fields.get("operationName"), str | None)
        and isinstance(fields.get("extensions"), dict | None)
    )
