"""Tokens that open something by being known."""

import pytest

from models.rules.tokens import hash_token, is_token, new_token


def test_a_token_has_256_random_bits_that_fit_into_a_cookie() -> None:
    tokens = {new_token() for _ in range(200)}

    assert len(tokens) == 200
    assert all(is_token(token) and len(token) == 43 for token in tokens)


@pytest.mark.parametrize(
    "text",
    ["", " ", "null", None, [], 43, "x" * 42, "x" * 44, "x" * 42 + " ", "x" * 42 + "\n", "é" * 43],
)
def test_nothing_else_is_one(text: object) -> None:
    assert not is_token(text)


def test_the_hash_is_sha_256_in_hex() -> None:
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    assert hash_token("abc") == expected
