"""History on its way in: clicks of an imported log, in spools of their own.

The file's id is the digest of what it was made from, and it gets its name once it
is whole. So an import that is stopped leaves either nothing or a spool that is
read on from its position, and the same log is never counted twice. The folder
lies beside that of the live spools, whose bound it must not use up.
"""

import hashlib
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from models.rules.click_record import RawClick, encode_click
from models.rules.spool_format import HEADER_BYTES, SpoolHeader, encode_frame, encode_header

_DRAFT: Final = ".new"  # not a spool yet
_ID_BYTES: Final = 16


class HistoryDraft:
    """A spool in the making. `file_id` is known once everything was taken."""

    def __init__(self, file: BinaryIO, folder: Path) -> None:
        self._file = file
        self._folder = folder
        self._digest = hashlib.blake2b(digest_size=_ID_BYTES)

    @property
    def file_id(self) -> str:
        """Identity of all that `mix` was told, 32 hexadecimal digits."""
        return self._digest.hexdigest()

    @property
    def path(self) -> Path:
        """Where `keep` puts the file, or where an earlier import left it."""
        return self._folder / f"{self.file_id}.spool"

    def mix(self, source: bytes) -> None:
        """Make a piece of what is imported part of the identity."""
        self._digest.update(source)

    def mixed(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Hand the lines on, each of them mixed."""
        for line in lines:
            self.mix(line)
            yield line

    def add(self, click: RawClick) -> None:
        """Append a click."""
        self._file.write(encode_frame(encode_click(click)))

    def keep(self, *, created_us: int) -> None:
        """Make it a spool, on the disk and under its name."""
        self._file.seek(0)
        self._file.write(encode_header(SpoolHeader(self.file_id, created_us)))
        self._file.flush()
        os.fsync(self._file.fileno())
        Path(self._file.name).rename(self.path)


@contextmanager
def history_draft(folder: Path) -> Generator[HistoryDraft]:
    """Begin a spool; it is gone at the end unless it was kept. One at a time in a folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"draft{_DRAFT}"
    with path.open("wb") as file:  # the leavings of a killed import are overwritten
        file.seek(HEADER_BYTES)
        try:
            yield HistoryDraft(file, folder)
        finally:
            path.unlink(missing_ok=True)
