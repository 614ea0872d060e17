"""The catalogues: complete, alike, and grammatical where a machine can tell."""

import ast
import string
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from models.errors import DomainError, SlugInvalidError, SlugTakenError
from models.texts import IDS, LOCALES, message_of, negotiate, plural, read_catalog, text
from resolvers.context import NotPermittedError

ROOT = Path(__file__).parents[2]
ERRORS: dict[str, type[DomainError]] = {
    error.__name__: error for error in (*DomainError.__subclasses__(), NotPermittedError)
}
LAYERS = ("models", "resolvers", "schema")
LABELS = ("STATS_", "_TITLE", "_SUBJECT", "_ACTION")  # words on a screen, not sentences


def _reasons() -> Iterator[str]:
    """Yield CODE.reason for every refusal that our own code can make."""
    for path in [p for layer in LAYERS for p in ROOT.glob(f"{layer}/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name in ERRORS:  # some choose themselves
                error, calls = ERRORS[node.name], _calls_of_super(node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id not in ERRORS:
                    continue
                error, calls = ERRORS[node.func.id], [node]
            else:
                continue
            for keyword in [each for call in calls for each in call.keywords]:
                if keyword.arg == "reason":
                    yield from (f"{error.code}.{reason}" for reason in _texts(keyword.value))


def _calls_of_super(tree: ast.ClassDef) -> list[ast.Call]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func) == "super().__init__"]


def _texts(expression: ast.expr) -> Iterator[str]:
    for node in ast.walk(expression):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.islower():
            yield node.value


def _forms(locale: str) -> dict[str, tuple[str, ...]]:
    forms: dict[str, tuple[str, ...]] = {}
    for message in read_catalog(locale):
        if message.id:
            name = message.id if isinstance(message.id, str) else message.id[0]
            said = message.string or ""
            forms[str(name)] = (said,) if isinstance(said, str) else tuple(said)
    return forms


def _placeholders(form: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(form) if name}


def test_every_error_has_a_text() -> None:
    assert {error.code for error in ERRORS.values()} <= set(IDS)


def test_every_reason_that_the_code_gives_has_a_text_and_no_text_is_left_over() -> None:
    given = set(_reasons())

    assert given == {each for each in IDS if "." in each}


@pytest.mark.parametrize("status", [404, 410, 421, 503])
def test_every_page_of_the_redirect_has_a_title_and_a_text(status: int) -> None:
    assert {f"PAGE_{status}_TITLE", f"PAGE_{status}_TEXT"} <= set(IDS)
    assert HTTPStatus(status)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_language_has_every_text_in_all_its_forms(locale: str) -> None:
    forms = _forms(locale)

    assert set(forms) == set(IDS)
    assert all(form.strip() == form != "" for each in forms.values() for form in each)
    plurals = {"ru": 3, "en": 2}[locale]
    assert {len(forms[each]) for each in IDS if IDS[each]} == {plurals}


@pytest.mark.parametrize("msgid", sorted(IDS))
def test_a_text_takes_the_same_values_in_every_language(msgid: str) -> None:
    names = {
        locale: {frozenset(_placeholders(form)) for form in _forms(locale)[msgid]}
        for locale in LOCALES
    }

    assert names["ru"] == names["en"]
    assert all(len(sets) == 1 for sets in names.values())
    for locale in LOCALES:
        said = text(locale, msgid, **dict.fromkeys(next(iter(names["en"])), 7))
        assert "{" not in said
        is_label = any(mark in msgid for mark in LABELS)
        assert said.endswith((".", "!", "?")) != is_label


def test_the_russian_texts_are_written_in_russian() -> None:
    for msgid, forms in _forms("ru").items():
        for form in forms:
            assert any("а" <= letter.lower() <= "я" for letter in form), msgid


@pytest.mark.parametrize(
    ("count", "russian", "english"),
    [
        (0, "0 символов", "0 characters"),
        (1, "1 символ.", "1 character."),
        (2, "2 символа", "2 characters"),
        (4, "4 символа", "4 characters"),
        (5, "5 символов", "5 characters"),
        (11, "11 символов", "11 characters"),
        (12, "12 символов", "12 characters"),
        (21, "21 символ.", "21 characters"),
        (22, "22 символа", "22 characters"),
        (64, "64 символа", "64 characters"),
        (111, "111 символов", "111 characters"),
        (300, "300 символов", "300 characters"),
        (2048, "2048 символов", "2048 characters"),
    ],
)
def test_numbers_decline(count: int, russian: str, english: str) -> None:
    assert russian in plural("ru", "TOO_LONG", count)
    assert english in plural("en", "TOO_LONG", count)


def test_a_refusal_reads_as_its_reason_or_else_as_its_code() -> None:
    error = SlugInvalidError(reason="character", character="%")

    assert message_of("ru", error) == (
        "В коротком имени нельзя использовать «%». Подойдут буквы, цифры, дефис и подчёркивание."
    )
    assert message_of("en", SlugTakenError(slug="{x}")) == "The name “{x}” is taken."
    assert message_of("de", SlugTakenError(slug="a")) == "The name “a” is taken."


def test_an_unknown_text_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        text("en", "NO_SUCH_TEXT")


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("", "en"),
        ("ru", "ru"),
        ("RU-ru", "ru"),
        ("ru-BY,en;q=0.9", "ru"),
        ("en-US,en;q=0.9,ru;q=0.8", "en"),
        ("en;q=0.8, ru;q=0.9", "ru"),
        ("de, ru;q=0.1", "ru"),
        ("de-DE", "en"),
        ("*", "en"),
        ("ru;q=0", "en"),
        ("ru;q=0, en;q=0", "en"),
        ("ru; q=1.000 , en", "ru"),
        ("en, ru", "en"),
        ("ru;q=x, en;q=0.1", "en"),
        ("ru;q=nan", "en"),
        ("ru;x=1", "en"),
        ("rux", "en"),
        (",,;;,=", "en"),
        ("de," * 1000 + "ru", "en"),
        ("\x00\ud800", "en"),
    ],
)
def test_the_best_liked_language_that_there_is_wins(header: str, locale: str) -> None:
    assert negotiate(header) == locale
