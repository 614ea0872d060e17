"""What people type becomes HTML that reads as they meant it and can do nothing else."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rules import html_tree, markdown
from models.rules.markdown import (
    MAX_FORMATTED_LENGTH,
    html_to_text,
    sanitise_mail_html,
    text_to_html,
    to_html,
    to_plain,
)
from tests.html_checks import depth_of, faults_of, text_of

_REL: Final = 'rel="noopener noreferrer nofollow"'
_HOSTILE: Final = Path(__file__).parents[2] / "data" / "hostile_html.txt"
_HOST: Final = "https://ok.test"


def _hostile() -> list[str]:
    lines = [line for line in _HOSTILE.read_text().splitlines() if line and line[0] != "#"]
    return [line.encode("latin-1").decode("unicode_escape") for line in lines]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("", ""),
        ("Здравствуйте!\nЕщё строка", "<p>Здравствуйте!<br>\nЕщё строка</p>\n"),
        ("**a** *b* ~~c~~ `d`", "<p><strong>a</strong> <em>b</em> <s>c</s> <code>d</code></p>\n"),
        ("# a", "<h1>a</h1>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>\n'),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>\n"),
        ("```py\n<b>\n```", '<pre><code class="language-py">&lt;b&gt;\n</code></pre>\n'),
        ("```py is-hidden\nx\n```", '<pre><code class="language-py">x\n</code></pre>\n'),
        ("```<i>\nx\n```", "<pre><code>x\n</code></pre>\n"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"),
        ("a\u202eb\u0000c&#x202e;d", "<p>abcd</p>\n"),
        ("[a](https://ok.test/б)", f'<p><a href="{_HOST}/%D0%B1" {_REL}>a</a></p>\n'),
        ('[a](https://ok.test "t")', f'<p><a href="{_HOST}" {_REL}>a</a></p>\n'),
        ("[a](javascript:alert)", "<p>[a](javascript:alert)</p>\n"),
        ("[a](/b)", "<p>a (/b)</p>\n"),
        ("[a](ftp://b)", "<p>a (ftp://b)</p>\n"),
        ("![a](https://ok.test/1.png)", f'<p><a href="{_HOST}/1.png" {_REL}>a</a></p>\n'),
        ("[![a](https://e.test/1)](https://ok.test)", f'<p><a href="{_HOST}" {_REL}>a</a></p>\n'),
        ("a@b.test", f'<p><a href="mailto:a@b.test" {_REL}>a@b.test</a></p>\n'),
        ("`https://ok.test`", "<p><code>https://ok.test</code></p>\n"),
        ("version 2.14.0@x", "<p>version 2.14.0@x</p>\n"),
    ],
)
def test_markdown_reads_as_it_was_meant(markdown: str, expected: str) -> None:
    assert to_html(markdown) == expected


def test_bare_addresses_end_before_the_marks_of_their_sentence() -> None:
    link = f'<a href="{_HOST}/a_(b)_c" {_REL}>{_HOST}/a_(b)_c</a>'
    expected = f'<p>см. {link}, (<a href="{_HOST}" {_REL}>{_HOST}</a>).</p>\n'
    assert to_html("см. https://ok.test/a_(b)_c, (https://ok.test).") == expected


def test_tables_keep_their_alignment_without_a_style() -> None:
    html = to_html("|a|b|\n|-|-:|\n|1|2|")
    assert '<th align="right">b</th>' in html
    assert '<td align="right">2</td>' in html
    assert faults_of(html) == []


def test_pictures_of_this_portal_are_shown_and_others_become_links() -> None:
    html = to_html("![a](p.png) ![b](q.png)", images={"p.png": "/files/7"})
    assert html == '<p><img src="/files/7" alt="a"> b</p>\n'


def test_plain_text_of_markdown_keeps_lists_quotes_tables_and_addresses() -> None:
    markdown = (
        "# Вход\n\nСм. [здесь](https://ok.test) и https://e.test\n\n- a\n  - b\n- c\n\n"
        "1. d\n2. e\n\n> q\n> > r\n\n|k|v|\n|-|-|\n|1|2|\n\n```\n  x\n\ny\n```"
    )
    assert to_plain(markdown) == (
        "Вход\n\nСм. здесь <https://ok.test> и https://e.test\n\n- a\n  - b\n- c\n\n"
        "1. d\n2. e\n\n> q\n>\n> > r\n\nk | v\n1 | 2\n\n  x\n\ny"
    )


def test_a_text_too_long_to_format_is_shown_as_it_was_typed() -> None:
    text = "*a* <b>\n" * (MAX_FORMATTED_LENGTH // 8 + 1)
    html = to_html(text)
    assert html.startswith("<p>*a* &lt;b&gt;<br>*a*")
    assert to_plain(text) == text


def test_plain_mail_keeps_its_lines_quotes_columns_and_links() -> None:
    text = "a <b>\nc  d\n\n> q https://ok.test\n>> r\ne"
    link = f'<a href="{_HOST}" {_REL}>{_HOST}</a>'
    assert text_to_html(text) == (
        f"<p>a &lt;b&gt;<br>c&nbsp; d</p><blockquote><p>q {link}</p>"
        "<blockquote><p>r</p></blockquote></blockquote><p>e</p>"
    )


def test_mail_shows_its_own_pictures_and_asks_no_other_host() -> None:
    html = '<img src="CID:one%40x" alt=a><img src=cid:two><img src=https://e.test/1 alt=b>'
    shown = sanitise_mail_html(html, images={"one@x": "/files/1"})
    assert shown == '<img src="/files/1" alt="a"><img><img alt="b">'


def test_mail_keeps_quotes_lists_and_tables_whatever_is_left_open() -> None:
    html = "<p>a<p>b<ul><li>c<li>d</ul><table><tr><td colspan=900>1<td>2<tr><td>3</table>"
    assert sanitise_mail_html(html + "<blockquote>q") == (
        "<p>a</p><p>b</p><ul><li>c</li><li>d</li></ul><table><tbody><tr>"
        '<td colspan="100">1</td><td>2</td></tr><tr><td>3</td></tr></tbody></table>'
        "<blockquote>q</blockquote>"
    )
    assert html_to_text(html + "<blockquote>q") == "a\n\nb\n\n- c\n- d\n\n1 | 2\n3\n\n> q"


def test_text_of_a_mail_leaves_out_scripts_styles_and_comments() -> None:
    html = "<head><title>t</title><style>s</style></head><script>x</script><!--c-->a&nbsp;b<br>c"
    assert html_to_text(html) == "a\u00a0b\nc"


def test_hostile_html_leaves_nothing_that_acts() -> None:
    pieces = _hostile()
    assert len(pieces) > 110
    for html in pieces:
        mail = sanitise_mail_html(html)
        for shown in (mail, to_html(html), text_to_html(html)):
            assert faults_of(shown) == [], html
        assert sanitise_mail_html(mail) == mail, html


_MARKUP: Final = """<p> </p> <b> </b> <table> <td> </table> <a\u00a0href= ' " > &lt; &#x202e; \u202e
    \0 `  ** ]( [ | -\u00a0 >\u00a0"""
_PIECES: Final = st.sampled_from(
    [*_hostile(), *(piece.replace("\u00a0", " ") for piece in _MARKUP.split(" ")), "\n\n"]
)


@given(st.lists(_PIECES | st.text(max_size=8), max_size=12).map("".join))
@settings(max_examples=60, deadline=None)
def test_no_mixture_of_hostile_pieces_leaves_anything_that_acts(text: str) -> None:
    images = {"part": "/files/1"}
    addresses = frozenset(images.values())
    mail = sanitise_mail_html(text, images=images)
    assert faults_of(mail, addresses=addresses) == []
    assert sanitise_mail_html(mail, images=images) == mail
    assert faults_of(to_html(text, images=images), addresses=addresses) == []
    assert faults_of(text_to_html(text)) == []
    for hidden in "\0\u202e\u2066\ud800":
        assert hidden not in mail + to_html(text) + to_plain(text) + html_to_text(text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"])))
@settings(max_examples=30, deadline=None)
def test_plain_text_is_shown_character_by_character(text: str) -> None:
    shown = text_of(text_to_html(text)).replace("\u00a0", "").replace(" ", "")
    if ">" not in text:
        assert "".join(shown.split()) == "".join(text.split())


def _calls(work: Callable[[], object]) -> int:
    """Return how many calls of functions the work needs: the same on every machine."""
    count = 0

    def listen(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(listen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


_PATTERNS: Final = (
    *("[", "![", "[a](", "*a **a ", "*a_ ", "**a_b ", "`a``b", "> ", "- ", "* ", "1. ", "~~a~ "),
    *(
        "\\",
        "&#",
        "<a@",
        "|a",
        "|a|b|\n|-|-|\n",
        "> - 1. ",
        "- a\n",
        "> a\n",
        "[a]: b 'c\n",
        "[a\n",
    ),
    *("https://a.b/(", "a.b@", "a@b.c,", "```\n", "  - a\n", "a  \n", "***a", "_a_*b*", "]("),
)


@pytest.mark.parametrize("pattern", _PATTERNS)
def test_markdown_takes_time_in_proportion_to_its_length(pattern: str) -> None:
    short, long = (pattern * (size // len(pattern)) for size in (600, 2_400))
    assert _calls(lambda: to_html(long)) < 6 * _calls(lambda: to_html(short)) + 2_000


def test_a_table_of_many_cells_is_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "_MAX_CELLS", 200)
    one = "|a" * 10 + "\n" + "|-" * 10 + "\n" + "|\n" * 6 + "\n"
    assert to_html(one * 5).count("<table>") == 2
    wide = "|a" * 300 + "\n" + "|-" * 300 + "\n" + "|\n" * 300
    assert "<table>" not in to_html(wide)
    assert len(to_html(wide)) < 10_000


_OPENED: Final = ("<div>", "<b>", "<a href=https://ok.test>", "<table><tr><td>", "<blockquote>")
_MAILS: Final = (
    *(*_OPENED, "<p><b><i>", "<ul><li>", "<li>", "<td>", "</p>", "<!--", "<a '", '<a "', "<", "</"),
    *("<b><table><td></b></td></table>", "<div><table><td></div></table>", "<svg>", "<a b=", "&"),
)


@pytest.mark.parametrize("pattern", _MAILS)
def test_mail_takes_time_in_proportion_to_its_length(pattern: str) -> None:
    short, long = (pattern * (size // len(pattern)) for size in (2_000, 8_000))
    for work in (sanitise_mail_html, html_to_text):
        assert _calls(lambda: work(long)) < 6 * _calls(lambda: work(short)) + 2_000  # noqa: B023


@pytest.mark.parametrize("pattern", _OPENED)
def test_however_deep_a_mail_is_what_is_shown_has_bounds(pattern: str) -> None:
    deep = f"{pattern * 2_000}end"
    shown = sanitise_mail_html(deep)
    assert depth_of(shown) <= 400  # 300, and what a table has by itself
    assert text_of(shown) == "end"
    assert html_to_text(deep).strip("> -").startswith("end")


def test_what_is_beyond_the_bounds_of_a_mail_is_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(html_tree, "MAX_HTML_LENGTH", 1_000)
    monkeypatch.setattr(html_tree, "_MAX_TAGS", 50)

    assert sanitise_mail_html("a" * 1_001) == f"{'a' * 1_000}…"
    shown = sanitise_mail_html("<p>a</p>" * 60)
    assert shown.count("<p>") == 50
    assert text_of(shown) == "a" * 60
