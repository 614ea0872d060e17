"""The words of a text, by which it is stored and sought."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rules.search_query import Sought, read_question
from models.rules.search_stems import stem
from models.rules.search_words import MAX_WORD_LENGTH, normal_text, search_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("на в и the of", []),
        ("Сбросить пароли пользователя", ["сброс", "парол", "пользовател"]),
        ("Installing the updates", ["instal", "updat"]),
        ("ЁЛКА елка Ёлку", ["елк", "елк", "елк"]),
        ("Йод и\u0306од за\u0301мок", ["йод", "йод", "замок"]),
        ("café CAFÉ cafe", ["cafe", "cafe", "cafe"]),
        ("user's Straße \ufb01le ＡＢＣ", ["user", "strass", "file", "abc"]),
        ("ERR-1042", ["err1042", "err", "1042"]),
        ("ERR1042", ["err1042", "err", "1042"]),
        ("v2.14.0", ["2_14_0", "2_14", "2", "14", "0"]),
        ("10.0.0.1:8080", ["10_0_0_1", "10_0_0", "10_0", "10", "0", "0", "1", "8080"]),
        ("mail.example.com", ["mailexamplecom", "examplecom", "mail", "exampl", "com"]),
        ("ivan@example.com", ["ivanexamplecom", "examplecom", "ivan", "exampl", "com"]),
        ("интернет-магазин", ["интернетмагазин", "интернет", "магазин"]),
        ("№123 #4567 TK-89", ["123", "4567", "tk89", "tk", "89"]),
        ("0x80070005", ["0x80070005", "80070005"]),
        ("Cтатус cтатус", ["статус", "статус"]),
        ("日本 語", ["日", "本", "語"]),
        ("a_b.c-d.e.f.g.h.i", ["b", "c", "d", "e", "f", "g", "h"]),
        ("\0 ' \" * : | & ! <-> (NEAR) --", ["near"]),
    ],
)
def test_words_are_those_that_people_mean(text: str, words: list[str]) -> None:
    assert search_words(text) == words


@given(st.text())
@settings(max_examples=200)
def test_words_are_letters_digits_and_the_line_below_alone(text: str) -> None:
    words = search_words(text)
    assert all(word.replace("_", "").isalnum() or _has_marks(word) for word in words)
    assert all(0 < len(word) <= MAX_WORD_LENGTH for word in words)
    assert not any(character in word for word in words for character in " '\"*:&|!()<>-\\\0\n")


def _has_marks(word: str) -> bool:
    """Tell whether a word has marks that its script cannot do without."""
    return not word.isascii()


@given(st.text())
@settings(max_examples=100)
def test_spelling_a_text_once_more_changes_nothing(text: str) -> None:
    assert normal_text(normal_text(text)) == normal_text(text)


@given(st.text(alphabet="абвгдеёжзийклмнопрстуфхцчшщъыьэюяabcdefghijklmnopqrstuvwxyz"))
@settings(max_examples=100)
def test_a_stem_that_was_remembered_is_the_same(word: str) -> None:
    assert stem(word) == stem(word)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ()),
        ('" - -', ()),
        ("сброс пароля", ((Sought(("сброс",)),), (Sought(("парол",)),))),
        ("пароль пароля", ((Sought(("парол",)),),)),
        ('"Сброс пароля"', ((Sought(("сброс", "парол")),),)),
        ("«Сброс пароля", ((Sought(("сброс", "парол")),),)),
        ("e-mail", ((Sought(("email",)), Sought(("e", "mail"))),)),
        ("2.1", ((Sought(("2_1",)),),)),
        ("и/или ввод/вывод", ((Sought(("ввод",)),), (Sought(("вывод",)),))),
        ("12:30", ((Sought(("12",)),), (Sought(("30",)),))),
        ("foo:bar", ((Sought(("foo",)),), (Sought(("bar",)),))),
    ],
)
def test_a_question_wants_what_was_typed(text: str, wanted: tuple[object, ...]) -> None:
    question = read_question(text)
    assert question.wanted == wanted
    assert (question.excluded, question.fields) == ((), ())


def test_what_a_minus_stands_before_is_excluded_but_not_within_a_word() -> None:
    question = read_question('a1 -b1 -"c1 d1" e1-f1 - g1')
    assert [form.words for clause in question.excluded for form in clause] == [
        ("b1",),
        ("c1", "d1"),
    ]


def test_fields_that_the_caller_knows_are_its_own() -> None:
    question = read_question('Status:open from:"Ivan P" size:1', names={"status", "from"})
    assert question.fields == (("status", "open"), ("from", "Ivan P"))
    assert [clause[0].words for clause in question.wanted] == [("size",), ("1",)]


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("сброс паро", "паро"),
        ("паро сброс", "сброс"),
        ("2.1", "2_1"),
        ("ERR-10", "err10"),
        ("па", None),
        ("пароль ", None),
        ('"паро"', None),
    ],
)
def test_the_last_word_may_go_on_while_somebody_types(text: str, beginning: str | None) -> None:
    forms = [form for clause in read_question(text, is_typing=True).wanted for form in clause]
    found = [form.words[0] for form in forms if form.is_beginning]
    assert found == ([] if beginning is None else [beginning])
    assert not any(form.is_beginning for clause in read_question(text).wanted for form in clause)


def test_a_question_of_ten_thousand_words_is_cut() -> None:
    question = read_question(" ".join(f"слово{number} -нет{number}" for number in range(10_000)))
    assert len(question.wanted) == len(question.excluded) == 24
    assert read_question('"' + "слово " * 10_000).wanted[0][0].words == ("слов",) * 24
