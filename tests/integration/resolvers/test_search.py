"""Search finds and orders the same on both engines, and shows nobody what is not theirs."""

import random
from collections.abc import Callable, Sequence
from typing import Final

import pytest
from tortoise.transactions import in_transaction

from models.orm import is_sqlite, reader
from models.raw_sql import fetch
from models.rules.search_query import Question, Sought, read_question
from models.rules.search_ranking import Candidate, scores
from models.rules.search_words import search_words
from models.search_documents import SearchAudience, SearchKind
from resolvers.search import search
from resolvers.search_index import SearchText, add_to_document, forget_document, index_document

PUBLIC: Final = SearchAudience.PUBLIC
STAFF: Final = SearchAudience.STAFF
TEXTS: Final = (
    SearchText(
        title="Не могу войти после обновления",
        body="После обновления до 2.14.0 вижу ошибку ERR-1042. Перезапуск не помог.",
        staff_body="У клиента забыт пароль, секретный вопрос неверен.",
    ),
    SearchText(
        title="Сброс пароля",
        body="Прошу сбросить пароли пользователю ivan.petrov@mail.example.com, он забыл пароль.",
    ),
    SearchText(
        title="Password reset mail never arrives",
        body="We asked for a new password twice. The e-mail does not come to mail.example.com.",
    ),
    SearchText(
        title="Ошибка обновления",
        body="Обновление с 2.13.1 на 2.14.0 прервалось: ошибка ERR-77, диск заполнен.",
        staff_body="Обновления ставит наш инженер, см. ERR-1042.",
    ),
    SearchText(
        title="Как настроить вход через каталог",
        body="Хотим вход по LDAP. Где задать пароль служебной учётной записи?",
    ),
    SearchText(staff_title="Внутренний план", staff_body="Сброс всех паролей в пятницу."),
)
# The order is of both engines: rows of it are never told apart by engine.
EXPECTED: Final[tuple[tuple[str, SearchAudience, list[int]], ...]] = (
    ("пароль", PUBLIC, [1, 4]),
    ("пароль", STAFF, [1, 5, 4, 0]),
    ("сброс пароля", PUBLIC, [1]),
    ("сброс пароля", STAFF, [1, 5]),
    ("обновление", PUBLIC, [0, 3]),
    ("ошибка обновления", PUBLIC, [3, 0]),
    ('"ошибка обновления"', PUBLIC, [3]),
    ('"обновления ошибка"', PUBLIC, []),
    ("ошибка -диск", PUBLIC, [0]),
    ("ошибка -пароль", STAFF, [3]),
    ("ошибка -пароль", PUBLIC, [3, 0]),
    ('обновление -"ошибка обновления"', PUBLIC, [0]),
    ("ERR-1042", PUBLIC, [0]),
    ("err1042", STAFF, [0, 3]),
    ("1042", PUBLIC, [0]),
    ("2.14", PUBLIC, [0, 3]),
    ("2.14.0", PUBLIC, [0, 3]),
    ("14.0", PUBLIC, []),
    ("example.com", PUBLIC, [2, 1]),
    ("ivan.petrov@mail.example.com", PUBLIC, [1]),
    ("passwords", PUBLIC, [2]),
    ("email", PUBLIC, [2]),
    ("настро", PUBLIC, [4]),
    ("парол", STAFF, [1, 5, 4, 0]),
    ("секретный", PUBLIC, []),
    ("секрет", STAFF, [0]),
    ("войти секретный", STAFF, [0]),
    ("внутренний план", PUBLIC, []),
    ("внутренний план", STAFF, [5]),
    ("на в the", PUBLIC, []),
    ("-пароль", STAFF, []),
    ("", STAFF, []),
)
_MARKS: Final = """' " '' \\ * ^a a* NEAR(a {title}:a a:b - -- &a |!b <-> a:* a:A ( ) ((a) $9 ?9 % _
    s_a t_a st_a kind_ticket"""
HOSTILE: Final = (
    *_MARKS.split(),
    *("a\0b", "\0", "\ud800", "\u202e", "a AND", "NOT a", "NEAR(a b, 2)", "{title}: a", "a <-> b"),
    *("'; DROP TABLE search_document; --", "e\u0301" * 300, "(" * 900, '"' * 999),
    *("a" * 100_000, "a " * 10_000, "-a " * 10_000, "aa-" * 10_000),
)


_VOCABULARY: Final = "красный синий зелёный дом домик err-7 err-8 2.1.3 2.1 e-mail red house"


async def _index(texts: Sequence[SearchText], *, kind: SearchKind = SearchKind.TICKET) -> None:
    async with in_transaction("default") as connection:
        for owner_id, text in enumerate(texts):
            await index_document(connection, kind=kind, owner_id=owner_id, text=text)


async def _owners(  # noqa: PLR0913 - what a search is about
    typed: str,
    audience: SearchAudience = STAFF,
    *,
    kind: SearchKind = SearchKind.TICKET,
    is_typing: bool = False,
    is_any: bool = False,
    limit: int = 100,
) -> list[int]:
    found = await search(
        reader(),
        question=read_question(typed, is_typing=is_typing),
        kind=kind,
        audience=audience,
        limit=limit,
        is_any=is_any,
    )
    return [each.owner_id for each in found]


async def test_both_engines_find_the_same_in_the_same_order(database: None) -> None:
    await _index(TEXTS)

    found = [
        (typed, audience, await _owners(typed, audience, is_typing=True))
        for typed, audience, _ in EXPECTED
    ]

    assert found == [*EXPECTED]


@pytest.mark.parametrize("audience", [PUBLIC, STAFF])
async def test_search_agrees_with_looking_at_every_text(
    database: None, audience: SearchAudience
) -> None:
    chance = random.Random(20)  # noqa: S311 - a test that repeats itself
    vocabulary = _VOCABULARY.split()

    def some(most: int) -> str:
        return " ".join(chance.choices(vocabulary, k=chance.randint(0, most)))

    texts = [
        SearchText(title=some(3), body=some(8), staff_title=some(1), staff_body=some(4))
        for _ in range(60)
    ]
    await _index(texts)

    for _ in range(40):
        typed = " ".join(
            chance.choice(("", "", "-", '"')) + some(2) for _ in range(chance.randint(1, 3))
        )
        is_any = chance.random() < 0.3
        question = read_question(typed, is_typing=True)
        found = await search(
            reader(), question=question, kind=SearchKind.TICKET, audience=audience, limit=99,
            is_any=is_any,
        )  # fmt: skip
        assert [each.owner_id for each in found] == _by_looking(
            question, texts, audience, is_any=is_any
        )


def _by_looking(
    question: Question, texts: Sequence[SearchText], audience: SearchAudience, *, is_any: bool
) -> list[int]:
    """Return what search must find, without any engine."""
    columns = [
        [search_words(text.title), search_words(text.body)]
        + ([search_words(text.staff_title), search_words(text.staff_body)]) * (audience is STAFF)
        for text in texts
    ]
    enough: Callable[..., bool] = any if is_any else all
    found = [
        owner_id
        for owner_id, words in enumerate(columns)
        if question.wanted
        and enough(any(_is_in(form, words) for form in clause) for clause in question.wanted)
        and not any(_is_in(form, words) for clause in question.excluded for form in clause)
    ]
    candidates = [
        Candidate(*(" | ".join(" ".join(w) for w in columns[each][n::2]) for n in (0, 1)))
        for each in found
    ]
    ranks = dict(zip(found, scores(question, candidates), strict=True))
    return sorted(found, key=lambda owner_id: (-ranks[owner_id], -owner_id))


def _is_in(sought: Sought, columns: Sequence[Sequence[str]]) -> bool:
    text = " | ".join(" ".join(["", *words, ""]) for words in columns)
    return f" {' '.join(sought.words)}{'' if sought.is_beginning else ' '}" in text


async def test_what_is_typed_never_breaks_a_search_nor_gets_into_it(database: None) -> None:
    await _index(TEXTS)
    rows = await fetch(reader(), "SELECT count(*) AS count FROM search_document")

    for typed in HOSTILE:
        assert await _owners(typed, PUBLIC, is_typing=True) == []
    assert await _owners("a' OR пароль", is_any=True) == [1, 5, 4, 0]

    assert await fetch(reader(), "SELECT count(*) AS count FROM search_document") == rows
    assert await _owners("пароль", PUBLIC) == [1, 4]


async def test_a_change_and_its_words_are_of_one_transaction(database: None) -> None:
    await _index(TEXTS)

    async def change_and_fail() -> None:
        async with in_transaction("default") as connection:
            text = SearchText(title="Совсем другое")
            await index_document(connection, kind=SearchKind.TICKET, owner_id=1, text=text)
            await forget_document(connection, kind=SearchKind.TICKET, owner_id=4)
            raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        await change_and_fail()

    assert await _owners("пароль", PUBLIC) == [1, 4]
    assert await _owners("совсем") == []


async def test_a_document_is_found_by_its_new_words_alone(database: None) -> None:
    await _index(TEXTS)
    async with in_transaction("default") as connection:
        text = SearchText(title="Совсем другое")
        await index_document(connection, kind=SearchKind.TICKET, owner_id=1, text=text)
        await forget_document(connection, kind=SearchKind.TICKET, owner_id=4)

    assert await _owners("пароль", PUBLIC) == []
    assert await _owners("другое", PUBLIC) == [1]
    table = "search_index_docsize" if is_sqlite(reader()) else "search_index"
    assert await fetch(reader(), f"SELECT count(*) AS count FROM {table}") == [{"count": 5}]


async def test_a_message_adds_words_and_a_document_that_is_not_there_begins(
    database: None,
) -> None:
    await _index(TEXTS[:2])
    async with in_transaction("default") as connection:
        for owner_id, text in (
            (1, SearchText(body="Спасибо, помогло", staff_body="Закрыть в понедельник")),
            (1, SearchText(body="Нет, снова")),
            (9, SearchText(title="Новое", body="Помогло")),
        ):
            await add_to_document(connection, kind=SearchKind.TICKET, owner_id=owner_id, text=text)

    assert await _owners("помогло", PUBLIC) == [9, 1]
    assert await _owners("сброс снова помогло", PUBLIC) == [1]
    assert await _owners('"помогло снова"', PUBLIC) == []
    assert await _owners("понедельник", PUBLIC) == []
    assert await _owners("понедельник") == [1]


async def test_a_long_document_is_found_by_its_end_and_by_its_title_with_any_part(
    database: None,
) -> None:
    words = " ".join(f"слово{number}" for number in range(9_000))
    lines = "повтор строка " * 5_000
    await _index([SearchText(title="Журнал", body=f"{words} конец {lines} предел")])

    assert await _owners("слово8999 журнал") == [0]
    assert await _owners("журнал предел") == [0]
    assert await _owners('"повтор строка"') == [0]
    rows = await fetch(reader(), "SELECT part FROM search_document ORDER BY part")
    assert [row["part"] for row in rows] == [0, 1, 2, 3]

    async with in_transaction("default") as connection:
        text = SearchText(body="добавлено")
        await add_to_document(connection, kind=SearchKind.TICKET, owner_id=0, text=text)
    assert await _owners("добавлено предел") == [0]
    assert len(await fetch(reader(), "SELECT part FROM search_document")) == 4


async def test_tickets_and_articles_are_searched_apart(database: None) -> None:
    await _index(TEXTS)
    async with in_transaction("default") as connection:
        for language, title in (("ru", "Сброс пароля"), ("en", "Password reset")):
            await index_document(
                connection, kind=SearchKind.ARTICLE, owner_id=7, language=language,
                text=SearchText(title=title, body="пароль password"),
            )  # fmt: skip

    assert await _owners("пароль", PUBLIC, kind=SearchKind.ARTICLE) == [7]
    found = await search(
        reader(), question=read_question("password reset"), kind=SearchKind.ARTICLE,
        audience=PUBLIC, limit=5,
    )  # fmt: skip
    assert [(each.owner_id, each.language) for each in found] == [(7, "en")]
    async with in_transaction("default") as connection:
        await forget_document(connection, kind=SearchKind.ARTICLE, owner_id=7)
    assert await _owners("пароль", PUBLIC, kind=SearchKind.ARTICLE) == []
    assert await _owners("пароль", PUBLIC) == [1, 4]


async def test_any_word_is_enough_where_that_is_asked_for(database: None) -> None:
    await _index(TEXTS)

    assert await _owners("забыл пароль каталога", PUBLIC) == []
    assert await _owners("забыл пароль каталога", PUBLIC, is_any=True) == [1, 4]
    assert await _owners("забыл пароль каталога", PUBLIC, is_any=True, limit=1) == [1]
    assert await _owners("пароль", PUBLIC, limit=0) == []


async def test_of_very_many_the_latest_and_those_with_the_word_in_their_title_are_ranked(
    database: None,
) -> None:
    first = SearchText(title="Редкое слово")
    others = [SearchText(body="слово") for _ in range(450)]
    await _index([first, SearchText(body="слово"), *others])

    found = await _owners("слово", limit=1_000)

    assert found[:2] == [0, 451]
    assert len(found) == 401
    assert 1 not in found
