"""Parts of a mail as a ticket keeps them.

No part is dropped: one that cannot be decoded is kept as it came, or as a placeholder
with its reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from models.rules.encoded_words import decode_header, one_line
from models.rules.mail_faults import FaultNote, MailFault, note
from models.rules.mail_fields import read_header
from models.rules.mail_parameters import read_parameters
from models.rules.mime_tree import Leaf
from models.rules.tnef import Tnef, TnefFile, read_tnef
from models.rules.transfer_encodings import decode_transfer

_TNEF: Final = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_MAX_ID_LENGTH: Final = 300  # characters of a Content-ID
_OTHER: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPart:
    """An attachment, or a picture inside the text.

    Attributes:
        leaf: number of the part of the mail it came in, from 0; the files of one
            winmail.dat share it.
        name: of the file, one line without folders; "" if it has none. Not yet a safe one.
        media_type: as the mail states it, in lower case: never to be believed.
        content_id: without brackets, "" without one.
        is_inline: the HTML text shows it.
        fault: why the content is not what it should be, None if it is.
    """

    leaf: int
    name: str
    media_type: str
    content_id: str
    content: bytes
    is_inline: bool = False
    fault: MailFault | None = None


@dataclass(frozen=True, slots=True)
class DecodedLeaf:
    """A leaf without its transfer encoding.

    Attributes:
        number: from 0.
        is_attached: it says that it is no text to read.
    """

    number: int
    leaf: Leaf
    content: bytes
    name: str
    is_attached: bool
    faults: tuple[FaultNote, ...]


def decode_leaf(leaf: Leaf, number: int) -> DecodedLeaf:
    """Decode the content and the name of a leaf."""
    disposition = read_parameters(leaf.fields.first("content-disposition"))
    encoding = "" if leaf.fault else leaf.fields.word("content-transfer-encoding")
    content = decode_transfer(leaf.body, encoding=encoding)
    name = disposition.text("filename")
    if not name.text:
        name = leaf.content_type.text("name")
    faults = {*name.faults, *filter(None, [content.fault])}
    return DecodedLeaf(
        number=number,
        leaf=leaf,
        content=content.data,
        name=_name(name.text),
        is_attached=disposition.value == "attachment",
        faults=tuple(note(fault, str(number)) for fault in sorted(faults)),
    )


def attached(decoded: DecodedLeaf) -> MailPart:
    """Return the part that a leaf is, when it is no text to read."""
    leaf = decoded.leaf
    content_id = (leaf.fields.first("content-id") or b"").decode("ascii", "replace")
    name = decoded.name
    if not name and leaf.media == "message/rfc822":
        name = _mail_name(decoded.content)
    fault = leaf.fault or next((found.fault for found in decoded.faults), None)
    return MailPart(
        leaf=decoded.number,
        name=name,
        media_type=leaf.media,
        content_id=content_id.strip(" <>")[:_MAX_ID_LENGTH],
        content=decoded.content,
        fault=fault if fault in _SPOILING else None,
    )


_SPOILING: Final = frozenset(
    {
        MailFault.BASE64_BROKEN,
        MailFault.ENCODING_UNKNOWN,
        MailFault.TOO_DEEP,
        MailFault.TOO_MANY_PARTS,
        MailFault.BOUNDARY_UNCLOSED,
    }
)


def _mail_name(content: bytes) -> str:
    """Return the name of a forwarded mail: its subject."""
    subject = read_header(content, 0, len(content), is_whole_mail=True).fields.first("subject")
    return _name(f"{decode_header(subject or b'').text or 'mail'}.eml")


def _name(stated: str) -> str:
    """Leave out folders; whoever keeps the file makes its name safe."""
    return one_line(stated).replace("\\", "/").rstrip("/").rpartition("/")[2].strip()


def is_tnef(decoded: DecodedLeaf) -> bool:
    """Tell whether a leaf is a winmail.dat."""
    return decoded.leaf.media in _TNEF or decoded.name.lower() == "winmail.dat"


def unpacked(decoded: DecodedLeaf) -> tuple[Tnef | None, tuple[MailPart, ...]]:
    """Return what a winmail.dat holds; it stays a part itself if it is not read completely."""
    tnef = read_tnef(decoded.content)
    parts = list(_files(decoded.number, tnef.files if tnef else []))
    if tnef is None or tnef.is_broken:
        whole = attached(decoded)
        parts.append(_with_fault(whole, MailFault.TNEF_BROKEN))
    elif tnef.has_rtf or not (parts or tnef.text or tnef.html):
        parts.append(attached(decoded))
    return tnef, tuple(parts)


def _files(leaf: int, files: list[TnefFile]) -> Iterator[MailPart]:
    for file in files:
        yield MailPart(
            leaf=leaf,
            name=_name(file.name),
            media_type=file.media_type or _OTHER,
            content_id=file.content_id[:_MAX_ID_LENGTH],
            content=file.content,
        )


def _with_fault(part: MailPart, fault: MailFault) -> MailPart:
    return MailPart(
        leaf=part.leaf,
        name=part.name or "winmail.dat",
        media_type=part.media_type,
        content_id=part.content_id,
        content=part.content,
        fault=fault,
    )
