"""What answers best comes first, and what engines are asked holds nothing that was typed."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rules.search_query import read_question
from models.rules.search_ranking import Candidate, scores
from models.rules.search_statements import BODY, STAFF_BODY, TITLE, fts5_match, tsquery, tsvector
from models.rules.search_words import search_words

OTHERS = [Candidate("", f"слов{number}") for number in range(20)]


def best(question: str, *candidates: tuple[str, str]) -> list[int]:
    """Return the places of (title, body) candidates, the best first."""
    texts = [Candidate(*(" ".join(search_words(text)) for text in each)) for each in candidates]
    found = scores(read_question(question), [*texts, *OTHERS])[: len(texts)]
    return sorted(range(len(texts)), key=lambda place: -found[place])


@pytest.mark.parametrize(
    ("question", "candidates", "order"),
    [
        ("пароль", [("Вход", "пароль"), ("Пароль", "вход")], [1, 0]),
        ("пароль", [("", "пароль и многое другое " * 3), ("", "пароль пароль пароль")], [1, 0]),
        ("пароль", [("", "пароль " + "слово " * 90), ("", "пароль слово")], [1, 0]),
        ("пароль вход", [("", "пароль пароль пароль"), ("", "пароль вход")], [1, 0]),
        ("сброс пароля", [("", "пароль сброс"), ("", "сброс пароля")], [1, 0]),
        ("слов1 редкость", [("", "слов1"), ("", "редкость")], [1, 0]),
    ],
    ids=["titles", "mentions", "length", "all words", "side by side", "rare words"],
)
def test_the_better_answer_comes_first(
    question: str, candidates: list[tuple[str, str]], order: list[int]
) -> None:
    assert best(question, *candidates) == order
    assert best(question, *reversed(candidates)) == order[::-1]


def test_a_text_without_a_word_of_the_question_scores_nothing() -> None:
    assert scores(read_question("пароль"), [Candidate("", "вход"), Candidate("", "")]) == [0, 0]
    assert scores(read_question("пароль"), []) == []


def test_engines_are_asked_in_their_own_words() -> None:
    question = read_question('ERR-7 "a1 b1" -c1', is_typing=True)
    assert fts5_match(question, kind="TICKET", columns=(TITLE, BODY), is_any=False) == (
        '{title} : "kind_ticket" AND ({title body} : (("err7" OR "err 7") AND "a1 b1")'
        ' NOT {title body} : ("c1"))'
    )
    assert tsquery(question, kind="TICKET", columns=(TITLE, BODY), is_any=True) == (
        "'kind_ticket' & ((('err7') | ('err' <-> '7')) | (('a1' <-> 'b1'))) & !((('c1')))"
    )
    typed = read_question("пар", is_typing=True)
    assert tsquery(typed, kind="TICKET", columns=(BODY, STAFF_BODY), is_any=False) == (
        "'kind_ticket' & ((('пар') | ('s_пар') | ('пар':*) | ('s_пар':*)))"
    )


def test_a_coarse_question_lets_through_all_that_the_exact_one_does_and_needs_no_text() -> None:
    question = read_question('"a1 b1" -c1 -"d1 e1"')
    assert question.has_phrases
    assert not read_question("a1 -c1").has_phrases
    asked = tsquery(question, kind="TICKET", columns=(BODY,), is_any=False, is_coarse=True)
    assert asked == "'kind_ticket' & ((('a1' & 'b1'))) & !((('c1')))"


def test_places_of_columns_never_touch() -> None:
    columns = {TITLE: ["a", "b"], BODY: ["b"], STAFF_BODY: ["b"]}
    assert tsvector(columns) == "'a':1 't_a':1 'b':2,4 't_b':2 's_b':6"


@given(st.text(max_size=60), st.booleans())
@settings(max_examples=100)
def test_nothing_typed_gets_into_a_statement_but_words(typed: str, is_any: bool) -> None:  # noqa: FBT001 - of hypothesis
    question = read_question(typed, is_typing=True)
    if not question.wanted:
        return
    for statement in (
        fts5_match(question, kind="TICKET", columns=(TITLE, BODY), is_any=is_any),
        tsquery(question, kind="TICKET", columns=(TITLE, BODY), is_any=is_any),
    ):
        bare = re.sub(r"([\"'])[^\"'\\\x00-\x1f*:&|!()<>{}-]+\1", "w", statement)
        assert set(bare) <= set("w ():{}*&|!<->titlebodyANDORNOT")
