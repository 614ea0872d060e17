"""What kind of text a file begins with: markup that a browser would run, or plain text.

Source: WHATWG MIME Sniffing, section 7.1: what browsers take for HTML when nobody tells
them. Ours is stricter, because whatever may be markup is never shown by a browser.
"""

import codecs
from typing import Final

import regex

PLAIN: Final = "text/plain"
HTML: Final = "text/html"
SVG: Final = "image/svg+xml"
XHTML: Final = "application/xhtml+xml"
XML: Final = "application/xml"
RTF: Final = "application/rtf"
POSTSCRIPT: Final = "application/postscript"
MESSAGE: Final = "message/rfc822"
SHELL: Final = "text/x-shellscript"

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What no text has: control characters but tab, line ends, form feed and escape.
_CONTROL: Final = frozenset(range(32)) - frozenset(b"\t\n\v\f\r\x1b") | {127}
_HTML: Final = regex.compile(
    r"<(?:!doctype\s+html|html|head|body|title|script|style|iframe|frame|frameset|object|embed"
    r"|applet|base|meta|link|form|input|button|table|div|span|font|center|img|video|audio|a|b|p"
    r"|br|h[1-6]|svg:script)(?=[\s/>]|$)",
    regex.IGNORECASE,
)
_SVG: Final = regex.compile(r"<(?:!doctype\s+svg|(?:[\w.-]+:)?svg)(?=[\s/>\[]|$)", regex.IGNORECASE)
_XHTML: Final = "www.w3.org/1999/xhtml"
# Nothing here goes back over what it has read: a head of comments alone would take years.
_BEFORE: Final = regex.compile(r"\s*+(?:<!--(?>.*?(?:-->|$))\s*+)*+", regex.DOTALL)
_XML: Final = ("<?xml ", "<?xml-")
_TAG: Final = regex.compile(r"<([A-Za-z_][\w.:-]*+)")
_MAIL_FIELD: Final = regex.compile(
    r"(?:return-path|received|delivered-to|message-id|mime-version|from|x-mailer|date):[ \t]",
    regex.IGNORECASE,
)
_MAIL_SURE: Final = regex.compile(r"^(?:received|message-id|mime-version):", regex.I | regex.M)


def text_type_of(head: bytes) -> str | None:
    """Return the media type of a text, None for what is none.

    Args:
        head: the first bytes of the file; a character may be cut in two at their end.
    """
    text = _decoded(head)
    if text is None:
        return None
    return _markup_of(text) or _named_of(text) or PLAIN


def _decoded(head: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return _plain(
                codecs.getincrementaldecoder(encoding)("replace").decode(head[len(mark) :])
            )
    if b"\0" in head:
        return _wide(head)
    if not _CONTROL.isdisjoint(head):
        return None
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return head.decode("latin-1")  # windows-1251, KOI8-R: markup is ASCII in all of them


def _wide(head: bytes) -> str | None:
    """Read UTF-16 without a mark, which old browsers took for text, too."""
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if zeros.count(0) * 4 >= len(zeros) * 3:
            return _plain(codecs.getincrementaldecoder(encoding)("replace").decode(head))
    return None


def _plain(text: str) -> str | None:
    return None if any(ord(letter) in _CONTROL for letter in text[:4096]) else text


def _markup_of(text: str) -> str | None:
    """Return what markup it is, None unless it begins with a tag."""
    found = _BEFORE.match(text)
    begins = text[found.end() :] if found else text
    is_xml = begins.startswith(_XML)
    if not is_xml and not begins.startswith("<"):
        return None
    if (is_xml or _SVG.match(begins)) and _SVG.search(begins):
        return SVG
    if _HTML.match(begins):
        return XHTML if _XHTML in begins else HTML
    if is_xml:
        return XHTML if _XHTML in begins else XML
    tag = _TAG.match(begins)
    return XML if tag and f"</{tag[1]}>" in begins else None


def _named_of(text: str) -> str | None:
    if text.startswith("{\\rtf"):
        return RTF
    if text.startswith("%!PS"):
        return POSTSCRIPT
    if text.startswith("#!"):
        return SHELL
    if _MAIL_FIELD.match(text) and _MAIL_SURE.search(text):
        return MESSAGE
    return None
