"""The title of a web page, as one line of text.

Source: HTML, section 13.2.5 (tokens), as far as the place of a title needs it: the
one of a picture inside the page, or of a comment, a script or an attribute is none.
Every step goes forward, so that no page takes more time than its length.
"""

import html
from collections.abc import Iterator
from typing import Final, NamedTuple

import regex

from models.rules.page_encodings import decode_page
from models.rules.plain_text import has_hidden

MAX_TITLE_LENGTH: Final = 300  # characters, also the width of the column
_MAX_RAW_LENGTH: Final = 4000  # characters of a title with its entities; the rest is cut first
_PAGES: Final = frozenset({"", "text/html", "application/xhtml+xml"})
# Elements whose contents are no page: text in them is neither tags nor titles.
_OPAQUE: Final = frozenset(
    {"script", "style", "textarea", "svg", "math", "template", "iframe", "noembed", "noframes"}
)
_PICTURES: Final = frozenset({"svg", "math"})  # may end in their own tag
_TAG: Final = regex.compile(
    r"""<(/?+)([A-Za-z][^\s/>]*+)((?:[^>"']++|"[^"]*+"|'[^']*+')*+)>""", regex.DOTALL
)
_TAG_START: Final = regex.compile(r"</?[A-Za-z]")
_ATTRIBUTE: Final = regex.compile(
    r"""([^\s"'=<>/]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++)))?+""", regex.DOTALL
)
_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}  # keeps all places
_OG: Final = ("og:title", "twitter:title")
_SPACES: Final = regex.compile(r"[\s\p{Z}]+")
# Invisible and directing marks, too; the two joiners are letters' own business.
_HIDDEN: Final = regex.compile(r"(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Co}]")
_JOINERS: Final = "\u200c\u200d "
_GRAPHEME: Final = regex.compile(r"\X")


class _Tag(NamedTuple):
    """A start tag; `text` is what a title holds, "" for other elements."""

    name: str
    attributes: str
    text: str


def title_of(body: bytes, *, content_type: str) -> str | None:
    """Return the title of a page, None if it has none that can be shown.

    Args:
        body: the page, or its beginning.
        content_type: the header, "" if there was none.

    Returns:
        1 to 300 characters without control characters and without entities: the first
        title element with a text, else what the page tells social networks.
    """
    if content_type.partition(";")[0].strip().lower() not in _PAGES:
        return None
    told: str | None = None
    for tag in _tags(decode_page(body, content_type=content_type)):
        if tag.name == "title":
            title = _one_line(tag.text)
            if title:
                return title
        elif told is None and tag.name == "meta":
            told = _told(tag.attributes)
    return told


def _told(attributes: str) -> str | None:
    """Return the title of a meta element, None if it tells of something else."""
    values: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(attributes):
        values.setdefault(name.lower(), double or single or bare)
    name = values.get("property") or values.get("name") or ""
    return _one_line(values.get("content", "")) or None if name.lower() in _OG else None


def _tags(text: str) -> Iterator[_Tag]:
    """Yield title and meta elements in their order."""
    lower = text.translate(_LOWER)
    at = 0
    while at >= 0 and (start := text.find("<", at)) >= 0:
        aside = _behind_aside(text, start)
        if aside is not None:
            at = aside
            continue
        tag = _TAG.match(text, start)
        if tag is None:  # it never ends, and what stands in it is no tag
            return
        is_end, name, attributes, at = tag[1] == "/", tag[2].lower(), tag[3], tag.end()
        if is_end:
            continue
        if name == "title":
            begin, at = at, lower.find("</title", at)
            if at >= 0:
                yield _Tag(name, "", text[begin:at])
        elif name == "meta":
            yield _Tag(name, attributes, "")
        elif name in _OPAQUE and not (name in _PICTURES and attributes.endswith("/")):
            at = lower.find(f"</{name}", at)


def _behind_aside(text: str, start: int) -> int | None:
    """Return where a comment, a declaration or a mere "<" ends; None if a tag begins there.

    -1 is for what never ends.
    """
    if text.startswith("<!--", start):
        return _behind(text, "-->", start + 4)
    if text.startswith(("<!", "<?"), start):
        return _behind(text, ">", start)
    return None if _TAG_START.match(text, start) else start + 1


def _behind(text: str, end: str, at: int) -> int:
    found = text.find(end, at)
    return -1 if found < 0 else found + len(end)


def _one_line(raw: str) -> str:
    """Return a text as it may be shown and stored; "" if nothing of it is left."""
    text = html.unescape(raw[:_MAX_RAW_LENGTH])
    line = _HIDDEN.sub("", _SPACES.sub(" ", text)).strip()
    line = _SPACES.sub(" ", line)
    if len(line) > MAX_TITLE_LENGTH:
        line = _cut(line)
    return "" if has_hidden(line) or not line.strip(_JOINERS) else line


def _cut(line: str) -> str:
    """Return as many whole characters of a line as fit, an ellipsis with them."""
    end = 0
    for found in _GRAPHEME.finditer(line):
        if found.end() > MAX_TITLE_LENGTH - 1:
            break
        end = found.end()
    return line[:end].rstrip() + "…"
