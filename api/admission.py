"""Who may connect: so many connections in all, so many of one address."""

import ipaddress
from functools import lru_cache
from typing import Final

from api.connection_limits import ConnectionLimits
from models.rules.addresses import Network

FULL: Final = "full"
TOO_MANY: Final = "address"
_NETWORK_BITS: Final = 64  # of IPv6: what one customer of a provider has at least
_KNOWN: Final = 4096


class Admission:
    """Counts the connections of a process. Costs nothing for any request on them."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._open = 0
        self._by_address: dict[str, int] = {}

    def enter(self, peer: str) -> str:
        """Let a connection in and return "", or return why not: FULL or TOO_MANY.

        Args:
            peer: textual address of the other end, "" where it has none.
        """
        limits = self._limits
        if limits.connections and self._open >= limits.connections:
            return FULL
        address = self._address(peer)
        if address:
            before = self._by_address.get(address, 0)
            if before >= limits.per_address:
                return TOO_MANY
            self._by_address[address] = before + 1
        self._open += 1
        return ""

    def leave(self, peer: str) -> None:
        """Note that a connection which was let in is gone."""
        self._open -= 1
        address = self._address(peer)
        if address:
            left = self._by_address[address] - 1
            if left:
                self._by_address[address] = left
            else:
                del self._by_address[address]

    def _address(self, peer: str) -> str:
        return counted_address(peer, self._limits.proxies) if self._limits.per_address else ""


@lru_cache(maxsize=_KNOWN)
def counted_address(peer: str, proxies: tuple[Network, ...]) -> str:
    """Return what connections of an address are counted under, "" if they are not."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback or any(address in network for network in proxies):
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _NETWORK_BITS), strict=False))
    return str(address)
