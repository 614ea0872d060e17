"""Codes on paper."""

from hashlib import sha256

import pytest

from models.rules.recovery_codes import COUNT, hash_code, new_codes


def test_ten_codes_of_80_bits_in_groups() -> None:
    codes = [code for _ in range(50) for code in new_codes()]

    assert len(new_codes()) == COUNT == 10
    assert len(set(codes)) == 500
    assert {tuple(map(len, code.split("-"))) for code in codes} == {(4, 4, 4, 4)}
    assert {char for code in codes for char in code} == set("abcdefghijklmnopqrstuvwxyz234567-")


@pytest.mark.parametrize(
    "typed",
    [
        "abcd-oibx-yz23-4567",
        "ABCDOIBXYZ234567",
        " abcd oibx yz23 4567 ",
        "abcd-018x-yz23-4567",  # read from paper
    ],
)
def test_a_code_may_be_typed_in_several_ways(typed: str) -> None:
    assert hash_code(typed) == sha256(b"ABCDOIBXYZ234567").hexdigest()


@pytest.mark.parametrize("typed", ["", "123456", "abcd-oibx-yz23-456", "ёbcd-oibx-yz23-4567"])
def test_what_cannot_be_a_code_has_no_hash(typed: str) -> None:
    assert hash_code(typed) is None
