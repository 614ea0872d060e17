"""Keys and values of the replica."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.replica_format import (
    ALWAYS,
    MAX_SLUG_BYTES,
    PLAIN,
    TARGET_AT,
    Entry,
    EntryKind,
    ReplicaDamagedError,
    decode_domain,
    decode_entry,
    domain_key,
    encode_domain,
    encode_entry,
    link_key,
    meta_key,
    read_plain,
    seal,
    unseal,
)

NUMBERS = st.integers(min_value=0, max_value=2**63 - 1)
ENTRIES = st.builds(
    Entry,
    kind=st.sampled_from(EntryKind),
    link_id=NUMBERS,
    revision=NUMBERS,
    target=st.binary(max_size=2048),
    status=st.integers(0, 2**16 - 1),
    flags=st.integers(0, 255),
    not_before_us=st.integers(-(2**63), 2**63 - 1),
    not_after_us=st.integers(-(2**63), 2**63 - 1),
)
SLUGS = st.binary(min_size=1, max_size=MAX_SLUG_BYTES)
A = Entry(EntryKind.LIVE, 7, 3, b"https://example.org/a")


@given(domain_id=NUMBERS, slug=SLUGS, entry=ENTRIES)
def test_an_entry_comes_back_as_it_was(domain_id: int, slug: bytes, entry: Entry) -> None:
    key = link_key(domain_id, slug)

    assert decode_entry(key, encode_entry(key, entry)) == entry


@given(host=st.binary(max_size=260), domain_id=NUMBERS)
def test_a_domain_comes_back_as_it_was(host: bytes, domain_id: int) -> None:
    key = domain_key(host)

    assert decode_domain(key, encode_domain(key, domain_id)) == domain_id


def test_the_layout_is_the_one_on_disk() -> None:
    key = link_key(258, "ы".encode())

    assert key == b"l\x00\x00\x00\x00\x00\x00\x01\x02\xd1\x8b"
    assert encode_entry(key, A)[4:] == (
        b"\x01\x00\x2e\x01"
        + (7).to_bytes(8, "little")
        + (3).to_bytes(8, "little")
        + bytes(16)
        + b"https://example.org/a"
    )
    assert domain_key(b"localhost:8080") == b"dlocalhost:8080"
    assert meta_key("position") == b"mposition"


def test_the_hot_path_reads_what_was_written() -> None:
    key = link_key(1, b"a")
    value = encode_entry(key, A)

    checksum, kind, link_id, window = read_plain(value)

    assert (kind, window, value[TARGET_AT:]) == (PLAIN, ALWAYS, A.target)
    assert int.from_bytes(link_id, "little") == 7
    assert checksum == int.from_bytes(value[:4], "little")


@pytest.mark.parametrize(
    "other",
    [
        A._replace(kind=EntryKind.TOMBSTONE),
        A._replace(kind=EntryKind.OFF),
        A._replace(kind=EntryKind.ORDINARY),
        A._replace(status=307),
        A._replace(flags=1),
        A._replace(not_before_us=1),
        A._replace(not_after_us=1),
    ],
)
def test_what_is_no_plain_link_does_not_look_like_one(other: Entry) -> None:
    _, kind, _, window = read_plain(encode_entry(link_key(1, b"a"), other))

    assert (kind, window) != (PLAIN, ALWAYS)


def test_every_single_bit_of_damage_is_noticed() -> None:
    key = link_key(1, b"a")
    value = encode_entry(key, A)

    for bit in range(len(value) * 8):
        damaged = bytearray(value)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ReplicaDamagedError):
            decode_entry(key, bytes(damaged))


def test_a_value_of_another_key_is_noticed() -> None:
    value = encode_entry(link_key(1, b"a"), A)

    for other in (link_key(1, b"b"), link_key(2, b"a")):
        with pytest.raises(ReplicaDamagedError):
            decode_entry(other, value)


@pytest.mark.parametrize("length", range(TARGET_AT))
def test_a_value_that_was_cut_short_is_noticed(length: int) -> None:
    key = link_key(1, b"a")

    with pytest.raises(ReplicaDamagedError):
        decode_entry(key, encode_entry(key, A)[:length])
    with pytest.raises(ReplicaDamagedError):
        decode_entry(key, seal(key, bytes(length)[4:]))


def test_an_unknown_kind_is_noticed() -> None:
    key = link_key(1, b"a")
    content = bytearray(encode_entry(key, A)[4:])
    content[0] = 9

    with pytest.raises(ReplicaDamagedError):
        decode_entry(key, seal(key, bytes(content)))


@given(key=st.binary(max_size=64), content=st.binary(max_size=64))
def test_sealed_content_comes_back(key: bytes, content: bytes) -> None:
    assert unseal(key, seal(key, content)) == content
