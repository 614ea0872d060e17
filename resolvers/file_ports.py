"""What the use cases of files need from the outside. api.adapters implements it."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from models.rules.media_types import FileSample


class BlobMissingError(Exception):
    """No such content lies in the store of this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenContent:
    """What was written into a draft.

    Attributes:
        sha256: in hex.
        bytes: how many.
        sample: its two ends, to tell what it is.
    """

    sha256: str
    bytes: int
    sample: FileSample


class BlobDraft(Protocol):
    """A content on its way in, under a name of its own. Nobody finds it before `keep`."""

    async def write(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            StorageFullError: the disk has no room for them beside its reserve.
        """
        ...

    async def finish(self) -> WrittenContent:
        """Return what was written, once all of it is on the disk.

        Raises:
            StorageFullError: see write.
        """
        ...

    async def keep(self) -> None:
        """Put the finished content where its SHA-256 says; it may lie there already.

        It is there when this returns, also after a power cut. To be called while the row of
        its Blob is locked: else `remove` might take it away again.

        Raises:
            StorageFullError: see write.
        """
        ...

    async def drop(self) -> None:
        """Forget the draft, whatever became of it; what was kept stays. Never raises."""
        ...


class BlobStore(Protocol):
    """Contents by their SHA-256, whole or not there at all."""

    async def draft(self, *, expected_bytes: int) -> BlobDraft:
        """Begin a content.

        Args:
            expected_bytes: about how many there will be, at least 0.

        Raises:
            StorageFullError: there is no room for so many.
        """
        ...

    async def check_room(self, *, expected_bytes: int) -> None:
        """Raise StorageFullError unless there is room for so many bytes."""
        ...

    def path_of(self, sha256: str) -> Path:
        """Return where a content lies on this machine, if it is there."""
        ...

    async def has(self, sha256: str) -> bool:
        """Tell whether a content lies here."""
        ...

    def read(self, sha256: str) -> AsyncGenerator[bytes]:
        """Yield a content in parts of at most 256 KiB; close it if you leave it early.

        Raises:
            BlobMissingError: see there.
        """
        ...

    async def remove(self, sha256: str) -> None:
        """Delete a content; doing it twice is no error. See BlobDraft.keep for when."""
        ...

    async def aged(self, *, older_than: timedelta, limit: int) -> list[str]:
        """Return contents that were put here so long ago: some of them, others each time."""
        ...

    async def forget_drafts(self, *, older_than: timedelta) -> int:
        """Delete drafts that nobody has written to for so long, and return how many."""
        ...


class ScannerAwayError(Exception):
    """The scanner does not answer, or is busy; trying again later makes sense."""


class ScanRefusedError(Exception):
    """The scanner cannot look at this content. The message says why, in its words.

    Attributes:
        is_final: it will never look at it.
    """

    def __init__(self, told: str, *, is_final: bool = False) -> None:
        super().__init__(told)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class ScanVerdict:
    """What a scanner found.

    Attributes:
        signature: name of what was found, "" for nothing.
    """

    signature: str = ""

    @property
    def is_clean(self) -> bool:
        """Nothing was found."""
        return not self.signature


class VirusScanner(Protocol):
    """Looks for viruses in a content."""

    async def scan(self, content: AsyncIterator[bytes]) -> ScanVerdict:
        """Hand a content over and return what was found in it.

        Args:
            content: in parts; the iterator may be left before its end.

        Raises:
            ScannerAwayError, ScanRefusedError: see there.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePolicy:
    """What the operator decided about files.

    Attributes:
        max_bytes: of one file.
        quota_bytes: of all files that a person has sent; 0 for no bound.
        takes_programs: people may send what can be run.
        is_scanned: a virus scanner looks at what comes.
        serves_unscanned: files may be fetched before, and without, that.
    """

    max_bytes: int = 50 << 20
    quota_bytes: int = 10 << 30
    takes_programs: bool = False
    is_scanned: bool = False
    serves_unscanned: bool = True
