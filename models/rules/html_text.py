"""HTML as plain text: what a reader of a mail without HTML, or of a search, gets.

Paragraphs keep an empty line between them, lists their marks, quotes "> ", tables one line
for each row, and links their address where the text does not say it.
"""

from typing import Final

import regex

from models.rules.html_tokens import Tag
from models.rules.html_tree import BLOCKS, nested_tokens
from models.rules.safe_html import safe_link
from models.rules.visible_text import visible_text

_SPACES: Final = regex.compile(r"[ \t\n\f\r]+")
_MAX_QUOTES: Final = 10  # marks before a line; deeper quotes have no more
_APART: Final = BLOCKS - {"li", "div", "dd", "dt"}  # an empty line before and after
_BULLET: Final = "- "


def html_to_text(html: str) -> str:
    """Return HTML of anybody as text of several lines, without a line end at its end."""
    writer = _Writer()
    for token in nested_tokens(html):
        if isinstance(token, str):
            writer.write(token)
        else:
            writer.tag(token)
    return visible_text(writer.text())


class _Writer:
    """Lines as they grow, and what is open around the next one."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._quotes = 0
        self._code = 0
        self._quotes_before = 0  # of the last line
        self._gap = False
        self._lists: list[int | None] = []  # the next number; None of a list without
        self._links: list[tuple[str, int]] = []  # address, and where its text begins

    def text(self) -> str:
        self._end_line()
        return "\n".join(self._lines).strip("\n")

    def write(self, text: str) -> None:
        if self._code:
            first, *others = text.split("\n")
            self._add(first)
            for line in others:
                self._end_line(keep_empty=True)
                self._add(line)
        else:
            self._add(_SPACES.sub(" ", text))

    def tag(self, tag: Tag) -> None:
        name = tag.name
        if name == "br":
            self._end_line(keep_empty=True)
        elif name in BLOCKS or name in {"tr", "caption"}:
            self._block(tag)
        elif name in {"td", "th"}:
            if not tag.is_end and self._line:
                self._line = ["".join(self._line).rstrip(), " | "]
        elif name == "a":
            self._link(tag)
        elif name == "img":
            alt = tag.attributes().get("alt", "").strip()
            self._add(f"[{_SPACES.sub(' ', alt)}]" if alt else "")

    def _block(self, tag: Tag) -> None:
        self._end_line()
        # A list inside an item belongs to it, without an empty line.
        if tag.name in _APART and not (tag.name in {"ul", "ol"} and len(self._lists) > tag.is_end):
            self._gap = True
        step = -1 if tag.is_end else 1
        match tag.name:
            case "blockquote":
                self._quotes += step
            case "pre":
                self._code += step
            case "ul" | "ol" if tag.is_end:
                self._lists.pop()
            case "ul" | "ol":
                self._lists.append(1 if tag.name == "ol" else None)
            case "li" if not tag.is_end:
                self._item()
            case "hr":
                self._add("---")
                self._end_line()
                self._gap = True
            case _:
                pass

    def _item(self) -> None:
        number = self._lists[-1] if self._lists else None
        if number is None:
            mark = _BULLET
        else:
            mark = f"{number}. "
            self._lists[-1] = number + 1
        self._line = ["  " * min(max(len(self._lists) - 1, 0), _MAX_QUOTES) + mark]

    def _link(self, tag: Tag) -> None:
        if not tag.is_end:
            url = safe_link(tag.attributes().get("href", "")) or ""
            self._links.append((url, len(self._line)))
        elif self._links:
            url, begin = self._links.pop()
            said = "".join(self._line[begin:]).strip()
            if said and url and said not in {url, url.removeprefix("mailto:"), url.rstrip("/")}:
                self._line.append(f" <{url}>")

    def _add(self, text: str) -> None:
        if not self._code and (not self._line or self._line[-1].endswith(" ")):
            text = text.lstrip(" ")
        if text:
            self._line.append(text)

    def _end_line(self, *, keep_empty: bool = False) -> None:
        line = "".join(self._line)
        self._line = []
        self._links = [(url, 0) for url, _ in self._links]
        if not line.strip() and not keep_empty:
            return
        quotes = min(self._quotes, _MAX_QUOTES)
        if self._gap and self._lines and self._lines[-1].strip("> "):
            self._lines.append(("> " * min(quotes, self._quotes_before)).rstrip())
        self._gap = False
        self._quotes_before = quotes
        self._lines.append(("> " * quotes + line).rstrip())
