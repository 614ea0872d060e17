"""Set-Cookie: what schema.cookies decided, as HTTP says it."""

from aiohttp import web

from api.keys import PORTS, SITE
from api.portal_site import DEVICE
from resolvers.known_devices import DEVICE_LIFE
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
        if started.device_token:
            response.set_cookie(
                f"{site.cookie_name}{DEVICE}",
                started.device_token,
                max_age=int(DEVICE_LIFE.total_seconds()),
                path="/",
                secure=is_secure,
                httponly=True,
                samesite="Lax",
            )
    elif cookies.is_cleared:
        response.del_cookie(
            site.cookie_name, path="/", secure=is_secure, httponly=True, samesite="Lax"
        )
