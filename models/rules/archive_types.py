"""Containers: what an office, a phone or Java packs into a ZIP file, and Microsoft's older one.

Only names of entries are read, out of the first and last bytes of the file. Nothing is
unpacked, so no archive can grow; and whatever it says of itself, it is never shown.
Sources: APPNOTE.TXT of PKWARE (ZIP), OpenDocument 1.3 part 2 section 3.3, ECMA-376 part 2,
[MS-CFB] section 2.2.
"""

import struct
from collections.abc import Iterator
from typing import Final

ZIP: Final = b"PK\x03\x04"
_LISTED: Final = b"PK\x01\x02"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAX_ENTRIES: Final = 2000
_OPEN_DOCUMENT: Final = b"application/vnd.oasis.opendocument."
_EPUB: Final = b"application/epub+zip"
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_MACROS: Final = "application/vnd.ms-"
# Folder of the parts: the type, and the one of the same with macros.
_OFFICE_PARTS: Final = {
    b"word/": (
        f"{_OFFICE}wordprocessingml.document",
        f"{_MACROS}word.document.macroEnabled.12",
    ),
    b"xl/": (f"{_OFFICE}spreadsheetml.sheet", f"{_MACROS}excel.sheet.macroEnabled.12"),
    b"ppt/": (
        f"{_OFFICE}presentationml.presentation",
        f"{_MACROS}powerpoint.presentation.macroEnabled.12",
    ),
}
_OLE_STREAMS: Final = (
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("\u4840\u3b3f\u43f2\u4438\u45b1", "application/x-msi"),  # the name "_Columns" as MSI packs it
    ("\u4840\u3f7f\u4164\u422f\u4836", "application/x-msi"),  # and "_Tables"
)


def zip_type_of(head: bytes, tail: bytes) -> str:
    """Return the type of a ZIP file by the names of its entries.

    Args:
        head: its first bytes, which begin with ZIP.
        tail: its last bytes, with the list of entries or the end of it.
    """
    declared = _declared(head)
    if declared is not None:
        return declared
    names = {*_names(head, ZIP, length_at=26, name_at=30)}
    names |= {*_names(tail, _LISTED, length_at=28, name_at=46)}
    if b"[Content_Types].xml" in names:
        has_macros = any(name.endswith(b"vbaProject.bin") for name in names)
        for folder, (plain, with_macros) in _OFFICE_PARTS.items():
            if any(name.startswith(folder) for name in names):
                return with_macros if has_macros else plain
    if b"AndroidManifest.xml" in names:
        return "application/vnd.android.package-archive"
    if b"META-INF/MANIFEST.MF" in names:
        return "application/java-archive"
    return "application/zip"


def ole_type_of(head: bytes) -> str | None:
    """Return the type of a compound file, None for what is none.

    Its directory may lie anywhere; where it is not among the first bytes, all that is
    known is that it is one.
    """
    if not head.startswith(_OLE):
        return None
    for stream, media_type in _OLE_STREAMS:
        if stream.encode("utf-16-le") in head:
            return media_type
    return "application/x-ole-storage"


def _declared(head: bytes) -> str | None:
    """Return what the first entry says if it is `mimetype`, stored as it is."""
    if head[30:38] != b"mimetype":
        return None
    (extra,) = struct.unpack_from("<H", head, 28)
    said = head[38 + extra : 138 + extra]
    if said.startswith(_EPUB):
        return _EPUB.decode()
    if said.startswith(_OPEN_DOCUMENT):
        kind = said[len(_OPEN_DOCUMENT) :]
        for name in (b"text", b"spreadsheet", b"presentation", b"graphics"):
            if kind.startswith(name):
                return (_OPEN_DOCUMENT + name).decode()
    return None


def _names(part: bytes, mark: bytes, *, length_at: int, name_at: int) -> Iterator[bytes]:
    at = part.find(mark)
    for _ in range(_MAX_ENTRIES):
        if at < 0 or at + name_at > len(part):
            return
        (length,) = struct.unpack_from("<H", part, at + length_at)
        yield part[at + name_at : at + name_at + length]
        at = part.find(mark, at + len(mark))
