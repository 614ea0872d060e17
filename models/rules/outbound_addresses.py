"""Which addresses of the internet we may connect to on behalf of somebody else.

Whoever makes us fetch an address must not reach our own network through us. The
standard library's `is_global` is no guard: it calls multicast, the embedded forms
of 127.0.0.1 and site-local addresses global. So everything is listed here.

Sources: the IANA special-purpose address registries (RFC 6890 and its updates), the
multicast blocks (RFC 5771, RFC 4291 section 2.7), and the forms of an IPv6
address that carry an IPv4 address: RFC 4291 section 2.5.5, RFC 3056, RFC 4380,
RFC 5214, RFC 6052, RFC 8215. An embedded address is refused whatever it is.
"""

from ipaddress import IPv4Network, IPv6Network
from typing import Final

_V4_BYTES: Final = 4
_V6_BYTES: Final = 16
_REFUSED_V4: Final = tuple(
    (int(network.network_address), int(network.netmask))
    for network in map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # behind a provider's translation
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, and the metadata services of clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and the broadcast
        ),
    )
)
# Global unicast is 2000::/3 (RFC 4291, section 2.4). All else is refused: unspecified,
# loopback, mapped and compatible IPv4, NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), discard
# (100::/64), segment identifiers (5f00::/16), unique local, link-local, site-local, multicast.
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(
    (int(network.network_address), int(network.netmask))
    for network in map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)
# Of the interface identifier 0000:5efe or 0200:5efe and an IPv4 address (RFC 5214).
_ISATAP: Final = (bytes.fromhex("00005efe"), bytes.fromhex("02005efe"))


def is_public(packed: bytes) -> bool:
    """Tell whether an address is one of the open internet.

    Args:
        packed: 4 or 16 bytes, as socket.inet_pton returns them; anything else is refused.
    """
    number = int.from_bytes(packed, "big")
    if len(packed) == _V4_BYTES:
        return all(number & mask != network for network, mask in _REFUSED_V4)
    if len(packed) != _V6_BYTES or packed[8:12] in _ISATAP:
        return False
    if number & int(_GLOBAL_V6.netmask) != int(_GLOBAL_V6.network_address):
        return False
    return all(number & mask != network for network, mask in _REFUSED_V6)
