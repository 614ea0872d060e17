"""Whose address a request came from, and how much of it is kept.

A trusted proxy appends the address it was called from to X-Forwarded-For, so
the list is believed from right to left and only as far as every hop is trusted:
what stands further left was written by whoever asked.
"""

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final, TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAPPED: Final = b"\0" * 10 + b"\xff\xff"  # RFC 4291 section 2.5.5.2
_KEPT_V6: Final = 6  # bytes: /48
_V4_BYTES: Final = 4


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read addresses and networks with commas between; "" is none.

    Raises:
        ValueError: one of them is neither an address nor a network.
    """
    parts = [part.strip() for part in text.split(",")]
    return tuple(ipaddress.ip_network(part, strict=False) for part in parts if part)


def client_address(peer: bytes, forwarded_for: bytes, trusted: tuple[Network, ...]) -> bytes | None:
    """Return the packed address (4 or 16 bytes) of the client.

    Args:
        peer: textual address of the connection's other end.
        forwarded_for: the X-Forwarded-For header; b"" when there was none.
        trusted: networks of our own proxies.

    Returns:
        The rightmost address that is no proxy of ours; the leftmost one when all
        are. A hop that is no address ends the walk: the proxy that reported it
        is all that is known. None when the peer is no address.
    """
    address = _packed(peer)
    if address is None or not forwarded_for or not _is_trusted(address, trusted):
        return address
    for hop in reversed(forwarded_for.split(b",")):
        before = _packed(_without_port(hop.strip(b' \t"')))
        if before is None:
            return address
        address = before
        if not _is_trusted(address, trusted):
            return address
    return address


def is_among(peer: bytes, networks: Sequence[Network]) -> bool:
    """Tell whether a textual address lies in one of the networks; what is no address does not."""
    address = _packed(peer)
    return address is not None and _is_trusted(address, networks)


def truncated(address: bytes | None) -> str | None:
    """Return the /24 (IPv4) or /48 (IPv6) of a packed address, as its first address."""
    if address is None:
        return None
    if len(address) == _V4_BYTES:
        return f"{address[0]}.{address[1]}.{address[2]}.0"
    return socket.inet_ntop(socket.AF_INET6, address[:_KEPT_V6] + bytes(16 - _KEPT_V6))


def _is_trusted(address: bytes, trusted: Sequence[Network]) -> bool:
    return bool(trusted) and any(ipaddress.ip_address(address) in network for network in trusted)


def _without_port(hop: bytes) -> bytes:
    if hop.startswith(b"["):
        return hop[1:].partition(b"]")[0]
    return hop.partition(b":")[0] if hop.count(b":") == 1 else hop


def _packed(text: bytes) -> bytes | None:
    """Read a textual address; an IPv4 address inside IPv6 counts as IPv4."""
    try:
        plain = text.decode("ascii")
        if ":" not in plain:
            return socket.inet_pton(socket.AF_INET, plain)
        packed = socket.inet_pton(socket.AF_INET6, plain.partition("%")[0])
    except (OSError, ValueError):
        return None
    return packed[12:] if packed.startswith(_MAPPED) else packed
