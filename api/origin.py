"""Where a request comes from, as the trusted proxies tell it."""

import socket
from typing import Final

from aiohttp import hdrs, web

from api.keys import REQUEST_ID, SITE, TRUSTED_PROXIES
from api.portal_site import DEVICE
from api.request_cookies import cookie
from models.rules.addresses import client_address, is_among, parse_networks
from models.sessions import MAX_USER_AGENT_LENGTH
from resolvers.context import Origin

_V4_BYTES: Final = 4
_ENCRYPTED: Final = frozenset({"https", "wss"})
_LOOPBACK: Final = parse_networks("127.0.0.0/8,::1")


def origin_of(request: web.Request) -> Origin:
    """Return the origin of a request that api.middleware has numbered."""
    return Origin(
        address=address_of(request),
        user_agent=request.headers.get(hdrs.USER_AGENT, "")[:MAX_USER_AGENT_LENGTH],
        request_id=request[REQUEST_ID],
        is_secure=is_secure(request),
        device_token=cookie(request, f"{request.app[SITE].cookie_name}{DEVICE}"),
    )


def is_secure(request: web.Request) -> bool:
    """Tell whether nobody on the way reads what is said; else nobody signs in."""
    host = request.headers.get(hdrs.HOST, "")
    return request.app[SITE].is_secure(host, is_encrypted=_is_encrypted(request))


def _is_encrypted(request: web.Request) -> bool:
    """Tell whether a request came by TLS, to us or to a proxy that we believe.

    A proxy is believed on this machine and in LINKYARD_TRUSTED_PROXIES. One that says
    nothing of how it was called is taken to have been called as LINKYARD_PUBLIC_URL says.
    """
    if request.secure:
        return True
    peer = (request.remote or "").encode("ascii", "replace")
    if peer and not is_among(peer, (*_LOOPBACK, *request.app[TRUSTED_PROXIES])):
        return False
    said = ",".join(request.headers.getall(hdrs.X_FORWARDED_PROTO, ("https",)))
    return all(each.strip(" \t").lower() in _ENCRYPTED for each in said.split(","))


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
