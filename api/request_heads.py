"""Reads the head of a plain request with llhttp, and knows where a message ends.

The grammar is the parser's (httptools). What is checked here by hand only makes
the choice smaller: whatever is unusual is not taken.
"""

import functools
from typing import Final

from httptools import HttpRequestParser
from httptools.parser.errors import HttpParserError, HttpParserUpgrade

from models.rules.click_record import KEPT_HEADERS, join_fields

MAX_HEAD_BYTES: Final = 4096  # aiohttp refuses single lines of twice that
_MAX_HEADERS: Final = 64  # aiohttp refuses twice as many
_MAX_NAMES: Final = 4096  # spellings of header names that are remembered

# What becomes of a header: its place in the click (from 1), or one of these.
_HOST: Final = 0
_CONNECTION: Final = -1
_IGNORED: Final = -2
_REFUSED: Final = -3
_ROLES: Final = {
    b"host": _HOST,
    b"connection": _CONNECTION,
    **{name: place for place, name in enumerate(KEPT_HEADERS, _HOST + 1)},
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
_NO_VALUES: Final = [b""] * (1 + len(KEPT_HEADERS))
_ACCEPT_LANGUAGE: Final = 1 + KEPT_HEADERS.index(b"accept-language")


class HeadReader:
    """Reads one head after the other; one object serves all connections of a process.

    Attributes:
        is_head: HEAD, else GET.
        url: request target of the head that `read` took: it begins with a slash.
        host: its Host header.
        accept_language: its Accept-Language header, b"" where there was none.
        fields: all KEPT_HEADERS as a click wants them, without the peer's address.
        end: what follows the target: the rest of the request line and all headers.
    """

    def __init__(self) -> None:
        self.is_head = False
        self.url = b""
        self.host = b""
        self.accept_language = b""
        self.fields = b""
        self.end = b""
        self._roles: dict[bytes, int] = {}
        self._begin()

    def read(self, data: bytes) -> bool:
        """Tell whether the bytes are one whole plain request, and nothing more."""
        if len(data) > MAX_HEAD_BYTES:
            return False
        headers = self._headers
        headers.clear()
        try:
            self._feed(data)
        except (HttpParserError, HttpParserUpgrade):
            self._begin()
            return False
        urls, done = self._urls, self._done
        if len(done) != 1 or len(urls) != 1:
            self._begin()
            return False
        done.clear()
        url = self.url = urls.pop()
        # What llhttp read must be all there is, in the common spelling.
        if data.startswith(b"GET /"):
            self.is_head, end = False, data[4 + len(url) :]
        elif data.startswith(b"HEAD /"):
            self.is_head, end = True, data[5 + len(url) :]
        else:
            return False
        self.end = end
        return (
            end.startswith(b" HTTP/1.1\r\n")
            and end.endswith(b"\r\n\r\n")
            # As many lines as headers, none ended otherwise; two counts of one byte are
            # twice as fast as one of two.
            and end.count(b"\n") == end.count(b"\r") == len(headers) + 2
            and len(headers) <= _MAX_HEADERS
            and self._take(headers)
        )

    def _begin(self) -> None:
        """Make a parser at the beginning of a message.

        Its callbacks are methods of the built-in containers: no Python code runs for
        a header. A name that comes twice leaves the dictionary shorter than the head.
        """
        self._headers: dict[bytes, bytes] = {}
        self._urls: list[bytes] = []
        self._done: list[None] = []
        self.on_header = self._headers.__setitem__
        self.on_url = self._urls.append
        self.on_message_complete = functools.partial(self._done.append, None)
        self._feed = HttpRequestParser(self).feed_data

    def _take(self, headers: dict[bytes, bytes]) -> bool:
        values = _NO_VALUES.copy()
        roles = self._roles
        for name, value in headers.items():
            role = roles.get(name)
            if role is None:
                role = self._learn(name)
            if role >= 0:
                if values[role] or value[-1:] <= b" ":  # twice, empty, or space behind it
                    return False
                values[role] = value
            elif role == _REFUSED or (role == _CONNECTION and value.lower() != b"keep-alive"):
                return False
        self.host = values[_HOST]
        self.accept_language = values[_ACCEPT_LANGUAGE]
        del values[_HOST]
        self.fields = join_fields(values)
        return self.host != b""

    def _learn(self, name: bytes) -> int:
        role = _ROLES.get(name.lower(), _IGNORED)
        if len(self._roles) < _MAX_NAMES:
            self._roles[name] = role
        return role


def escape_line(data: bytes) -> bytes:
    """Return bytes that begin inside a request line with that line in ASCII.

    Some programs, curl among them, send the path of a Cyrillic address as plain UTF-8,
    which no URL may hold (RFC 3986, section 2). llhttp refuses it; what a browser
    sends for the same address is its percent-escapes.
    """
    line, newline, rest = data.partition(b"\n")
    if line.isascii():
        return data
    escaped = b"".join([bytes((byte,)) if byte < 0x80 else b"%%%02X" % byte for byte in line])  # noqa: PLR2004 - ASCII
    return escaped + newline + rest


class LostTrackError(Exception):
    """Nobody knows any more where the next message begins."""


class MessageTracker:
    """Follows the bytes that aiohttp was given, to know when it stands between messages.

    Attributes:
        messages: how many have begun.
        is_in_body: the head of the last one is complete.
    """

    def __init__(self) -> None:
        self.messages = 0
        self.is_in_body = False
        self._is_inside = False
        self._feed = HttpRequestParser(self).feed_data

    def on_message_begin(self) -> None:
        """Called by the parser."""
        self.messages += 1
        self._is_inside = True
        self.is_in_body = False

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self.is_in_body = True

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
