"""What an IMAP client says."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.imap_words import folder_name, quoted, search_date


def read_back(said: str) -> str:
    """Undo folder_name by Python's own UTF-7, of which IMAP's is a variant."""
    assert said[0] == said[-1] == '"'
    name, out = re.sub(r"\\(.)", r"\1", said[1:-1]), ""
    while name:
        plain, shift, name = name.partition("&")
        out += plain
        if shift:
            encoded, end, name = name.partition("-")
            assert end
            out += f"+{encoded.replace(',', '/')}-".encode().decode("utf-7") if encoded else "&"
    return out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("INBOX", '"INBOX"'),
        ("Заявки", '"&BBcEMARPBDIEOgQ4-"'),
        ("Отдел & сервис/Новые", '"&BB4EQgQ0BDUEOw- &- &BEEENQRABDIEOARB-/&BB0EPgQyBEsENQ-"'),
        ("~peter/mail/台北/日本語", '"~peter/mail/&U,BTFw-/&ZeVnLIqe-"'),  # of RFC 3501
        ('a "b" \\c', '"a \\"b\\" \\\\c"'),
        ("🎧", '"&2Dzfpw-"'),
    ],
)
def test_folders_are_named_as_servers_name_them(name: str, said: str) -> None:
    assert folder_name(name) == said


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_name_is_printable_ascii_and_can_be_read_back(name: str) -> None:
    said = folder_name(name)

    assert said.isascii()
    assert said.isprintable()
    assert read_back(said) == name


@pytest.mark.parametrize("text", ["a\r\nb", "a\x00", "пароль", "\x7f"])
def test_what_no_quoted_string_can_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        quoted(text)


@pytest.mark.parametrize(
    ("day", "said"), [(date(2026, 11, 1), "1-Nov-2026"), (date(987, 5, 31), "31-May-0987")]
)
def test_days_are_said_in_english_whatever_the_locale(day: date, said: str) -> None:
    assert search_date(day) == said
