"""What is stored of a mail: once, and as the text that it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.mail_identity import mail_identity
from models.rules.markdown import to_html, to_plain
from models.rules.plain_markdown import as_markdown
from models.rules.visible_text import visible_text

RAW = b"From: a@b.test\r\nDate: x\r\nMessage-ID: <1@b.test>\r\nSubject: s\r\n\r\ntext\r\n"
WAY = b"Received: by mx.other.test\r\nDKIM-Signature: v=1\r\n"


def test_copies_that_came_by_other_ways_are_one_mail() -> None:
    same = mail_identity(RAW)

    assert mail_identity(WAY + RAW) == same
    assert mail_identity(RAW + b"\r\n") == same
    assert len(same) == 64


@pytest.mark.parametrize("name", [b"a@b.test", b"x", b"<1@b.test>", b"s", b"text"])
def test_a_mail_that_differs_in_anything_of_its_writer_is_another(name: bytes) -> None:
    assert mail_identity(RAW.replace(name, b"other")) != mail_identity(RAW)


@pytest.mark.parametrize("field", [b"Message-ID: <1@b.test>\r\n", b"Date: x\r\n"])
def test_mail_that_is_sent_again_and_again_is_new_each_time(field: bytes) -> None:
    raw = RAW.replace(field, b"")

    assert mail_identity(raw) == mail_identity(raw)
    assert mail_identity(raw) != mail_identity(WAY + raw)


@given(st.binary(max_size=100))
def test_any_bytes_have_an_identity(raw: bytes) -> None:
    assert len(mail_identity(raw)) == 64


@pytest.mark.parametrize(
    "text",
    [
        "# no heading",
        "* no list\n* at all",
        "1. no\n2) number",
        "- no\n- list",
        "---",
        "a\n===",
        "`no code` *no* _no_ ~~no~~",
        "    four spaces",
        "[no](link) ![no](picture) <b>no</b> &amp;",
        "| no | table |\n| --- | --- |",
        "[x]: https://no.test",
        "back\\slash\\",
        ": no definition",
        "```\nno fence\n```",
        "=HYPERLINK(1)",
    ],
)
def test_markdown_in_a_mail_stays_text(text: str) -> None:
    shown = to_plain(as_markdown(text, length=1_000)).replace("\u00a0", " ")

    assert [line.strip() for line in shown.split("\n") if line.strip()] == [
        line.strip() for line in text.split("\n")
    ]


def test_quotations_stay_quotations_and_end_where_they_end() -> None:
    html = to_html(as_markdown("> one\n>> *two*\nthree", length=1_000))

    assert html.count("<blockquote>") == 2
    assert html.endswith("</blockquote>\n<p>three</p>\n")
    assert "<em>" not in html


def test_addresses_in_a_mail_are_links() -> None:
    html = to_html(as_markdown("see https://a.test/x_y_z?a=b*c*", length=1_000))

    assert 'href="https://a.test/x_y_z?a=b*c' in html


@given(st.text(st.sampled_from("ab \t\n>#*_-+=1.)(`~[]<>&|!\\:"), max_size=60))
def test_no_text_is_formatted(text: str) -> None:
    shown = to_plain(as_markdown(text, length=10_000))

    kept = [line.replace("\u00a0", " ").strip(" >") for line in shown.split("\n")]
    said = [line.replace("\t", " ").strip(" >") for line in visible_text(text).split("\n")]
    assert [line.split() for line in kept if line.strip()] == [
        line.split() for line in said if line.strip()
    ]


@given(st.text(max_size=200), st.integers(10, 60))
def test_a_long_text_is_cut_at_the_end_of_a_line(text: str, length: int) -> None:
    written = as_markdown(visible_text(text), length=length)

    assert len(written) <= length
