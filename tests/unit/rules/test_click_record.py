"""Clicks as the redirect writes and the worker reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.addresses import parse_networks
from models.rules.click_facts import read_click
from models.rules.click_record import (
    CLICK_START_BYTES,
    KEPT_HEADERS,
    MAX_FIELD_BYTES,
    START,
    VERSION,
    ClickRecordError,
    ClickTooNewError,
    RawClick,
    decode_click,
    encode_click,
    join_fields,
)

_MOST_BYTES = 18 + 9 * (MAX_FIELD_BYTES + 1)  # of a record: what is of fixed size, and the fields
LINE = st.binary(max_size=1024).map(lambda value: value.replace(b"\n", b" "))
NUMBERS = st.integers(min_value=0, max_value=2**64 - 1)
CLICKS = st.builds(RawClick, NUMBERS, NUMBERS, st.booleans(), *(LINE for _ in range(9)))


@given(CLICKS)
def test_a_click_comes_back_as_it_was(click: RawClick) -> None:
    assert decode_click(encode_click(click)) == click


def test_fields_are_cut_one_by_one() -> None:
    click = RawClick(1, 2, user_agent=b"u" * 5000, referer=b"r", forwarded_for=b"f" * 1024)

    kept = decode_click(encode_click(click))

    assert kept.user_agent == b"u" * MAX_FIELD_BYTES
    assert kept.referer == b"r"
    assert kept.forwarded_for == b"f" * MAX_FIELD_BYTES
    assert len(join_fields([b"x" * 5000] * 9)) + CLICK_START_BYTES < _MOST_BYTES


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"1" * 1015 + b",9.9.9.9", b"1" * 1015 + b",9.9.9.9"),  # 1023 bytes
        (b"1" * 2000 + b", 9.9.9.9", b" 9.9.9.9"),
        (b"1.1.1.1," + b"2" * 1024, b"2" * 1024),
        (b"1.1.1.1,x" + b"2" * 1024, b""),
        (b"1.1.1.1," * 500 + b"9.9.9.9", b"1.1.1.1," * 127 + b"9.9.9.9"),
        (b"1" * 1025, b""),
        (b"," * 2000, b"," * 1024),
    ],
)
def test_of_the_forwarding_hops_the_last_ones_are_kept_whole(sent: bytes, kept: bytes) -> None:
    click = RawClick(1, 2, peer=b"127.0.0.1", user_agent=b"u", forwarded_for=sent)

    assert decode_click(encode_click(click)).forwarded_for == kept
    headers = join_fields([click.user_agent, *[b""] * 6, sent])
    assert headers == b"u" + b"\n" * 7 + kept


def test_a_visitor_cannot_hide_behind_a_long_list_of_hops() -> None:
    proxies = parse_networks("127.0.0.1")
    sent = b"10.0.0.1, " * 200 + b"192.0.2.77"

    kept = decode_click(encode_click(RawClick(1, 2, peer=b"127.0.0.1", forwarded_for=sent)))

    assert read_click(kept, trusted_proxies=proxies).address == "192.0.2.0"


def test_the_layout_is_the_one_on_disk() -> None:
    click = RawClick(5, 6, is_head=True, peer=b"192.0.2.7", user_agent=b"curl", request_id=b"id")

    record = encode_click(click)

    assert record == (
        b"\x01\x01"
        + (6).to_bytes(8, "little")
        + (5).to_bytes(8, "little")
        + b"192.0.2.7\ncurl\n\n\n\n\n\nid\n"
    )


def test_the_hot_path_writes_the_same_record() -> None:
    click = RawClick(5, 6, peer=b"192.0.2.7", user_agent=b"curl", accept_language=b"ru")

    start = START.pack(VERSION, 0, click.at_us) + click.link_id.to_bytes(8, "little")
    peer = join_fields([click.peer]) + b"\n"
    headers = join_fields([click.user_agent, b"", click.accept_language, *[b""] * 5])

    assert len(start) == CLICK_START_BYTES
    assert start + peer + headers == encode_click(click)


def test_the_kept_headers_are_the_fields() -> None:
    names = {b"referer": "referer", b"x-request-id": "request_id"}
    names[b"x-forwarded-for"] = "forwarded_for"

    assert RawClick._fields[4:] == tuple(
        names.get(header, header.decode().replace("-", "_")) for header in KEPT_HEADERS
    )


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\x01" * 17,
        b"\x02" + encode_click(RawClick(1, 2))[1:],
        encode_click(RawClick(1, 2))[:-1],
        encode_click(RawClick(1, 2)) + b"\n",
    ],
)
def test_what_is_no_click_is_refused(record: bytes) -> None:
    with pytest.raises(ClickRecordError):
        decode_click(record)


@pytest.mark.parametrize("record", [b"\x02", b"\x02" + bytes(50), b"\xff" + bytes(17)])
def test_a_record_of_a_newer_version_is_told_from_damage(record: bytes) -> None:
    with pytest.raises(ClickTooNewError):
        decode_click(record)
