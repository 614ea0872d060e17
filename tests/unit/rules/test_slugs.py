"""The grammar of slugs."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import SlugInvalidError, SlugReservedError
from models.rules.slugs import (
    MAX_SLUG_LENGTH,
    RANDOM_ALPHABET,
    RESERVED_WORDS,
    check_slug,
    is_reserved,
    normal_slug,
    random_slug,
    script_of,
    similar_slugs,
)

LATIN = st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZéßıøŁ")
CYRILLIC = st.sampled_from("абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВГДЕЁЖЗИЙґєіїўқ")
COMMON = st.sampled_from("0123456789-_")


@pytest.mark.parametrize(
    "slug",
    [
        "a", "Go", "sale-2026", "-", "_", "0", "--", "a" * 64, "я" * 64, "ёлка", "Распродажа_1",
        "straße", "ışık", "ελλάδα", "საქართველო", "հայաստան", "עברית", "عربي", "हिंदी", "ไทย", "กำ",
        "日本", "ひらがな", "カタカナ", "한국", "ქართული", "አማርኛ",
    ],
)  # fmt: skip
def test_letters_of_one_script_digits_hyphen_and_underscore_make_a_slug(slug: str) -> None:
    assert check_slug(slug) == slug


@pytest.mark.parametrize(
    ("slug", "reason"),
    [
        ("", "empty"),
        ("a" * 65, "too_long"),
        ("я" * 65, "too_long"),
        ("a" * 100_000, "too_long"),
        ("e\u0301" * 65, "too_long"),
        ("a b", "character"),
        (" a", "character"),
        ("a/b", "character"),
        ("a.b", "character"),
        ("a%20b", "character"),
        ("a+b", "character"),
        ("a?b", "character"),
        ("a#b", "character"),
        ("a\x00b", "character"),
        ("a\nb", "character"),
        ("a\u200bb", "character"),
        ("a\u200db", "character"),
        ("a\u00adb", "character"),
        ("\u202eabc", "character"),
        ("\ud800", "character"),
        ("ab\u0301\u0301", "character"),
        ("замо\u0301к", "character"),
        ("\u0301", "character"),
        ("\u0e31", "character"),
        ("ａｂ", "character"),
        ("ﬁt", "character"),
        ("x²", "character"),
        ("½", "character"),
        ("Ⅷ", "character"),
        ("𝐚", "character"),
        ("٣", "character"),
        ("１", "character"),
        ("😀", "character"),
        ("ᏣᎳᎩ", "character"),
        ("\u115f", "character"),
        ("\u3164", "character"),
        ("a\u2010b", "character"),
        ("аpple", "mixed_scripts"),
        ("pаypal", "mixed_scripts"),
        ("Αpple", "mixed_scripts"),
        ("сosмос", "mixed_scripts"),
        ("日本ご", "mixed_scripts"),
        ("goго", "mixed_scripts"),
    ],
)
def test_a_wrong_slug_is_refused_for_its_reason(slug: str, reason: str) -> None:
    with pytest.raises(SlugInvalidError) as refused:
        check_slug(slug)

    assert (refused.value.reason, refused.value.path) == (reason, ("slug",))


@pytest.mark.parametrize("word", sorted(RESERVED_WORDS))
def test_our_own_paths_are_reserved_in_any_capitals_and_width(word: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isalnum() or c in ".-" else c for c in word)

    for spelt in (word, word.upper(), word.title(), wide, wide.upper()):
        with pytest.raises(SlugReservedError):
            check_slug(spelt)


def test_the_reserved_words_are_those_of_the_design() -> None:
    words = (
        "app, api, graphql, files, xml, soap, docs, admin, static, assets, metrics, healthz, "
        "readyz, robots.txt, favicon.ico, .well-known"
    )

    assert set(words.split(", ")) <= RESERVED_WORDS


@given(st.text(LATIN | COMMON, min_size=1, max_size=64) | st.text(CYRILLIC | COMMON, min_size=1))
def test_one_alphabet_with_digits_is_taken_as_it_is(slug: str) -> None:
    if is_reserved(slug) or len(slug) > MAX_SLUG_LENGTH:
        return
    assert check_slug(slug) == slug


@given(st.text(COMMON), LATIN, st.text(COMMON), CYRILLIC, st.text(COMMON))
def test_two_alphabets_never_meet(a: str, latin: str, b: str, cyrillic: str, c: str) -> None:
    slug = a + latin + b + cyrillic + c
    if len(slug) > MAX_SLUG_LENGTH:
        return
    for spelt in (slug, slug[::-1]):
        with pytest.raises(SlugInvalidError, match="mixed_scripts"):
            check_slug(spelt)


@given(st.text(max_size=80))
def test_whatever_is_taken_is_composed_visible_and_stable(slug: str) -> None:
    try:
        taken = check_slug(slug)
    except (SlugInvalidError, SlugReservedError):
        return

    assert taken == unicodedata.normalize("NFC", slug) == normal_slug(taken)
    assert taken.isprintable()
    assert 1 <= len(taken) <= MAX_SLUG_LENGTH
    assert len(taken.encode()) <= 4 * MAX_SLUG_LENGTH
    assert check_slug(taken) == taken
    assert check_slug(unicodedata.normalize("NFD", taken)) == taken


@given(st.characters())
def test_a_character_has_the_script_of_its_composition_or_none(character: str) -> None:
    script = script_of(character)

    assert script is None or unicodedata.category(character)[0] in "LM"


def test_random_slugs_are_seven_clear_characters_and_differ() -> None:
    slugs = [random_slug() for _ in range(20_000)]

    assert len(set(slugs)) == len(slugs)
    assert {len(slug) for slug in slugs} == {7}
    assert set("".join(slugs)) == set(RANDOM_ALPHABET)
    assert not set("0O1lI") & set(RANDOM_ALPHABET)


def test_random_slugs_use_every_character_alike() -> None:
    text = "".join(random_slug() for _ in range(20_000))
    expected = len(text) / len(RANDOM_ALPHABET)

    chi_squared = sum((text.count(c) - expected) ** 2 / expected for c in RANDOM_ALPHABET)

    assert chi_squared < 120  # 56 degrees of freedom: above 120 once in a million runs


@given(st.text(CYRILLIC, min_size=1, max_size=64) | st.text(LATIN, min_size=1, max_size=64))
def test_every_suggestion_is_a_slug_of_its_own(slug: str) -> None:
    offered = similar_slugs(slug, year=2026)

    assert offered[0] == slug[:62] + "-2"
    for each in offered[:6]:
        assert check_slug(each) == each != slug
