"""Files that commands read and write, with progress on standard error."""

import gzip
import os
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from api.cli.session import CommandError

STANDARD: Final = Path("-")
_MAX_LINE_BYTES: Final = 65_536  # what a longer line has beyond that is read as another line
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Source:
    """An open file of lines.

    Attributes:
        lines: the raw lines, unpacked.
        size: bytes of the file as it lies on the disk, None if it has no size.
        position: how many of them were read.
    """

    lines: Iterator[bytes]
    size: int | None
    position: Callable[[], int]


@contextmanager
def opened(path: Path) -> Generator[Source]:
    """Open a file of lines, plain or gzipped; "-" is standard input.

    Raises:
        CommandError: it cannot be read, now or while reading.
    """
    if path == STANDARD:
        yield Source(_lines(sys.stdin.buffer, path), None, lambda: 0)
        return
    try:
        raw = path.open("rb")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    with raw:
        is_packed = raw.peek(len(_GZIP)).startswith(_GZIP)
        plain = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if is_packed else raw
        yield Source(_lines(plain, path), path.stat().st_size or None, raw.tell)


def _lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    try:
        while line := file.readline(_MAX_LINE_BYTES):
            yield line
    except (OSError, EOFError, zlib.error) as error:
        raise CommandError(f"{path}: the file is damaged: {error}") from None


@contextmanager
def created(path: Path | None) -> Generator[TextIO]:
    """Open a text file to write; it gets its name when it is whole. None is standard output.

    Raises:
        CommandError: it cannot be written.
    """
    if path is None or path == STANDARD:
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:  # the reader has enough, as in `... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None
        return
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def progress() -> Progress:
    """Return a bar on standard error; its console prints plain lines above it."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[done]:,}"),
        TimeRemainingColumn(),
        console=Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True),
    )
