"""A number for every request, and headers that every answer of the portal has."""

import re
import secrets
from typing import Final

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from api.keys import REQUEST_ID

X_REQUEST_ID: Final = "X-Request-Id"
REDIRECT_ROUTE: Final = "redirect"  # its answers are fixed to the byte in api.redirect
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    hdrs.CACHE_CONTROL: "no-store",
}


def request_id_of(request: web.BaseRequest) -> str:
    """Return the caller's own X-Request-Id if it is sane, else a new one."""
    sent = request.headers.get(X_REQUEST_ID, "")
    return sent if _SANE_ID.fullmatch(sent) else secrets.token_hex(8)


@web.middleware
async def request_context(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Number the request for the log and for the caller; add the headers of the portal."""
    if request.match_info.route.name == REDIRECT_ROUTE:
        return await handler(request)
    request_id = request[REQUEST_ID] = request_id_of(request)
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            response = await handler(request)
        except web.HTTPException as refusal:
            _add_headers(refusal, request_id)
            raise
    if not response.prepared:
        _add_headers(response, request_id)
    return response


def _add_headers(response: web.StreamResponse, request_id: str) -> None:
    response.headers[X_REQUEST_ID] = request_id
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
