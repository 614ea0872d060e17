"""Who may connect, by number and by address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.admission import FULL, TOO_MANY, Admission, counted_address
from api.connection_limits import ConnectionLimits, room_for_connections
from models.rules.addresses import parse_networks


def test_places_are_given_and_given_back() -> None:
    door = Admission(ConnectionLimits(connections=2))

    assert [door.enter("192.0.2.1") for _ in range(3)] == ["", "", FULL]
    door.leave("192.0.2.1")
    assert door.enter("192.0.2.2") == ""


def test_one_address_gets_its_share_and_no_more() -> None:
    door = Admission(ConnectionLimits(per_address=2))

    assert [door.enter("192.0.2.1") for _ in range(3)] == ["", "", TOO_MANY]
    assert door.enter("192.0.2.2") == ""
    door.leave("192.0.2.1")
    assert [door.enter("192.0.2.1") for _ in range(2)] == ["", TOO_MANY]


def test_proxies_and_this_machine_speak_for_many() -> None:
    proxies = parse_networks("10.0.0.0/8")
    door = Admission(ConnectionLimits(per_address=1, proxies=proxies))

    for peer in ("10.1.2.3", "127.0.0.1", "127.0.0.1", "::1", "::ffff:127.0.0.1", ""):
        assert [door.enter(peer) for _ in range(3)] == ["", "", ""]


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("10.0.0.1", ""),
        ("127.0.0.2", ""),
        ("", ""),
        ("/run/socket", ""),
    ],
)
def test_an_address_is_counted_as_what_one_customer_has(peer: str, counted: str) -> None:
    assert counted_address(peer, parse_networks("10.0.0.0/8")) == counted


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["192.0.2.1", "192.0.2.2", "::1"]))))
def test_the_counts_are_those_of_the_open_connections(events: list[tuple[bool, str]]) -> None:
    door = Admission(ConnectionLimits(connections=5, per_address=3))
    inside: list[str] = []
    for is_new, peer in events:
        if is_new:
            same = inside.count(peer)
            expected = ""
            if len(inside) == 5:
                expected = FULL
            elif peer != "::1" and same == 3:
                expected = TOO_MANY
            assert door.enter(peer) == expected
            if not expected:
                inside.append(peer)
        elif peer in inside:
            door.leave(peer)
            inside.remove(peer)

    assert door._open == len(inside)
    assert sum(door._by_address.values()) == sum(peer != "::1" for peer in inside)


def test_room_is_left_for_files() -> None:
    room = room_for_connections(0)

    assert 0 < room < 65_536
    assert room_for_connections(10) == 10
    assert room_for_connections(10**9) == room
