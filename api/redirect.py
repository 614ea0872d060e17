"""GET|HEAD /{slug} on the ordinary route: what the fast path does not take.

Same answers and same bytes as the fast path; besides, it takes a slash after the slug,
and asks the store for links that the replica cannot answer, and while there is no
replica at all. POST /{slug} brings the password that such a link may ask for.
"""

from ipaddress import ip_address
from typing import Final
from urllib.parse import quote

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

from api.fast_path import peer_address
from api.known_hosts import names_another_host
from api.link_forms import EMPTY_FORM, FORM_TYPE, LinkForm, one_line, read_form
from api.pages import PASSWORD_PAGES, language_of
from api.redirect_answers import (
    MISDIRECTED,
    PROTECTED,
    UNAVAILABLE,
    UNTYPED,
    WRONG,
    Answer,
    slug_of,
    stored_answer_of,
)
from api.redirect_replies import Connection
from api.redirect_turn import RedirectTurn
from api.security_headers import PASSWORD_ROUTE, REDIRECT_ROUTE, headers_with
from models.errors import DomainUnknownError, RateLimitedError
from models.rules.addresses import Network, client_address
from models.rules.click_record import KEPT_HEADERS, join_fields
from models.rules.replica_format import Entry
from models.rules.spool_format import encode_frame
from resolvers.ports import LinkFallback, LinkUnlock, StoreUnavailableError

_EVERY_PATH: Final = r"/{slug:(?s:.*)}"  # also with an escaped line feed
_ONE_SEGMENT: Final = r"/{slug:[^/]+/?}"
_ACCEPT_LANGUAGE: Final = KEPT_HEADERS.index(b"accept-language")
_REFERER: Final = KEPT_HEADERS.index(b"referer")
_SEE_OTHER: Final = 303


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

    def __init__(
        self,
        turn: RedirectTurn,
        *,
        fallback: LinkFallback,
        unlock: LinkUnlock,
        proxies: tuple[Network, ...] = (),
    ) -> None:
        """Answer nothing yet.

        Args:
            turn: of this process.
            fallback: asked for what the replica cannot answer.
            unlock: tries passwords.
            proxies: that are believed when they name a visitor's address.
        """
        self._turn = turn
        self._fallback = fallback
        self._unlock = unlock
        self._proxies = proxies

    def add_to(self, app: web.Application) -> None:
        """Add the routes; call it last, because they take every path that is left."""
        add = app.router.add_route
        add(hdrs.METH_GET, _EVERY_PATH, self.handle, name=REDIRECT_ROUTE)
        add(hdrs.METH_HEAD, _EVERY_PATH, self.handle, name=REDIRECT_ROUTE)
        add(hdrs.METH_POST, _ONE_SEGMENT, self.handle_form, name=PASSWORD_ROUTE)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Redirect, show a page that says why not, or ask for the link's password."""
        if names_another_host(request):
            answer = MISDIRECTED
        else:
            answer = await self._find(_header(request, b"host"), self._slug(_path(request)))
        return await self._reply(request, answer, is_click=bool(answer.target))

    async def handle_form(self, request: web.Request) -> web.StreamResponse:
        """Take the password of a link: see LinkUnlock. A right one is the click.

        A link that asks for none, perhaps no more, sends the browser to its own address again,
        where GET counts the click.

        Raises:
            HTTPMethodNotAllowed: it is no form, or for none of our links.
        """
        slug = self._slug(_path(request))
        if request.content_type != FORM_TYPE or not slug or slug in self._turn.reserved:
            raise self._not_allowed(request)
        host = _header(request, b"host")
        answer = MISDIRECTED if names_another_host(request) else await self._find(host, slug)
        if answer is PROTECTED:
            form = await read_form(request)
            answer = await self._try(request, form, host=host, slug=slug)
            return await self._reply(request, answer, is_click=bool(answer.target), form=form)
        if answer.target:
            answer = Answer(_SEE_OTHER, b"/" + quote(slug, safe="").encode())
        return await self._reply(request, answer, is_click=False)

    async def _reply(
        self,
        request: web.Request,
        answer: Answer,
        *,
        is_click: bool,
        form: LinkForm = EMPTY_FORM,
    ) -> web.StreamResponse:
        """Return the reply once its click, if it is one, is in the spool."""
        turn, frame = self._turn, None
        is_head = request.method == hdrs.METH_HEAD
        kept = [_header(request, name) for name in KEPT_HEADERS]
        kept[_REFERER] = form.referrer or kept[_REFERER]
        if is_click:
            if not turn.is_open:
                turn.open()
            fields = join_fields([peer_address(request.transport), *kept])
            frame = encode_frame(turn.click(answer.link_id, fields, is_head=is_head))
        await turn.settle(answer.status, frame)
        connection = _connection(request)
        locale = language_of(kept[_ACCEPT_LANGUAGE])
        if answer.target:
            reply = turn.replies.found(answer.status, answer.target, connection)
        elif answer.status in PASSWORD_PAGES:
            reply = turn.replies.password_page(
                answer.status,
                locale,
                retry_after_s=answer.retry_after_s,
                referrer=one_line(kept[_REFERER]),
                connection=connection,
                with_body=not is_head,
            )
        else:
            reply = turn.replies.page(
                answer.status, locale, connection=connection, with_body=not is_head
            )
        return WholeReply(answer.status, reply)

    async def _try(
        self, request: web.Request, form: LinkForm, *, host: bytes, slug: bytes
    ) -> Answer:
        """Return where a typed password leads, or the page that asks again."""
        if not form.password:
            return UNTYPED
        hosts = self._turn.hosts_for(host)
        forwarded = _header(request, b"x-forwarded-for")
        packed = client_address(peer_address(request.transport), forwarded, self._proxies)
        address = "" if packed is None else str(ip_address(packed))
        try:
            entry = await self._unlock(
                hosts, slug.decode(), password=form.password, address=address
            )
        except RateLimitedError as error:
            return Answer(429, retry_after_s=error.retry_after_s)
        except DomainUnknownError:
            return MISDIRECTED
        except StoreUnavailableError:
            return UNAVAILABLE
        answer = self._stored(entry)
        if answer is PROTECTED:
            return WRONG
        return answer._replace(status=_SEE_OTHER) if answer.target else answer

    def _not_allowed(self, request: web.Request) -> web.HTTPMethodNotAllowed:
        refusal = web.HTTPMethodNotAllowed(request.method, (hdrs.METH_GET, hdrs.METH_HEAD))
        refusal.headers.update(headers_with(self._turn.config.hsts))
        refusal.headers[hdrs.CACHE_CONTROL] = "no-store"
        return refusal

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
        return self._stored(entry)

    def _stored(self, entry: Entry | None) -> Answer:
        if not self._turn.is_open:
            self._turn.open()
        return stored_answer_of(entry, now_us=self._turn.now_us)


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
