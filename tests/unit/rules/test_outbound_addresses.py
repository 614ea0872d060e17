"""Which addresses of the internet may be called."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.outbound_addresses import is_public

REFUSED = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]
# Right before and right behind what is refused.
PUBLIC = [
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.0.3.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2000::",
    "2001:200::",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "2001:ffff::",
    "2003::",
    "2a00:1450:4001:81b::200e",
    "3ffe:ffff::",
    "3fff:1000::",
]


def packed(address: str) -> bytes:
    return ip_address(address).packed


@pytest.mark.parametrize("network", REFUSED)
def test_a_block_is_refused_from_its_first_to_its_last_address(network: str) -> None:
    block = ip_network(network)

    assert not is_public(block[0].packed)
    assert not is_public(block[-1].packed)
    assert not is_public(block[block.num_addresses // 2].packed)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_neighbours_of_the_blocks_are_public(address: str) -> None:
    assert is_public(packed(address))


@pytest.mark.parametrize(
    "address",
    [
        "224.0.0.1",
        "239.1.1.1",
        "192.0.0.9",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "fec0::1",
        "ff02::1",
        "3fff::1",
    ],
)
def test_what_the_standard_library_calls_global_is_refused_all_the_same(address: str) -> None:
    assert not is_public(packed(address))


@given(st.ip_addresses(v=4))
def test_nothing_that_the_registries_call_special_is_public(address: IPv4Address) -> None:
    special = not address.is_global or address.is_multicast or address.is_reserved

    assert not (is_public(address.packed) and special)


@given(st.ip_addresses(v=4, network="192.0.0.0/8") | st.ip_addresses(v=4))
def test_no_embedded_form_of_any_ipv4_address_is_public(address: IPv4Address) -> None:
    inside = address.packed
    embedded = [
        bytes(12) + inside,
        bytes(10) + b"\xff\xff" + inside,
        bytes(8) + b"\xff\xff\0\0" + inside,
        packed("64:ff9b::")[:12] + inside,
        packed("64:ff9b:1::")[:12] + inside,
        packed("2002::")[:2] + inside + bytes(10),
        packed("2001::")[:4] + inside + bytes(8),
        packed("2001::")[:12] + bytes(255 - byte for byte in inside),
        packed("2a00:1450:4001:81b::")[:8] + bytes.fromhex("00005efe") + inside,
        packed("2a00:1450:4001:81b::")[:8] + bytes.fromhex("02005efe") + inside,
    ]

    assert not any(map(is_public, embedded))


@given(st.ip_addresses(v=6))
def test_only_global_unicast_is_public(address: IPv6Address) -> None:
    if is_public(address.packed):
        assert address in ip_network("2000::/3")
        assert address.sixtofour is None
        assert address.teredo is None


@given(st.binary(max_size=20))
def test_what_is_no_address_is_not_public(data: bytes) -> None:
    if len(data) not in {4, 16}:
        assert not is_public(data)


def test_the_address_of_this_machine_is_not_public() -> None:
    assert not is_public(socket.inet_pton(socket.AF_INET, "127.0.0.1"))
    assert not is_public(socket.inet_pton(socket.AF_INET6, "::1"))
