"""Which pages of other sites may call the API: none, but for the partners that are named.

They call with a key of theirs. A session is never theirs to use: no answer allows
credentials, so a browser shows a foreign page nothing that a cookie has opened.
Source: Fetch Standard, section 3.3 (CORS protocol).
"""

from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

ORIGINS: Final = web.AppKey[frozenset[str]]("cors_origins", frozenset)
PATHS: Final = frozenset({"/graphql", "/files"})
_BELOW: Final = "/files/"
_ALLOWED_HEADERS: Final = "authorization, content-type, accept-language, linkyard-client"
_EXPOSED_HEADERS: Final = "retry-after, ratelimit, ratelimit-policy, x-request-id"
_PREFLIGHT_S: Final = "600"  # how long a browser remembers what it may


async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer the questions that browsers ask first, and mark answers for named origins."""
    origin = request.headers.get(hdrs.ORIGIN)
    if not request.app[ORIGINS] or not _is_api(request.path):
        return await handler(request)
    if origin is None or origin not in request.app[ORIGINS]:
        return _varied(await handler(request))
    if request.method == hdrs.METH_OPTIONS and (
        hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
    ):
        answer: web.StreamResponse = web.Response(status=204)
        is_file = request.path.startswith(_BELOW)
        methods = f"{hdrs.METH_GET}, {hdrs.METH_POST}" if is_file else hdrs.METH_POST
        answer.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = methods
        answer.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = _ALLOWED_HEADERS
        answer.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = _PREFLIGHT_S
    elif hdrs.COOKIE in request.headers:
        raise web.HTTPForbidden(text="Pages of other sites call with a key, without cookies.\n")
    else:
        answer = await handler(request)
        if answer.prepared:
            return answer
        answer.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED_HEADERS
    answer.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
    return _varied(answer)


def _is_api(path: str) -> bool:
    return path in PATHS or path.startswith(_BELOW)


def _varied(answer: web.StreamResponse) -> web.StreamResponse:
    """Let no cache give the answer for one origin to another one."""
    if not answer.prepared:
        answer.headers.add(hdrs.VARY, hdrs.ORIGIN)
    return answer
