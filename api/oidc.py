"""Signing in at the customer's own provider: to it, and back.

The browser that leaves keeps a secret in a cookie of ten minutes, so that an address of
the way back is worth nothing in another browser. Whatever goes wrong ends on a small page
in the visitor's language, and in the audit log.
"""

import math
from html import escape
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import hdrs, web

from api.credentials import cookie_of
from api.keys import PORTAL, PORTS, SITE
from api.origin import origin_of
from api.request_cookies import cookie
from api.session_cookies import write_cookie
from models.engines.turns import begin_turn
from models.errors import (
    InsecureTransportError,
    RateLimitedError,
    SessionRequiredError,
    SignInRefusedError,
)
from models.store_failures import is_store_failure
from models.texts import negotiate, text
from resolvers.context import RequestContext, Viewer
from resolvers.identity_accounts import ProviderSignInError
from resolvers.ports import IdentityProvider
from resolvers.provider_sign_ins import (
    LIFE,
    Return,
    leave_for_provider,
    return_from_provider,
)
from resolvers.session_lookup import find_session
from schema.context import PROVIDER_START
from schema.cookies import Cookies

CALLBACK: Final = "/api/oidc/callback"
SECURE_COOKIE: Final = "__Host-linkyard-oidc"
LOCAL_COOKIE: Final = "linkyard-oidc-local"
_NAVIGATION: Final = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
_MAX_PART_LENGTH: Final = 4096  # characters of one parameter of the way back
_STATUS: Final = {
    "provider": HTTPStatus.BAD_GATEWAY,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "busy": HTTPStatus.TOO_MANY_REQUESTS,
}  # of all other reasons: 403
_log = structlog.get_logger(__name__)


class OidcRoutes:
    """Both routes of one provider."""

    def __init__(self, provider: IdentityProvider, *, may_create: bool) -> None:
        """Take the provider, and whether strangers of it get an account."""
        self._provider = provider
        self._may_create = may_create

    def routes(self) -> list[web.RouteDef]:
        """Return them for an application."""
        return [
            web.get(PROVIDER_START, self.start, allow_head=False),
            web.get(CALLBACK, self.callback, allow_head=False),
        ]

    async def start(self, request: web.Request) -> web.Response:
        """Send the browser to the provider; with `renew=1` for the session that it has."""
        _require_navigation(request)
        is_renewal = _part(request, "renew") == "1"
        try:
            departure = await leave_for_provider(
                await _context(request), self._provider, is_renewal=is_renewal
            )
        except Exception as error:  # noqa: BLE001 - see _page
            return _page(request, error)
        response = _sent_to(departure.url)
        response.set_cookie(
            _cookie_name(request),
            departure.browser,
            max_age=int(LIFE.total_seconds()),
            path="/",
            secure=request.app[SITE].scheme == "https",
            httponly=True,
            samesite="Lax",
        )
        return response

    async def callback(self, request: web.Request) -> web.Response:
        """Take the browser back, signed in or with the reason why not."""
        _require_navigation(request)
        try:
            started = await return_from_provider(
                await _context(request), self._provider, _back(request), may_create=self._may_create
            )
        except Exception as error:  # noqa: BLE001 - see _page
            response = _page(request, error)
        else:
            cookies = Cookies()
            cookies.keep(started)
            response = _sent_to(f"{request.app[PORTAL].public_url}/")
            write_cookie(request, response, cookies)
        response.del_cookie(
            _cookie_name(request),
            path="/",
            secure=request.app[SITE].scheme == "https",
            httponly=True,
            samesite="Lax",
        )
        return response


def _require_navigation(request: web.Request) -> None:
    """Let only a person come who goes here, not an image or frame of another site's page.

    Else any page could use up the limits of everybody behind its visitor's address.
    Browsers that are too old to say what they fetch are let through.

    Raises:
        web.HTTPForbidden: part of a page wants it.
    """
    for header, wanted in _NAVIGATION.items():
        if request.headers.get(header, wanted) != wanted:
            raise web.HTTPForbidden(text="Open this address itself, not as part of a page.\n")


async def _context(request: web.Request) -> RequestContext:
    """Return who comes. A link of another site can do no more than ask the provider.

    So the cookie is enough here: whatever follows needs a person at the provider, and the
    way back a secret of this very browser.
    """
    begin_turn()
    ports = request.app[PORTS]
    now, span = ports.clock.now(), ports.access.sessions
    viewer = await find_session(cookie_of(request), span=span, now=now)
    return RequestContext(viewer or Viewer(), ports, origin_of(request))


def _back(request: web.Request) -> Return:
    return Return(
        browser=cookie(request, _cookie_name(request)) or None,
        state=_part(request, "state"),
        code=_part(request, "code"),
        error=_part(request, "error"),
        issuer=_part(request, "iss"),
    )


def _part(request: web.Request, name: str) -> str | None:
    """Return a parameter that was sent once, None for any other."""
    values = request.query.getall(name, [])
    return values[0] if len(values) == 1 and len(values[0]) <= _MAX_PART_LENGTH else None


def _cookie_name(request: web.Request) -> str:
    return SECURE_COOKIE if request.app[SITE].scheme == "https" else LOCAL_COOKIE


def _sent_to(url: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: url})


def _page(request: web.Request, error: Exception) -> web.Response:
    """Return the page of what went wrong; what is our own fault goes up."""
    reason, retry_after_s = _reason(error)
    locale = negotiate(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))
    title = escape(text(locale, "PAGE_SIGN_IN_TITLE"))
    told = escape(text(locale, f"PAGE_SIGN_IN_{reason.upper()}"))
    action = escape(text(locale, "PAGE_SIGN_IN_ACTION"))
    home = escape(f"{request.app[PORTAL].public_url}/")
    page = (
        f'<!doctype html>\n<html lang="{locale}">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<h1>{title}</h1>\n<p>{told}</p>\n"
        f'<p><a href="{home}">{action}</a></p>\n</html>\n'
    )
    response = web.Response(
        status=_STATUS.get(reason, HTTPStatus.FORBIDDEN), text=page, content_type="text/html"
    )
    if retry_after_s:
        response.headers[hdrs.RETRY_AFTER] = str(retry_after_s)
    return response


def _reason(error: Exception) -> tuple[str, int]:
    """Return the shade of the page's text, and after how many seconds to come again.

    Raises:
        Exception: the one that was handed in, which is a fault of ours.
    """
    match error:
        case ProviderSignInError():
            return error.reason, 0
        case RateLimitedError():
            return "busy", math.ceil(error.retry_after_s)
        case SessionRequiredError():
            return "session", 0
        case InsecureTransportError():
            return "insecure", 0
        case SignInRefusedError():
            return "deactivated", 0
        case _ if is_store_failure(error):
            _log.warning("store_unavailable", exc_info=error)
            return "unavailable", 0
        case _:
            raise error
