"""What an IMAP server answers, as imaplib hands it over."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.imap_answers import Parts, fetched, moment_of, number_of, searched


@pytest.mark.parametrize(
    "parts",
    [
        [(b"7 (UID 5 BODY[]<0> {3}", b"raw"), b")"],
        [(b"7 (BODY[] {3}", b"raw"), b" UID 5)"],
        [(b"7 (UID 5 FLAGS (\\Seen $X) BODY[]<0> {3}", b"raw"), b" MODSEQ (9))"],
        [b'7 (UID 5 BODY[] "raw")'],
        [b'7 (uid 5 body[] "raw")'],
        [b"8 (FLAGS (\\Seen))", (b"7 (UID 5 BODY[] {3}", b"raw"), b")", b"9 (FLAGS ())"],
        [(b"7 (UID 4 BODY[] {3}", b"odd"), b")", (b"7 (UID 5 BODY[] {3}", b"raw"), b")"],
        [b"7 (UID 5)", (b"7 (UID 5 X {1}", b"("), (b" BODY[] {3}", b"raw"), b")"],
        [(b"7 (UID 5 BODY[] ~{3}", b"raw"), b")"],
        [(b'7 (UID 5 X-GM-LABELS ([Gmail] "[a]") BODY[] {3}', b"raw"), b")"],
        [(b"7 (UID 5 X NIL BODY[] {3}", b"raw"), b")"],
        [(b'7 (UID 5 ENVELOPE ("a \\" (" NIL ((NIL "b"))) BODY[] {3}', b"raw"), b")"],
    ],
)
def test_a_message_is_found_however_it_is_wrapped(parts: Parts) -> None:
    found = fetched(parts, uid=5)

    assert (found["UID"], found["BODY[]"]) == (b"5", b"raw")


def test_all_items_of_a_message_have_their_names() -> None:
    parts: Parts = [
        (
            b'2 (UID 6 RFC822.SIZE 4 INTERNALDATE "1-Jul-1996 02:44:25 -0700" BODY[("A" B)]<0> {4}',
            b"Date",
        ),
        b" BODYSTRUCTURE NIL)",
    ]

    assert fetched(parts, uid=6) == {
        "UID": b"6",
        "RFC822.SIZE": b"4",
        "INTERNALDATE": b"1-Jul-1996 02:44:25 -0700",
        'BODY[("A" B)]': b"Date",
    }


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [None],
        [b""],
        [b"7 ()"],
        [b"7 (UID 55)"],
        [b"7 (FLAGS (\\Seen))"],
        [(b"7 (BODY[] {3}", b"raw"), b")"],
        [b"7 (UID 5"[:4]],
        [b'7 (X "5'],
    ],
)
def test_nothing_is_found_where_nothing_is(parts: Parts) -> None:
    assert fetched(parts, uid=5) == {}


PIECES = st.sampled_from(
    [
        b"(",
        b")",
        b'"',
        b"\\",
        b"[",
        b"]",
        b"<0>",
        b"{3}",
        b" ",
        b"UID",
        b"5",
        b"BODY[]",
        b"NIL",
        b"\xff",
    ]
)
TEXT = st.lists(PIECES).map(b"".join)


@given(st.lists(st.one_of(st.none(), TEXT, st.tuples(TEXT, st.binary()))))
def test_whatever_a_server_says_is_read_or_left_out(parts: Parts) -> None:
    found = fetched(parts, uid=5)

    assert found == {} or found["UID"] == b"5"


@given(st.binary(), st.integers(1, 2**32 - 1))
def test_the_bytes_of_a_literal_are_never_looked_into(raw: bytes, uid: int) -> None:
    head = b"1 (UID %d BODY[]<0> {%d}" % (uid, len(raw))

    assert fetched([(head, raw), b")"], uid=uid)["BODY[]"] == raw


@pytest.mark.parametrize(
    ("lines", "numbers"),
    [
        ([None], []),
        ([b""], []),
        ([b"3 1 2"], [1, 2, 3]),
        ([b"5 6 6", b"", b"7"], [5, 6, 7]),
        ([b"2 84 (MODSEQ 917162500)"], [2, 84]),
        ([b"x 4 -1 1.5 " + b"9" * 5000], [4]),
    ],
)
def test_a_search_finds_each_number_once(lines: list[bytes | None], numbers: list[int]) -> None:
    assert searched(lines) == numbers


@pytest.mark.parametrize(
    ("lines", "number"),
    [([b"1", b"857529045"], 857529045), ([None], None), ([], None), ([b"x"], None), ([b""], None)],
)
def test_a_number_is_the_last_one_told(lines: list[bytes | None], number: int | None) -> None:
    assert number_of(lines) == number


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (b"17-Jul-1996 02:44:25 -0700", datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)),
        (b" 1-nov-2026 00:00:00 +0530", datetime(2026, 10, 31, 18, 30, tzinfo=UTC)),
        (b"1-NOV-2026 00:00:00 +0000", datetime(2026, 11, 1, tzinfo=UTC)),
        (b"01-Foo-2026 00:00:00 +0000", None),
        (b"31-Feb-2026 00:00:00 +0000", None),
        (b"01-Jan-0001 00:00:00 +1200", None),
        (b"01-Jan-2026 00:00:00 +9900", None),
        (b"yesterday", None),
        (b"", None),
    ],
)
def test_the_moment_of_arrival_is_told_in_utc(text: bytes, moment: datetime | None) -> None:
    assert moment_of(text) == moment
