"""Foreign HTML with every tag closed in its place, and never more or deeper than we can take.

A tree of HTML can take time and space that grow with the square of the text: each tag may
look through all that are open, and styles left open are opened anew in each paragraph. What
comes out here has no such tricks left, because the tags are nested as they are written.
"""

import html
from collections import Counter
from collections.abc import Iterator
from typing import Final

from models.rules.html_tokens import Tag, tokens
from models.rules.safe_html import ATTRIBUTES, TAGS

MAX_HTML_LENGTH: Final = 1_000_000  # characters read of it
_MAX_TAGS: Final = 50_000
_MAX_DEPTH: Final = 300  # fifty answers that each quote the one before are 150 deep
_EMPTY: Final = frozenset({"br", "hr", "img"})
_TABLE: Final = frozenset({"table"})
_CELLS: Final = frozenset({"td", "th", "caption", "table"})  # what is open around them stays
_LISTS: Final = frozenset({"ul", "ol"})
_BLOCKS: Final = "blockquote dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre table ul"
BLOCKS: Final = frozenset(_BLOCKS.split())
# What a start tag ends, and what it does not look behind.
_ENDS: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "li": (frozenset({"li"}), _LISTS | _CELLS),
    "dd": (frozenset({"dd", "dt"}), frozenset({"dl"}) | _CELLS),
    "dt": (frozenset({"dd", "dt"}), frozenset({"dl"}) | _CELLS),
    "td": (frozenset({"td", "th", "caption"}), frozenset({"tr", "table"})),
    "th": (frozenset({"td", "th", "caption"}), frozenset({"tr", "table"})),
    "tr": (frozenset({"tr", "caption"}), _TABLE),
    "tbody": (frozenset({"tbody", "thead", "tfoot", "caption"}), _TABLE),
    "thead": (frozenset({"tbody", "thead", "tfoot", "caption"}), _TABLE),
    "tfoot": (frozenset({"tbody", "thead", "tfoot", "caption"}), _TABLE),
    "a": (frozenset({"a"}), _CELLS),
}
_NO_ENDS: Final = (frozenset[str](), _CELLS)
_TABLE_PARTS: Final = frozenset({"table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption"})


def nested_tokens(text: str) -> Iterator[Tag | str]:
    """Yield the allowed tags of foreign HTML, each end in its place, and the text.

    Tags beyond the bounds are left out, text beyond MAX_HTML_LENGTH with an ellipsis.
    """
    still_open = _Open()
    left = _MAX_TAGS
    for token in tokens(text[:MAX_HTML_LENGTH]):
        if isinstance(token, str):
            yield token
        elif token.name not in TAGS:
            continue
        elif token.is_end:
            yield from still_open.closed(still_open.depth_of_end(token.name))
        elif left > 0:
            yield from still_open.closed(still_open.depth_of_start(token.name))
            if token.name in _EMPTY or len(still_open.names) < _MAX_DEPTH:
                left -= 1
                yield token
                still_open.add(token.name)
    if len(text) > MAX_HTML_LENGTH:
        yield "…"
    yield from still_open.closed(0)


def nested_html(text: str) -> str:
    """Return foreign HTML with only allowed tags and attributes, nested as written."""
    return "".join(
        html.escape(token, quote=False) if isinstance(token, str) else _written(token)
        for token in nested_tokens(text)
    )


def _written(tag: Tag) -> str:
    if tag.is_end:
        return f"</{tag.name}>"
    allowed = ATTRIBUTES.get(tag.name)
    if not allowed:
        return f"<{tag.name}>"
    values = {name: text for name, text in tag.attributes().items() if name in allowed}
    attributes = (f' {name}="{html.escape(text)}"' for name, text in values.items())
    return f"<{tag.name}{''.join(attributes)}>"


class _Open:
    """Elements that are open, the outermost first, and how many there are of each name."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._counts: Counter[str] = Counter()

    def add(self, name: str) -> None:
        if name not in _EMPTY:
            self.names.append(name)
            self._counts[name] += 1

    def closed(self, depth: int) -> Iterator[Tag]:
        """Yield the ends of what is deeper, the innermost first."""
        while len(self.names) > depth:
            name = self.names.pop()
            self._counts[name] -= 1
            yield Tag(name, is_end=True, raw_attributes="")

    def depth_of_start(self, name: str) -> int:
        """Return how many elements stay open around a new one."""
        ends, bounds = _ENDS.get(name, _NO_ENDS)
        if name in BLOCKS:
            ends |= {"p"}
        depth = len(self.names)
        if not any(self._counts[each] for each in ends):
            return depth
        for place in range(len(self.names) - 1, -1, -1):
            if self.names[place] in ends:
                depth = place
            elif self.names[place] in bounds:
                break
        return depth

    def depth_of_end(self, name: str) -> int:
        """Return how many elements stay open after an end tag; all of them if it ends nothing."""
        if not self._counts[name]:
            return len(self.names)
        bounds = _TABLE if name in _TABLE_PARTS else _CELLS
        for place in range(len(self.names) - 1, -1, -1):
            if self.names[place] == name:
                return place
            if self.names[place] in bounds:
                break
        return len(self.names)
