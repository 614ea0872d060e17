"""Names of files are safe to show, to save and to send in a header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.file_names import (
    MAX_NAME_BYTES,
    MAX_NAME_LENGTH,
    disposition,
    safe_name,
    suffix_of,
)
from models.rules.plain_text import has_hidden


@pytest.mark.parametrize(
    ("sent", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("Отчёт за май.xlsx", "Отчёт за май.xlsx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\photo.png", "photo.png"),
        (".htaccess", "htaccess"),
        (".ht\u200baccess", "htaccess"),
        ("a\u200b.php", "a.php"),
        ("annex\u202efdp.exe", "annexfdp.exe"),
        ("a\0b\nc.txt", "abc.txt"),
        ('<b>"x"|y?*:z</b>.txt', "b_.txt"),
        ("con.txt", "_con.txt"),
        ("LPT1", "_LPT1"),
        ("concert.txt", "concert.txt"),
        ("trailing. . ", "trailing"),
        ("a \u00a0 b.txt", "a b.txt"),
        ("Cafe\u0301.txt", "Café.txt"),
        ("", "file"),
        ("///", "file"),
        (" .. ", "file"),
        ("\u200b", "file"),
        ("=HYPERLINK(1).csv", "=HYPERLINK(1).csv"),
    ],
)
def test_a_name_shows_what_it_is_and_can_be_saved_anywhere(sent: str, safe: str) -> None:
    assert safe_name(sent) == safe


def test_a_long_name_keeps_its_ending() -> None:
    assert safe_name("x" * 900 + ".tar.GZ") == "x" * (MAX_NAME_LENGTH - 3) + ".GZ"
    long = safe_name("ж" * 900 + ".pdf")
    assert (long[-4:], len(long.encode())) == (".pdf", MAX_NAME_BYTES)


@given(st.text(max_size=300))
def test_what_is_safe_stays_as_it_is(sent: str) -> None:
    name = safe_name(sent)

    assert safe_name(name) == name
    assert 1 <= len(name) <= MAX_NAME_LENGTH
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert not has_hidden(name)
    assert not set(name) & set('/\\<>:"|?*\0')
    assert name.strip(" .") == name


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.PDF", "pdf"), ("a.tar.gz", "gz"), ("a", ""), ("a." + "x" * 17, ""), ("a b.c", "c")],
)
def test_the_ending_of_a_name(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix


def test_a_header_has_the_exact_name_and_one_for_old_programs() -> None:
    assert disposition("plain.txt", is_inline=False) == (
        "attachment; filename=\"plain.txt\"; filename*=UTF-8''plain.txt"
    )
    assert disposition("Счёт 5%.pdf", is_inline=True) == (
        "inline; filename=\"____ 5_.pdf\"; filename*=UTF-8''%D0%A1%D1%87%D1%91%D1%82%205%25.pdf"
    )


@given(st.text(max_size=80))
def test_no_name_breaks_out_of_the_header(sent: str) -> None:
    header = disposition(safe_name(sent), is_inline=False)

    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert header.count(";") >= 2
    assert header.startswith('attachment; filename="')
