"""GET|HEAD /{slug} on the ordinary route: what the fast path does not take.

Same answers and same bytes as the fast path; besides, it takes a slash after the slug,
and asks the store for links that the replica cannot answer, and while there is no
replica at all.
"""

from typing import Final

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

from api.fast_path import peer_address
from api.known_hosts import names_another_host
from api.pages import language_of
from api.redirect_answers import (
    ABSENT,
    MISDIRECTED,
    UNAVAILABLE,
    Answer,
    answer_of,
    slug_of,
)
from api.redirect_replies import Connection
from api.redirect_turn import RedirectTurn
from models.errors import DomainUnknownError
from models.rules.click_record import KEPT_HEADERS, join_fields
from models.rules.spool_format import encode_frame
from resolvers.ports import LinkFallback, StoreUnavailableError

_EVERY_PATH: Final = r"/{slug:(?s:.*)}"  # also with an escaped line feed
_ACCEPT_LANGUAGE: Final = KEPT_HEADERS.index(b"accept-language")


class WholeReply(web.StreamResponse):
    """A reply whose every byte is ready."""

    def __init__(self, status: int, data: bytes) -> None:
        super().__init__(status=status)
        self._data = data

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write the reply; see StreamResponse.prepare."""
        if not self._eof_sent:
            self._keep_alive = request.keep_alive
            self._eof_sent = True
            await request.writer.write(self._data)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""


class Redirect:
    """The handler of the route."""

    def __init__(self, turn: RedirectTurn, *, fallback: LinkFallback) -> None:
        self._turn = turn
        self._fallback = fallback

    def add_to(self, app: web.Application) -> None:
        """Add the route; call it last, because it takes every path that is left."""
        app.router.add_route(hdrs.METH_GET, _EVERY_PATH, self.handle, name="redirect")
        app.router.add_route(hdrs.METH_HEAD, _EVERY_PATH, self.handle, name="redirect")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Redirect, or show a page that says why not."""
        turn = self._turn
        host = _header(request, b"host")
        kept = [_header(request, name) for name in KEPT_HEADERS]
        if names_another_host(request):
            answer = MISDIRECTED
        else:
            answer = await self._find(host, self._slug(_path(request)))
        frame = None
        is_head = request.method == hdrs.METH_HEAD
        if answer.target:
            if not turn.is_open:
                turn.open()
            fields = join_fields([peer_address(request.transport), *kept])
            frame = encode_frame(turn.click(answer.link_id, fields, is_head=is_head))
        await turn.settle(answer.status, frame)
        connection = _connection(request)
        if answer.target:
            reply = turn.replies.found(answer.status, answer.target, connection)
        else:
            reply = turn.replies.page(
                answer.status,
                language_of(kept[_ACCEPT_LANGUAGE]),
                connection=connection,
                with_body=not is_head,
            )
        return WholeReply(answer.status, reply)

    def _slug(self, path: bytes) -> bytes:
        """Return the slug that a path names, also with a slash after it; b"" if it names none.

        Our own paths do not come here as they are, but with a slash they do: no link of an
        older version may answer there.
        """
        slug = slug_of(path)
        if slug is None and path.endswith(b"/"):
            slug = slug_of(path[:-1])
            if slug in self._turn.reserved:
                return b""
        return slug or b""

    async def _find(self, host: bytes, slug: bytes) -> Answer:
        """Find the answer; b"" is a slug that no link has."""
        if not self._turn.is_open:
            self._turn.open()
        answer = self._turn.resolve(host, slug)
        return await self._ask_store(host, slug) if answer is None else answer

    async def _ask_store(self, host: bytes, slug: bytes) -> Answer:
        hosts = self._turn.hosts_for(host)
        if not hosts:
            return MISDIRECTED
        try:
            entry = await self._fallback(hosts, slug.decode())
        except DomainUnknownError:
            return MISDIRECTED
        except StoreUnavailableError:
            return UNAVAILABLE
        if not self._turn.is_open:
            self._turn.open()
        return (
            ABSENT if entry is None else answer_of(entry, now_us=self._turn.now_us) or UNAVAILABLE
        )


def _path(request: web.Request) -> bytes:
    """Return the path as it came, without its query: escapes and all."""
    return request.rel_url.raw_path.encode("utf-8", "surrogateescape")


def _header(request: web.Request, name: bytes) -> bytes:
    """Return a header as it came; several of one name are a list (RFC 9110, section 5.3)."""
    return b", ".join(value for key, value in request.raw_headers if key.lower() == name)


def _connection(request: web.Request) -> Connection:
    if not request.keep_alive:
        return Connection.CLOSE
    return Connection.OPEN_1_0 if request.version < (1, 1) else Connection.OPEN
