"""Who is the same visitor: a salted number, and a mergeable sketch of many numbers.

A sketch holds the 4096 smallest numbers it has seen. Below that it is exact; from
there on, the share of the number space that they cover tells how many there are,
with a standard error of 1.6 %. A union of sketches is the sketch of the union, so
adding what is in it already changes nothing. See docs/decisions/0008-visitors.md.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

HOUR_S: Final = 3600
HOUR_US: Final = HOUR_S * 1_000_000
DAY_HOURS: Final = 24
DAY_US: Final = DAY_HOURS * HOUR_US
SALT_BYTES: Final = 32
SKETCH_SIZE: Final = 4096  # numbers
_SPACE: Final = 2**32  # numbers there are
_TRIM_AT: Final = 2 * SKETCH_SIZE
_VERSION: Final = b"\x01"  # first byte of a stored sketch; then rising numbers, 4 bytes each


def visitor_number(salt: bytes, address: bytes | None, agent: bytes) -> int:
    """Return 32 bits that are the same for a person's clicks of one day.

    Args:
        salt: of the day.
        address: packed and whole; None where none is known: then the agent alone tells.
        agent: the User-Agent header.
    """
    known = address or b""
    text = bytes((len(known),)) + known + agent
    return int.from_bytes(blake2b(text, digest_size=4, key=salt).digest(), "little")


class Sketch:
    """Tells how many different numbers were added."""

    __slots__ = ("_limit", "_numbers")

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._limit = _SPACE  # numbers from here on would be trimmed again

    def __len__(self) -> int:
        """Return how many numbers are held; the memory it takes."""
        return len(self._numbers)

    def add(self, numbers: Iterable[int]) -> None:
        """Add numbers of visitors."""
        limit = self._limit
        self._numbers.update(number for number in numbers if number < limit)
        if len(self._numbers) >= _TRIM_AT:
            self._trim()

    def merge(self, packed: bytes) -> None:
        """Add what a stored sketch holds.

        Raises:
            ValueError: these bytes are no sketch.
        """
        numbers = _unpacked(packed)
        self._numbers.update(numbers[: bisect_right(numbers, self._limit - 1)])
        if len(self._numbers) >= _TRIM_AT:
            self._trim()

    def pack(self) -> bytes:
        """Return the bytes to store; equal for equal contents, however they came."""
        numbers = self._trim()
        return _VERSION + struct.pack(f"<{len(numbers)}I", *numbers)

    def count(self) -> int:
        """Return how many visitors there are: exact below SKETCH_SIZE, else an estimate."""
        numbers = self._trim()
        if len(numbers) < SKETCH_SIZE:
            return len(numbers)
        return round((SKETCH_SIZE - 1) * _SPACE / (numbers[-1] + 1))

    def _trim(self) -> list[int]:
        numbers = sorted(self._numbers)[:SKETCH_SIZE]
        if len(numbers) < len(self._numbers):
            self._numbers = set(numbers)
        if len(numbers) == SKETCH_SIZE:
            self._limit = numbers[-1]
        return numbers


def _unpacked(packed: bytes) -> tuple[int, ...]:
    size, rest = divmod(len(packed) - 1, 4)
    if packed[:1] != _VERSION or rest:
        raise ValueError("no sketch of visitors")
    return struct.unpack(f"<{size}I", packed[1:])
