"""In which characters a page is written: what its head says, and what it is read as.

Source: WHATWG Encoding Standard, section 4.2 (names and labels), and HTML, section
13.2.3.2 (which of several statements wins). Only labels of this table are ever
looked up: Python knows "encodings" that are none, such as zip and rot13.
"""

import codecs
from typing import Final

import regex

_SCANNED_BYTES: Final = 8192  # of a page, for its own statement; browsers look at 1,024
# Codec of Python, then the labels that pages use for it.
_LABELS: Final = {
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8 x-unicode20utf8",
    "utf-16-le": "utf-16 utf-16le ucs-2 unicode iso-10646-ucs-2 unicodefeff",
    "utf-16-be": "utf-16be unicodefffe",
    "cp1252": "windows-1252 cp1252 x-cp1252 iso-8859-1 iso8859-1 iso_8859-1 latin1 l1 ascii"
    " us-ascii",
    "cp1250": "windows-1250 cp1250 x-cp1250",
    "cp1251": "windows-1251 cp1251 x-cp1251 win-1251",
    "cp1253": "windows-1253 cp1253 x-cp1253",
    "cp1254": "windows-1254 cp1254 x-cp1254 iso-8859-9 iso8859-9 latin5 l5",
    "cp1255": "windows-1255 cp1255 x-cp1255",
    "cp1256": "windows-1256 cp1256 x-cp1256",
    "cp1257": "windows-1257 cp1257 x-cp1257",
    "cp1258": "windows-1258 cp1258 x-cp1258",
    "cp866": "ibm866 cp866 866 csibm866",
    "cp874": "windows-874 tis-620 iso-8859-11 iso8859-11 dos-874",
    "iso8859-2": "iso-8859-2 iso8859-2 latin2 l2",
    "iso8859-3": "iso-8859-3 iso8859-3 latin3 l3",
    "iso8859-4": "iso-8859-4 iso8859-4 latin4 l4",
    "iso8859-5": "iso-8859-5 iso8859-5 cyrillic",
    "iso8859-6": "iso-8859-6 iso8859-6 arabic",
    "iso8859-7": "iso-8859-7 iso8859-7 greek",
    "iso8859-8": "iso-8859-8 iso8859-8 iso-8859-8-i hebrew logical visual",
    "iso8859-10": "iso-8859-10 iso8859-10 latin6 l6",
    "iso8859-13": "iso-8859-13 iso8859-13",
    "iso8859-14": "iso-8859-14 iso8859-14",
    "iso8859-15": "iso-8859-15 iso8859-15 l9",
    "iso8859-16": "iso-8859-16",
    "koi8-r": "koi8-r koi8 koi koi8_r cskoi8r",
    "koi8-u": "koi8-u koi8-ru",
    "mac-roman": "macintosh mac x-mac-roman",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "gb18030": "gb18030 gbk gb2312 gb_2312-80 x-gbk chinese csgb2312 iso-ir-58",
    "big5hkscs": "big5 big5-hkscs cn-big5 x-x-big5 csbig5",
    "cp932": "shift_jis shift-jis sjis x-sjis ms_kanji windows-31j csshiftjis ms932",
    "euc_jp": "euc-jp x-euc-jp cseucpkdfmtjapanese",
    "iso2022_jp": "iso-2022-jp csiso2022jp",
    "cp949": "euc-kr korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949 cseuckr",
}
_CODECS: Final = {label: codec for codec, labels in _LABELS.items() for label in labels.split()}
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LABEL: Final = rb"""["']?\s*([A-Za-z0-9_:.+-]{1,40})"""
_OF_HEADER: Final = regex.compile(rb"charset\s*=\s*" + _LABEL, regex.IGNORECASE)
_OF_PAGE: Final = regex.compile(
    rb"(?:<meta\s[^>]{0,500}?charset|^\s*+<\?xml\s[^>]{0,200}?encoding)\s*=\s*" + _LABEL,
    regex.IGNORECASE,
)
_COMMENT: Final = regex.compile(rb"<!--.*?(?:-->|\Z)", regex.DOTALL)
_USUAL: Final = "cp1252"  # of pages that say nothing and are no UTF-8


def decode_page(body: bytes, *, content_type: str) -> str:
    """Return the text of a page; bytes that mean nothing in its encoding become U+FFFD.

    A byte order mark wins over the header, the header over the page itself. A page
    that says nothing is UTF-8 if it can be, and Windows-1252 otherwise.

    Args:
        body: the page, possibly cut in the middle of a character.
        content_type: the header.
    """
    for mark, codec in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(codec, "replace")
    codec = (
        _codec(_OF_HEADER.search(content_type.encode("ascii", "replace")))
        or _codec_of_page(body[:_SCANNED_BYTES])
        or _guess(body)
    )
    return body.decode(codec, "replace")


def codec_of_label(label: str) -> str | None:
    """Return the codec that a label means, None for what is none here."""
    return _CODECS.get(label.strip().lower())


def _codec_of_page(head: bytes) -> str | None:
    codec = _codec(_OF_PAGE.search(_COMMENT.sub(b"", head)))
    # Whoever could read this statement as ASCII did not read UTF-16.
    return "utf-8" if codec is not None and codec.startswith("utf-16") else codec


def _codec(found: "regex.Match[bytes] | None") -> str | None:
    return None if found is None else _CODECS.get(found[1].decode("ascii").lower())


def _guess(body: bytes) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body)  # a cut at the end is no fault
    except UnicodeDecodeError:
        return _USUAL
    return "utf-8"
