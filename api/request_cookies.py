"""Cookies as the browser sent them, without the leniency of parsers.

The prefix `__Host-` protects only a name that is compared to the letter. A parser that
strips more than a browser does, such as the spaces of Unicode, takes a cookie for ours
that another host of the same domain was free to set.

Source: RFC 6265, section 4.2.1; "Cookie Crumbles" (USENIX Security 2023), section 5.
"""

from typing import Final

from aiohttp import hdrs, web

_COOKIE: Final = hdrs.COOKIE.lower().encode("ascii")
_BLANKS: Final = b" \t"


def cookie(request: web.BaseRequest, name: str) -> str:
    """Return the value of a cookie, "" without one.

    A name that comes twice is no cookie: browsers never send ours twice, so somebody has
    set another one, and nothing says which is which.

    Args:
        request: with any number of Cookie headers; proxies split them.
        name: in ASCII; "" is never there.
    """
    wanted = name.encode("ascii")
    found = [
        value.strip(_BLANKS)
        for header, line in request.raw_headers
        if header.lower() == _COOKIE
        for key, _, value in (pair.partition(b"=") for pair in line.split(b";"))
        if wanted and key.strip(_BLANKS) == wanted
    ]
    if len(found) != 1 or not found[0].isascii():
        return ""
    return _unquoted(found[0]).decode("ascii")


def _unquoted(value: bytes) -> bytes:
    """Take the quotes away that Set-Cookie puts around a value with a `=` in it."""
    is_quoted = len(value) > 1 and value[:1] == value[-1:] == b'"'
    return value[1:-1] if is_quoted else value
