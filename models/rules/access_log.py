r"""Lines of a web server's access log in the combined format, and which of them are clicks.

Sources: Apache 2.4 mod_log_config ("combined"; quotes and odd bytes are written
as \" and \xhh), nginx ngx_http_log_module ("combined"; odd bytes as \\xHH).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from models.rules.slugs import is_reserved, normal_slug

CLICK_METHODS: Final = frozenset({"GET", "HEAD"})
_CLOCKS_DIFFER: Final = timedelta(days=1)  # also where a log has the wrong offset
_MONTHS: Final[Mapping[str, int]] = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_QUOTED: Final = r'"((?:[^"\\]|\\.)*)'
# The last quote may be missing: servers cut lines that are too long.
_LINE: Final = re.compile(
    rf'(\S+) \S+ [^\[]*\[([^\]]+)\] {_QUOTED}" (\d{{3}}) (?:\d+|-)(?: {_QUOTED}"(?: {_QUOTED}"?)?)?'
)
_TIME: Final = re.compile(
    r"(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})",
    re.ASCII,
)
_REQUEST: Final = re.compile(r"([A-Za-z-]+) (\S+)(?: HTTP/\d(?:\.\d)?)?")
_ESCAPE: Final = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|(["\\]))')


class LogLine(NamedTuple):
    """One request of a log. `path` is as it was asked for, without query and host."""

    address: str
    at: datetime  # aware
    method: str
    path: str
    status: int
    referer: bytes
    user_agent: bytes


def parse_line(line: bytes) -> LogLine | None:
    """Read one line, with or without its end; None when it is no line of such a log.

    A log in the "common" format has neither referrer nor user agent; both are
    then b"", as for a request that sent none.
    """
    found = _LINE.match(line.decode("utf-8", "surrogateescape"))
    request = _REQUEST.fullmatch(found[3]) if found else None
    at = _moment(found[2]) if found else None
    if found is None or request is None or at is None:
        return None
    return LogLine(
        address=found[1],
        at=at,
        method=request[1].upper(),
        path=_path(request[2]),
        status=int(found[4]),
        referer=_header(found[5]),
        user_agent=_header(found[6]),
    )


def slug_of(path: str) -> str:
    """Return the slug that a path asks for: decoded, NFC; "" when it can be none."""
    raw = unquote_to_bytes(path.removeprefix("/").encode("utf-8", "surrogateescape"))
    try:
        return normal_slug(raw.decode())
    except UnicodeDecodeError:
        return ""


def is_own_path(path: str) -> bool:
    """Tell whether the first part of a path is one of our own reserved words."""
    return is_reserved(slug_of(path).partition("/")[0])


def is_future(entry: LogLine, *, now: datetime) -> bool:
    """Tell whether a request was made later than now, beyond what clocks differ by."""
    return entry.at - now > _CLOCKS_DIFFER


def _path(target: str) -> str:
    plain = target.partition("#")[0].partition("?")[0]
    return urlsplit(plain).path or "/" if "://" in plain else plain


def _moment(text: str) -> datetime | None:
    found = _TIME.fullmatch(text)
    if found is None or found[2] not in _MONTHS:
        return None
    day, _, year, hour, minute, second, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    date = int(year), _MONTHS[found[2]], int(day)
    try:
        zone = timezone(-offset if sign == "-" else offset)
        return datetime(*date, int(hour), int(minute), int(second), tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _header(text: str | None) -> bytes:
    """Undo the server's escapes; "-" stands for a header that was not sent."""
    raw = (text or "").encode("utf-8", "surrogateescape")
    if raw == b"-":
        return b""
    plain = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]) if found[1] else found[2], raw)
    return plain.replace(b"\n", b" ")
