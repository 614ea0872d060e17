"""What people type into the search field, as a question that no engine has to read.

    сброс пароля         both words, in any form of theirs
    "сброс пароля"       one right after the other
    -пароль -"a b"       texts that have it are left out
    устано               the last word may be the beginning of one, while somebody types
    status:open          the caller's, if it knows the name; else two words

Everything else in it is text. What is more than our bounds is left out.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, TypeAlias

import regex

from models.rules.search_words import MAX_WORD_LENGTH, Thing, search_words, things

_MAX_LENGTH: Final = 1_000  # characters that are read
_MAX_CLAUSES: Final = 24
_MAX_PHRASE: Final = 24  # words
_MIN_BEGINNING: Final = 3  # characters; shorter ones begin half of all words
_PIECE: Final = regex.compile(
    r"""(?<minus>(?<!\S)-)?+(?:(?<name>[a-z][a-z_]*+):(?=[^\s/]))?+
    (?:["«“„](?<quoted>[^"»”“]*+)["»”“]?+|(?<bare>[^\s"«“„]++))""",
    regex.VERBOSE | regex.IGNORECASE,
)
_WORD_END: Final = regex.compile(r"[\p{L}\p{N}\p{M}]\Z")


@dataclass(frozen=True, slots=True)
class Sought:
    """One word, or several that stand right after each other.

    Attributes:
        words: as models.rules.search_words stores them, at least one.
        is_beginning: the word is the beginning of one; of one word alone.
    """

    words: tuple[str, ...]
    is_beginning: bool = False


# Any of these is found.
Clause: TypeAlias = tuple[Sought, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is sought.

    Attributes:
        wanted: each of them, by any of its forms.
        excluded: none of them, by none of its forms.
        fields: what was typed for the names that the caller knows, in order.
    """

    wanted: tuple[Clause, ...] = ()
    excluded: tuple[Clause, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def has_phrases(self) -> bool:
        """Whether words have to stand right after each other."""
        clauses = (*self.wanted, *self.excluded)
        return any(len(form.words) > 1 for clause in clauses for form in clause)


def read_question(
    text: str, *, is_typing: bool = False, names: AbstractSet[str] = frozenset()
) -> Question:
    """Return what a text asks for; an empty one, or one of marks alone, asks for nothing.

    Args:
        text: as typed, of any length and with anything in it.
        is_typing: the last word may go on.
        names: of fields, lower case, which the caller looks up itself.
    """
    wanted: dict[Clause, None] = {}
    excluded: dict[Clause, None] = {}
    fields: list[tuple[str, str]] = []
    typed = text[:_MAX_LENGTH]
    for piece in _PIECE.finditer(typed):
        name, quoted = (piece["name"] or "").lower(), piece["quoted"]
        said = piece["bare"] if quoted is None else quoted
        if name in names:
            fields.append((name, said))
            continue
        if quoted is None:
            is_last = is_typing and piece.end() == len(typed)
            clauses = _clauses(f"{name}:{said}" if name else said, is_last=is_last)
        else:
            clauses = _phrase(said, name)
        target = excluded if piece["minus"] else wanted
        target.update(dict.fromkeys(clauses))
    return Question(
        wanted=tuple(wanted)[:_MAX_CLAUSES],
        excluded=tuple(excluded)[:_MAX_CLAUSES],
        fields=tuple(fields[:_MAX_CLAUSES]),
    )


def _phrase(said: str, name: str) -> list[Clause]:
    words = tuple(search_words(said))[:_MAX_PHRASE]
    clauses: list[Clause] = [(Sought(words),)] if words else []
    return [*_clauses(name, is_last=False), *clauses]


def _clauses(said: str, *, is_last: bool) -> list[Clause]:
    """Return a clause for each thing of a bare piece, which may be several: a/b, 12:30."""
    found = list(things(said))
    clauses = [_clause(thing) for thing in found]
    if is_last and found and _WORD_END.search(said):
        begun = found[-1].typed[:MAX_WORD_LENGTH]
        if len(begun) >= _MIN_BEGINNING:
            clauses[-1] = (*clauses[-1], Sought((begun,), is_beginning=True))
    return clauses


def _clause(thing: Thing) -> Clause:
    """Return the forms in which a thing may stand in a text."""
    if not thing.whole:
        return (Sought(thing.parts),)
    whole = Sought((thing.whole,))
    # "2.1" is no part of "3.2.1", but "e-mail" may be written "e mail".
    if len(thing.parts) > 1 and not all(part.isdigit() for part in thing.parts):
        return (whole, Sought(thing.parts))
    return (whole,)
