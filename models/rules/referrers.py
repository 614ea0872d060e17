"""The site a click came from, out of the Referer header.

Only the host is kept: paths and queries may name people. `www.` is dropped,
because nobody counts www.example.org and example.org as two sources. Names in
punycode are shown as people write them (IDNA 2008); a name that does not decode
stays as it was sent. Ports and credentials are dropped.
Source: RFC 9110 section 10.1.3; RFC 3986 section 3.2.
"""

import re
from functools import lru_cache
from typing import Final

import idna

from models.rules.dimensions import clean_value

_AUTHORITY: Final = re.compile(
    rb"\s*[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#\\]*@)?(\[[0-9A-Fa-f:.]+\]|[^/?#\\:@\[\]\s]+)"
)
_MAX_HOST_BYTES: Final = 253  # RFC 1035 section 2.3.4, without the root's dot


@lru_cache(maxsize=65_536)
def referrer_host(referer: bytes) -> str:
    """Return the host of a Referer header in lower case.

    Returns:
        "" for a direct visit: no header, or one that names no host.
    """
    found = _AUTHORITY.match(referer)
    if found is None:
        return ""
    host = found[1].decode("utf-8", "replace").lower().rstrip(".").removeprefix("www.")
    if "xn--" in host:
        host = _readable(host)
    return clean_value(host) if len(host) <= _MAX_HOST_BYTES else ""


def _readable(host: str) -> str:
    try:
        return idna.decode(host)
    except (idna.IDNAError, UnicodeError):
        return host
