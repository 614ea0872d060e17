"""The words of a text, as search stores and seeks them: the same on every engine.

A word is letters and digits; what engines think of other characters never matters, because
none reaches them. Things of several parts (2.14.0, ERR-1042, ivan@mail.example.com) are one
word, and then each part is one, too, so that either finds them:

    ERR-1042             err1042, err, 1042
    2.14.0               2_14_0, 2_14, 2, 14, 0
    mail.example.com     mailexamplecom, examplecom, mail, example, com
    интернет-магазин     интернетмагазин, интернет, магазин
"""

import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple

import regex

from models.rules.search_stems import is_stop_word, stem

MAX_WORD_LENGTH: Final = 64  # characters; longer ones are noise, or are cut for the index
_MAX_PARTS: Final = 8  # of one thing that is kept as a word
_NUMBER_SIGNS: Final = str.maketrans("№#", "  ")  # the former is two letters otherwise
# Marks over letters go, but й is a letter of its own; ё becomes е.
_MARKS: Final = regex.compile(
    r"(?<=[\p{Latin}\p{Cyrillic}\p{Greek}]\p{M}{0,8})(?<!и)\p{Mn}|(?<=и)(?!\u0306)\p{Mn}"
)
_THING: Final = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}]|[\p{L}\p{N}\p{M}]++(?:[-._@'’][\p{L}\p{N}\p{M}]++)*+"
)
_PART: Final = regex.compile(r"[\p{L}\p{N}\p{M}]++")
_RUN: Final = regex.compile(r"\p{N}+|[^\p{N}]+")
_ENDING: Final = regex.compile(r"['’]s?\b")  # user's
_VERSION: Final = regex.compile(r"v(?=\d+[.-])")
# Latin letters that look Cyrillic, and stand in Russian words by mistake.
_ALIKE: Final = str.maketrans("aceopxykmhtb", "асеорхукмнтв")
_MIXED: Final = regex.compile(r"(?=.*\p{Cyrillic})[\p{Cyrillic}aceopxykmhtb]+")


class Thing(NamedTuple):
    """What was written as one: the words that find it, the first stands for all of it.

    `parts` are the words of its parts, if it has several; words that tell nothing are left out.
    `typed` is all of it with its ending, for what is still being typed.
    """

    typed: str
    whole: str
    others: tuple[str, ...]
    parts: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """All of them, in the order in which they are stored."""
        return (self.whole, *self.others, *self.parts) if self.whole else self.parts


def normal_text(text: str) -> str:
    """Return the text in the one spelling that all ways of writing it share."""
    apart = unicodedata.normalize("NFKD", text.translate(_NUMBER_SIGNS)).casefold()
    return unicodedata.normalize("NFC", _MARKS.sub("", apart))


def search_words(text: str) -> list[str]:
    """Return the words of a text in their order, as they are stored."""
    return [word for thing in things(text) for word in thing.words]


def things(text: str) -> Iterator[Thing]:
    """Yield what a text holds; words that tell nothing are left out."""
    for found in _THING.finditer(normal_text(text)):
        thing = _thing(found[0])
        if thing.words:
            yield thing


def _thing(written: str) -> Thing:
    parts: list[str] = _PART.findall(_VERSION.sub("", _ENDING.sub("", written)))
    if len(parts) == 1:
        word = _word(parts[0])
        runs: list[str] = _RUN.findall(parts[0])
        pieces = [run for run in runs if len(run) > 1 < len(runs) <= _MAX_PARTS]
        return Thing(parts[0], word, (), _words(pieces))
    words = _words(parts)
    if len(parts) > _MAX_PARTS:
        return Thing("", "", (), words)
    whole = _joined(parts)
    return Thing(whole, _cut(whole), tuple(map(_cut, _shorter(written, parts))), words)


def _shorter(written: str, parts: list[str]) -> Iterator[str]:
    """Yield what people also call a thing: a version by its beginning, a host by its end."""
    if all(part.isdigit() for part in parts):
        for end in range(len(parts) - 1, 1, -1):
            yield _joined(parts[:end])
    elif "." in written:
        for start in range(1, len(parts) - 1):
            yield _joined(parts[start:])


def _joined(parts: list[str]) -> str:
    """Return the parts as one word; only between two digits something must stay."""
    joined = parts[0]
    for part in parts[1:]:
        joined += f"_{part}" if joined[-1].isdigit() and part[0].isdigit() else part
    return joined


def _cut(word: str) -> str:
    return stem(word)[:MAX_WORD_LENGTH]


def _words(parts: list[str]) -> tuple[str, ...]:
    return tuple(word for part in parts if (word := _word(part)))


def _word(part: str) -> str:
    """Return one part as a word, "" if it tells nothing."""
    if _MIXED.fullmatch(part):
        part = part.translate(_ALIKE)
    return "" if is_stop_word(part) else _cut(part)
