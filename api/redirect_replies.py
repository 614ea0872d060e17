"""The bytes of every reply to a slug: one place for the fast path and the ordinary route."""

from email.utils import formatdate
from enum import Enum
from http import HTTPStatus
from typing import Final

from api.pages import (
    PAGE_HEADERS,
    PASSWORD_PAGE_HEADERS,
    PASSWORD_PAGES,
    language_of,
    page,
    password_page,
)
from api.security_headers import HSTS

_MAX_PAGES: Final = 256  # of one second
RETRY_AFTER_S: Final = 5  # while the link cannot be looked up


class Connection(Enum):
    """What a reply says about its connection."""

    OPEN = b""  # HTTP/1.1 stays open when nothing is said
    OPEN_1_0 = b"Connection: keep-alive\r\n"
    CLOSE = b"Connection: close\r\n"


def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


FOUND_STARTS: Final = {
    status: _status_line(status) + b"Location: " for status in (301, 302, 303, 307, 308)
}
FOUND: Final = FOUND_STARTS[302]
_PAGE_STARTS: Final = {
    status: _status_line(status)
    + (b"Retry-After: %d\r\n" % RETRY_AFTER_S if status == HTTPStatus.SERVICE_UNAVAILABLE else b"")
    + PAGE_HEADERS
    + b"Content-Length: "
    for status in (404, 410, 421, 503)
}
_PASSWORD_STARTS: Final = {
    status: _status_line(status) + PASSWORD_PAGE_HEADERS for status in PASSWORD_PAGES
}
_FOUND_HEADERS: Final = (
    b"\r\nCache-Control: private, no-store\r\nX-Robots-Tag: noindex\r\nContent-Length: 0"
)
# To connections that are ended, which nobody has a moment for.
NO_ROOM: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: %d\r\n" % RETRY_AFTER_S
    + b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)
TIMED_OUT: Final = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Replies:
    """Builds replies with the date of the moment.

    Attributes:
        found_end: what follows the target of a redirect on a connection that stays open.
    """

    def __init__(self, *, hsts: str = "") -> None:
        """Build none yet; `hsts` is the value of Strict-Transport-Security, "" for none."""
        self.found_end = b""
        self._fixed = b"\r\nServer: Linkyard\r\n"
        if hsts:
            self._fixed += f"{HSTS}: {hsts}\r\n".encode()
        self._second: int = -1
        self._end = b""
        self._open_pages: dict[tuple[int, bytes, bool], bytes] = {}

    def at(self, second: int) -> None:
        """Date all further replies; `second` counts from 1970."""
        if second != self._second:
            self._second = second
            date = formatdate(second, usegmt=True).encode()
            self._end = b"\r\nDate: " + date + self._fixed
            self.found_end = _FOUND_HEADERS + self._end + b"\r\n"
            self._open_pages.clear()

    def found(self, status: int, target: bytes, connection: Connection) -> bytes:
        """Return a redirect to the target's bytes as they are."""
        return b"".join(
            (FOUND_STARTS[status], target, _FOUND_HEADERS, self._end, connection.value, b"\r\n")
        )

    def open_page(self, status: int, accept_language: bytes, *, with_body: bool) -> bytes:
        """Return `page` for a header as it came, on a connection that stays open; remembered."""
        key = (status, accept_language, with_body)
        found = self._open_pages.get(key)
        if found is None:
            found = self.page(
                status,
                language_of(accept_language),
                connection=Connection.OPEN,
                with_body=with_body,
            )
            if len(self._open_pages) < _MAX_PAGES:
                self._open_pages[key] = found
        return found

    def page(self, status: int, locale: str, *, connection: Connection, with_body: bool) -> bytes:
        """Return one of api.pages.PAGES; without its body for HEAD."""
        document = page(status, locale)
        return self._with(_PAGE_STARTS[status], document, connection, with_body=with_body)

    def password_page(  # noqa: PLR0913 - one for each thing that the page depends on
        self,
        status: int,
        locale: str,
        *,
        retry_after_s: int = 0,
        referrer: bytes = b"",
        connection: Connection,
        with_body: bool,
    ) -> bytes:
        """Return api.pages.password_page; without its body for HEAD."""
        document = password_page(status, locale, retry_after_s=retry_after_s, referrer=referrer)
        wait = b"Retry-After: %d\r\n" % retry_after_s if retry_after_s else b""
        start = _PASSWORD_STARTS[status] + wait + b"Content-Length: "
        return self._with(start, document, connection, with_body=with_body)

    def _with(
        self, start: bytes, document: bytes, connection: Connection, *, with_body: bool
    ) -> bytes:
        return b"".join(
            (
                start,
                b"%d" % len(document),
                self._end,
                connection.value,
                b"\r\n",
                document if with_body else b"",
            )
        )
