"""LinkReplica over LMDB: what the worker does to the replica of its machine."""

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import lmdb

from api.adapters.lmdb_replica_writer import LmdbReplicaWriter, ReplicaChanges, ReplicaRetiredError
from api.adapters.replica_folder import ReplicaFolder
from models.replica_rows import ReplicaEntry
from models.rules.replica_format import (
    FORMAT_VERSION,
    READABLE_VERSIONS,
    ReplicaDamagedError,
    encode_entry,
    link_key,
)
from resolvers.ports import ReplicaBuild

_MARK: Final = "mark"
_READABLE: Final = frozenset(b"%d" % version for version in READABLE_VERSIONS)
_MAP_BYTES: Final = 1 << 36  # address space, not memory


class LmdbLinkReplica:
    """See LinkReplica. Belongs to one thread of one process."""

    def __init__(self, folder: ReplicaFolder) -> None:
        self._folder = folder
        self._writer = LmdbReplicaWriter(folder)

    def mark(self) -> bytes | None:
        """See LinkReplica.mark."""
        try:
            with self._writer.changing() as changes:
                stored = changes.meta(_MARK)
        except ReplicaRetiredError:
            return None
        except ReplicaDamagedError:
            self.retire()
            return None
        version, _, mark = (stored or b"").partition(b" ")
        if version == b"%d" % FORMAT_VERSION:
            return mark
        if version not in _READABLE:
            self.retire()  # readers of this version would misread it
        return None

    def apply(
        self, entries: Sequence[ReplicaEntry], *, domains: Mapping[str, int] | None, mark: bytes
    ) -> None:
        """See LinkReplica.apply.

        Raises:
            ReplicaRetiredError: it stopped serving meanwhile; `mark` is None now.
            ReplicaDamagedError: it was damaged, and is retired.
        """
        try:
            with self._writer.changing() as changes:
                for domain_id, slug, entry in entries:
                    changes.put_link(domain_id, slug.encode(), entry)
                if domains is not None:
                    _replace_domains(changes, domains)
                _put_mark(changes, mark)
        except ReplicaDamagedError:
            self.retire()
            raise

    @contextmanager
    def rebuild(self) -> Generator[ReplicaBuild]:
        """See LinkReplica.rebuild."""
        generation = self._folder.new_generation()
        file = self._folder.file_of(generation)
        env = lmdb.open(os.fspath(file), subdir=False, mode=0o600, map_size=_MAP_BYTES, sync=False)
        build = _LmdbBuild(env)
        try:
            yield build
        finally:
            env.close()
            if build.is_finished:
                self._writer.close()
                self._folder.serve(generation)
            else:
                for leftover in (file, file.with_name(f"{file.name}-lock")):
                    with suppress(FileNotFoundError):
                        leftover.unlink()

    def retire(self) -> None:
        """See LinkReplica.retire."""
        self._writer.close()
        self._folder.retire()

    def forget_dead_readers(self) -> None:
        """Free what readers held that were killed, or the file grows with every change."""
        self._writer.forget_dead_readers()

    def close(self) -> None:
        """Let go of the files."""
        self._writer.close()


class _LmdbBuild:
    """See ReplicaBuild. Synced once at the end: nobody reads it before."""

    def __init__(self, env: lmdb.Environment) -> None:
        self._env = env
        self.is_finished = False

    def add(self, entries: Sequence[ReplicaEntry]) -> None:
        """See ReplicaBuild.add."""
        with self._env.begin(write=True) as transaction:
            for domain_id, slug, entry in entries:
                key = link_key(domain_id, slug.encode())
                transaction.put(key, encode_entry(key, entry))

    def finish(self, *, domains: Mapping[str, int], mark: bytes) -> None:
        """See ReplicaBuild.finish; it serves at the end of the `with` block."""
        with self._env.begin(write=True) as transaction:
            changes = ReplicaChanges(transaction)
            _replace_domains(changes, domains)
            _put_mark(changes, mark)
        self._env.sync(True)  # noqa: FBT003 - py-lmdb takes it by position
        self.is_finished = True


def _replace_domains(changes: ReplicaChanges, domains: Mapping[str, int]) -> None:
    for host, domain_id in domains.items():
        changes.put_domain(host.encode(), domain_id)
    kept = {host.encode() for host in domains}
    for stored in changes.domains().keys() - kept:
        changes.delete_domain(stored)


def _put_mark(changes: ReplicaChanges, mark: bytes) -> None:
    changes.put_meta(_MARK, b"%d %b" % (FORMAT_VERSION, mark))
