"""Reads a whole replica, to know whether it is what was written."""

import os
from pathlib import Path
from typing import Final

import lmdb

from api.adapters.lmdb_replica import DAMAGE, LEAST_BYTES, MAP_BYTES, MAX_READERS
from models.rules.replica_format import ReplicaDamagedError, unseal

_PIECE: Final = 10_000  # entries of one transaction, so that the writer can use pages again


def scan(file: Path) -> int:
    """Read and check every entry of a replica that may be served and written to meanwhile.

    About 1 us for each entry. In a process of its own: damage may kill it.

    Returns:
        How many entries there are.

    Raises:
        ReplicaDamagedError: something is not what was written.
        OSError: it cannot be opened, which proves nothing.
    """
    if file.stat().st_size < LEAST_BYTES:
        raise ReplicaDamagedError("cut short")
    try:
        env = lmdb.open(
            os.fspath(file),
            subdir=False,
            readonly=True,
            map_size=MAP_BYTES,
            max_readers=MAX_READERS,
        )
        try:
            entries, last = _scan_piece(env, b"")
            while last is not None:
                more, last = _scan_piece(env, last)
                entries += more
        finally:
            env.close()
    except DAMAGE as error:
        raise ReplicaDamagedError(str(error)) from error
    except lmdb.Error as error:
        raise OSError(str(error)) from error
    return entries


def _scan_piece(env: lmdb.Environment, after: bytes) -> tuple[int, bytes | None]:
    """Check the entries after a key; return how many, and the last key if there may be more."""
    with env.begin() as transaction:
        cursor = transaction.cursor()
        if not (cursor.set_range(after) if after else cursor.first()):
            return 0, None
        count = 0
        for key, value in cursor.iternext():
            if key == after:
                continue
            if key < after:
                raise ReplicaDamagedError(f"order around {key!r}")
            unseal(key, value)
            after = key
            count += 1
            if count == _PIECE:
                return count, after
    return count, None
