"""GraphQL over WebSocket: graphql-transport-ws on the address of the endpoint.

Source: PROTOCOL.md of enisdenjo/graphql-ws. Strawberry's handler keeps the
states; three things are done otherwise here. Messages are checked before they
are believed (a number or a list as a frame crashed the stock handler). A bad
document ends its operation and not the whole socket, as `error` messages are
for. And every operation has a context of its own, for which the caller's key is
looked at again.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
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
)
from strawberry.types.unset import UNSET, UnsetType

from api.auth import CredentialRefusedError
from models.texts import DEFAULT_LOCALE, text
from schema.context import GraphQLContext
from schema.failures import UNAVAILABLE
from schema.root import PortalSchema

OpenContext: TypeAlias = Callable[[web.Request, str | None], Awaitable[GraphQLContext]]
MAX_MESSAGE_BYTES: Final = 1 << 20
MAX_OPERATIONS: Final = 20  # at once on one socket
INIT_TIMEOUT_S: Final = 10.0
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
    ) -> None:
        self._schema = schema
        self._open_context = open_context
        self._init_timeout = timedelta(seconds=init_timeout_s)
        self._open: set[web.WebSocketResponse] = set()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket until it closes.

        Raises:
            web.HTTPException: the handshake is none, or comes from a foreign page.
        """
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and not is_same_origin(origin, request.headers.get(hdrs.HOST)):
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
        try:
            await _Handler(
                _Adapter(cast("Any", _Codec()), request, socket),
                self._schema,
                lambda authorization: self._open_context(request, authorization),
                self._init_timeout,
                request.headers.get(hdrs.AUTHORIZATION),
            ).handle()
        finally:
            self._open.discard(socket)
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


class _Handler(BaseGraphQLTransportWSHandler[GraphQLContext | None, None]):
    """One socket."""

    def __init__(
        self,
        websocket: _Adapter,
        schema: PortalSchema,
        open_context: Callable[[str | None], Awaitable[GraphQLContext]],
        init_timeout: timedelta,
        authorization: str | None,
    ) -> None:
        super().__init__(
            view=cast("Any", websocket).view,
            websocket=websocket,
            context=None,
            root_value=None,
            schema=schema,
            connection_init_wait_timeout=init_timeout,
            max_subscriptions_per_connection=MAX_OPERATIONS,
        )
        self._open_context = open_context
        self._authorization = authorization

    async def handle_message(self, message: Message) -> None:
        """Pass on what has the shape of a message; anything else closes the socket."""
        fault = _fault(message)
        if fault is not None:
            await self.handle_invalid_message(fault)
            return
        await super().handle_message(message)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Look at the key in the payload, then acknowledge; a bad key closes the socket."""
        payload = message.get("payload") or {}
        if not self.connection_init_received and not self.connection_timed_out:
            sent = payload.get("Authorization", self._authorization)
            self._authorization = sent if isinstance(sent, str | None) else ""
            try:
                await self._open_context(self._authorization)
            except CredentialRefusedError:
                await self.websocket.close(code=4403, reason="Forbidden")
                return
        await super().handle_connection_init({"type": "connection_init", "payload": payload})

    async def run_operation(self, operation: Operation[GraphQLContext | None, None]) -> None:
        """Execute with a context of the moment."""
        try:
            context = await self._open_context(self._authorization)
        except CredentialRefusedError:
            await self.websocket.close(code=4403, reason="Forbidden")
            return
        except Exception:  # noqa: BLE001 - logged; the store may be down, and the socket goes on
            _log.exception("graphql_socket_failed")
            error = GraphQLError(
                text(DEFAULT_LOCALE, UNAVAILABLE), extensions={"code": UNAVAILABLE}
            )
            await operation.send_initial_errors([error])
            return
        self.context = context  # read by the next line before anything else can run
        await super().run_operation(operation)

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> str | None:  # noqa: ARG004
        return None  # an `error` message tells of it; the other operations go on


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
    return (
        isinstance(fields.get("query"), str)
        and isinstance(fields.get("variables"), dict | None)
        and isinstance(fields.get("operationName"), str | None)
        and isinstance(fields.get("extensions"), dict | None)
    )
