"""Where a request comes from, as the trusted proxies tell it."""

import socket
from typing import Final

from aiohttp import hdrs, web

from api.keys import REQUEST_ID, SITE, TRUSTED_PROXIES
from api.portal_site import DEVICE
from api.request_cookies import cookie
from models.rules.addresses import client_address
from models.sessions import MAX_USER_AGENT_LENGTH
from resolvers.context import Origin

_V4_BYTES: Final = 4


def origin_of(request: web.Request) -> Origin:
    """Return the origin of a request that api.middleware has numbered."""
    return Origin(
        address=address_of(request),
        user_agent=request.headers.get(hdrs.USER_AGENT, "")[:MAX_USER_AGENT_LENGTH],
        request_id=request[REQUEST_ID],
        is_secure=request.app[SITE].is_secure(request.headers.get(hdrs.HOST, "")),
        device_token=cookie(request, f"{request.app[SITE].cookie_name}{DEVICE}"),
    )


def address_of(request: web.Request) -> str:
    """Return the client's whole address, "" where the connection has none (a Unix socket)."""
    forwarded = b",".join(
        value.encode("utf-8", "surrogateescape")
        for value in request.headers.getall(hdrs.X_FORWARDED_FOR, ())
    )
    peer = (request.remote or "").encode("ascii", "replace")
    packed = client_address(peer, forwarded, request.app[TRUSTED_PROXIES])
    if packed is None:
        return ""
    family = socket.AF_INET if len(packed) == _V4_BYTES else socket.AF_INET6
    return socket.inet_ntop(family, packed)
