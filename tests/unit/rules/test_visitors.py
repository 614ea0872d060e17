"""Numbers of visitors and sketches of them, against plain sets."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.click_facts import read_click
from models.rules.click_record import RawClick
from models.rules.visitors import DAY_US, SKETCH_SIZE, Sketch, visitor_number

SALT = b"s" * 32
FIREFOX = b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NUMBERS = st.lists(st.integers(0, 2**32 - 1), max_size=300)


def sketch_of(numbers: list[int]) -> Sketch:
    sketch = Sketch()
    sketch.add(numbers)
    return sketch


def many(seed: int, count: int) -> list[int]:
    return [Random(seed * 10_000_000 + n).getrandbits(32) for n in range(count)]  # noqa: S311


@pytest.mark.parametrize(
    ("salt", "address", "agent"),
    [
        (b"t" * 32, b"\x01\x02\x03\x04", b"agent"),
        (SALT, b"\x01\x02\x03\x05", b"agent"),
        (SALT, b"\x01\x02\x03\x04", b"agent 2"),
        (SALT, b"\x01\x02\x03", b"\x04agent"),
        (SALT, None, b"\x01\x02\x03\x04agent"),
    ],
)
def test_salt_whole_address_and_agent_tell_visitors_apart(
    salt: bytes, address: bytes | None, agent: bytes
) -> None:
    one = visitor_number(SALT, b"\x01\x02\x03\x04", b"agent")

    assert visitor_number(SALT, b"\x01\x02\x03\x04", b"agent") == one
    assert visitor_number(salt, address, agent) != one


def test_a_click_of_a_person_has_the_number_of_its_day() -> None:
    salts = {20_000: SALT, 20_001: b"t" * 32}
    address = b"\xc0\x00\x02\x07"
    facts = [
        read_click(RawClick(1, at, peer=b"192.0.2.7", user_agent=FIREFOX), salts=salts).visitor
        for at in (20_000 * DAY_US, 20_001 * DAY_US - 1, 20_001 * DAY_US)
    ]

    assert facts == [
        visitor_number(SALT, address, FIREFOX),
        visitor_number(SALT, address, FIREFOX),
        visitor_number(b"t" * 32, address, FIREFOX),
    ]


@pytest.mark.parametrize(
    "raw",
    [
        RawClick(1, 0, peer=b"192.0.2.7", user_agent=b"curl/8.0"),
        RawClick(1, 0, peer=b"192.0.2.7", user_agent=FIREFOX, is_head=True),
        RawClick(1, 0, peer=b"192.0.2.7", user_agent=FIREFOX, sec_purpose=b"prefetch"),
    ],
)
def test_a_program_is_no_visitor(raw: RawClick) -> None:
    assert read_click(raw, salts={0: SALT}).visitor is None


@given(NUMBERS, NUMBERS)
def test_a_small_sketch_is_a_set(left: list[int], right: list[int]) -> None:
    sketch = sketch_of(left)
    sketch.merge(sketch_of(right).pack())

    assert sketch.count() == len({*left, *right})
    assert sketch.pack() == sketch_of([*right, *left, *left]).pack()
    sketch.merge(sketch.pack())
    assert sketch.count() == len({*left, *right})


def test_a_sketch_is_exact_up_to_its_size_and_never_grows_beyond() -> None:
    numbers = list(dict.fromkeys(many(1, 3 * SKETCH_SIZE)))

    assert sketch_of(numbers[: SKETCH_SIZE - 1]).count() == SKETCH_SIZE - 1
    assert len(sketch_of(numbers).pack()) == 1 + 4 * SKETCH_SIZE


@pytest.mark.parametrize("count", [6_000, 50_000, 300_000])
def test_the_error_of_many_is_within_three_standard_errors(count: int) -> None:
    sketch = sketch_of(many(2, count))

    assert abs(sketch.count() - count) / count < 3 / SKETCH_SIZE**0.5


@pytest.mark.parametrize("parts", [1, 7, 60])
def test_a_union_of_large_sketches_is_the_sketch_of_the_union(parts: int) -> None:
    numbers = many(3, 40_000)
    union = Sketch()
    for part in range(parts):
        union.merge(sketch_of(numbers[part::parts]).pack())
    piecewise = Sketch()
    for place in range(0, len(numbers), 1_000):
        piecewise.add(numbers[place : place + 1_000])

    assert union.pack() == piecewise.pack() == sketch_of(numbers).pack()
    assert union.count() == sketch_of(numbers).count()


@pytest.mark.parametrize("packed", [b"", b"\x02", b"\x01\x00", b"\x01\x00\x00\x00\x00\x00"])
def test_other_bytes_are_no_sketch(packed: bytes) -> None:
    sketch = sketch_of([1, 2])

    with pytest.raises(ValueError, match="no sketch"):
        sketch.merge(packed)

    assert sketch.count() == 2
