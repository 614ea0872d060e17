"""Which families of browsers and systems get a row of their own in the statistics.

Those that ua-parser and crawler-user-agents name: several patterns of ua-parser take any
word that ends like a robot's name for a family, and whoever sends invented names would
make rows that are kept for ever. Only what a pattern spells out is known here.
"""

import importlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product
from typing import Any, Final

from crawleruseragents import (  # pyright: ignore[reportMissingTypeStubs] - it has none
    CRAWLER_USER_AGENTS_DATA,
)
from ua_parser.loaders import load_builtins

OTHER: Final = "Other"
_MAX_WORDS: Final = 400  # of one pattern; the longest list of ua-parser has 90
_MAX_REPEATS: Final = 2
_ESCAPE: Final = re.compile(r"\\([^A-Za-z0-9])")
_PLAIN: Final = re.compile(r"[\w /;:,!@&'-]+")
# Found by the general patterns of ua-parser only.
_MORE: Final = frozenset(
    {
        "Adsbot",
        "BitlyBot",
        "DotBot",
        "Exabot",
        "Sogou web spider",
        "TurnitinBot",
        "YandexAccessibilityBot",
        "YandexBot",
        "YandexDirect",
        "YandexImages",
        "YandexMetrika",
        "YandexMobileBot",
        "YandexSearch",
    }
)
# Python's own parser of patterns: private, the same in 3.11 to 3.14.
_parser: Final[Any] = importlib.import_module("re._parser")
_op: Final[Any] = importlib.import_module("re._constants")


class _EndlessError(Exception):
    """The pattern matches more words than it spells out."""


@lru_cache(maxsize=1)
def known_families() -> frozenset[str]:
    """Return every family that is spelt out, OTHER included."""
    browsers, systems, _ = load_builtins()
    matchers: list[Any] = [*browsers, *systems]
    templates: list[tuple[str, str]] = [(some.regex, some.family) for some in matchers]
    families = {family for _, family in templates if "$" not in family}
    for regex, family in templates:
        if "$" in family:
            families |= set(_filled(regex, family))
    for entry in CRAWLER_USER_AGENTS_DATA:
        families |= {word.strip(" /;+(") for word in _crawlers(entry["pattern"])}
    return frozenset((families | _MORE) - {""} | {OTHER})


def known_family(family: str) -> str:
    """Return the family, or OTHER if nobody knows it."""
    return family if family in known_families() else OTHER


def _crawlers(pattern: str) -> list[str]:
    plain = _ESCAPE.sub(r"\1", pattern)  # nearly all are, and Python's parser is slow
    return [plain] if _PLAIN.fullmatch(plain) else _words(_parser.parse(pattern))


def _filled(regex: str, family: str) -> Iterator[str]:
    """Yield what a template such as "$1 Mobile" becomes for each word of its group."""
    number = int(re.findall(r"\$(\d)", family)[0])
    group = _group(_parser.parse(regex), number)
    for word in _words(group):
        yield family.replace(f"${number}", word).strip()


def _group(tree: Iterable[Any], number: int) -> Iterable[Any] | None:
    for operation, argument in tree:
        parts: Iterable[Iterable[Any]] = ()
        if operation is _op.SUBPATTERN:
            if argument[0] == number:
                return [(operation, argument)]
            parts = (argument[3],)
        elif operation is _op.BRANCH:
            parts = argument[1]
        elif operation in {_op.MAX_REPEAT, _op.MIN_REPEAT}:
            parts = (argument[2],)
        for part in parts:
            found = _group(part, number)
            if found is not None:
                return found
    return None


def _words(tree: Iterable[Any] | None) -> list[str]:
    """Return the words of a pattern; none when it has no end."""
    try:
        return _spelt(tree or ())
    except _EndlessError:
        return []


def _spelt(tree: Iterable[Any]) -> list[str]:
    found = [""]
    for operation, argument in tree:
        found = ["".join(pair) for pair in product(found, _alternatives(operation, argument))]
        if len(found) > _MAX_WORDS:
            raise _EndlessError
    return found


def _alternatives(operation: Any, argument: Any) -> list[str]:  # noqa: ANN401 - of re._parser
    if operation is _op.LITERAL:
        return [chr(argument)]
    if operation is _op.AT:
        return [""]
    if operation is _op.SUBPATTERN:
        return _spelt(argument[3])
    if operation is _op.BRANCH:  # of several, those that end
        words = [word for branch in argument[1] for word in _words(branch)]
    elif operation is _op.IN and all(kind is _op.LITERAL for kind, _ in argument):
        words = [chr(code) for _, code in argument]
    elif operation in {_op.MAX_REPEAT, _op.MIN_REPEAT} and argument[1] <= _MAX_REPEATS:
        once = _spelt(argument[2])
        counts = range(argument[0], argument[1] + 1)
        words = ["".join(some) for count in counts for some in product(once, repeat=count)]
    else:
        raise _EndlessError
    if not words:
        raise _EndlessError
    return words
