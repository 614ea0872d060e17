"""The client's address behind proxies, and how much of it is kept."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.addresses import client_address, parse_networks, truncated

_OURS = parse_networks("10.0.0.0/8, 127.0.0.1,::1 , fd00::/8")


def client(peer: str, forwarded_for: str = "", *, trusts: bool = True) -> str | None:
    packed = client_address(peer.encode(), forwarded_for.encode(), _OURS if trusts else ())
    return None if packed is None else str(ipaddress.ip_address(packed))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, nonsense, 10.7.7.7", "10.7.7.7"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("10.0.0.1", '"[2001:db8::7]:4711"', "2001:db8::7"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("fe80::1%eth0", "", "fe80::1"),
        ("unix:", "203.0.113.9", None),
        ("", "", None),
    ],
)
def test_the_list_is_believed_as_far_as_it_is_ours(
    peer: str, forwarded_for: str, expected: str | None
) -> None:
    assert client(peer, forwarded_for) == expected


def test_without_trusted_proxies_nothing_is_believed() -> None:
    assert client("10.0.0.1", "203.0.113.9", trusts=False) == "10.0.0.1"


@given(st.ip_addresses(v=4))
def test_24_bits_of_ipv4_are_kept(address: ipaddress.IPv4Address) -> None:
    network = ipaddress.ip_network((address, 24), strict=False)
    assert truncated(address.packed) == str(network.network_address)


@given(st.ip_addresses(v=6))
def test_48_bits_of_ipv6_are_kept(address: ipaddress.IPv6Address) -> None:
    network = ipaddress.ip_network((address, 48), strict=False)
    kept = truncated(address.packed)
    assert kept is not None
    assert ipaddress.ip_address(kept) == network.network_address


def test_no_address_is_none() -> None:
    assert truncated(None) is None


def test_a_wrong_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        parse_networks("10.0.0.0/99")


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_are_an_address_or_none(peer: bytes, forwarded_for: bytes) -> None:
    address = client_address(peer, forwarded_for, parse_networks("0.0.0.0/0,::/0"))
    assert address is None or len(address) in {4, 16}
