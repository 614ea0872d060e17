"""The replica in LMDB: read by every web process, written by the worker.

LMDB 0.9.36 under py-lmdb 3.0. A read transaction sees one moment; beginning one
costs 0.05 us, so a reader takes a new one for each event-loop turn. LMDB checks
little: an overwritten page can lead a search astray, so what is found is checked
by its checksum and what is not found by its two neighbours.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import lmdb

from api.adapters.replica_folder import ReplicaFolder
from models.rules.replica_format import (
    Entry,
    ReplicaDamagedError,
    decode_domain,
    decode_entry,
    domain_key,
    link_key,
    meta_key,
    unseal,
)

MAP_BYTES: Final = 1 << 36  # address space, not memory: room for some 400 million links
MAX_READERS: Final = 512
LEAST_BYTES: Final = 8192  # LMDB's own two pages
_NEVER: Final = b""
DAMAGE: Final = (  # every other error is a shortage, which passes
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
)

Get = Callable[[bytes], bytes | None]


class LmdbReplicaReader:
    """What one web process sees of the replica.

    Call `refresh` before the first look-up of an event-loop turn and `release`
    after the last; in between `get` sees one moment.

    Attributes:
        get: returns the raw value of a key; None while there is no replica.
        version: changes with every commit and every generation that is read.
        retired_because: why this process last retired a replica; "" if it never did.
    """

    def __init__(self, folder: ReplicaFolder) -> None:
        self.get: Get | None = None
        self.version: object = None
        self._folder = folder
        self._epoch = _NEVER
        self._generation: str | None = None
        self._env: lmdb.Environment | None = None
        self._transaction: lmdb.Transaction[bytes] | None = None
        self._cursor: lmdb.Cursor[bytes] | None = None
        self._bytes_seen = 0
        self.retired_because = ""

    def refresh(self) -> bool:
        """See what is served now. Returns whether anything is."""
        if self._folder.epoch() != self._epoch:
            self._reopen()
        if self._env is None:
            return False
        if self._transaction is None:
            try:
                self._transaction = self._env.begin()
            except DAMAGE as error:
                self.retire(str(error))
                return False
            except lmdb.Error:  # no place in the table of readers: try again next turn
                return False
            self.get = self._transaction.get
            self.version = (self._generation, self._transaction.id())
        return True

    def release(self) -> None:
        """Forget the moment that `refresh` took; its pages can be used again."""
        if self._transaction is not None:
            self._transaction.abort()
            self._transaction = self._cursor = None
            self.get = None

    def domain_id(self, host: bytes) -> int | None:
        """Return the id of a domain, None if there is no such host.

        Raises:
            ReplicaDamagedError: retire it.
        """
        key = domain_key(host)
        value = self._checked(key)
        return None if value is None else decode_domain(key, value)

    def entry(self, domain_id: int, slug: bytes) -> Entry | None:
        """Return a link or tombstone, None if the slug was never used.

        Raises:
            ReplicaDamagedError: retire it.
        """
        key = link_key(domain_id, slug)
        value = self._checked(key)
        return None if value is None else decode_entry(key, value)

    def meta(self, name: str) -> bytes | None:
        """Return something that the writer keeps.

        Raises:
            ReplicaDamagedError: retire it.
        """
        key = meta_key(name)
        value = self._checked(key)
        return None if value is None else unseal(key, value)

    def check_absent(self, key: bytes) -> None:
        """Make sure that a key which was not found is not there.

        Its neighbours must stand on the right sides and have right checksums:
        then the search went where the key would be.

        Raises:
            ReplicaDamagedError: retire it.
        """
        if self._transaction is None:
            raise ReplicaDamagedError("no moment to look at")
        try:
            cursor = self._cursor
            if cursor is None:
                cursor = self._cursor = self._transaction.cursor()
            if cursor.set_range(key):
                found, value = cursor.item()
                unseal(found, value)
                before = found > key and (not cursor.prev() or _stands_before(cursor, key))
            else:
                before = not cursor.last() or _stands_before(cursor, key)
        except lmdb.Error as error:
            raise ReplicaDamagedError(str(error)) from error
        if not before:
            raise ReplicaDamagedError(f"order around {key!r}")

    def check_size(self) -> None:
        """Retire a replica whose file became shorter: reading on would kill the process.

        Also notices a generation that came without its epoch: who changed it was killed.
        """
        with suppress(OSError):
            if self._folder.current() != self._generation:
                self._epoch = _NEVER  # opened in the next turn
        if self._env is not None and self._generation is not None:
            try:
                size = self._folder.file_of(self._generation).stat().st_size
            except FileNotFoundError:  # a newer generation is served
                return
            if size < self._bytes_seen:
                self.retire("cut short")
            self._bytes_seen = max(size, self._bytes_seen)

    def retire(self, reason: str) -> None:
        """Stop serving this generation, in every process: it is damaged."""
        generation = self._generation
        self._close()
        if generation is not None:
            self._folder.retire(generation)
        self.retired_because = reason

    def close(self) -> None:
        """Let go of the files."""
        self._close()
        self._epoch = _NEVER

    def _checked(self, key: bytes) -> bytes | None:
        if self.get is None:
            raise ReplicaDamagedError("no moment to look at")
        try:
            value = self.get(key)
        except lmdb.BadValsizeError:
            return None  # longer than any key can be
        except lmdb.Error as error:
            raise ReplicaDamagedError(str(error)) from error
        if value is None:
            self.check_absent(key)
        return value

    def _reopen(self) -> None:
        self._close()
        self._epoch = self._folder.epoch()  # before `current`: a later change is seen next turn
        try:
            generation = self._folder.current()
        except OSError:  # no descriptors: try again next turn
            self._epoch = _NEVER
            return
        if generation is None:
            return
        file = self._folder.file_of(generation)
        self._generation = generation
        try:
            self._bytes_seen = file.stat().st_size
            if self._bytes_seen < LEAST_BYTES:
                self.retire("cut short")
                return
            self._env = lmdb.open(
                os.fspath(file),
                subdir=False,
                readonly=True,
                map_size=MAP_BYTES,
                max_readers=MAX_READERS,
            )
        except (*DAMAGE, FileNotFoundError) as error:
            self.retire(str(error))
        except (lmdb.Error, OSError):  # no memory, no descriptors: try again next turn
            self.close()

    def _close(self) -> None:
        self.release()
        if self._env is not None:
            self._env.close()
        self._env, self._generation, self.version = None, None, None


def _stands_before(cursor: "lmdb.Cursor[bytes]", key: bytes) -> bool:
    found, value = cursor.item()
    unseal(found, value)
    return found < key
