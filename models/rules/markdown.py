"""Markdown of people as HTML and as plain text, and HTML of foreign mails.

Markdown is CommonMark with tables and strikethrough; line ends stay line ends, as people
type them in mails, and bare addresses of the web become links. HTML in it stays text.

The work is linear in the length of the text: the parser's is but for tables, whose cells
are counted here before they are made.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, cast

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import table

from models.rules.html_text import html_to_text
from models.rules.html_tree import nested_html
from models.rules.markdown_links import IMAGES, put_links
from models.rules.plain_lines import lines_html
from models.rules.safe_html import NO_IMAGES, safe_html
from models.rules.visible_text import visible_text

__all__ = ["html_to_text", "sanitise_mail_html", "text_to_html", "to_html", "to_plain"]

MAX_FORMATTED_LENGTH: Final = 50_000  # characters; a longer text is shown as it was typed
MAX_SHOWN_LENGTH: Final = 300_000  # characters; the rest of a text is left out
# A message is read by several people, several times; making its page costs 2 ms for each kB.
_REMEMBERED: Final = 1_000  # texts
_MAX_REMEMBERED_LENGTH: Final = 4_000  # characters
_MAX_CELLS: Final = 20_000  # of all tables of a text
_CELLS: Final = "cells"  # of the environment of one rendering


def to_html(markdown: str, *, images: Mapping[str, str] = NO_IMAGES) -> str:
    """Return what may stand on a page for a text in Markdown.

    Args:
        markdown: as typed, of any length and with anything in it.
        images: addresses of pictures on this portal by the source that the text names
            them by. Pictures of other hosts would tell them who reads: they become links.
    """
    if images or len(markdown) > _MAX_REMEMBERED_LENGTH:
        return _html(markdown, images)
    return _remembered(markdown)


@lru_cache(maxsize=_REMEMBERED)
def _remembered(markdown: str) -> str:
    return _html(markdown, NO_IMAGES)


def _html(markdown: str, images: Mapping[str, str]) -> str:
    text = visible_text(markdown)
    if len(text) > MAX_FORMATTED_LENGTH:
        return text_to_html(text)
    rendered = cast("str", _PARSER.render(text, {IMAGES: images, _CELLS: 0}))
    return safe_html(rendered, images=images)


def to_plain(markdown: str) -> str:
    """Return a text in Markdown as plain text: for mails, for previews and for search."""
    text = visible_text(markdown)
    if len(text) > MAX_FORMATTED_LENGTH:
        return text[:MAX_SHOWN_LENGTH]
    return html_to_text(cast("str", _PARSER.render(text, {IMAGES: NO_IMAGES, _CELLS: 0})))


def text_to_html(text: str) -> str:
    """Return what may stand on a page for plain text: its lines, its quotes and its links."""
    return safe_html(lines_html(visible_text(text[:MAX_SHOWN_LENGTH])))


def sanitise_mail_html(html: str, *, images: Mapping[str, str] = NO_IMAGES) -> str:
    """Return what may stand on a page for the HTML of a foreign mail.

    Quotes, tables and lists stay; styles, remote pictures and everything that runs go.

    Args:
        html: as it came, of any size and depth; what is beyond our bounds is left out.
        images: addresses on this portal by the Content-ID of a part, without brackets.
    """
    return safe_html(nested_html(visible_text(html)), images=images)


def _bounded_table(state: StateBlock, first: int, last: int, silent: bool) -> bool:  # noqa: FBT001 - the parser's
    """Read a table unless the text would have too many cells with it."""
    if silent or not table(state, first, last, True):  # noqa: FBT003 - as the parser calls it
        return silent and table(state, first, last, silent)
    begin, end = state.bMarks[first] + state.tShift[first], state.eMarks[first]
    columns = state.src.count("|", begin, end) + 1
    left = _MAX_CELLS - cast("int", state.env[_CELLS])
    row = first
    while row < last and not state.isEmpty(row) and (row - first) * columns <= left:
        row += 1
    if (row - first) * columns > left or not table(state, first, last, silent):
        return False
    state.env[_CELLS] += (state.line - first) * columns
    return True


def _parser() -> MarkdownIt:
    """Return the one parser, which keeps nothing between two texts."""
    options = {"html": False, "breaks": True, "maxNesting": 20, "langPrefix": "language-"}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    parser.block.ruler.at("table", _bounded_table, {"alt": ["paragraph", "reference"]})
    parser.core.ruler.push("links", put_links)
    return parser


_PARSER: Final = _parser()
