"""What a file is, by its content. Its name and what the sender says of it are never asked.

Own rules come first where a mistake would matter: pictures that a browser shows, text that
it would run, containers of offices, and programs. For the rest the library puremagic knows
some hundred beginnings. Nothing is ever unpacked, so nothing can grow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import puremagic
import regex

from models.rules.archive_types import ZIP, ole_type_of, zip_type_of
from models.rules.file_names import suffix_of
from models.rules.text_types import HTML, SHELL, SVG, XHTML, text_type_of

HEAD_BYTES: Final = 64 << 10  # looked at
TAIL_BYTES: Final = 64 << 10  # where a ZIP file has its list
MAX_MEDIA_TYPE_LENGTH: Final = 100  # characters, also the column width
UNKNOWN: Final = "application/octet-stream"
EMPTY: Final = "application/x-empty"
PDF: Final = "application/pdf"
# What browsers draw and never run. Nothing else is shown by one.
SHOWN_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

_PDF: Final = b"%PDF-"
_PDF_WITHIN: Final = 1024  # bytes: readers take a file whose mark comes so late
_SURE: Final = 0.3  # of puremagic: at least three bytes agree
_TYPE: Final = regex.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]*")
_PROGRAMS: Final[Sequence[tuple[bytes, str]]] = (
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\x7fELF", "application/x-elf"),
    (b"\xfe\xed\xfa\xce", "application/x-mach-binary"),
    (b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xca\xfe\xba\xbe", "application/java-vm"),
    (b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
    (b"!<arch>\ndebian", "application/vnd.debian.binary-package"),
    (b"\xed\xab\xee\xdb", "application/x-rpm"),
    (b"\0asm", "application/wasm"),
    (b"ITSF", "application/vnd.ms-htmlhelp"),
    (b"dex\n", "application/vnd.android.dex"),
)
_PROGRAM_TYPES: Final = frozenset(
    {
        *(media_type for _, media_type in _PROGRAMS),
        "application/java-archive",
        "application/vnd.android.package-archive",
        "application/x-msi",
    }
)
# By its ending a system decides what opens a file. These are programs whatever they contain.
_PROGRAM_SUFFIXES: Final = frozenset(
    {
        "apk",
        "appx",
        "bat",
        "cmd",
        "com",
        "cpl",
        "deb",
        "dll",
        "exe",
        "hta",
        "jar",
        "jse",
        "lnk",
        "msi",
        "msix",
        "msp",
        "pif",
        "ps1",
        "psm1",
        "rpm",
        "scf",
        "scr",
        "vb",
        "vbe",
        "vbs",
        "ws",
        "wsc",
        "wsf",
        "wsh",
        "xll",
    }
)
# And these may run something, but are sent for good reasons, too: only a warning.
_SCRIPT_SUFFIXES: Final = frozenset(
    {
        "app",
        "appimage",
        "bin",
        "chm",
        "command",
        "dmg",
        "gadget",
        "html",
        "htm",
        "inf",
        "iso",
        "js",
        "jsp",
        "msc",
        "php",
        "pl",
        "py",
        "rb",
        "reg",
        "sh",
        "svg",
        "sys",
        "url",
        "wasm",
        "xhtml",
    }
)
_PICTURES: Final[Sequence[tuple[bytes, str]]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_COMMON: Final[Sequence[tuple[bytes, str]]] = (
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"OggS", "application/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
)
_BOXES: Final = {
    b"qt  ": "video/quicktime",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"avif": "image/avif",
    b"M4A ": "audio/mp4",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSample:
    """The two ends of a file: all of it that is looked at.

    Attributes:
        head: its first HEAD_BYTES, or all of it.
        tail: its last TAIL_BYTES, or all of it.
    """

    head: bytes
    tail: bytes


def media_type_of(sample: FileSample) -> str:
    """Return the media type of a file, UNKNOWN for what nobody knows."""
    head = sample.head
    if not head:
        return EMPTY
    return (
        _beginning(head, _PICTURES)
        or _inside_of_riff(head)
        or _program(head)
        or _pdf(head)
        or (zip_type_of(head, sample.tail) if head.startswith(ZIP) else None)
        or ole_type_of(head)
        or _beginning(head, _COMMON)
        or _box(head)
        or text_type_of(head)
        or _by_library(sample)
    )


def is_shown(media_type: str) -> bool:
    """Tell whether a browser may show a file of this type, and not only save it."""
    return media_type in SHOWN_TYPES


def is_program(media_type: str, name: str) -> bool:
    """Tell whether a file is there to be run, by its content or by the ending of its name.

    Args:
        media_type: of its content; "" where only the name is known.
        name: a safe one.
    """
    return media_type in _PROGRAM_TYPES or suffix_of(name) in _PROGRAM_SUFFIXES


def may_run(media_type: str, name: str) -> bool:
    """Tell whether opening a file may run something: a program, a script, a macro."""
    return (
        is_program(media_type, name)
        or media_type in {SHELL, HTML, SVG, XHTML}
        or "macroenabled" in media_type.lower()
        or suffix_of(name) in _SCRIPT_SUFFIXES
    )


def _beginning(head: bytes, table: Sequence[tuple[bytes, str]]) -> str | None:
    return next((kind for mark, kind in table if head.startswith(mark)), None)


def _program(head: bytes) -> str | None:
    """Know a program; two letters alone would be the beginning of many a text."""
    found = _beginning(head, _PROGRAMS)
    if found is not None and head.startswith(b"MZ") and text_type_of(head) is not None:
        return None
    return found


def _pdf(head: bytes) -> str | None:
    """Know a PDF file, also behind bytes that are none; a text may speak of its mark."""
    if head.startswith(_PDF) or (_PDF in head[:_PDF_WITHIN] and text_type_of(head) is None):
        return PDF
    return None


def _inside_of_riff(head: bytes) -> str | None:
    if not head.startswith(b"RIFF"):
        return None
    inside = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
    return inside.get(head[8:12])


def _box(head: bytes) -> str | None:
    """Know the ISO base media format: MP4 and its kin."""
    return _BOXES.get(head[8:12], "video/mp4") if head[4:8] == b"ftyp" else None


def _by_library(sample: FileSample) -> str:
    try:
        matches = cast("Any", puremagic).magic_string(sample.head + sample.tail)
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    for match in matches:
        found = str(match.mime_type).lower()
        # What our own rules did not find is none of these, whatever the library thinks.
        if (
            match.confidence >= _SURE
            and len(found) <= MAX_MEDIA_TYPE_LENGTH
            and _TYPE.fullmatch(found)
            and not found.startswith("text/")
            and not found.endswith(("+xml", "/xml"))
            and found not in SHOWN_TYPES
        ):
            return found
    return UNKNOWN
