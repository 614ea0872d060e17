"""What a slug may look like, which ones are ours, and new ones.

Sources: Unicode Standard Annex 15 (NFC) and 31, table 5 (recommended scripts);
Unicode Technical Standard 39, section 5.1 (single script). "аpp" with a Cyrillic
"а" looks like "app": letters of two scripts never meet in one slug.
"""

import secrets
import unicodedata
from functools import lru_cache
from typing import Final

import regex

from models.errors import SlugInvalidError, SlugReservedError

MAX_SLUG_LENGTH: Final = 64  # characters, also the column width
RANDOM_SLUG_LENGTH: Final = 7  # characters: 1.9e12 slugs, nobody guesses the live ones
MAX_SUGGESTIONS: Final = 5
# Letters and digits that nobody takes for each other on paper: no 0 O 1 l I.
RANDOM_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

# First segments of our own paths (DESIGN.md section 7), which a test compares with the router,
# and words at which people would expect to type a password.
RESERVED_WORDS: Final = frozenset(
    {
        ".well-known",
        "admin",
        "api",
        "app",
        "assets",
        "docs",
        "favicon.ico",
        "files",
        "graphql",
        "healthz",
        "invitation",
        "login",
        "logout",
        "metrics",
        "password-reset",
        "readyz",
        "robots.txt",
        "sign-in",
        "sign-up",
        "signin",
        "signup",
        "soap",
        "static",
        "xml",
    }
)
_SCRIPTS: Final = [
    "Arabic",
    "Armenian",
    "Bengali",
    "Bopomofo",
    "Cyrillic",
    "Devanagari",
    "Ethiopic",
    "Georgian",
    "Greek",
    "Gujarati",
    "Gurmukhi",
    "Han",
    "Hangul",
    "Hebrew",
    "Hiragana",
    "Kannada",
    "Katakana",
    "Khmer",
    "Lao",
    "Latin",
    "Malayalam",
    "Myanmar",
    "Oriya",
    "Sinhala",
    "Tamil",
    "Telugu",
    "Thaana",
    "Thai",
    "Tibetan",
]
# A letter or mark of one of the scripts; invisible characters are neither.
_SCRIPT_OF: Final = regex.compile(
    r"(?!\p{Default_Ignorable_Code_Point})(?=[\p{L}\p{M}])(?:"
    + "|".join(rf"(?P<{name}>\p{{Script={name}}})" for name in _SCRIPTS)
    + ")"
)
_COMMON: Final = frozenset("0123456789-_")
# Compatibility characters that ordinary Thai and Lao words need: the vowel "am".
_COMPATIBLE: Final = frozenset("\u0e33\u0eb3")


def normal_slug(slug: str) -> str:
    """Return the form in which slugs are stored and looked up: Unicode NFC, case kept."""
    return slug if slug.isascii() else unicodedata.normalize("NFC", slug)


def check_slug(slug: str) -> str:
    """Return the slug in its normal form, or say why it cannot be one.

    Args:
        slug: 1 to 64 letters of one script, ASCII digits, "-" and "_". Case is
            kept: "Go" and "go" are two slugs.

    Raises:
        SlugReservedError: one of our own paths, in any capitals or width.
        SlugInvalidError: `reason` is empty, too_long, character or mixed_scripts.
    """
    if not slug:
        raise SlugInvalidError(reason="empty")
    if len(slug) > 4 * MAX_SLUG_LENGTH:  # composing shortens by less: spare the work
        raise SlugInvalidError(reason="too_long", count=MAX_SLUG_LENGTH)
    if is_reserved(slug):
        raise SlugReservedError(slug=slug)
    normal = normal_slug(slug)
    if len(normal) > MAX_SLUG_LENGTH:
        raise SlugInvalidError(reason="too_long", count=MAX_SLUG_LENGTH)
    scripts: set[str] = set()
    for place, character in enumerate(normal):
        if character in _COMMON:
            continue
        script = script_of(character)
        if script is None or (place == 0 and unicodedata.category(character).startswith("M")):
            raise SlugInvalidError(reason="character", character=_shown(character))
        scripts.add(script)
    if len(scripts) > 1:
        raise SlugInvalidError(reason="mixed_scripts")
    return normal


def is_reserved(slug: str) -> bool:
    """Tell whether a slug reads like one of our own paths, whatever its capitals and width."""
    return unicodedata.normalize("NFKC", slug).casefold() in RESERVED_WORDS


@lru_cache(maxsize=4096)
def script_of(character: str) -> str | None:
    """Return the Unicode script of a letter or mark, None if it may not stand in a slug.

    Not allowed are compatibility forms (full width, superscripts, ligatures), which
    look like plain letters, and invisible characters.
    """
    if unicodedata.category(character)[0] not in "LM":  # also what Python's NFC does not know yet
        return None
    if unicodedata.decomposition(character).startswith("<") and character not in _COMPATIBLE:
        return None
    found = _SCRIPT_OF.fullmatch(character)
    return None if found is None else found.lastgroup


def random_slug() -> str:
    """Draw a slug that nobody can guess; it may be taken already, which the store decides."""
    while True:
        slug = "".join(secrets.choice(RANDOM_ALPHABET) for _ in range(RANDOM_SLUG_LENGTH))
        if not is_reserved(slug):
            return slug


def similar_slugs(slug: str, *, year: int) -> tuple[str, ...]:
    """Return slugs to offer instead of a valid one that is taken, the nearest first.

    More than MAX_SUGGESTIONS, because some may be taken too. Each is valid.
    """
    endings = [
        *(f"-{number}" for number in range(2, 7)),
        f"-{year}",
        *(f"-{secrets.choice(RANDOM_ALPHABET)}{secrets.choice(RANDOM_ALPHABET)}" for _ in "12"),
    ]
    return tuple(slug[: MAX_SLUG_LENGTH - len(ending)] + ending for ending in endings)


def _shown(character: str) -> str:
    return character if character.isprintable() else f"U+{ord(character):04X}"
