"""Headers that keep browsers from doing what an answer does not ask for. On every answer."""

import functools
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

# Their answers are fixed to the byte in api.redirect_replies.
REDIRECT_ROUTE: Final = "redirect"
PASSWORD_ROUTE: Final = "link_password"  # noqa: S105 - a name
HSTS: Final = "Strict-Transport-Security"
_A_YEAR_S: Final = 31_536_000
_TWO_YEARS_S: Final = 63_072_000  # what the list of hstspreload.org expects, and more
# `default-src` is no default for the other three (CSP 3, section 6.4).
POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": POLICY,
    hdrs.SERVER: "Linkyard",  # else versions of what we are made of
}
HEADERS: Final = web.AppKey[Mapping[str, str]]("security_headers", Mapping)


def hsts(*, scheme: str, is_preloaded: bool) -> str:
    """Return the value of Strict-Transport-Security, "" where the service is not https only.

    Args:
        scheme: of the address that the service is known by.
        is_preloaded: the operator has promised this for all hosts below, too.
    """
    if scheme != "https":
        return ""
    if is_preloaded:
        return f"max-age={_TWO_YEARS_S}; includeSubDomains; preload"
    return f"max-age={_A_YEAR_S}"


def headers_with(hsts_value: str = "") -> dict[str, str]:
    """Return the headers of an answer that sets none of them itself."""
    return {**_ALWAYS, HSTS: hsts_value} if hsts_value else dict(_ALWAYS)


def all_but_redirects(*steps: Middleware) -> Middleware:
    """Return one middleware of several, the outermost first, which leaves redirects alone."""

    @web.middleware
    async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.route.name not in {REDIRECT_ROUTE, PASSWORD_ROUTE}:
            for step in reversed(steps):
                handler = functools.partial(step, handler=handler)
        return await handler(request)

    return edge


async def security_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add the headers to what a route answers, also by an exception."""
    try:
        response = await handler(request)
    except web.HTTPException as refusal:
        _add(request, refusal)
        raise
    if not response.prepared:
        _add(request, response)
    return response


def _add(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in request.app[HEADERS].items():
        response.headers.setdefault(name, value)
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
