"""Plain text as HTML: its lines, its quotes and its addresses, nothing else."""

import html
from collections.abc import Iterator
from typing import Final

import regex

from models.rules.bare_links import pieces

_QUOTE: Final = regex.compile(r"(?:> ?){1,200}")
_MAX_QUOTES: Final = 10
_WIDE_SPACES: Final = regex.compile(r"  |\t")


def lines_html(text: str) -> str:
    """Return the text as paragraphs, lines and quotes of HTML, everything in it escaped."""
    return "".join(_blocks(text.split("\n")))


def _blocks(lines: list[str]) -> Iterator[str]:
    depth = 0
    paragraph: list[str] = []
    for line in (*lines, None):
        quote = _QUOTE.match(line) if line is not None else None
        quotes = min(quote[0].count(">"), _MAX_QUOTES) if quote else 0
        said = line[quote.end() if quote else 0 :] if line is not None else ""
        if paragraph and (quotes != depth or not said.strip()):
            yield f"<p>{'<br>'.join(paragraph)}</p>"
            paragraph = []
        if quotes != depth and (said.strip() or line is None or quotes < depth):
            yield "<blockquote>" * (quotes - depth) + "</blockquote>" * (depth - quotes)
            depth = quotes
        if said.strip():
            paragraph.append(_line(said))


def _line(text: str) -> str:
    # Columns that were made of spaces stay columns.
    spaced = _WIDE_SPACES.sub("\u00a0 ", text)
    return "".join(
        html.escape(piece.text)
        if piece.link is None
        else f'<a href="{html.escape(piece.link)}">{html.escape(piece.text)}</a>'
        for piece in pieces(spaced)
    )
