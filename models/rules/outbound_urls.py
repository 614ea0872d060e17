"""URLs that we ourselves call: read by the parser that checks the targets of links."""

import socket
from typing import Final, NamedTuple
from urllib.parse import urljoin

import can_ada

from models.errors import DomainError
from models.rules.hosts import join_port
from models.rules.targets import check_target

_PORTS: Final = {"http:": "80", "https:": "443"}
_NOT_IN_LOCATION: Final = frozenset("\\\x7f")


class OutboundUrl(NamedTuple):
    """A URL in the form that is sent, and what the parser took it apart into.

    Attributes:
        href: ASCII, without a fragment, which is never sent.
        host: name, or address with the brackets of IPv6.
        port: a number, also where the URL names none.
        authority: as hosts.normal_host returns it.
    """

    href: str
    host: str
    port: int
    authority: str

    @property
    def packed(self) -> bytes | None:
        """The address that the host is, None for a name."""
        family = socket.AF_INET6 if self.host.startswith("[") else socket.AF_INET
        try:
            return socket.inet_pton(family, self.host.strip("[]"))
        except OSError:
            return None


def read_url(url: str) -> OutboundUrl | None:
    """Return a URL that may be called as far as its text tells, None for any other.

    The schemes are http and https; no credentials, no backslashes, no control characters.
    """
    try:
        href = check_target(url)
        parsed = can_ada.parse(href.partition("#")[0])
    except (DomainError, ValueError, TypeError):  # TypeError: lone surrogates
        return None
    host, port = str(parsed.hostname), str(parsed.port)
    return OutboundUrl(
        str(parsed.href),
        host,
        int(port or _PORTS[str(parsed.protocol)]),
        join_port(host.removesuffix("."), port),
    )


def follow(base: OutboundUrl, location: str) -> OutboundUrl | None:
    """Return where a Location header leads, None if we may not follow it.

    Joining may be done by any parser, since what it returns is read by ours, whole.
    """
    if any(c <= " " or c in _NOT_IN_LOCATION for c in location):
        return None
    try:
        return read_url(urljoin(base.href, location))
    except ValueError:
        return None
