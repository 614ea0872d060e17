"""Files for tests: contents of every kind, and people who send them."""

import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from models.files import StoredFile
from resolvers.context import RequestContext
from resolvers.file_uploads import checked, open_direct_upload, receive_file
from resolvers.ports import Ports

PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
JPEG: Final = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(600)
GIF: Final = b"GIF89a\x01\0\x01\0" + bytes(300)
WEBP: Final = b"RIFF\x1a\0\0\0WEBPVP8L" + bytes(300)
SVG: Final = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
HTML: Final = b"<!DOCTYPE html>\n<script>alert(1)</script>"
PROGRAM: Final = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8" + bytes(200)
EICAR: Final = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def zipped(*names: str, first: tuple[str, bytes] | None = None) -> bytes:
    """Return a ZIP file with entries of these names, of which the first may have contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        if first is not None:
            archive.writestr(first[0], first[1])
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    """Yield parts, as they come from a socket."""
    for part in parts:
        yield part


async def send_file(
    context: RequestContext, content: bytes = b"words\n", *, name: str = "notes.txt"
) -> StoredFile:
    """Send a file at once, as a session from tests.sign_ins.as_session."""
    expected = checked(name=name, bytes=len(content), sha256=None)
    upload = await open_direct_upload(context, expected=expected)
    return await receive_file(upload, chunks(content))


def folder_of(ports: Ports) -> Path:
    """Return the folder of the contents."""
    return ports.blobs.path_of("0" * 64).parent.parent


def on_disk(ports: Ports) -> Sequence[str]:
    """Return the SHA-256 of every content that lies in the store."""
    found = [path for path in folder_of(ports).glob("??/*") if path.parent.name != "drafts"]
    return sorted(path.parent.name + path.name for path in found)


def drafts(ports: Ports) -> Sequence[Path]:
    """Return what is being written, or was left behind."""
    return sorted((folder_of(ports) / "drafts").glob("*"))
