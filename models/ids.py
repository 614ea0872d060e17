"""Primary keys: 63-bit integers in order of time.

One number, made before the insert, works alike for the ORM, for COPY and for
SQLite, where it is the row's own address. Rows that were made together lie
together. The random part keeps ids of parallel processes apart; the primary
key decides if they ever meet.
"""

import secrets
import time
from typing import Final

_RANDOM_BITS: Final = 22
_last = 0


def new_id() -> int:
    """Return a new id: milliseconds since 1970, then 22 random bits.

    Within one process ids only rise, also when the clock is set back.
    """
    global _last  # noqa: PLW0603 - the order of ids is a property of the process
    fresh = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    _last = fresh if fresh > _last else _last + 1 + secrets.randbits(4)
    return _last


def new_ids(count: int) -> range:
    """Return ids that lie together, at the price of one."""
    global _last  # noqa: PLW0603 - see new_id
    first = new_id()
    _last = first + count - 1
    return range(first, first + count)
