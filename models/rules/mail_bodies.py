"""The text of a mail and its other parts, out of the tree of its leaves.

Alternatives are one text in several forms; parts that stand beside each other are read
one after the other, as mail programs show them. Every leaf becomes text or a part.
"""

import html
from dataclasses import dataclass
from typing import Final

from models.rules.flowed_text import unflow
from models.rules.html_text import html_to_text
from models.rules.mail_charsets import decode_text
from models.rules.mail_faults import FaultNote, MailFault, note
from models.rules.mail_parts import DecodedLeaf, MailPart, attached, decode_leaf, is_tnef, unpacked
from models.rules.mime_tree import Branch, Node
from models.rules.visible_text import visible_text

MAX_TEXT_LENGTH: Final = 500_000  # characters of a text; a longer one is an attachment as well
_BODIES: Final = frozenset({"text/plain", "text/html"})


@dataclass(frozen=True, slots=True)
class MailBody:
    """A text in its two forms; "" where there is none."""

    text: str = ""
    html: str = ""


@dataclass(frozen=True, slots=True)
class MailContent:
    """All that a mail says.

    Attributes:
        body: what is to be read.
        parts: everything else.
        body_leaves: numbers of the leaves that are in the body.
        leaves: how many there are.
    """

    body: MailBody
    parts: tuple[MailPart, ...]
    body_leaves: frozenset[int]
    leaves: int
    faults: tuple[FaultNote, ...]


def read_content(root: Node) -> MailContent:
    """Sort the leaves of a mail."""
    reader = _Reader()
    body = reader.body(root, is_alternative=True)
    if not (body.text.strip() or body.html.strip()):
        body = reader.spare
    elif reader.unread is not None:
        reader.parts.append(attached(reader.unread))
        reader.body_leaves.discard(reader.unread.number)
    text = body.text or html_to_text(body.html)
    return MailContent(
        body=MailBody(text, body.html),
        parts=tuple(reader.parts),
        body_leaves=frozenset(reader.body_leaves),
        leaves=reader.leaves,
        faults=tuple(reader.faults),
    )


class _Reader:
    """Goes through the tree; its depth is bounded by models.rules.mime_tree."""

    def __init__(self) -> None:
        self.parts: list[MailPart] = []
        self.body_leaves: set[int] = set()
        self.leaves = 0
        self.faults: list[FaultNote] = []
        self.spare = MailBody()  # of a winmail.dat: mostly the text of the mail once more
        self.unread: DecodedLeaf | None = None  # the one that is nothing but such a text

    def body(self, node: Node, *, is_alternative: bool) -> MailBody:
        if not isinstance(node, Branch):
            decoded = decode_leaf(node, self.leaves)
            self.leaves += 1
            self.faults.extend(decoded.faults)
            return self._leaf(decoded, is_alternative=is_alternative)
        is_choice = node.kind == "alternative"
        bodies = [self.body(child, is_alternative=is_choice) for child in node.children]
        return _chosen(bodies) if is_choice else _joined(bodies)

    def _leaf(self, decoded: DecodedLeaf, *, is_alternative: bool) -> MailBody:
        leaf = decoded.leaf
        is_named = bool(decoded.name) and not is_alternative
        is_body = leaf.media in _BODIES and leaf.fault is None
        if is_body and not is_named and not decoded.is_attached:
            return self._text(decoded)
        if is_tnef(decoded):
            return self._tnef(decoded)
        self.parts.append(attached(decoded))
        return MailBody()

    def _text(self, decoded: DecodedLeaf) -> MailBody:
        number, leaf = decoded.number, decoded.leaf
        found = decode_text(decoded.content, label=leaf.content_type.token("charset") or None)
        if found.fault is not None:
            self.faults.append(note(found.fault, str(number)))
        text, is_whole = _bounded(found.text)
        if is_whole:
            self.body_leaves.add(number)
        else:
            self._keep_long(decoded)
        if leaf.media == "text/html":
            return MailBody(html=text)
        if leaf.content_type.token("format").lower() == "flowed":
            is_deleted = leaf.content_type.token("delsp").lower() == "yes"
            text = unflow(text, delete_space=is_deleted)
        return MailBody(text=text)

    def _tnef(self, decoded: DecodedLeaf) -> MailBody:
        number = decoded.number
        tnef, parts = unpacked(decoded)
        self.parts.extend(parts)
        if tnef is None or tnef.is_broken:
            self.faults.append(note(MailFault.TNEF_BROKEN, str(number)))
        elif tnef.has_rtf:
            self.faults.append(note(MailFault.TNEF_TEXT_LEFT, str(number)))
        if tnef is None:
            return MailBody()
        (text, is_whole), (page, is_whole_page) = _bounded(tnef.text), _bounded(tnef.html)
        if not (is_whole and is_whole_page):
            self._keep_long(decoded)
        elif not parts:
            self.body_leaves.add(number)
            if self.unread is not None:
                self.parts.append(attached(self.unread))
                self.body_leaves.discard(self.unread.number)
            self.unread = decoded
        self.spare = MailBody(text, page)
        return MailBody()

    def _keep_long(self, decoded: DecodedLeaf) -> None:
        """Keep a text of which only the beginning is in the body."""
        self.faults.append(note(MailFault.TEXT_TOO_LONG, str(decoded.number)))
        self.parts.append(attached(decoded))


def _bounded(text: str) -> tuple[str, bool]:
    """Return what may be shown of a text, and whether that is all of it."""
    # Line ends may be two characters each; what is behind is not even looked at.
    shown = visible_text(text[: 2 * MAX_TEXT_LENGTH])
    is_whole = len(text) <= 2 * MAX_TEXT_LENGTH and len(shown) <= MAX_TEXT_LENGTH
    return shown[:MAX_TEXT_LENGTH], is_whole


def _chosen(bodies: list[MailBody]) -> MailBody:
    """Return one text in its two forms; later forms are the richer ones."""
    texts = [body.text for body in bodies if body.text]
    pages = [body.html for body in bodies if body.html]
    return MailBody(texts[0] if texts else "", pages[-1] if pages else "")


def _joined(bodies: list[MailBody]) -> MailBody:
    """Return texts that follow each other; in HTML only if one of them has it."""
    filled = [body for body in bodies if body.text.strip() or body.html.strip()]
    if len(filled) == 1:
        return filled[0]
    text = "\n".join(body.text.strip("\n") or html_to_text(body.html) for body in filled)
    if not any(body.html for body in filled):
        return MailBody(text)
    pages = (body.html or f"<pre>{html.escape(body.text)}</pre>" for body in filled)
    return MailBody(text, "\n".join(pages))
