"""What is hashed says one thing only, and a check names what was done to a chain."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.audit_chain import FIELDS, GENESIS, Value, encode, entry_hash
from models.rules.audit_check import (
    MAX_FINDINGS,
    ChainCheck,
    ChainedRow,
    Damage,
    Finding,
)
from models.rules.audit_heads import Head, HeadInvalidError, read_head, write_head

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
KEY = b"k" * 32
# Texts that look like parts of the encoding come often.
texts = st.text(alphabet="NIFT0123456789:;-aя\x00\U0001f600", max_size=12) | st.text(max_size=12)
values = st.none() | st.integers(-(2**63), 2**63 - 1) | texts
lists = st.lists(values, max_size=6)


@given(lists, lists)
def test_different_entries_never_encode_the_same(one: list[Value], other: list[Value]) -> None:
    assert (encode(one) == encode(other)) == (one == other)


@given(lists, st.data())
def test_moving_the_edge_between_two_texts_shows(before: list[Value], data: st.DataObject) -> None:
    text = data.draw(st.text(min_size=1, max_size=12))
    cuts = st.integers(0, len(text))
    first, second = data.draw(cuts), data.draw(cuts)

    encoded = [encode([*before, text[:cut], text[cut:]]) for cut in (first, second)]

    assert (encoded[0] == encoded[1]) == (first == second)


@given(st.lists(values, min_size=1, max_size=4))
def test_what_was_encoded_can_be_read_back(given_: list[Value]) -> None:
    assert decode(encode(given_)) == given_


def decode(raw: bytes) -> list[Value]:
    found: list[Value] = []
    while raw:
        kind, raw = raw[:1], raw[1:]
        if kind == b"N":
            found.append(None)
        elif kind == b"I":
            number, _, raw = raw.partition(b";")
            found.append(int(number))
        else:
            length, _, raw = raw.partition(b":")
            found.append(raw[: int(length)].decode())
            raw = raw[int(length) :]
    return found


def test_the_encoding_is_the_published_one() -> None:
    assert encode(["é", -7, None, 1.5]) == b"T2:\xc3\xa9I-7;NF0x1.8000000000000p+0;"
    written = b"T16:linkyard audit 1T64:" + b"0" * 64 + b"I1;T1:a"
    assert entry_hash(GENESIS, 1, ["a"]) == sha256(written).hexdigest()


def chain(length: int) -> list[ChainedRow]:
    rows: list[ChainedRow] = []
    previous = GENESIS
    for seq in range(1, length + 1):
        fields: list[Value] = [None] * len(FIELDS)
        fields[0], fields[11] = seq, f"value {seq}"
        previous = entry_hash(previous, seq, fields)
        rows.append(ChainedRow(seq, previous, fields, (0, seq)))
    return rows


def found(rows: Sequence[ChainedRow], *heads: Head) -> list[tuple[Damage, int, int]]:
    check = ChainCheck(heads)
    for row in sorted(rows, key=lambda row: row.seq if isinstance(row.seq, int) else 0):
        check.take(row)
    check.finish()
    return [(each.damage, each.first, each.last) for each in check.findings]


def head(row: ChainedRow) -> Head:
    assert isinstance(row.seq, int)
    return Head(row.seq, row.hash, AT)


def edited(row: ChainedRow, text: str = "forged") -> ChainedRow:
    return replace(row, fields=[*row.fields[:11], text, row.fields[12]])


def moved(row: ChainedRow, step: int) -> ChainedRow:
    assert isinstance(row.seq, int)
    return replace(row, seq=row.seq + step)


def test_a_whole_chain_has_no_findings() -> None:
    rows = chain(9)

    assert found(rows, head(rows[3]), head(rows[8])) == []
    assert found([]) == []


def test_an_edited_entry_is_named() -> None:
    rows = chain(9)
    rows[4] = edited(rows[4])

    assert found(rows) == [(Damage.EDITED, 5, 5)]


def test_an_edited_last_entry_is_named() -> None:
    rows = chain(9)
    rows[8] = edited(rows[8])

    assert found(rows) == [(Damage.EDITED, 9, 9)]


def test_an_edited_hash_is_named() -> None:
    rows = chain(9)
    rows[4] = replace(rows[4], hash="0" * 64)

    assert found(rows) == [(Damage.HASH_EDITED, 5, 5)]


def test_an_entry_edited_with_its_hash_breaks_the_next_one() -> None:
    rows = chain(9)
    forged = edited(rows[4])
    rows[4] = replace(forged, hash=entry_hash(rows[3].hash, 5, forged.fields))

    assert found(rows) == [(Damage.EDITED, 6, 6)]


def test_a_chain_computed_anew_contradicts_its_heads() -> None:
    rows = chain(9)
    heads = [head(rows[2]), head(rows[6]), head(rows[8])]
    rows[4] = edited(rows[4])
    for place in range(4, 9):
        seq = place + 1
        rows[place] = replace(
            rows[place], hash=entry_hash(rows[place - 1].hash, seq, rows[place].fields)
        )

    assert found(rows) == []
    assert found(rows, *heads) == [(Damage.REWRITTEN, 7, 7)]


@pytest.mark.parametrize(("first", "last"), [(1, 1), (5, 5), (3, 7), (1, 8)])
def test_removed_entries_are_named(first: int, last: int) -> None:
    rows = chain(9)
    del rows[first - 1 : last]

    assert found(rows) == [(Damage.REMOVED, first, last)]


@pytest.mark.parametrize(("first", "last"), [(2, 2), (5, 5), (3, 6)])
def test_removed_entries_are_named_though_the_rest_got_new_numbers(first: int, last: int) -> None:
    rows = chain(9)
    heads = [head(rows[8])]
    gone = last - first + 1
    kept = rows[: first - 1] + [moved(row, -gone) for row in rows[last:]]

    assert found(kept, *heads) == [(Damage.REMOVED, first, last)]


def test_a_cut_end_is_named_by_the_heads() -> None:
    rows = chain(9)

    assert found(rows[:6]) == []
    assert found(rows[:6], head(rows[3]), head(rows[8])) == [(Damage.CUT, 7, 9)]


def test_an_emptied_log_is_named_by_the_heads() -> None:
    assert found([], head(chain(9)[8])) == [(Damage.CUT, 1, 9)]


@pytest.mark.parametrize("places", [(3, 4), (2, 7)])
def test_exchanged_entries_are_named(places: tuple[int, int]) -> None:
    rows = chain(9)
    one, other = (rows[place] for place in places)
    rows[places[0]] = replace(other, seq=one.seq, hash=one.hash)
    rows[places[1]] = replace(one, seq=other.seq, hash=other.hash)

    assert found(rows) == [(Damage.REORDERED, place + 1, place + 1) for place in places]


def test_entries_that_exchanged_their_numbers_are_named() -> None:
    rows = chain(9)
    rows[2], rows[6] = replace(rows[2], seq=7), replace(rows[6], seq=3)

    named = found(rows)

    assert (Damage.REORDERED, 3, 3) in named
    assert (Damage.REORDERED, 7, 7) in named


@pytest.mark.parametrize("with_its_hash", [True, False])
def test_an_inserted_entry_is_named(*, with_its_hash: bool) -> None:
    rows = chain(9)
    forged = replace(edited(rows[4]), place=(0, 99))
    if with_its_hash:
        forged = replace(forged, hash=entry_hash(rows[3].hash, 5, forged.fields))
    kept = [*rows[:4], forged, *(moved(row, 1) for row in rows[4:])]

    assert found(kept, head(rows[8])) == [(Damage.INSERTED, 5, 5)]


def test_an_entry_added_with_a_made_up_hash_is_named() -> None:
    rows = chain(9)
    rows.append(replace(edited(rows[8]), seq=10))

    assert found(rows) == [(Damage.EDITED, 10, 10)]


@pytest.mark.parametrize("seq", [0, -3, "x", 2.5])
def test_an_entry_with_a_number_that_none_can_have_is_named(seq: Value) -> None:
    forged = replace(edited(chain(1)[0]), seq=seq)

    [(damage, _, _)] = found([forged])

    assert damage is Damage.INSERTED


def test_findings_are_counted_beyond_the_first_ones() -> None:
    check = ChainCheck()
    for row in chain(3 * MAX_FINDINGS):
        check.take(edited(row))
    check.finish()

    assert check.findings == [
        Finding(Damage.EDITED, seq, seq) for seq in range(1, MAX_FINDINGS + 1)
    ]
    assert check.more == 2 * MAX_FINDINGS


def test_a_signed_head_is_read_back() -> None:
    written = Head(7, "ab" * 32, AT)

    line = write_head(written, secret=KEY)

    assert read_head(line, secrets=[KEY]) == written
    assert read_head(line + "\n", secrets=[b"n" * 32, KEY]) == written


@pytest.mark.parametrize(
    ("was", "becomes"),
    [('"seq":7', '"seq":6'), ("abab", "abac"), ("2026", "2027"), ('"mac":"', '"mac":"0')],
)
def test_a_head_that_was_changed_is_refused(was: str, becomes: str) -> None:
    line = write_head(Head(7, "ab" * 32, AT), secret=KEY)

    with pytest.raises(HeadInvalidError, match="none of our keys"):
        read_head(line.replace(was, becomes, 1), secrets=[KEY])


def test_a_head_of_another_key_is_refused() -> None:
    line = write_head(Head(7, "ab" * 32, AT), secret=KEY)

    with pytest.raises(HeadInvalidError, match="none of our keys"):
        read_head(line, secrets=[b"n" * 32])


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "7", '{"seq": 1}', '{"seq":0,"hash":"","at":"","mac":""}']
)
def test_what_is_no_head_is_refused(line: str) -> None:
    with pytest.raises(HeadInvalidError, match="no head"):
        read_head(line, secrets=[KEY])


@dataclass
class Damaged:
    """A chain and one thing done to it."""

    rows: list[ChainedRow]
    heads: list[Head]


@st.composite
def damaged(draw: st.DrawFn) -> Damaged:
    rows = chain(draw(st.integers(2, 8)))
    heads = [head(rows[-1])]
    place = draw(st.integers(0, len(rows) - 1))
    kind = draw(st.sampled_from(["edit", "hash", "remove", "renumber", "swap", "cut"]))
    if kind == "edit":
        rows[place] = edited(rows[place])
    elif kind == "hash":
        rows[place] = replace(rows[place], hash=draw(st.text("0123456789abcdef", max_size=64)))
    elif kind == "remove":
        del rows[place]
    elif kind == "renumber":
        rows = rows[:place] + [moved(row, -1) for row in rows[place + 1 :]]
    elif kind == "swap":
        other = draw(st.integers(0, len(rows) - 1).filter(lambda n: n != place))
        one, two = rows[place], rows[other]
        rows[place], rows[other] = replace(one, seq=two.seq), replace(two, seq=one.seq)
    else:
        rows = rows[:place]
    return Damaged(rows, heads)


@given(damaged())
def test_nothing_that_is_done_to_a_chain_passes(done: Damaged) -> None:
    assert found(done.rows, *done.heads) != []
