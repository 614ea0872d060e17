"""The HTML that pages may show: our own list of what is allowed, everything else goes.

Whoever wrote the HTML, nothing in it runs, asks another host for anything, or looks like
a part of the page around it: no scripts, styles, forms, frames, classes or names, and
pictures only from addresses that the caller gives.

Source: HTML, section 13.2 (parsing), by nh3, which builds the same tree as browsers do
and writes it anew; so no trick of one parser against another survives.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

import nh3
import regex

from models.rules.html_tokens import OPAQUE
from models.rules.visible_text import visible_text

NO_IMAGES: Final[Mapping[str, str]] = MappingProxyType({})
_TAGS: Final = """a abbr b blockquote br caption code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i
    img ins kbd li ol p pre q s samp small span strike strong sub sup table tbody td tfoot th
    thead tr tt u ul var"""
TAGS: Final = frozenset(_TAGS.split())
_CELL: Final = frozenset({"align", "colspan", "rowspan"})
ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "*": frozenset[str](),  # in place of the library's own
        "a": frozenset({"href"}),
        "code": frozenset({"class"}),
        "img": frozenset({"src", "alt"}),
        "ol": frozenset({"start"}),
        "td": _CELL,
        "th": _CELL,
    }
)
_REL: Final = "noopener noreferrer nofollow"
# cid: names a part of a mail and never leaves; the filter below puts an address there.
_SCHEMES: Final = frozenset({"http", "https", "mailto", "cid"})
_LINK: Final = regex.compile(r"(?:https?://[^\s/\\?#]|mailto:[^\s?#])\S*+", regex.IGNORECASE)
_NO_PART_OF_URLS: Final = regex.compile(r"[\t\n]")  # browsers drop them wherever they stand
_LANGUAGE: Final = regex.compile(r"language-[A-Za-z0-9_+#.-]{1,40}")
_NUMBER: Final = regex.compile(r"[1-9][0-9]{0,5}")
_MAX_SPAN: Final = 100
_ALIGNMENTS: Final = frozenset({"left", "center", "right"})


def safe_html(html: str, *, images: Mapping[str, str] = NO_IMAGES) -> str:
    """Return HTML that may stand on our pages. Doing it twice changes nothing.

    Args:
        html: of anybody. Its size and depth are the caller's to bound, see html_bounds.
        images: the address of a picture on this portal by the source that the HTML names
            it by, `cid:` left out; all other pictures lose their source.
    """
    cleaner = _cleaner(images) if images else _WITHOUT_IMAGES
    cleaned = cleaner.clean(visible_text(html))
    # Character references may have hidden what visible_text looks for.
    shown = visible_text(cleaned)
    return cleaned if shown == cleaned else cleaner.clean(shown)


def safe_link(url: str) -> str | None:
    """Return the address if it may be linked to: http, https and mailto, each in full."""
    link = _NO_PART_OF_URLS.sub("", url.strip()).replace(" ", "%20")
    return link if _LINK.fullmatch(link) else None


def _cleaner(images: Mapping[str, str]) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=TAGS,
        clean_content_tags=OPAQUE,
        attributes=dict(ATTRIBUTES),
        attribute_filter=_filter(images),
        link_rel=_REL,
        url_schemes=_SCHEMES,
        url_relative="pass_through",  # the filter refuses them but for the caller's own
    )


def _filter(images: Mapping[str, str]) -> Callable[[str, str, str], str | None]:
    """Return what decides on the value of each attribute; None removes it."""
    own = frozenset(images.values())

    def source(value: str) -> str | None:
        name = value.strip()
        if name[:4].lower() == "cid:":
            name = unquote(name[4:])
        return value if value in own else images.get(name)

    checks = {**_CHECKS, "src": source}

    def allowed(_tag: str, attribute: str, value: str) -> str | None:
        check = checks.get(attribute)
        return check(value) if check else None

    return allowed


def _span(value: str) -> str | None:
    return str(min(int(value), _MAX_SPAN)) if _NUMBER.fullmatch(value) else None


_CHECKS: Final[Mapping[str, Callable[[str], str | None]]] = MappingProxyType(
    {
        "href": safe_link,
        "class": lambda value: value if _LANGUAGE.fullmatch(value) else None,
        "colspan": _span,
        "rowspan": _span,
        "start": lambda value: value if _NUMBER.fullmatch(value) else None,
        "align": lambda value: value.lower() if value.lower() in _ALIGNMENTS else None,
        "alt": lambda value: value,
        "rel": lambda _: _REL,
    }
)
_WITHOUT_IMAGES: Final = _cleaner(NO_IMAGES)
