"""A number for every request of the portal, in the log and in its answer."""

import re
import secrets
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from api.keys import REQUEST_ID

X_REQUEST_ID: Final = "X-Request-Id"
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


def request_id_of(request: web.BaseRequest) -> str:
    """Return the caller's own X-Request-Id if it is sane, else a new one."""
    sent = request.headers.get(X_REQUEST_ID, "")
    return sent if _SANE_ID.fullmatch(sent) else secrets.token_hex(8)


async def request_context(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Number the request for the log and for the caller."""
    request_id = request[REQUEST_ID] = request_id_of(request)
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            response = await handler(request)
        except web.HTTPException as refusal:
            refusal.headers[X_REQUEST_ID] = request_id
            raise
    if not response.prepared:
        response.headers[X_REQUEST_ID] = request_id
    return response
