"""The tags and the text of foreign HTML, in one pass and in time linear in its length.

Source: HTML, section 13.2.5 (tokens), as far as mail needs it. What comes of this is still
as hostile as before: only models.rules.safe_html makes it fit for pages.
"""

import html
from collections.abc import Iterator
from typing import Final, NamedTuple

import regex

_TAG: Final = regex.compile(
    r"""<(/?+)([A-Za-z][^\s/>]*+)
    ((?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|(?!["'])[^\s>]*+))?+)*+)>""",
    regex.VERBOSE,
)
_ATTRIBUTE: Final = regex.compile(
    r"""([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|((?!["'])[^\s>]*+)))?+"""
)
# What may begin a tag, a comment or a declaration; any other "<" is text.
_MARKUP: Final = regex.compile(r"<(?=[A-Za-z!?]|/[A-Za-z])")
_COMMENT_END: Final = regex.compile(r"--!?>")
_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}  # keeps all places
# What stands in these is no text for readers.
_OPAQUE: Final = """applet embed frameset head iframe math noembed noframes noscript object
    script style svg template title"""
OPAQUE: Final = frozenset(_OPAQUE.split())
_NEVER_ENDING: Final = frozenset({"embed", "frameset", "head"})  # no contents to skip


class Tag(NamedTuple):
    """A start tag, or the end of one. Names of attributes are lower case, the first wins."""

    name: str
    is_end: bool
    raw_attributes: str

    def attributes(self) -> dict[str, str]:
        """Return the attributes with their character references resolved."""
        values: dict[str, str] = {}
        for name, double, single, bare in _ATTRIBUTE.findall(self.raw_attributes):
            values.setdefault(name.lower(), html.unescape(double or single or bare))
        return values


def tokens(text: str) -> Iterator[Tag | str]:
    """Yield tags and, between them, text with its character references resolved."""
    lower = text.translate(_LOWER)
    at = 0
    while 0 <= at < len(text):
        begin = _MARKUP.search(text, at)
        start = begin.start() if begin else len(text)
        if start > at:
            yield html.unescape(text[at:start])
        if begin is None:
            return
        aside = _behind_aside(text, start)
        if aside is not None:
            at = aside
            continue
        found = _TAG.match(text, start)
        if found is None:  # it never ends: nothing after it is a tag
            yield text[start:]
            return
        tag = Tag(found[2].lower(), found[1] == "/", found[3])
        yield tag
        at = found.end()
        if tag.name in OPAQUE - _NEVER_ENDING and not tag.is_end and found[3][-1:] != "/":
            at = lower.find(f"</{tag.name}", at)


def _behind_aside(text: str, start: int) -> int | None:
    """Return where a comment or a declaration ends, -1 for never; None if none begins there."""
    if text.startswith("<!--", start):
        end = _COMMENT_END.search(text, start + 2)
        return end.end() if end else -1
    if text.startswith(("<!", "<?"), start):
        return text.find(">", start) + 1 or -1
    return None
