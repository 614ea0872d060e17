"""What the routes of files answer: JSON, with refusals as at /graphql."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson
import structlog
from aiohttp import hdrs, web

from api.auth import REFUSED, CredentialRefusedError
from api.graphql_http import RequestRefusedError
from api.keys import REQUEST_ID
from models.errors import (
    DomainError,
    NotFoundError,
    QuotaExceededError,
    RateLimitedError,
    TokenInvalidError,
)
from models.file_errors import FileTooLargeError, FileTypeRefusedError, StorageFullError
from models.store_failures import is_store_failure
from models.texts import message_of, negotiate, text
from resolvers.context import NotPermittedError
from schema.failures import INTERNAL, UNAUTHENTICATED, UNAVAILABLE

_log = structlog.get_logger(__name__)
_STATUSES: Final[Mapping[type[DomainError], HTTPStatus]] = {
    FileTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    FileTypeRefusedError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    StorageFullError: HTTPStatus.INSUFFICIENT_STORAGE,
    QuotaExceededError: HTTPStatus.FORBIDDEN,
    NotPermittedError: HTTPStatus.FORBIDDEN,
    RateLimitedError: HTTPStatus.TOO_MANY_REQUESTS,
    NotFoundError: HTTPStatus.NOT_FOUND,
    TokenInvalidError: HTTPStatus.NOT_FOUND,
}


def locale_of(request: web.Request) -> str:
    """Return the language of a request's messages."""
    return negotiate(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))


def answer(
    body: Mapping[str, object], *, status: int, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return a JSON answer."""
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        headers={**(headers or {}), hdrs.CONTENT_TYPE: "application/json; charset=utf-8"},
    )


def refused(request: web.Request, error: Exception) -> web.Response:
    """Return what an exception of a handler says to its caller; unexpected ones are logged.

    The connection ends with it if its body was not read to the end: a client may go on
    sending for long.
    """
    response = _refusal(request, error)
    if not request.content.at_eof():
        response.force_close()
    return response


def unauthenticated(request: web.Request) -> web.Response:
    """Return what somebody gets who is nobody."""
    return _error(
        HTTPStatus.UNAUTHORIZED,
        text(locale_of(request), UNAUTHENTICATED),
        {"code": UNAUTHENTICATED},
        headers={hdrs.WWW_AUTHENTICATE: REFUSED},
    )


def _refusal(request: web.Request, error: Exception) -> web.Response:
    locale = locale_of(request)
    if isinstance(error, RequestRefusedError):
        return _error(error.status, error.message, error.extensions, headers=error.headers)
    if isinstance(error, CredentialRefusedError):
        return unauthenticated(request)
    if isinstance(error, DomainError):
        status = _STATUSES.get(type(error), HTTPStatus.BAD_REQUEST)
        extensions: dict[str, object] = {"code": error.code}
        if error.path and not isinstance(error, NotFoundError | TokenInvalidError):
            extensions["path"] = error.path
        headers: dict[str, str] = {}
        if isinstance(error, RateLimitedError):
            extensions["retryAfter"] = error.retry_after_s
            headers[hdrs.RETRY_AFTER] = str(error.retry_after_s)
        return _error(status, message_of(locale, error), extensions, headers=headers)
    if is_store_failure(error):
        _log.warning("store_unavailable", exc_info=error)
        return _error(503, text(locale, UNAVAILABLE), {"code": UNAVAILABLE})
    _log.error("files_failed", exc_info=error)
    number = request[REQUEST_ID]
    message = text(locale, INTERNAL, request_id=number)
    return _error(500, message, {"code": INTERNAL, "requestId": number})


def _error(
    status: int,
    message: str,
    extensions: Mapping[str, object],
    *,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    errors = [{"message": message, "extensions": dict(extensions)}]
    return answer({"errors": errors}, status=status, headers=headers)
