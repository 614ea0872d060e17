"""What processes counted that are gone: one file of sums, so that no heap of files grows.

A process holds a shared flock on its files for as long as it lives, and no two ever
have files of one name. The sums say which files are in them: whoever is killed between
writing the sums and deleting the files leaves them to be passed over.
"""

import fcntl
import os
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import orjson
import structlog
from prometheus_client.mmap_dict import MmapedDict

_log = structlog.stdlib.get_logger("linkyard.metrics")
_NAME: Final = "ended.json"
_LOCK: Final = "ended.lock"
_TRIES: Final = 20
_PAUSE_S: Final = 0.01
_DRAFTS_KEPT_S: Final = 60.0
_EMPTY_BYTES: Final = 8  # a file of a process that was killed while it made it


class Ended(NamedTuple):
    """The sums. `files` are in them and may still be there; keys are prometheus-client's."""

    files: frozenset[str]
    counters: Mapping[str, float]


def read_ended(folder: Path) -> Ended:
    """Return the sums of the dead; none when there are none or a power cut tore the file."""
    try:
        content = orjson.loads((folder / _NAME).read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return Ended(frozenset(), {})
    return Ended(frozenset(content["files"]), content["counters"])


def forget_ended(folder: Path) -> None:
    """Delete the sums."""
    (folder / _NAME).unlink(missing_ok=True)


def fold_dead(folder: Path) -> None:
    """Add the counters of every dead process to the sums, and delete its files.

    Gauges are dropped: they say what a living process has. Without room on the disk the
    counters stay where they are. Never raises, never waits long: a supervisor calls it.
    """
    try:
        with _alone(folder) as is_alone:
            if is_alone:
                _fold(folder)
    except OSError as error:
        with suppress(OSError):  # the log may lie on the same full disk
            _log.warning("counters of ended processes stay in their files", error=str(error))


def _fold(folder: Path) -> None:
    for draft in folder.glob("*_*.new"):  # of processes that were killed while they made it
        if draft.stat().st_mtime < time.time() - _DRAFTS_KEPT_S:
            draft.unlink()
    with _dead_files(folder) as dead:
        counters = [file for file in dead if file.name.startswith("counter_")]
        for file in set(dead) - set(counters):
            file.unlink()
        if not counters:
            return
        ended = read_ended(folder)
        sums = dict(ended.counters)
        for file in counters:
            if file.name not in ended.files:
                for key, value in _values(file):
                    sums[key] = sums.get(key, 0.0) + value
        _write(folder, Ended(frozenset(file.name for file in counters), sums))
        for file in counters:
            file.unlink()


def _values(file: Path) -> Iterable[tuple[str, float]]:
    if file.stat().st_size <= _EMPTY_BYTES:
        return
    entries = cast("Any", MmapedDict).read_all_values_from_file(os.fspath(file))
    for key, value, _timestamp, _position in entries:
        yield key, value


def _write(folder: Path, ended: Ended) -> None:
    draft = folder / f"{_NAME}.new"
    draft.write_bytes(orjson.dumps({"files": sorted(ended.files), "counters": ended.counters}))
    draft.replace(folder / _NAME)


@contextmanager
def _dead_files(folder: Path) -> Generator[list[Path]]:
    """Lock the files of dead processes for a block."""
    descriptors: list[int] = []
    dead: list[Path] = []
    try:
        for file in sorted(folder.glob("*.db")):
            with suppress(FileNotFoundError, BlockingIOError):
                descriptors.append(os.open(file, os.O_RDONLY | os.O_CLOEXEC))
                fcntl.flock(descriptors[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
                dead.append(file)
        yield dead
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


@contextmanager
def _alone(folder: Path) -> Generator[bool]:
    """Keep other supervisors out for a block; False when one of them takes too long."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(_TRIES):
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield True
                return
            time.sleep(_PAUSE_S)
        yield False
    finally:
        os.close(descriptor)
