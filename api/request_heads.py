"""Reads the head of a plain request with llhttp, and knows where a message ends.

The grammar is the parser's (httptools). What is checked here by hand only makes
the choice smaller: whatever is unusual is not taken.
"""

import functools
from typing import Final

from httptools import HttpRequestParser
from httptools.parser.errors import HttpParserError, HttpParserUpgrade

from models.rules.click_record import KEPT_HEADERS

MAX_HEAD_BYTES: Final = 4096  # aiohttp refuses single lines of twice that
_MAX_HEADERS: Final = 64  # aiohttp refuses twice as many
_MAX_NAMES: Final = 4096  # spellings of header names that are remembered

# What becomes of a header: a place in the click (from 1), or one of these.
_HOST: Final = 0
_CONNECTION: Final = -1
_IGNORED: Final = -2
_REFUSED: Final = -3
_FIRST_KEPT: Final = 1
_ROLES: Final = {
    b"host": _HOST,
    b"connection": _CONNECTION,
    **{name: place for place, name in enumerate(KEPT_HEADERS, _FIRST_KEPT)},
    # Bodies, other protocols, and what aiohttp refuses when it comes twice.
    **dict.fromkeys(
        (
            b"content-encoding",
            b"content-length",
            b"content-location",
            b"content-range",
            b"content-type",
            b"etag",
            b"expect",
            b"http2-settings",
            b"max-forwards",
            b"proxy-connection",
            b"sec-websocket-key",
            b"sec-websocket-key1",
            b"server",
            b"te",
            b"trailer",
            b"transfer-encoding",
            b"upgrade",
        ),
        _REFUSED,
    ),
}
_NO_VALUES: Final[tuple[bytes | None, ...]] = (None,) * (_FIRST_KEPT + len(KEPT_HEADERS))


class HeadReader:
    """Reads one head after the other; one object serves all connections of a process.

    Attributes:
        is_head: HEAD, else GET.
        url: request target of the head that `read` took: it begins with a slash.
        host: its Host header.
        kept: values of the KEPT_HEADERS, b"" where there was none.
        end: what follows the target: the rest of the request line and all headers.
    """

    def __init__(self) -> None:
        self.is_head = False
        self.url = b""
        self.host = b""
        self.kept: list[bytes] = []
        self.end = b""
        self._roles: dict[bytes, int] = {}
        self._begin()

    def read(self, data: bytes) -> bool:
        """Tell whether the bytes are one whole plain request, and nothing more."""
        if len(data) > MAX_HEAD_BYTES or data[-4:] != b"\r\n\r\n":
            return False
        self._headers.clear()
        try:
            self._feed(data)
        except (HttpParserError, HttpParserUpgrade):
            self._begin()
            return False
        if len(self._done) != 1 or len(self._urls) != 1:
            self._begin()
            return False
        self._done.clear()
        url = self.url = self._urls.pop()
        return self._is_plain(data, url) and self._take_headers()

    def _begin(self) -> None:
        """Make a parser at the beginning of a message.

        Its callbacks are methods of the built-in containers: no Python code runs for
        a header. A name that comes twice leaves the dictionary short, see _is_plain.
        """
        self._headers: dict[bytes, bytes] = {}
        self._urls: list[bytes] = []
        self._done: list[None] = []
        self.on_header = self._headers.__setitem__
        self.on_url = self._urls.append
        self.on_message_complete = functools.partial(self._done.append, None)
        self._feed = HttpRequestParser(self).feed_data

    def _is_plain(self, data: bytes, url: bytes) -> bool:
        if data.startswith(b"GET /"):
            self.is_head, start = False, 4
        elif data.startswith(b"HEAD /"):
            self.is_head, start = True, 5
        else:
            return False
        self.end = data[start + len(url) :]
        return (
            self.end.startswith(b" HTTP/1.1\r\n")
            and data.startswith(url, start)
            and data.count(b"\r\n") == len(self._headers) + 2
            and len(self._headers) <= _MAX_HEADERS
            and b" \r\n" not in data
            and b"\t\r\n" not in data
        )

    def _take_headers(self) -> bool:
        values = list(_NO_VALUES)
        roles = self._roles
        for name, value in self._headers.items():
            role = roles.get(name)
            if role is None:
                role = self._learn(name)
            if role >= 0:
                if values[role] is not None:
                    return False
                values[role] = value
            elif role == _REFUSED or (role == _CONNECTION and value.lower() != b"keep-alive"):
                return False
        host = values[_HOST]
        if host is None:
            return False
        self.host = host
        self.kept = [value or b"" for value in values[_FIRST_KEPT:]]
        return True

    def _learn(self, name: bytes) -> int:
        role = _ROLES.get(name.lower(), _IGNORED)
        if len(self._roles) < _MAX_NAMES:
            self._roles[name] = role
        return role


class LostTrackError(Exception):
    """Nobody knows any more where the next message begins."""


class MessageTracker:
    """Follows the bytes that aiohttp was given, to know when it stands between messages."""

    def __init__(self) -> None:
        self.messages = 0
        self._is_inside = False
        self._feed = HttpRequestParser(self).feed_data

    def on_message_begin(self) -> None:
        """Called by the parser."""
        self.messages += 1
        self._is_inside = True

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self._is_inside = False

    def feed(self, data: bytes) -> bool:
        """Tell whether the bytes so far end where a message ends.

        Raises:
            LostTrackError: no HTTP, or another protocol from here on.
        """
        try:
            self._feed(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            raise LostTrackError from error
        return not self._is_inside
