"""Frames of a spool file: a header, then records, each with marker, length and checksum.

The marker holds two bytes that no UTF-8 text has. It lets a reader find the next
record after damage; a place counts as a record only if its checksum is right.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

MAGIC: Final = b"LKYSPL01"
MARKER: Final = b"\xf5LK\xfa"
MAX_PAYLOAD_BYTES: Final = 16 << 10  # a longer one is not ours

_HEADER: Final = struct.Struct("<8s16sQ")
HEADER_BYTES: Final = _HEADER.size
_FRAME: Final = struct.Struct("<4sII")
FRAME_BYTES: Final = _FRAME.size


class SpoolHeaderError(ValueError):
    """The file does not begin as a spool does."""


class SpoolTooNewError(SpoolHeaderError):
    """A newer version of Linkyard wrote the file: only that one may read it."""


class SpoolHeader(NamedTuple):
    """Who wrote a file: `file_id` is 32 hexadecimal digits, `created_us` its beginning."""

    file_id: str
    created_us: int


class Damage(NamedTuple):
    """A stretch of a file, from byte `start` up to `end`, that is no record."""

    start: int
    end: int


def encode_header(header: SpoolHeader) -> bytes:
    """Return the first HEADER_BYTES of a file."""
    return _HEADER.pack(MAGIC, bytes.fromhex(header.file_id), header.created_us)


def decode_header(start: bytes) -> SpoolHeader:
    """Read the first HEADER_BYTES of a file.

    Raises:
        SpoolTooNewError: of a later version of the format.
        SpoolHeaderError: too short, or another kind of file.
    """
    kind, number = MAGIC[:-2], start[len(MAGIC) - 2 : len(MAGIC)]
    if start.startswith(kind) and number.isdigit() and number > MAGIC[-2:]:
        raise SpoolTooNewError(f"version {number.decode()}")
    if len(start) < HEADER_BYTES or not start.startswith(MAGIC):
        raise SpoolHeaderError("no spool header")
    _, file_id, created_us = _HEADER.unpack_from(start)
    return SpoolHeader(file_id.hex(), created_us)


def encode_frame(payload: bytes) -> bytes:
    """Return one record ready to be appended; at most MAX_PAYLOAD_BYTES."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a record of {len(payload)} bytes")
    return _FRAME.pack(MARKER, len(payload), zlib.crc32(payload)) + payload


def start_frame(length: int) -> bytes:
    """Return what stands before the checksum of a record, little-endian, and its payload."""
    return MARKER + length.to_bytes(4, "little")


def encode_frames(payloads: Iterable[bytes]) -> bytes:
    """Return several records in one piece."""
    return b"".join(map(encode_frame, payloads))


def scan(
    buffer: bytes, offset: int = 0, *, is_final: bool = False
) -> Iterator[tuple[bytes | Damage, int]]:
    """Read records one after the other, and go on behind what is damaged.

    While the writer lives, the end of the buffer may be half a record: the scan
    then stops in front of it, to be continued with more bytes from the last
    offset it gave. Damage at the very end is only told apart from that when more
    bytes are there, or when none will come.

    Args:
        buffer: bytes of a file, without its header.
        offset: where a record begins in the buffer.
        is_final: the writer is gone: what is no record by now never will be one.

    Yields:
        A record's payload or a Damage, and the offset behind it.
    """
    end = len(buffer)
    while offset < end:
        behind = _frame_end(buffer, offset)
        if behind > 0:
            yield buffer[offset + FRAME_BYTES : behind], behind
        elif behind == _INCOMPLETE and not is_final:
            return
        else:
            behind = _next_frame(buffer, offset, is_final=is_final)
            if behind < 0:
                return
            yield Damage(offset, behind), behind
        offset = behind


_BROKEN: Final = -1
_INCOMPLETE: Final = -2


def _frame_end(buffer: bytes, offset: int) -> int:
    """Return the offset behind the record at `offset`, or _BROKEN, or _INCOMPLETE."""
    left = len(buffer) - offset
    if left < FRAME_BYTES:
        start = buffer[offset : offset + len(MARKER)]
        return _INCOMPLETE if MARKER.startswith(start) else _BROKEN
    marker, length, checksum = _FRAME.unpack_from(buffer, offset)
    if marker != MARKER or length > MAX_PAYLOAD_BYTES:
        return _BROKEN
    behind: int = offset + FRAME_BYTES + length
    if behind > len(buffer):
        return _INCOMPLETE
    payload = buffer[offset + FRAME_BYTES : behind]
    return behind if zlib.crc32(payload) == checksum else _BROKEN


def _next_frame(buffer: bytes, offset: int, *, is_final: bool) -> int:
    """Return where the next record begins behind damage, or _INCOMPLETE: wait for more.

    The place that the damaged record's own length names comes first: a header
    value that imitates a record inside a damaged one is then not believed.
    """
    named = _named_end(buffer, offset)
    if named == len(buffer):
        return named if is_final else _INCOMPLETE
    if named > 0 and _frame_end(buffer, named) > 0:
        return named
    place = offset
    while (place := buffer.find(MARKER[:1], place + 1)) >= 0:
        found = _frame_end(buffer, place)
        if found > 0:
            return place
        if found == _INCOMPLETE and not is_final:
            return _INCOMPLETE
    return len(buffer) if is_final else _INCOMPLETE


def _named_end(buffer: bytes, offset: int) -> int:
    if len(buffer) - offset < FRAME_BYTES:
        return _BROKEN
    marker, length, _ = _FRAME.unpack_from(buffer, offset)
    behind: int = offset + FRAME_BYTES + length
    return behind if marker == MARKER and behind <= len(buffer) else _BROKEN
