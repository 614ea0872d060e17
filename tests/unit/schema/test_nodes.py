"""Global ids: what encode_id makes comes back, and nothing else is an id."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.nodes import MAX_ROW_ID, decode_id, encode_id, row_id_of

NAMES = st.sampled_from(["Link", "User", "ApiKey"])


@given(NAMES, st.integers(0, MAX_ROW_ID))
def test_ids_come_back(name: str, row_id: int) -> None:
    assert decode_id(encode_id(name, row_id)) == (name, row_id)


@given(st.text() | st.text("ABCabc019=-_+/").map(lambda text: f"TGluaz{text}"))
def test_any_text_is_an_id_of_ours_or_none(text: str) -> None:
    decoded = decode_id(text)

    assert decoded is None or encode_id(*decoded) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        encode_id("Link", MAX_ROW_ID + 1),
        encode_id("Link", 77).rstrip("="),
        encode_id("Link", 7) + "\n",
        "TGluazowNw==",  # Link:07
        "TGluazotNw==",  # Link:-7
        "TGluazrZpw==",  # Link: and an Arabic seven
        "x" * 10_000,
    ],
)
def test_other_spellings_are_none(text: str) -> None:
    assert decode_id(text) is None


def test_id_of_one_type_is_none_of_another() -> None:
    assert row_id_of(encode_id("Link", 7), "Link") == 7
    assert row_id_of(encode_id("Link", 7), "User") is None
