"""Texts of people in headers, as any mail program reads them."""

from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.mail_headers import header_line, header_name

LINES = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=300
).filter(lambda text: text.strip() == text)


def read(value: str) -> str:
    return str(make_header(decode_header(value)))


@given(LINES)
def test_every_text_is_read_as_it_was_written(text: str) -> None:
    assert read(header_line(text)) == text
    assert read(header_name(text)) == text


@given(LINES)
def test_every_line_is_short_ascii_and_goes_on_with_a_space(text: str) -> None:
    for written in (header_line(text), header_name(text)):
        first, *more = written.split("\r\n")
        assert written.isascii()
        assert len(first) <= 76 - len("Subject: ")
        assert all(line.startswith(" ") and len(line) <= 76 for line in more)
        assert "\n" not in written.replace("\r\n ", "")


@pytest.mark.parametrize(
    ("text", "is_line", "is_name"),
    [
        ("Linkyard", True, True),
        ("Anna-Maria O'Neill", True, True),
        ("Linkyard: a test letter", True, False),
        ("a, b <c@d.test>", True, False),
        ("=?utf-8?q?x?=", False, False),
        ("two  spaces", False, False),
        ("Привет", False, False),
    ],
)
def test_plain_words_stay_plain(text: str, *, is_line: bool, is_name: bool) -> None:
    assert (header_line(text) == text, header_name(text) == text) == (is_line, is_name)
