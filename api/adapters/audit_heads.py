"""The file of signed heads of the audit log's chain, one line for each; only ever added to."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.rules.audit_heads import Head, HeadInvalidError, read_head, write_head

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


class HeadsFile:
    """The file that one worker adds to."""

    def __init__(self, folder: Path, *, secrets: Sequence[bytes]) -> None:
        """Make nothing yet.

        Args:
            folder: made when the first head comes, for its owner alone.
            secrets: the first one signs.
        """
        self._path = folder / "heads.jsonl"
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

    def append(self, head: Head) -> None:
        """Add a head; it is on the disk when this returns."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = write_head(head, secret=self._secrets[0]).encode() + b"\n"
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _drop_half_line(descriptor)
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _whole(lines: Iterator[bytes]) -> Iterator[bytes]:
    return (line for line in lines if line.endswith(b"\n"))


def _drop_half_line(descriptor: int) -> None:
    """Cut off what a power cut left of a line."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - _TAIL_BYTES)
    tail = os.pread(descriptor, size - start, start)
    if not tail.endswith(b"\n"):
        os.ftruncate(descriptor, start + tail.rfind(b"\n") + 1)
