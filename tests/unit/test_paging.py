"""Cursors and windows."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import CursorInvalidError, ValueInvalidError
from resolvers.paging import MAX_PAGE_ROWS, PageWindow, SortKey, decode_cursor, encode_cursor

KEYS = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=64)


@given(KEYS, st.integers(0, 2**63 - 1))
def test_a_cursor_brings_back_what_it_was_made_of(key: SortKey, row_id: int) -> None:
    cursor = encode_cursor("SLUG", key, row_id)

    assert decode_cursor(cursor, order="SLUG", path=("after",)) == (key, row_id)
    with pytest.raises(CursorInvalidError):
        decode_cursor(cursor, order="CLICKS", path=("after",))


def _packed(json: str) -> str:
    return urlsafe_b64encode(json.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "=",
        "яяяя",
        "\ud800",
        "a" * 5000,
        _packed("{}"),
        _packed("[]"),
        _packed('["SLUG"]'),
        _packed('["SLUG","a","1"]'),
        _packed('["SLUG","a",-1]'),
        _packed('["SLUG","a",9223372036854775808]'),
        _packed('["SLUG","a",true]'),
        _packed('["SLUG",true,1]'),
        _packed('["SLUG",1.5,1]'),
        _packed('["SLUG",["a"],1]'),
        _packed('["SLUG","a",1,1]'),
        _packed("[" * 600),
    ],
)
def test_other_texts_are_no_cursors(cursor: str) -> None:
    with pytest.raises(CursorInvalidError) as refused:
        decode_cursor(cursor, order="SLUG", path=("before",))

    assert refused.value.path == ("before",)


@given(st.text())
def test_any_text_is_a_cursor_or_refused(cursor: str) -> None:
    with pytest.raises(CursorInvalidError):
        decode_cursor(cursor, order="SLUG", path=("after",))


def test_a_window_wants_the_first_or_the_last_rows() -> None:
    assert PageWindow(first=0).check() == 0
    assert PageWindow(last=MAX_PAGE_ROWS, before="x", after="y").check() == MAX_PAGE_ROWS


@pytest.mark.parametrize(
    ("window", "field"),
    [
        (PageWindow(), "first"),
        (PageWindow(first=1, last=1), "first"),
        (PageWindow(first=-1), "first"),
        (PageWindow(last=-1), "last"),
        (PageWindow(first=101), "first"),
        (PageWindow(last=2**80), "last"),
    ],
)
def test_a_window_without_sense_is_refused(window: PageWindow, field: str) -> None:
    with pytest.raises(ValueInvalidError) as refused:
        window.check()

    assert refused.value.path == (field,)
