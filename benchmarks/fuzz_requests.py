"""Requests for benchmarks.fuzz_heads: plain ones, odd ones and broken ones.

Drawn at random from a seed, so that a difference can be seen again.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from models.rules.replica_format import Entry, EntryKind

NOW: Final = 1_800_000_000.25  # seconds since 1970
_NOW_US: Final = int(NOW * 1_000_000)
_ALIKE: Final = 0.25  # share of connections whose requests differ in the slug alone
RESERVED: Final = frozenset({"graphql", "healthz", "robots.txt"})

LINKS: Final = {
    "a": Entry(EntryKind.LIVE, 1, 1, b"https://example.org/a"),
    "Go2": Entry(EntryKind.LIVE, 2, 1, b"https://example.org/?q=%D0%B0"),
    "with-dash_1": Entry(EntryKind.LIVE, 3, 9, b"https://example.org/dash"),
    "ссылка": Entry(EntryKind.LIVE, 4, 1, b"https://example.org/cyrillic"),
    "йод": Entry(EntryKind.LIVE, 5, 1, b"https://example.org/composed"),
    "moved": Entry(EntryKind.LIVE, 6, 1, b"https://example.org/307", status=307),
    "deleted": Entry(EntryKind.TOMBSTONE, 7, 2),
    "off": Entry(EntryKind.OFF, 8, 2, b"https://example.org/off"),
    "soon": Entry(EntryKind.LIVE, 9, 1, b"https://example.org/s", not_before_us=_NOW_US + 1),
    "since": Entry(EntryKind.LIVE, 10, 1, b"https://example.org/n", not_before_us=_NOW_US),
    "over": Entry(EntryKind.LIVE, 11, 1, b"https://example.org/o", not_after_us=_NOW_US),
    "until": Entry(EntryKind.LIVE, 12, 1, b"https://example.org/u", not_after_us=_NOW_US + 1),
    "more": Entry(EntryKind.ORDINARY, 13, 1, b"https://example.org/more"),
    "locked": Entry(EntryKind.ORDINARY, 15, 1),
    "lockedoff": Entry(EntryKind.OFF, 16, 1),
    "lockedover": Entry(EntryKind.ORDINARY, 17, 1, not_after_us=_NOW_US),
    "lockedsoon": Entry(EntryKind.ORDINARY, 18, 1, not_before_us=_NOW_US + 1),
    "graphql": Entry(EntryKind.LIVE, 14, 1, b"https://example.org/never"),
}
PROTECTED: Final = frozenset({"locked", "lockedoff", "lockedover", "lockedsoon"})
PASSWORD: Final = "right"  # noqa: S105 - of all of them
DOMAINS: Final = {b"go.test": 1, b"localhost:8080": 2, b"other.test": 3}


@dataclass(frozen=True, slots=True)
class Case:
    """What one connection gets: pieces, and after which of them the server has time to answer."""

    pieces: tuple[bytes, ...]
    waits: tuple[bool, ...]
    pauses_writing: bool
    heads: int


@dataclass(slots=True, kw_only=True)
class _Draft:
    target: bytes
    headers: list[tuple[bytes, bytes]]
    method: bytes = b"GET"
    version: bytes = b"HTTP/1.1"
    line_end: bytes = b"\r\n"
    body: bytes = b""


class Generator:
    """Draws cases: mostly plain requests with one oddity or none."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret

    def case(self) -> Case:
        """Draw the next one."""
        r = self._random
        heads = r.choices((1, 2, 3, 5), (45, 30, 18, 7))[0]
        messages = (
            self._alike(heads) if r.random() < _ALIKE else [self._request() for _ in range(heads)]
        )
        pieces = tuple(self._pieces(messages))
        share = r.choice((0.0, 0.5, 1.0))
        waits = tuple(r.random() < share for _ in pieces)
        return Case(pieces, waits, r.random() < 0.03, heads)  # noqa: PLR2004 - a share

    def _pieces(self, messages: list[bytes]) -> Iterator[bytes]:
        r = self._random
        way = r.choices(("each", "joined", "cut", "bytes"), (55, 15, 22, 8))[0]
        if way == "each":
            yield from (message for message in messages if message)
            return
        whole = b"".join(messages)
        if way == "joined":
            cuts: set[int] = set()
        elif way == "cut":
            cuts = {r.randrange(1, len(whole)) for _ in range(r.choice((1, 1, 2, 4)))}
        elif len(whole) <= 700:  # noqa: PLR2004 - bytes; longer ones would take all the time
            cuts = set(range(1, len(whole)))
        else:
            cuts = {r.randrange(1, len(whole))}
        edges = [0, *sorted(cuts), len(whole)]
        yield from (whole[a:b] for a, b in itertools.pairwise(edges))

    def _alike(self, heads: int) -> list[bytes]:
        """Draw requests that differ in their targets alone, and one oddity among them."""
        r = self._random
        headers = [(b"Host", self._host()), *r.choices(_PLAIN, k=r.randrange(4))]
        rest = b"".join(b"%b: %b\r\n" % header for header in headers) + b"\r\n"
        targets = [
            r.choice(_ODD_TARGETS) if r.random() < 0.1 else self._target()  # noqa: PLR2004
            for _ in range(heads)
        ]
        lines = [b"GET " + target + b" HTTP/1.1\r\n" for target in targets]
        if r.random() < 0.3:  # noqa: PLR2004 - a share
            lines[-1] = self._mutated(lines[-1])
        return [line + rest for line in lines]

    def _request(self) -> bytes:
        r = self._random
        draft = _Draft(target=self._target(), headers=[(b"Host", self._host())])
        if r.random() < 0.15:  # noqa: PLR2004 - a share
            draft.method = b"HEAD"
        draft.headers += r.choices(_PLAIN, k=r.randrange(5))
        for _ in range(r.choices((0, 1, 2, 4), (62, 26, 9, 3))[0]):
            self._spoil(draft)
        if r.random() < 0.3:  # noqa: PLR2004 - a share
            r.shuffle(draft.headers)
        if r.random() < 0.02:  # noqa: PLR2004 - a share
            number = r.choice((30, 61, 64, 66, 126, 130))
            draft.headers += [(b"X-%d" % place, b"v") for place in range(number)]
        lines = [b" ".join((draft.method, draft.target, draft.version))]
        lines += [name + r.choice(_COLONS) + value for name, value in draft.headers]
        message = draft.line_end.join(lines) + draft.line_end + b"\r\n" + draft.body
        if r.random() < 0.08:  # noqa: PLR2004 - a share
            message = self._mutated(message)
        return r.choices((b"", b"\r\n", b"\n"), (97, 2, 1))[0] + message

    def _spoil(self, draft: "_Draft") -> None:
        r = self._random
        match r.randrange(7):
            case 0:
                draft.method = r.choice(_METHODS)
            case 1:
                draft.version = r.choice(_VERSIONS)
            case 2:
                draft.target = r.choice(_ODD_TARGETS)
            case 3:
                draft.headers.append(r.choice(_ODD_HEADERS))
            case 4:
                name = r.choice((b"Host", b"host", b"HOST", b"Hos t"))
                draft.headers[0] = (name, r.choice(_HOSTS))
            case 5:
                draft.body, extra = r.choice(_BODIES)
                draft.headers += extra
                if _FORM in extra and r.random() < 0.8:  # noqa: PLR2004 - a share
                    draft.method, draft.target = b"POST", r.choice((draft.target, b"/locked"))
            case _:
                draft.line_end = r.choice((b"\n", b"\r", b"\r\n\r\n", b"\r\n"))

    def _target(self) -> bytes:
        r = self._random
        slug = r.choice(_SLUGS)
        path = slug if r.random() < 0.1 else quote(slug)  # noqa: PLR2004
        query = r.choices(("", "?", "?a=1", "?x=%D0%B0&y=/../"), (80, 5, 10, 5))[0]
        return b"/" + path.encode() + query.encode()

    def _host(self) -> bytes:
        return b"go.test" if self._random.random() < 0.8 else self._random.choice(_HOSTS)  # noqa: PLR2004

    def _mutated(self, message: bytes) -> bytes:
        r = self._random
        place = r.randrange(len(message))
        byte = r.choice(
            (b"\0", b"\r", b"\n", b" ", b"\t", b":", b"/", b"%", b"\xff", b"\x80", b"A")
        )
        match r.randrange(3):
            case 0:
                return message[:place] + message[place + 1 :]
            case 1:
                return message[:place] + byte + message[place:]
            case _:
                return message[:place] + byte + message[place + 1 :]


_SLUGS: Final = (*LINKS, "nosuch", "A", "go2", "и\u0306од", "a-", "x" * 64, "ы" * 64, "x" * 300)
_METHODS: Final = (
    b"POST",
    b"PUT",
    b"OPTIONS",
    b"get",
    b"GETT",
    b"TRACE",
    b"CONNECT",
    b"G",
    b"M-SEARCH",
    b"PRI",
)
_VERSIONS: Final = (
    b"HTTP/1.0",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"HTTP/1.2",
    b"HTTP/1.10",
    b"http/1.1",
    b"RTSP/1.0",
    b"ICE/1.0",
    b"",
    b"HTTP/1.1 ",
    b" HTTP/1.1",
)
_ODD_TARGETS: Final = (
    b"/",
    b"*",
    b"//a",
    b"/a/",
    b"/Go2/?a=1",
    b"/off/",
    b"/a//",
    b"/%D1%81%D1%81%D1%8B%D0%BB%D0%BA%D0%B0/",
    b"/healthz/",
    b"/a/b",
    b"/./a",
    b"/../a",
    b"/a#x",
    b"/a?b#x",
    b"/#a",
    b"/a;b",
    b"/a,b",
    b"/a&b",
    b"http://go.test/a",
    b"http://evil.test/a",
    b"HTTP://other.test/a",
    b"https://go.test:443/a",
    b"http:///a",
    b"go.test:80",
    b"a",
    b"",
    b"/%",
    b"/%6",
    b"/%6g",
    b"/%61",
    b"/%00",
    b"/%0A",
    b"/a%0d%0ab",
    b"/%7F",
    b"/%E2%80%A8",
    b"/a%00",
    b"/%2F",
    b"/a%2F",
    b"/%2e%2e",
    b"/%ff",
    b"/%D1%81",
    b"/%d1%81",
    b"/%D1",
    b"/\xd1\x81\xd1\x81\xd1\x8b\xd0\xbb\xd0\xba\xd0\xb0",
    b"/\xff",
    b"/a\\b",
    b'/a"b',
    b"/a<b",
    b"/a|b",
    b"/a^b",
    b"/a`b",
    b"/a{b}",
    b"/graphql",
    b"/%67raphql",
    b"/graphql/",
    b"/healthz",
    b"/healthz?x",
    b"/robots.txt",
    b"/a b",
    b"/a\tb",
    b"/~a",
    b"/a.b",
    b"/a+b",
    b"/a=b",
    b"/a@b",
    b"/a:b",
    b"/" + b"x" * 5000,
    b"/" + b"x" * 9000,
    b"/a?" + b"y" * 5000,
)
_HOSTS: Final = (
    b"go.test",
    b"GO.TEST",
    b"Go.Test.",
    b"go.test:80",
    b"go.test:443",
    b"go.test:8080",
    b"go.test:",
    b"go.test:x",
    b"localhost:8080",
    b"localhost",
    b"other.test",
    b"unknown.test",
    b"",
    b" ",
    b"go.test ",
    b"go.test\t",
    b"go.test, go.test",
    b"user@go.test",
    b"go.test/a",
    b"go.test?x",
    b"go.test#x",
    b"[::1]",
    b"[::1]:80",
    b"[::1",
    b"\xd0\xbf.test",
    b"\xff",
    b"xn--.test",
    b"go..test",
    b"g%6f.test",
    b"127.1",
    b"go.test\x0b",
    b"go.test:99999",
    b"..",
    b"a" * 300,
)
_PLAIN: Final = (
    (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"),
    (b"user-agent", b"curl/8.0"),
    (b"Accept", b"*/*"),
    (b"Accept-Language", b"ru-RU,ru;q=0.9"),
    (b"Accept-Language", b"en"),
    (b"Referer", b"https://example.org/page"),
    (b"REFERER", b"https://example.org/\xd0\xb0"),
    (b"Sec-Purpose", b"prefetch;prerender"),
    (b"Purpose", b"prefetch"),
    (b"X-Moz", b"prefetch"),
    (b"X-Request-Id", b"7f3a"),
    (b"X-Forwarded-For", b"203.0.113.9, 198.51.100.2"),
    (b"Connection", b"keep-alive"),
    (b"connection", b"Keep-Alive"),
    (b"Cookie", b"a=b"),
)
_ODD_HEADERS: Final = (
    (b"Connection", b"close"),
    (b"Connection", b"keep-alive, close"),
    (b"Connection", b"Upgrade"),
    (b"Connection", b""),
    (b"Connection", b"keep-alive,"),
    (b"Upgrade", b"websocket"),
    (b"Upgrade", b"h2c"),
    (b"Upgrade", b""),
    (b"Expect", b"100-continue"),
    (b"Expect", b"x"),
    (b"expect", b"100-Continue"),
    (b"Content-Length", b"0"),
    (b"Content-Length", b"5"),
    (b"Content-Length", b"-1"),
    (b"Content-Length", b"+1"),
    (b"Content-Length", b"a"),
    (b"content-length", b""),
    (b"Transfer-Encoding", b"chunked"),
    (b"Transfer-Encoding", b"identity"),
    (b"Transfer-Encoding", b"gzip, chunked"),
    (b"Transfer-Encoding", b"xchunked"),
    (b"Host", b"go.test"),
    (b"host", b"evil.test"),
    (b"User-Agent", b"twice"),
    (b"USER-AGENT", b""),
    (b"User-Agent", b"x" * 1500),
    (b"User-Agent", b"x" * 9000),
    (b"Referer", b"a\x00b"),
    (b"Referer", b"a\tb"),
    (b"Referer", b"trailing "),
    (b"Referer", b"\x7f"),
    (b"Referer", b"\x01"),
    (b"Referer", b"\xf5LK\xfa"),
    (b"Referer", b"x" * 1025),
    (b"X-Folded", b"a\r\n b"),
    (b"X-Folded", b"a\r\n\tb"),
    (b"", b"nameless"),
    (b"Bad Name", b"x"),
    (b"Bad\x00Name", b"x"),
    (b"B\xe4d", b"x"),
    (b"X(Y)", b"x"),
    (b"_x", b"y"),
    (b"Accept-Language", b"ru;q=0.1, en;q=0.9"),
    (b"Accept-Language", b"\xff\xfe"),
    (b"Accept-Language", b""),
    (b"Content-Type", b"text/plain"),
    (b"Content-Encoding", b"gzip"),
    (b"Sec-WebSocket-Key1", b"x"),
    (b"Sec-WebSocket-Key", b"x"),
    (b"HTTP2-Settings", b"x"),
    (b"Trailer", b"x"),
    (b"TE", b"trailers"),
    (b"Max-Forwards", b"1"),
    (b"Server", b"x"),
    (b"ETag", b"x"),
    (b"Proxy-Connection", b"keep-alive"),
    (b"Keep-Alive", b"timeout=5"),
    (b"Authorization", b"Bearer x"),
    (b"X-Forwarded-For", b"twice"),
    (b"x-request-id", b"twice"),
)
_FORM: Final = (b"Content-Type", b"application/x-www-form-urlencoded")
_FORMS: Final = (
    b"password=right",
    b"password=wrong",
    b"password=",
    b"password=%72ight&x=1",
    b"x" * 20_000,
)
_BODIES: Final[tuple[tuple[bytes, list[tuple[bytes, bytes]]], ...]] = (
    (b"hello", [(b"Content-Length", b"5")]),
    (b"hello", [(b"Content-Length", b"3")]),
    (b"hello", []),
    (b"5\r\nhello\r\n0\r\n\r\n", [(b"Transfer-Encoding", b"chunked")]),
    (b"5\r\nhel", [(b"Transfer-Encoding", b"chunked")]),
    (b"\r\n", []),
    (b"\x1f\x8b\x08\x00", [(b"Content-Length", b"4"), (b"Content-Encoding", b"gzip")]),
    *((body, [_FORM, (b"Content-Length", b"%d" % len(body))]) for body in _FORMS),
)
_COLONS: Final = (b": ", b": ", b": ", b": ", b": ", b":", b":  ", b":\t")
