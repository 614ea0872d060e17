"""Set-Cookie: what schema.cookies decided, as HTTP says it."""

from aiohttp import web

from api.keys import PORTS, SITE
from schema.cookies import Cookies


def write_cookie(request: web.Request, response: web.Response, cookies: Cookies) -> None:
    """Give the browser its token, or take it away; mostly neither.

    SameSite=Lax lets links in letters lead to a signed-in page, and no foreign form post.
    """
    site = request.app[SITE]
    if not site.cookie_name:
        return
    is_secure = site.scheme == "https"
    started = cookies.started
    if started is not None:
        left = started.ends_at - request.app[PORTS].clock.now()
        response.set_cookie(
            site.cookie_name,
            started.token,
            max_age=int(left.total_seconds()),
            path="/",
            secure=is_secure,
            httponly=True,
            samesite="Lax",
        )
    elif cookies.is_cleared:
        response.del_cookie(
            site.cookie_name, path="/", secure=is_secure, httponly=True, samesite="Lax"
        )
