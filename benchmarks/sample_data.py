"""A small list of addresses and a small access log, for a demo without any input.

Drawn with a fixed seed, so that two runs show the same figures. Like real input
both hold lines that must be refused: each with its own fault.
"""

import gzip
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Final

_SEED: Final = 20150517
_ADDRESSES: Final = 240
_VISITS: Final = 3_000
_PATHS: Final = 180
_START: Final = datetime(2025, 3, 28, 18, 0, tzinfo=UTC)  # over the spring change of clocks
_BAD_ADDRESSES: Final = (
    b"",
    b"not an address at all",
    b"ftp://files.example.org/list.txt",
    b"javascript:alert(1)",
    b"https://user:secret@example.org/",
    b"https://example.org/\xff\xfe",
    b"https://example.org/" + b"a" * 2_100,
)
_WORDS: Final = ("atlas", "copper", "garden", "harbour", "lamp", "market", "news", "paper", "river")
_REFERRERS: Final = (
    "-",
    "-",
    "https://www.google.com/",
    "https://yandex.ru/search/?text=links",
    "https://t.me/s/harbour",
    "https://news.example.com/today",
    "https://vk.com/feed",
)
_CHROME: Final = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0"
_WEBKIT: Final = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_AGENTS: Final = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {_CHROME} Mobile Safari/537.36",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} YaBrowser/25.2.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) {_WEBKIT} Version/18.3 Safari/604.1",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "TelegramBot (like TwitterBot)",
    "UptimeRobot/2.0",
    "-",
)
_NO_CLICKS: Final = (
    '"POST /login HTTP/1.1" 403 12',
    '"OPTIONS * HTTP/1.0" 200 -',
    '"GET /robots.txt HTTP/1.1" 200 68',
    '"GET /favicon.ico HTTP/1.1" 200 318',
    '"GET /broken',
)


def write_addresses(path: Path) -> None:
    """Write one address a line, gzipped if the name says so, with a byte-order mark."""
    _write(path, b"\xef\xbb\xbf" + b"\n".join(_addresses()) + b"\n")


def write_log(path: Path) -> None:
    """Write an access log in Apache's combined format, gzipped if the name says so."""
    _write(path, "".join(f"{line}\n" for line in _log()).encode())


def _addresses() -> Iterator[bytes]:
    draw = random.Random(_SEED)  # noqa: S311 - a sample, not a secret
    bad = dict(zip(draw.sample(range(1, _ADDRESSES), len(_BAD_ADDRESSES)), _BAD_ADDRESSES))  # noqa: B905 - same length
    for number in range(_ADDRESSES):
        words = "-".join(draw.choices(_WORDS, k=3))
        yield bad.get(number, f"https://{draw.choice(_WORDS)}.example/{words}/{number}".encode())


def _log() -> Iterator[str]:
    draw = random.Random(_SEED)  # noqa: S311 - a sample, not a secret
    paths = [f"/{'/'.join(draw.choices(_WORDS, k=2))}/{number}" for number in range(_PATHS)]
    popularity = list(accumulate(1 / (rank + 1) for rank in range(_PATHS)))
    at = _START
    for _ in range(_VISITS):
        at += timedelta(seconds=draw.expovariate(1 / 80))
        head = f"{_address(draw)} - - [{at:%d/%b/%Y:%H:%M:%S %z}]"
        tail = f'"{draw.choice(_REFERRERS)}" "{draw.choice(_AGENTS)}"'
        if draw.random() < 0.02:  # noqa: PLR2004 - one line in fifty
            yield f"{head} {draw.choice(_NO_CLICKS)} {tail}"
            continue
        method = "HEAD" if draw.random() < 0.01 else "GET"  # noqa: PLR2004 - one in a hundred
        path = draw.choices(paths, cum_weights=popularity)[0]
        yield f'{head} "{method} {path} HTTP/1.1" 200 {draw.randrange(200, 90_000)} {tail}'


def _address(draw: random.Random) -> str:
    """Return an address of the ranges that RFC 5737 and 3849 keep for examples."""
    if draw.random() < 0.1:  # noqa: PLR2004 - one visitor in ten
        return f"2001:db8:{draw.randrange(1 << 16):x}::{draw.randrange(1, 1 << 16):x}"
    return f"{draw.choice(('192.0.2', '198.51.100', '203.0.113'))}.{draw.randrange(1, 255)}"


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
