"""The writing side of the replica in LMDB: the one worker of the machine.

The change log and its position are not known here, see api.adapters.link_replica.
"""

import contextlib
import os
from collections.abc import Callable, Generator, Iterable

import lmdb

from api.adapters.lmdb_replica import DAMAGE, MAP_BYTES, MAX_READERS
from api.adapters.replica_folder import ReplicaFolder
from models.rules.replica_format import (
    Entry,
    decode_domain,
    decode_entry,
    domain_key,
    encode_domain,
    encode_entry,
    link_key,
    meta_key,
    seal,
    unseal,
)


class ReplicaRetiredError(Exception):
    """The generation being written is no longer served: build a new one."""


class ReplicaChanges:
    """What one transaction of the writer changes."""

    def __init__(self, transaction: "lmdb.Transaction[bytes]") -> None:
        self._transaction = transaction

    def put_link(self, domain_id: int, slug: bytes, entry: Entry) -> bool:
        """Store a link or tombstone unless the replica has a later revision of this slug.

        Returns:
            False if the stored one is as new or newer; nothing was changed.
        """
        key = link_key(domain_id, slug)
        value = self._transaction.get(key)
        if value is not None and decode_entry(key, value).revision >= entry.revision:
            return False
        return self._transaction.put(key, encode_entry(key, entry))

    def put_domain(self, host: bytes, domain_id: int) -> None:
        """Store or replace a domain."""
        key = domain_key(host)
        self._transaction.put(key, encode_domain(key, domain_id))

    def delete_domain(self, host: bytes) -> None:
        """Forget a domain; the links of its id stay, unreachable."""
        self._transaction.delete(domain_key(host))

    def domains(self) -> dict[bytes, int]:
        """Return every domain."""
        start = domain_key(b"")
        found: dict[bytes, int] = {}
        cursor = self._transaction.cursor()
        if cursor.set_range(start):
            for key, value in cursor.iternext():
                if not key.startswith(start):
                    break
                found[key[len(start) :]] = decode_domain(key, value)
        return found

    def link(self, domain_id: int, slug: bytes) -> Entry | None:
        """Return what is stored for a slug."""
        key = link_key(domain_id, slug)
        value = self._transaction.get(key)
        return None if value is None else decode_entry(key, value)

    def put_meta(self, name: str, content: bytes) -> None:
        """Keep something under a name."""
        key = meta_key(name)
        self._transaction.put(key, seal(key, content))

    def meta(self, name: str) -> bytes | None:
        """Return what is kept under a name."""
        key = meta_key(name)
        value = self._transaction.get(key)
        return None if value is None else unseal(key, value)


class LmdbReplicaWriter:
    """The one writer of a machine's replica."""

    def __init__(self, folder: ReplicaFolder) -> None:
        self._folder = folder
        self._generation: str | None = None
        self._env: lmdb.Environment | None = None

    @contextlib.contextmanager
    def changing(self) -> Generator[ReplicaChanges]:
        """Change the served generation; all of it or, after an exception, nothing.

        Raises:
            ReplicaRetiredError: none is served, or LMDB found damage: build a new one.
            ReplicaDamagedError: a value is not what was written: retire it and build.
            lmdb.Error: no room, no memory, or the like. What is served is as it was: try again.
        """
        env = self._open_current()
        try:
            with env.begin(write=True) as transaction:
                yield ReplicaChanges(transaction)
        except DAMAGE as error:
            self.retire()
            raise ReplicaRetiredError(str(error)) from error
        except lmdb.Error:
            self.close()  # after a failed commit LMDB refuses every other until it is opened again
            raise
        if self._folder.current() != self._generation:
            raise ReplicaRetiredError("retired meanwhile")

    def build(
        self,
        *,
        domains: Iterable[tuple[bytes, int]],
        links: Iterable[tuple[int, bytes, Entry]],
        meta: Callable[[], dict[str, bytes]],
    ) -> str:
        """Write a new generation beside the served one, then serve it.

        Blocking, and long for many links: run it in a thread.

        Args:
            domains: hosts and their ids.
            links: domain id, slug and link; fastest in the order of domain id and slug.
            meta: asked once the links are written.

        Returns:
            The name of the generation.
        """
        self.close()
        generation = self._folder.new_generation()
        env = self._open(generation, sync=False)
        try:
            with env.begin(write=True) as transaction:
                changes = ReplicaChanges(transaction)
                for host, domain_id in domains:
                    changes.put_domain(host, domain_id)
                for domain_id, slug, entry in links:
                    key = link_key(domain_id, slug)
                    transaction.put(key, encode_entry(key, entry))
                for name, content in meta().items():
                    changes.put_meta(name, content)
            env.sync(True)  # noqa: FBT003 - py-lmdb takes it by position
        finally:
            env.close()
        self._folder.serve(generation)
        return generation

    def retire(self) -> None:
        """Stop serving the generation that is open."""
        generation = self._generation
        self.close()
        if generation is not None:
            self._folder.retire(generation)

    def forget_dead_readers(self) -> int:
        """Free the places of readers that were killed; call it now and then."""
        return 0 if self._env is None else self._env.reader_check()

    def close(self) -> None:
        """Let go of the files."""
        if self._env is not None:
            self._env.close()
        self._env, self._generation = None, None

    def _open_current(self) -> lmdb.Environment:
        generation = self._folder.current()
        if self._env is None or generation != self._generation:
            self.close()
            if generation is None or not self._folder.file_of(generation).exists():
                raise ReplicaRetiredError("none is served")
            try:
                self._env = self._open(generation, sync=True)
            except DAMAGE as error:
                self._folder.retire(generation)
                raise ReplicaRetiredError(str(error)) from error
            self._generation = generation
        return self._env

    def _open(self, generation: str, *, sync: bool) -> lmdb.Environment:
        return lmdb.open(
            os.fspath(self._folder.file_of(generation)),
            subdir=False,
            mode=0o600,
            map_size=MAP_BYTES,
            max_readers=MAX_READERS,
            sync=sync,
        )
