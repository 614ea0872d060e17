"""The signed heads of the audit log's chain: a file that is only ever added to, and the latest.

The first is to be copied off the machine, a line for each head, and grows by some each
day. The second holds one head alone, replaced after every batch of entries: what a start
compares the chain with.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.durable_files import replace_file, sync_folder
from models.rules.audit_heads import Head, HeadInvalidError, read_head, write_head

HEADS_NAME: Final = "heads.jsonl"
LATEST_NAME: Final = "latest-head.json"
_TAIL_BYTES: Final = 4096  # some lines


@dataclass(frozen=True, slots=True)
class HeadsRead:
    """What a file holds.

    Attributes:
        heads: the good ones, in the order of the file.
        bad: number and fault of each line that is no head of ours.
    """

    heads: list[Head]
    bad: list[tuple[int, str]]


def read_heads(path: Path, *, secrets: Sequence[bytes]) -> HeadsRead:
    """Read a file of heads, or a copy of one.

    A last line without its end is passed over: it is still being written, or a power
    cut stopped that.

    Raises:
        OSError: the file cannot be read.
    """
    read = HeadsRead([], [])
    with path.open("rb") as file:
        for number, line in enumerate(_whole(file), 1):
            try:
                read.heads.append(read_head(line, secrets=secrets))
            except HeadInvalidError as error:
                read.bad.append((number, str(error)))
    return read


def read_latest(path: Path, *, secrets: Sequence[bytes]) -> Head | None:
    """Read the file of the latest head; None if there is none.

    Raises:
        HeadInvalidError: it is no head of ours.
        OSError: the file cannot be read.
    """
    try:
        return read_head(path.read_bytes(), secrets=secrets)
    except FileNotFoundError:
        return None


class HeadsFile:
    """The files that one worker writes."""

    def __init__(self, folder: Path, *, secrets: Sequence[bytes]) -> None:
        """Make nothing yet.

        Args:
            folder: made when the first head comes, for its owner alone.
            secrets: the first one signs.
        """
        self._path = folder / HEADS_NAME
        self._latest = folder / LATEST_NAME
        self._secrets = tuple(secrets)

    def last(self) -> Head | None:
        """Return the last head that is ours; None if there is none."""
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, self._path.stat().st_size - _TAIL_BYTES))
                lines = list(_whole(file))
        except FileNotFoundError:
            return None
        for line in reversed(lines):
            try:
                return read_head(line, secrets=self._secrets)
            except HeadInvalidError:
                continue
        return None

    def latest(self) -> Head | None:
        """Return the newest head of both files that is ours; None if there is none."""
        last = self.last()
        try:
            latest = read_latest(self._latest, secrets=self._secrets)
        except HeadInvalidError:
            return last
        return latest if last is None or (latest is not None and latest.at >= last.at) else last

    def replace_latest(self, head: Head) -> None:
        """Write the latest head over the one before; it is on the disk when this returns."""
        replace_file(self._latest, self._line(head))

    def append(self, head: Head) -> None:
        """Add a head; it is on the disk when this returns."""
        line = self._line(head)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _drop_half_line(descriptor)
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(self._path.parent)

    def _line(self, head: Head) -> bytes:
        """Return the signed line of a head; the folder is there then."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return write_head(head, secret=self._secrets[0]).encode() + b"\n"


def _whole(lines: Iterator[bytes]) -> Iterator[bytes]:
    return (line for line in lines if line.endswith(b"\n"))


def _drop_half_line(descriptor: int) -> None:
    """Cut off what a power cut left of a line."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - _TAIL_BYTES)
    tail = os.pread(descriptor, size - start, start)
    if not tail.endswith(b"\n"):
        os.ftruncate(descriptor, start + tail.rfind(b"\n") + 1)
