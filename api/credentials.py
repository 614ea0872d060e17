"""Who calls: by `Authorization: Bearer lky_...`, or by the cookie of a session.

Never by both, and by the cookie only with proof that a page of ours sends it: the
header Linkyard-Client, which no other site can add, and an Origin that is ours.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from api.auth import ANONYMOUS, CredentialRefusedError, authenticate
from api.graphql_http import RequestRefusedError
from api.keys import SITE
from api.portal_site import CLIENT_HEADER
from api.request_cookies import cookie
from resolvers.context import Viewer
from resolvers.ports import Ports
from resolvers.session_lookup import find_session, find_session_by_id

CROSS_SITE: Final = "CROSS_SITE"
_TWO: Final = "Send the cookie of a session or an API key, never both."


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a request brought along.

    Attributes:
        authorization: the header, None without one.
        cookie: of a session, "" without one.
        is_front_end: it comes from a page of ours, as far as anybody can tell.
    """

    authorization: str | None
    cookie: str
    is_front_end: bool


def credentials_of(request: web.Request) -> Credentials:
    """Return what a POST brought along.

    Raises:
        RequestRefusedError: two credentials at once, or a cookie that another site may
            have made the browser send.
    """
    authorization = request.headers.get(hdrs.AUTHORIZATION)
    sent = cookie_of(request)
    is_front_end = CLIENT_HEADER in request.headers and _may_be_ours(request)
    if sent:
        if authorization is not None:
            raise RequestRefusedError(_TWO)
        if not is_front_end:
            raise RequestRefusedError(
                "A request with the cookie of a session needs the header Linkyard-Client, "
                "and must come from a page of the portal.",
                status=HTTPStatus.FORBIDDEN,
                code=CROSS_SITE,
            )
    return Credentials(authorization=authorization, cookie=sent, is_front_end=is_front_end)


def cookie_of_handshake(request: web.Request) -> str:
    """Return the cookie that a socket is opened with, "" for none.

    Browsers add no header of ours to a handshake, but always the Origin.

    Raises:
        web.HTTPBadRequest: two credentials at once.
        web.HTTPForbidden: with a cookie, from another place than a page of ours.
    """
    sent = cookie_of(request)
    if sent:
        if hdrs.AUTHORIZATION in request.headers:
            raise web.HTTPBadRequest(text=_TWO)
        if hdrs.ORIGIN not in request.headers or not _may_be_ours(request):
            raise web.HTTPForbidden(text="Sockets are opened by pages of the portal only.")
    return sent


def cookie_of(request: web.Request) -> str:
    """Return the value of the session's cookie, "" for none."""
    return cookie(request, request.app[SITE].cookie_name)


async def viewer_of_request(credentials: Credentials, ports: Ports) -> Viewer:
    """Return who sent a POST. A cookie that opens nothing any more is nobody's.

    Raises:
        CredentialRefusedError: see authenticate.
    """
    if credentials.cookie:
        found = await _by_cookie(credentials.cookie, ports)
        return found or ANONYMOUS
    return await authenticate(credentials.authorization, now=ports.clock.now())


class SocketCaller:
    """Who is at the other end of a socket, asked again for every operation.

    A cookie is looked at once. From then on the session counts, so that a new token of
    the same session does not close its sockets.
    """

    def __init__(self, ports: Ports, *, cookie: str, authorization: str | None) -> None:
        """Look at nothing yet; `authorization` is the header of the handshake."""
        self._ports = ports
        self._cookie = cookie
        self._session_id: int | None = None
        self.authorization = authorization

    async def viewer(self, *, is_use: bool = True) -> Viewer:
        """Return who it is now.

        Args:
            is_use: False when nobody does anything, and the socket is only looked after.

        Raises:
            CredentialRefusedError: a credential was sent and opens nothing, or two were.
        """
        if not self._cookie:
            return await authenticate(self.authorization, now=self._ports.clock.now())
        if self.authorization is not None:
            raise CredentialRefusedError
        if self._session_id is None:
            found = await _by_cookie(self._cookie, self._ports)
        else:
            span, now = self._ports.access.sessions, self._ports.clock.now()
            found = await find_session_by_id(self._session_id, span=span, now=now, is_use=is_use)
        if found is None:
            raise CredentialRefusedError
        self._session_id = found.session_id
        return found


async def _by_cookie(cookie: str, ports: Ports) -> Viewer | None:
    return await find_session(cookie, span=ports.access.sessions, now=ports.clock.now())


def _may_be_ours(request: web.Request) -> bool:
    """Tell whether no foreign page sends this; programs send no Origin at all."""
    origin = request.headers.get(hdrs.ORIGIN)
    host = request.headers.get(hdrs.HOST, "")
    return origin is None or request.app[SITE].allows(origin, host=host)
