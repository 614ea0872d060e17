"""Frames of a spool, whole, cut and damaged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.spool_format import (
    FRAME_BYTES,
    HEADER_BYTES,
    MARKER,
    MAX_PAYLOAD_BYTES,
    Damage,
    SpoolHeader,
    SpoolHeaderError,
    SpoolTooNewError,
    decode_header,
    encode_frame,
    encode_frames,
    encode_header,
    scan,
)

PAYLOADS = st.lists(st.binary(max_size=80), max_size=12)
# Payloads that imitate records: what a malicious header value could hold.
FORGED = encode_frame(b"forged")
HOSTILE = st.lists(
    st.sampled_from(
        [b"", b"x", MARKER, MARKER[:2], FORGED, FORGED * 2, b"a" + FORGED[:9], b"\xf5"]
    ),
    max_size=8,
)
SMALL = [b"first", b"second record", b"", b"fourth"]


def read(buffer: bytes, *, is_final: bool) -> tuple[list[bytes], list[Damage], int]:
    payloads: list[bytes] = []
    damages: list[Damage] = []
    offset = 0
    for item, behind in scan(buffer, is_final=is_final):
        assert behind > offset
        offset = behind
        if isinstance(item, Damage):
            damages.append(item)
        else:
            payloads.append(item)
    return payloads, damages, offset


def test_a_header_comes_back() -> None:
    header = SpoolHeader("0123456789abcdef" * 2, 1_700_000_000_000_000)

    encoded = encode_header(header)

    assert len(encoded) == HEADER_BYTES == 32
    assert decode_header(encoded + b"more") == header


@pytest.mark.parametrize("start", [b"", b"LKYSPL01", b"x" * 32])
def test_another_kind_of_file_is_refused(start: bytes) -> None:
    with pytest.raises(SpoolHeaderError):
        decode_header(start)


def test_a_record_that_is_too_long_is_refused() -> None:
    assert len(encode_frame(b"x" * MAX_PAYLOAD_BYTES)) == FRAME_BYTES + MAX_PAYLOAD_BYTES
    with pytest.raises(ValueError, match="16385"):
        encode_frame(b"x" * (MAX_PAYLOAD_BYTES + 1))


@given(st.one_of(PAYLOADS, HOSTILE), st.booleans())
def test_records_come_back_in_order(payloads: list[bytes], is_final: bool) -> None:  # noqa: FBT001
    buffer = encode_frames(payloads)

    assert read(buffer, is_final=is_final) == (payloads, [], len(buffer))


@given(st.one_of(PAYLOADS, HOSTILE))
def test_a_file_that_still_grows_is_read_up_to_the_last_whole_record(payloads: list[bytes]) -> None:
    frames = [encode_frame(payload) for payload in payloads]
    buffer = b"".join(frames)

    for length in range(len(buffer)):
        whole, end = 0, 0
        while end + len(frames[whole]) <= length:
            end += len(frames[whole])
            whole += 1
        assert read(buffer[:length], is_final=False) == (payloads[:whole], [], end)


@given(PAYLOADS, st.integers(min_value=1, max_value=40))
def test_reading_in_pieces_gives_the_same(payloads: list[bytes], size: int) -> None:
    buffer = encode_frames(payloads)
    found: list[bytes | Damage] = []
    offset = 0

    for length in [*range(0, len(buffer), size), len(buffer)]:
        for item, behind in scan(buffer[:length], offset):
            found.append(item)
            offset = behind

    assert found == payloads


def test_damage_at_any_byte_costs_one_record_and_nothing_behind_it() -> None:
    frames = [encode_frame(payload) for payload in SMALL]
    buffer = b"".join(frames)
    place = 0
    for hit, frame in enumerate(frames):
        for at in range(place, place + len(frame)):
            for change in (0x01, 0x80, 0xFF):
                damaged = bytearray(buffer)
                damaged[at] ^= change

                payloads, damages, end = read(bytes(damaged), is_final=True)

                assert payloads == SMALL[:hit] + SMALL[hit + 1 :]
                assert damages == [Damage(place, place + len(frame))]
                assert end == len(buffer)
        place += len(frame)


def test_damage_in_a_living_file_is_passed_once_enough_has_followed() -> None:
    rest = encode_frames([b"x" * 1000] * 20)
    for at in range(len(encode_frame(b"first"))):
        damaged = bytearray(encode_frame(b"first") + rest)
        damaged[at] ^= 0xFF

        payloads, damages, end = read(bytes(damaged), is_final=False)

        assert (payloads, end) == ([b"x" * 1000] * 20, len(damaged))
        assert damages == [Damage(0, len(encode_frame(b"first")))]


def test_missing_and_foreign_bytes_are_set_aside() -> None:
    first, second = encode_frame(b"first"), encode_frame(b"second")
    for length in range(1, len(first)):
        assert read(first[:length] + second, is_final=True) == (
            [b"second"],
            [Damage(0, length)],
            length + len(second),
        )
    assert read(b"noise" + second, is_final=True)[0] == [b"second"]
    assert read(first + b"\0" * 100, is_final=True) == (
        [b"first"],
        [Damage(len(first), len(first) + 100)],
        len(first) + 100,
    )


def test_half_a_record_at_the_end_of_a_finished_file_is_damage() -> None:
    buffer = encode_frame(b"whole") + encode_frame(b"half")[:-1]

    assert read(buffer, is_final=False) == ([b"whole"], [], len(encode_frame(b"whole")))
    assert read(buffer, is_final=True)[1] == [Damage(len(encode_frame(b"whole")), len(buffer))]


def test_a_record_inside_a_damaged_one_is_not_believed() -> None:
    damaged = bytearray(encode_frame(b"a" + FORGED + b"z") + encode_frame(b"next"))
    damaged[FRAME_BYTES] ^= 1  # the checksum of the outer one is wrong now

    assert read(bytes(damaged), is_final=True)[0] == [b"next"]


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read_to_an_end(noise: bytes, is_final: bool) -> None:  # noqa: FBT001
    payloads, damages, end = read(noise, is_final=is_final)

    assert (
        sum(len(payload) + FRAME_BYTES for payload in payloads)
        + sum(damage.end - damage.start for damage in damages)
        == end
    )
    assert end == len(noise) or not is_final


@pytest.mark.parametrize("magic", [b"LKYSPL02", b"LKYSPL10", b"LKYSPL99"])
def test_a_header_of_a_newer_version_is_told_from_damage(magic: bytes) -> None:
    with pytest.raises(SpoolTooNewError):
        decode_header(magic + b"whatever it may hold")


@pytest.mark.parametrize("magic", [b"LKYSPL00", b"LKYSPL0", b"LKYSPLxx", b"LKZSPL02"])
def test_what_is_no_version_is_damage(magic: bytes) -> None:
    with pytest.raises(SpoolHeaderError) as refused:
        decode_header(magic)

    assert refused.type is SpoolHeaderError
