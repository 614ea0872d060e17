"""The parts of a mail, as a tree whose depth and number are bounded.

Source: RFC 2046 section 5.1. The parser of the standard library recurses once for every
level and looks for the ends of all levels in every line, so that a mail of a megabyte can
stop it, or keep it busy for minutes. Here each level is searched for its own boundary
alone, and only so many levels and parts are read; the rest becomes one part with a fault.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

from models.rules.mail_faults import FaultNote, MailFault, note
from models.rules.mail_fields import MailFields, read_header
from models.rules.mail_parameters import Parameters, media_type, read_parameters

MAX_DEPTH: Final = 20  # levels of parts within parts
MAX_PARTS: Final = 1_000  # leaves of the tree
_MAX_BOUNDARY: Final = 200  # bytes; 70 by the standard
_AFTER: Final = re.compile(rb"(--)?[ \t]*(?:\r\n|\n|\r|\Z)")
_FIRST_LINE: Final = re.compile(rb"[\s]{0,20}--([^\s]{1,200})[ \t]*\r?\n")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part without parts.

    Attributes:
        media: type and subtype in lower case.
        body: as it came, in its transfer encoding.
        fault: why the part is not what it should be, None if all is well.
    """

    fields: MailFields
    content_type: Parameters
    media: str
    body: bytes
    fault: MailFault | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """A part of parts; `kind` is the subtype of multipart."""

    kind: str
    children: tuple["Node", ...]


Node: TypeAlias = Leaf | Branch


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole mail."""

    fields: MailFields
    root: Node
    faults: tuple[FaultNote, ...]


def read_tree(raw: bytes) -> Tree:
    """Read a mail; every byte of its body is in exactly one leaf, or around them as MIME has it."""
    return _Reader(raw).tree()


class _Reader:
    """Reads one mail; counts its leaves."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._faults: list[FaultNote] = []
        self._leaves = 0

    def tree(self) -> Tree:
        end = len(self._raw)
        header = read_header(self._raw, 0, end, is_whole_mail=True)
        self._faults.extend(header.faults)
        if not header.fields.fields:
            self._faults.append(note(MailFault.NO_HEADERS))
        root = self._node(header.fields, header.body_start, end, depth=0, usual="text/plain")
        return Tree(header.fields, root, tuple(self._faults))

    def _node(self, fields: MailFields, start: int, end: int, *, depth: int, usual: str) -> Node:
        content_type = read_parameters(fields.first("content-type"))
        media = media_type(content_type)
        if media is None:
            if content_type.value not in {"", "text"}:
                self._note(MailFault.MEDIA_TYPE_BROKEN)
            media = usual
        kind, _, subtype = media.partition("/")
        if kind != "multipart":
            return self._leaf(fields, content_type, media, start, end)
        if depth >= MAX_DEPTH:
            return self._leaf(fields, content_type, media, start, end, MailFault.TOO_DEEP)
        boundary = self._boundary(content_type, start, end)
        spans = list(islice(self._spans(boundary, start, end), MAX_PARTS + 1))
        if not spans:
            self._note(MailFault.BOUNDARY_MISSING)
            return self._leaf(fields, content_type, "text/plain", start, end)
        inner = "message/rfc822" if subtype == "digest" else "text/plain"
        children: list[Node] = []
        for begin, stop in spans:
            if self._leaves >= MAX_PARTS:
                rest = self._leaf(
                    MailFields(), Parameters(), media, begin, end, MailFault.TOO_MANY_PARTS
                )
                children.append(rest)
                break
            children.append(self._child(begin, stop, depth=depth, usual=inner))
        return Branch(subtype, tuple(children))

    def _child(self, start: int, end: int, *, depth: int, usual: str) -> Node:
        header = read_header(self._raw, start, end)
        self._faults.extend(header.faults)
        return self._node(header.fields, header.body_start, end, depth=depth + 1, usual=usual)

    def _leaf(  # noqa: PLR0913, PLR0917 - what a leaf is made of
        self,
        fields: MailFields,
        content_type: Parameters,
        media: str,
        start: int,
        end: int,
        fault: MailFault | None = None,
    ) -> Leaf:
        self._leaves += 1
        if fault is not None:
            self._note(fault)
        return Leaf(fields, content_type, media, self._raw[start:end], fault)

    def _boundary(self, content_type: Parameters, start: int, end: int) -> bytes:
        """Return the stated boundary, or the one that the first line looks like."""
        stated = content_type.plain.get("boundary", b"").rstrip()
        if 0 < len(stated) <= _MAX_BOUNDARY:
            return stated
        found = _FIRST_LINE.match(self._raw, start, end)
        return b"" if found is None else found[1]

    def _spans(self, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Return where each part begins and ends."""
        if not boundary:
            return
        begin = -1
        for at, after, is_last in self._delimiters(b"--" + boundary, start, end):
            if begin >= 0:
                yield begin, self._before_line_end(begin, at)
            begin = after
            if is_last:
                if self._raw[after:end].strip():
                    self._note(MailFault.TEXT_OUTSIDE_PARTS)
                return
        if begin >= 0:
            self._note(MailFault.BOUNDARY_UNCLOSED)
            yield begin, end

    def _delimiters(self, mark: bytes, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        place = start
        while (at := self._raw.find(mark, place, end)) >= 0:
            place = at + len(mark)
            found = _AFTER.match(self._raw, place, end)
            is_line = at == start or self._raw[at - 1] in b"\r\n"
            if found is not None and is_line:
                place = found.end()
                yield at, place, found[1] is not None

    def _before_line_end(self, begin: int, at: int) -> int:
        """Return where a part ends: the line end before a delimiter belongs to the delimiter."""
        if self._raw[max(begin, at - 2) : at] == b"\r\n":
            return at - 2
        return max(begin, at - 1)

    def _note(self, fault: MailFault) -> None:
        self._faults.append(note(fault, str(self._leaves)))
