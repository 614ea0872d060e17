"""The title of a page, whatever the page does to hide or to twist it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.page_titles import MAX_TITLE_LENGTH, title_of
from models.rules.plain_text import check_text

HTML = "text/html"


def title(page: str | bytes, content_type: str = HTML) -> str | None:
    body = page.encode() if isinstance(page, str) else page
    return title_of(body, content_type=content_type)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<title>Plain</title>", "Plain"),
        ("<!doctype html><html><head><TITLE lang=en>Upper</TITLE >", "Upper"),
        ("<title>\n  Two\t lines \u00a0 of\r\n text </title>", "Two lines of text"),
        ("<title>Tom &amp; &#x416;&#1080; &lt;b&gt; &nbsp;x&hellip;</title>", "Tom & Жи <b> x…"),
        ("<title>a<b>c</title>", "a<b>c"),
        ("<title>a\u202eb\u200bc\ufeffd\u00ade\u0000f</title>", "abcdef"),
        ("<title>&#8238;x&#0;&#8203;y&#x7f;</title>", "x\ufffdy"),
        ("<title></title><title> second </title>", "second"),
        ("<!-- <title>no</title> --><title>yes</title>", "yes"),
        ("<script>'<title>no</title>'</script><title>yes</title>", "yes"),
        ("<style><title>no</title></style><title>yes</title>", "yes"),
        ("<svg><title>picture</title></svg><title>yes</title>", "yes"),
        ("<svg viewBox='0 0 1 1'/><title>yes</title>", "yes"),
        ("<template><title>no</title></template><title>yes</title>", "yes"),
        ("<meta name=d content='<title>no</title>'><title>yes</title>", "yes"),
        ('<a title="x > y"><title>yes</title>', "yes"),
        ("1 < 2 <я <3 </ <title>yes</title>", "yes"),
        ("<?xml version='1.0'?><!DOCTYPE html><title>yes</title>", "yes"),
        ('<meta property="og:title" content="Told &amp; sold"><p>', "Told & sold"),
        ("<meta content=Bare name=og:title>", "Bare"),
        ("<meta name='twitter:title' content='Bird'><meta property=og:title content=x>", "Bird"),
        ("<meta property=og:title content=told><title>Own</title>", "Own"),
        ("<meta property=og:title content=''><meta property=og:title content=b>", "b"),
        ("<title> </title><meta property=og:title content=told>", "told"),
        ("<p>nothing</p>", None),
        ("<title>never ends", None),
        ("<!-- <title>never ends</title>", None),
        ("<script><title>never ends</title>", None),
        ("<a '<title>never ends</title>", None),
        ("<title>\u200d\u200c</title>", None),
        ("<meta name=description content=x>", None),
        ("", None),
        ("<", None),
        ("<title", None),
    ],
)
def test_the_title_is_what_a_browser_shows(page: str, expected: str | None) -> None:
    assert title(page) == expected


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("text/html", "x"),
        ("TEXT/HTML; charset=utf-8", "x"),
        ("application/xhtml+xml", "x"),
        ("", "x"),
        ("application/pdf", None),
        ("image/svg+xml", None),
        ("application/json", None),
        ("text/plain", None),
    ],
)
def test_only_pages_have_titles(content_type: str, expected: str | None) -> None:
    assert title("<title>x</title>", content_type) == expected


RUSSIAN = "Привет, мир — ёлка"
JAPANESE = "短いリンク"


@pytest.mark.parametrize(
    ("text", "codec", "label"),
    [
        (RUSSIAN, "cp1251", "windows-1251"),
        (RUSSIAN, "cp1251", "CP1251"),
        ("Привет, мир", "koi8-r", "koi8-r"),
        ("Їжак", "koi8-u", "KOI8-U"),
        ("Привет", "iso8859-5", "iso-8859-5"),
        ("Привет", "cp866", "ibm866"),
        ("Привет", "mac-cyrillic", "x-mac-cyrillic"),
        (RUSSIAN, "utf-8", "utf8"),
        (JAPANESE, "shift_jis", "shift_jis"),
        (JAPANESE, "euc_jp", "euc-jp"),
        (JAPANESE, "iso2022_jp", "iso-2022-jp"),
        ("短链接", "gb18030", "gb2312"),
        ("短鏈接", "big5hkscs", "big5"),
        ("짧은 링크", "cp949", "euc-kr"),
        ("Café – “x”", "cp1252", "iso-8859-1"),
        ("Łódź", "iso8859-2", "latin2"),
    ],
)
def test_a_title_is_read_in_the_characters_of_its_page(text: str, codec: str, label: str) -> None:
    plain = f"<title>{text}</title>".encode(codec)
    by_meta = f'<meta charset="{label}">'.encode() + plain
    old = f'<META http-equiv=Content-Type content="text/html; charset={label}">'.encode() + plain
    by_xml = f'<?xml version="1.0" encoding="{label}"?>'.encode() + plain

    assert title(plain, f"text/html; charset={label}") == text
    assert title(plain, f'text/html;charset="{label}"') == text
    assert [title(page) for page in (by_meta, old, by_xml)] == [text] * 3


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-8"])
def test_a_byte_order_mark_wins_over_all_else(codec: str) -> None:
    page = "\ufeff<title>Привет</title>".encode(codec)

    assert title(page, "text/html; charset=koi8-r") == "Привет"


def test_utf_16_without_a_mark_is_believed_in_the_header_and_not_in_the_page() -> None:
    assert title("<title>Ж</title>".encode("utf-16-le"), "text/html; charset=utf-16") == "Ж"
    assert title("<meta charset=utf-16><title>Ж</title>") == "Ж"


def test_the_header_wins_over_the_page() -> None:
    page = "<meta charset=koi8-r><title>Привет</title>".encode("cp1251")

    assert title(page, "text/html; charset=windows-1251") == "Привет"


def test_a_page_that_says_nothing_is_utf_8_if_it_can_be() -> None:
    assert title("<title>Ж</title>") == "Ж"
    assert title("<title>Ж</title>".encode() + "Ж".encode()[:1]) == "Ж"
    assert title("<title>Café</title>".encode("cp1252")) == "Café"


def test_a_statement_in_a_comment_does_not_count() -> None:
    assert title("<!-- <meta charset=koi8-r> --><title>Ж</title>") == "Ж"


def test_bytes_without_meaning_are_replaced() -> None:
    assert title(b"<meta charset=utf-8><title>a\xffb\xd0</title>") == "a\ufffdb\ufffd"


@pytest.mark.parametrize("label", ["zip", "rot13", "idna", "unicode_escape", "utf-7", "base64"])
def test_what_only_python_calls_an_encoding_is_none(label: str) -> None:
    assert title(b"<title>+AGE-\\u0041</title>", f"text/html; charset={label}") == ("+AGE-\\u0041")


def test_a_long_title_is_cut_between_two_characters_that_a_reader_sees() -> None:
    assert title(f"<title>{'a' * 300}</title>") == "a" * 300
    assert title(f"<title>{'a' * 301}</title>") == "a" * 299 + "…"
    family = "👩\u200d👩\u200d👧"  # five code points
    assert title(f"<title>{'a' * 297}{family}</title>") == "a" * 297 + "…"
    assert title(f"<title>{'&amp;' * 99_999}</title>") == "&" * 299 + "…"
    assert title(f"<title>&#{'9' * 99_999};</title>") is not None


@given(st.binary(max_size=300), st.sampled_from([HTML, "", "text/html; charset=shift_jis"]))
def test_a_title_is_always_one_that_could_have_been_typed(body: bytes, content_type: str) -> None:
    for page in (body, b"<title>" + body + b"</title>"):
        found = title_of(page, content_type=content_type)
        if found is not None:
            assert check_text(found, field="title", length=MAX_TITLE_LENGTH) == found


@pytest.mark.parametrize(
    "part",
    [
        "<",
        "<!--",
        "<title",
        "<title>",
        "<a ",
        '<a "',
        "<a x=",
        "<meta ",
        "<meta a",
        "<meta charset",
        "<script>",
        "<svg",
        "</",
        "<meta property=og:title content=",
        "&",
        "a=",
        "<?xml ",
    ],
)
def test_no_page_takes_more_time_than_its_length(part: str) -> None:
    page = (part * (524_288 // len(part))).encode()

    began = time.process_time()
    title_of(page, content_type=HTML)
    title_of(b"<meta " + page + b">", content_type=HTML)

    assert time.process_time() - began < 3  # the square of the length would be minutes
