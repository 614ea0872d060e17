"""The first language of an Accept-Language header."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.languages import first_language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (b"", ""),
        (b"*", ""),
        (b"ru-RU,ru;q=0.9,en-US;q=0.8", "ru"),
        (b"en;q=0.5, DE-ch;q=0.7", "de"),
        (b"fr , en", "fr"),
        (b"zh-Hant-TW;q=1.0", "zh"),
        (b"en;q=0", ""),
        (b"x" * 50 + b",kk", "kk"),
        (b"\xff\xfe", ""),
    ],
)
def test_the_heaviest_language_wins(header: bytes, language: str) -> None:
    assert first_language(header) == language


@given(st.binary(max_size=100))
def test_any_bytes_give_a_code_or_nothing(header: bytes) -> None:
    assert re.fullmatch(r"[a-z]{2,3}|", first_language(header))
