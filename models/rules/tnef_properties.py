"""Properties of MAPI inside a winmail.dat. Source: [MS-OXTNEF] section 2.1.3.4."""

import struct
from collections.abc import Iterator
from typing import Final

WIDE_STRING: Final = 0x1F  # UTF-16
OBJECT: Final = 0x0D
_STRING, _BINARY = 0x1E, 0x102
_VARIABLE: Final = frozenset({_STRING, WIDE_STRING, OBJECT, _BINARY})
_SIZES: Final = {0x01: 0, 0x02: 2, 0x0B: 2, 0x03: 4, 0x04: 4, 0x0A: 4, 0x48: 16} | dict.fromkeys(
    (0x05, 0x06, 0x07, 0x14, 0x40), 8
)
_MANY: Final = 0x1000  # flag of a type: there are several values
_NAMED: Final = 0x8000  # from here on numbers are followed by a name


def properties(data: bytes) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """Return number, type and (first) value of each property.

    Raises:
        struct.error, ValueError: there are fewer, or they are longer, than is said.
    """
    place = 4
    for _ in range(min(_number(data, 0), len(data) // 4)):
        kind, number = struct.unpack_from("<HH", data, place)
        place += 4
        if number >= _NAMED:
            place = _after_name(data, place)
        place, value = _value(data, place, kind)
        yield number, (kind & ~_MANY, value)


def _after_name(data: bytes, place: int) -> int:
    is_text = _number(data, place + 16)
    place += 20
    return place + 4 + (_padded(_number(data, place)) if is_text else 0)


def _value(data: bytes, place: int, kind: int) -> tuple[int, bytes]:
    base = kind & ~_MANY
    if base in _VARIABLE:
        count, first = _number(data, place), b""
        place += 4
        for number in range(min(count, len(data) // 4)):
            length = _number(data, place)
            if place + 4 + length > len(data):
                raise ValueError(kind)
            first = first if number else data[place + 4 : place + 4 + length]
            place += 4 + _padded(length)
        return place, first
    if base not in _SIZES:
        raise ValueError(kind)
    count = 1
    if kind & _MANY:
        count = _number(data, place)
        place += 4
    return place + _padded(_SIZES[base] * count), data[place : place + _SIZES[base]]


def _padded(length: int) -> int:
    return length + -length % 4


def _number(data: bytes, place: int) -> int:
    found: tuple[int] = struct.unpack_from("<I", data, place)
    return found[0]
