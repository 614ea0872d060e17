"""Refusals about files, one class per reason; see models.errors."""

from typing import ClassVar

from models.errors import DomainError


class FileTooLargeError(DomainError):
    """A file has more bytes than one may have, or than were announced.

    Attributes:
        limit_bytes: the most that this one may have.
    """

    code: ClassVar[str] = "FILE_TOO_LARGE"

    def __init__(self, *, limit_bytes: int) -> None:
        super().__init__(path=("bytes",), size=shown_size(limit_bytes))
        self.limit_bytes = limit_bytes


class FileTypeRefusedError(DomainError):
    """The installation takes no programs and no scripts.

    Attributes:
        media_type: by the content; "" where the name alone said so.
    """

    code: ClassVar[str] = "FILE_TYPE"

    def __init__(self, *, media_type: str = "") -> None:
        super().__init__(path=("name",))
        self.media_type = media_type


class StorageFullError(DomainError):
    """The disk has no room for the file; nothing of it was kept."""

    code: ClassVar[str] = "STORAGE_FULL"


def shown_size(count: int) -> str:
    """Return bytes as people read them, exact where that is short: `25 MiB`, `10.5 KiB`."""
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":  # noqa: PLR2004 - of one unit in the next
            break
        size /= 1024
    return f"{round(size, 1):g} {unit}"
