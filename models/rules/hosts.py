"""Hosts in their one spelling, and which of them are this installation itself.

Source: WHATWG URL Standard, section 3.5 (host parsing), by can_ada: capitals,
percent-escapes, IDNA and the many spellings of an IPv4 address become one.
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address

import can_ada

_DEFAULT_PORTS = {"", "80", "443"}


def normal_host(host: str) -> str | None:
    """Return `host` or `host:port` as Domain.host has it, None if it is no host.

    Lower case, ASCII, without a trailing dot and without the ports 80 and 443.
    """
    if not host or any(character in "/?#@\\" or character.isspace() for character in host):
        return None
    try:
        url = can_ada.parse(f"http://{host}/")
    except (ValueError, TypeError):  # TypeError: lone surrogates
        return None
    name = str(url.hostname).removesuffix(".")
    return None if not name or ".." in name else join_port(name, str(url.port))


def join_port(name: str, port: str) -> str:
    """Return name and port as one, without a port that every browser leaves out."""
    return name if port in _DEFAULT_PORTS else f"{name}:{port}"


def leads_home(name: str, port: str, *, own: Collection[str]) -> bool:
    """Tell whether a request for name and port would reach one of our own domains.

    A domain without a port answers on every port. One with a port answers on
    that port alone, and when it is this very machine, under all of its names.

    Args:
        name: host name or address in its WHATWG form; a trailing dot is ignored.
        port: "" for the scheme's own.
        own: hosts as normal_host returns them.
    """
    name = _plain_address(name.removesuffix("."))
    if name in own or join_port(name, port) in own:
        return True
    if not is_this_machine(name):
        return False
    return any(
        is_this_machine(_plain_address(host))
        and own_port == ("" if port in _DEFAULT_PORTS else port)
        for host, own_port in map(split_port, own)
    )


def split_port(authority: str) -> tuple[str, str]:
    """Undo join_port; brackets of an IPv6 address stay."""
    name, colon, port = authority.rpartition(":")
    return (name, port) if colon and not port.endswith("]") else (authority, "")


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name.strip("[]"))
    except ValueError:
        return None


def _plain_address(name: str) -> str:
    """Return the IPv4 address inside an IPv4-mapped IPv6 one, other names unchanged."""
    address = _address(name)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return name if mapped is None else str(mapped)


def is_this_machine(name: str) -> bool:
    """Tell whether a host name, without a port, always means the machine that asks."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and (address.is_loopback or address.is_unspecified)
