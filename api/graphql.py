"""POST /graphql: HTTP in, GraphQL execution, HTTP out."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
import structlog
from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from graphql import GraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from api.auth import ANONYMOUS, CHALLENGE, REFUSED, CredentialRefusedError
from api.credentials import credentials_of, viewer_of_request
from api.graphql_http import (
    GRAPHQL_RESPONSE,
    JSON,
    GraphQLRequest,
    RequestRefusedError,
    check_content_type,
    demand_trust,
    parse_body,
    wants_graphql_response,
)
from api.graphql_ws import INIT_TIMEOUT_S, RECHECK_S, Sockets, ViewerNow
from api.keys import LIMITS, PORTAL, PORTS, REQUEST_ID
from api.origin import origin_of
from api.session_cookies import write_cookie
from models.engines.turns import begin_turn
from models.errors import RateLimitedError
from models.store_failures import is_store_failure
from models.texts import negotiate, text
from resolvers.context import RequestContext, Viewer
from schema.context import GraphQLContext
from schema.cookies import Cookies
from schema.failures import INTERNAL, UNAUTHENTICATED, UNAVAILABLE
from schema.root import PortalSchema

_OPERATIONS: Final = (OperationType.QUERY, OperationType.MUTATION)
_log = structlog.get_logger(__name__)
_UNREADABLE: Final = (HttpProcessingError, web.RequestPayloadError, ConnectionError)


class Endpoint:
    """The handler of every method of /graphql."""

    def __init__(
        self,
        schema: PortalSchema,
        *,
        init_timeout_s: float = INIT_TIMEOUT_S,
        recheck_s: float = RECHECK_S,
    ) -> None:
        self._schema = schema
        self.sockets = Sockets(
            schema, self._context, init_timeout_s=init_timeout_s, recheck_s=recheck_s
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one operation, or serve a socket until it closes."""
        if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket":
            return await self.sockets.handle(request)
        try:
            return await self._answer(request)
        except RequestRefusedError as refusal:
            return _refused(request, refusal)
        except CredentialRefusedError:
            message = text(_locale(request, None), UNAUTHENTICATED)
            return _refused(
                request,
                RequestRefusedError(message, status=HTTPStatus.UNAUTHORIZED, code=UNAUTHENTICATED),
            )
        except Exception as error:  # noqa: BLE001 - the edge: logged with its traceback, then masked
            return _failed(request, error)

    async def _answer(self, request: web.Request) -> web.Response:
        asked = await _read(request)
        credentials, ports = credentials_of(request), request.app[PORTS]
        cookies = Cookies(is_front_end=credentials.is_front_end)
        try:
            context = await self._context(
                request, lambda: viewer_of_request(credentials, ports), cookies
            )
        except CredentialRefusedError:
            nobody = RequestContext(ANONYMOUS, ports, origin_of(request))
            await request.app[LIMITS].charge(nobody, locale=_locale(request, None))
            raise
        limits = await request.app[LIMITS].charge(context, locale=context.locale)
        demand_trust(
            asked.query, facts=context.portal, viewer=context.viewer, headers=request.headers
        )
        result = await self._execute(asked, context)
        body: dict[str, Any] = {}
        if result.errors:
            body["errors"] = [error.formatted for error in result.errors]
        refused = _is_refused(result)
        if not refused:
            body["data"] = result.data
        modern = wants_graphql_response(request.headers.get(hdrs.ACCEPT, ""))
        status = HTTPStatus.OK
        if refused and modern:
            status = HTTPStatus.BAD_REQUEST
        response = _json(body, status, modern=modern)
        if result.errors and not _has_data(result):
            _tell_by_status(response, result.errors)
        response.headers.update(limits)
        write_cookie(request, response, cookies)
        return response

    async def _execute(self, asked: GraphQLRequest, context: GraphQLContext) -> ExecutionResult:
        try:
            return await self._schema.execute(
                asked.query,
                variable_values=asked.variables,
                context_value=context,
                operation_name=asked.operation_name,
                allowed_operation_types=_OPERATIONS,
            )
        except CannotGetOperationTypeError as error:
            message = error.as_http_error_reason()
        except InvalidOperationTypeError:
            message = "Subscriptions go over a WebSocket (graphql-transport-ws)."
        refusal = GraphQLError(message, extensions={"code": "BAD_REQUEST"})
        return PreExecutionError(data=None, errors=[refusal])

    async def _context(
        self, request: web.Request, viewer_now: ViewerNow, cookies: Cookies | None = None
    ) -> GraphQLContext:
        """Return the context of one operation.

        Raises:
            CredentialRefusedError: see api.auth.authenticate.
        """
        begin_turn()
        ports = request.app[PORTS]
        viewer = await viewer_now()

        async def renew() -> GraphQLContext | None:
            try:
                return await self._context(request, viewer_now)
            except CredentialRefusedError:
                return None

        return GraphQLContext.start(
            viewer=viewer,
            ports=ports,
            portal=request.app[PORTAL],
            locale=_locale(request, viewer),
            origin=origin_of(request),
            renew=renew,
            cookies=cookies,
        )


async def _read(request: web.Request) -> GraphQLRequest:
    if request.method != hdrs.METH_POST:
        raise RequestRefusedError(
            "Send operations by POST.",
            status=HTTPStatus.METHOD_NOT_ALLOWED,
            code="METHOD_NOT_ALLOWED",
        )
    check_content_type(request.headers.get(hdrs.CONTENT_TYPE, ""))
    try:
        return parse_body(await request.read())
    except web.HTTPRequestEntityTooLarge:
        raise RequestRefusedError(
            "The body is larger than 1 MiB.",
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            code="PAYLOAD_TOO_LARGE",
        ) from None
    except _UNREADABLE:
        raise RequestRefusedError("The body cannot be read.") from None


def _refused(request: web.Request, refusal: RequestRefusedError) -> web.Response:
    error = {"message": refusal.message, "extensions": refusal.extensions}
    modern = wants_graphql_response(request.headers.get(hdrs.ACCEPT, ""))
    response = _json({"errors": [error]}, refusal.status, modern=modern)
    response.headers.update(refusal.headers)
    if refusal.status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers[hdrs.ALLOW] = hdrs.METH_POST
    if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers[hdrs.RETRY_AFTER] = "5"
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        response.headers[hdrs.WWW_AUTHENTICATE] = REFUSED
    if refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        response.force_close()  # the rest of the body is not worth reading
    return response


def _failed(request: web.Request, error: Exception) -> web.Response:
    """Answer what went wrong before an operation began; schema.failures has the rest."""
    if is_store_failure(error):
        _log.warning("store_unavailable", exc_info=error)
        code, status = UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE
    else:
        _log.error("graphql_failed", exc_info=error)
        code, status = INTERNAL, HTTPStatus.INTERNAL_SERVER_ERROR
    message = text(_locale(request, None), code, request_id=request[REQUEST_ID])
    return _refused(request, RequestRefusedError(message, status=status, code=code))


def _json(body: dict[str, Any], status: int, *, modern: bool) -> web.Response:
    content_type = f"{GRAPHQL_RESPONSE if modern else JSON}; charset=utf-8"
    return web.Response(
        body=orjson.dumps(body), status=status, headers={hdrs.CONTENT_TYPE: content_type}
    )


def _is_refused(result: ExecutionResult) -> bool:
    """Tell whether nothing was executed: then there is no `data` at all.

    Errors of fields have a path; those of the document and of its variables have none.
    """
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and all(error.path is None for error in result.errors or ())


def _has_data(result: ExecutionResult) -> bool:
    """Tell whether anything at all was answered."""
    return any(value is not None for value in (result.data or {}).values())


def _tell_by_status(response: web.Response, errors: Sequence[GraphQLError]) -> None:
    """Let proxies and monitors see what nothing but the body would tell of: no data at all."""
    codes = {(error.extensions or {}).get("code") for error in errors}
    if codes == {UNAUTHENTICATED}:
        response.set_status(HTTPStatus.UNAUTHORIZED)
        response.headers[hdrs.WWW_AUTHENTICATE] = CHALLENGE
    elif codes == {UNAVAILABLE}:
        response.set_status(HTTPStatus.SERVICE_UNAVAILABLE)
    elif codes == {RateLimitedError.code}:
        waits = [int((error.extensions or {}).get("retryAfter", 1)) for error in errors]
        response.set_status(HTTPStatus.TOO_MANY_REQUESTS)
        response.headers[hdrs.RETRY_AFTER] = str(max(waits))


def _locale(request: web.Request, viewer: Viewer | None) -> str:
    """Return the language of Accept-Language; without one, the viewer's own."""
    header = request.headers.get(hdrs.ACCEPT_LANGUAGE, "")
    if header or viewer is None:
        return negotiate(header)
    return viewer.locale
