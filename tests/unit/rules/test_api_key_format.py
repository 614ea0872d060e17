"""The shape of API keys."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.api_key_format import KEY_LENGTH, hash_key, is_key, new_key

ALPHABET = string.ascii_letters + string.digits


def test_a_new_key_has_prefix_random_part_and_checksum() -> None:
    key = new_key()

    assert KEY_LENGTH == len(key) == 4 + 32 + 6
    assert key.startswith("lky_")
    assert set(key[4:]) <= set(ALPHABET)
    assert is_key(key)
    assert new_key() != key


def test_a_known_key_is_read_and_hashed_the_same_for_ever() -> None:
    key = "lky_" + "A" * 32 + "1C95nR"

    assert is_key(key)
    assert hash_key(key) == ("c040737118dfa1a4fcbfc819c53be26109a6cb383d5772409e1f7df190a7d650")


@given(st.integers(4, KEY_LENGTH - 1), st.sampled_from(ALPHABET))
def test_a_mistyped_character_is_noticed(place: int, character: str) -> None:
    key = new_key()
    mistyped = key[:place] + character + key[place + 1 :]

    assert is_key(mistyped) == (mistyped == key)


@pytest.mark.parametrize(
    "text", ["", "lky_", "lky_" + "A" * 38, "a" * 42, "lky_" + "я" * 38, "lky_" + "\ud800" * 38]
)
def test_other_texts_are_no_keys(text: str) -> None:
    assert not is_key(text)
    assert not is_key(new_key() + text[:1] + " ")


@given(st.text())
def test_any_text_can_be_asked_about(text: str) -> None:
    assert not is_key(text)
