"""Articles: written in revisions, published, archived, and seen by those they are for."""

import asyncio
from dataclasses import replace

import pytest

from models.articles import Article, ArticleRevision, ArticleVote
from models.audit_entries import AuditEntry
from models.errors import (
    DomainError,
    NotFoundError,
    RevisionConflictError,
    TextTooLongError,
    ValueInvalidError,
    ValueRequiredError,
)
from models.rules.article_states import ArticleStatus, ArticleVisibility
from models.rules.roles import AUDITOR, CUSTOMER, DEVELOPER, FIRST_LINE
from models.rules.scopes import Scope
from models.ticket_categories import TicketCategory
from resolvers.article_filters import ArticleFilter
from resolvers.article_lists import (
    ArticleVotes,
    article_by_id,
    article_cursor,
    article_revisions,
    articles_page,
    search_articles,
    suggest_articles,
    texts_by_article_ids,
    votes_by_article_ids,
)
from resolvers.article_texts import ArticleDraft
from resolvers.articles import (
    archive_article,
    create_article,
    publish_article,
    save_article_draft,
    update_article,
    vote_on_article,
)
from resolvers.context import NotPermittedError, RequestContext
from resolvers.paging import PageWindow
from resolvers.ports import Ports
from tests.factories import as_nobody, as_person, make_built_in
from tests.knowledge import publish_knowledge, questions

PUBLIC = ArticleVisibility.PUBLIC
INTERNAL = ArticleVisibility.INTERNAL
RU = ArticleDraft(language="ru", title="Сброс пароля", body="Нажмите **«Забыли?»**.")
EN = ArticleDraft(language="en", title="Password reset", body="Press *Forgot?*", keywords="lost")
FIRST = PageWindow(first=10)


@pytest.fixture
async def desk(database: None, ports: Ports) -> RequestContext:
    return as_person(ports, await make_built_in(FIRST_LINE))


@pytest.fixture
async def customer(database: None, ports: Ports) -> RequestContext:
    return as_person(ports, await make_built_in(CUSTOMER))


async def _published(
    desk: RequestContext, visibility: ArticleVisibility = PUBLIC, draft: ArticleDraft = RU
) -> Article:
    article = await create_article(desk, draft=draft, visibility=visibility)
    return await publish_article(desk, article_id=article.id)


async def _found(context: RequestContext, typed: str) -> list[tuple[int, str]]:
    return [(hit.article_id, hit.title) for hit in await search_articles(context, typed=typed)]


async def _titles(
    context: RequestContext, article: Article, *, is_draft: bool = False
) -> list[str]:
    texts = await texts_by_article_ids(context, [article.id], is_draft=is_draft)
    return [text.title for text in texts[0]]


async def test_a_draft_is_of_the_desk_alone_until_it_is_published(
    desk: RequestContext, customer: RequestContext
) -> None:
    article = await create_article(desk, draft=RU, visibility=PUBLIC)

    assert article.status is ArticleStatus.DRAFT
    assert await article_by_id(customer, article.id) is None
    assert await _found(customer, "пароль") == await _found(desk, "пароль") == []
    assert await _titles(desk, article) == []
    assert await _titles(desk, article, is_draft=True) == ["Сброс пароля"]

    published = await publish_article(desk, article_id=article.id, if_revision=1)

    assert (published.status, published.revision) == (ArticleStatus.PUBLISHED, 2)
    seen = await article_by_id(customer, article.id)
    assert seen is not None
    assert (seen.status, seen.published_at) == (published.status, published.published_at)
    assert await _found(customer, "забыл пароли") == [(article.id, "Сброс пароля")]
    assert await _titles(customer, article) == ["Сброс пароля"]


async def test_readers_get_the_published_text_while_a_new_one_is_written(
    desk: RequestContext, customer: RequestContext
) -> None:
    article = await _published(desk)
    await save_article_draft(desk, article_id=article.id, draft=replace(RU, title="Вход"))
    await save_article_draft(desk, article_id=article.id, draft=EN)

    assert await _titles(customer, article) == ["Сброс пароля"]
    assert await _titles(desk, article, is_draft=True) == ["Вход", "Password reset"]
    assert await _found(customer, "lost") == await _found(customer, "вход") == []

    await publish_article(desk, article_id=article.id)

    assert await _titles(customer, article) == ["Вход", "Password reset"]
    assert await _found(customer, "lost") == [(article.id, "Password reset")]
    texts = await article_revisions(desk, article_id=article.id, language="ru")
    assert [(text.number, text.title) for text in texts] == [(2, "Вход"), (1, "Сброс пароля")]
    assert texts[1].body_markdown == RU.body


async def test_an_archived_article_is_found_by_nobody_and_comes_back_by_publishing(
    desk: RequestContext, customer: RequestContext
) -> None:
    article = await _published(desk)
    await archive_article(desk, article_id=article.id)
    again = await archive_article(desk, article_id=article.id)

    assert again.status is ArticleStatus.ARCHIVED
    assert await _found(desk, "пароль") == await _found(customer, "пароль") == []
    assert await article_by_id(customer, article.id) is None
    assert await article_by_id(desk, article.id) is not None

    back = await publish_article(desk, article_id=article.id)

    assert (back.status, back.archived_at) == (ArticleStatus.PUBLISHED, None)
    assert await _found(customer, "пароль") == [(article.id, "Сброс пароля")]


async def test_internal_articles_are_neither_found_nor_suggested_nor_read_by_customers(
    desk: RequestContext, customer: RequestContext, ports: Ports
) -> None:
    auditor = as_person(ports, await make_built_in(AUDITOR))
    article = await _published(desk, INTERNAL)

    for context in (customer, auditor):
        assert await _found(context, "пароль") == []
        assert await suggest_articles(context, text="пароль") == []
        assert await article_by_id(context, article.id) is None
        assert await _titles(context, article) == []
        assert list((await articles_page(context, filter=ArticleFilter(), window=FIRST)).rows) == []
        with pytest.raises(NotFoundError):
            await vote_on_article(context, article_id=article.id, is_helpful=True)
    assert await _found(desk, "пароль") == [(article.id, "Сброс пароля")]

    await update_article(desk, article_id=article.id, visibility=PUBLIC)
    assert await _found(customer, "пароль") == [(article.id, "Сброс пароля")]
    await update_article(desk, article_id=article.id, visibility=INTERNAL)
    assert await _found(customer, "пароль") == []
    assert await ArticleVote.all().count() == 0


async def test_the_second_of_two_who_save_at_once_is_told(desk: RequestContext) -> None:
    article = await create_article(desk, draft=RU, visibility=PUBLIC)

    async def save(title: str) -> DomainError | Article:
        try:
            return await save_article_draft(
                desk, article_id=article.id, draft=replace(RU, title=title), if_revision=1
            )
        except RevisionConflictError as error:
            return error

    saved = await asyncio.gather(save("Первая"), save("Вторая"))

    assert sum(isinstance(one, RevisionConflictError) for one in saved) == 1
    assert (await Article.get(id=article.id)).revision == 2
    assert await ArticleRevision.filter(article_id=article.id).count() == 2


async def test_without_a_revision_both_texts_are_kept(desk: RequestContext) -> None:
    article = await create_article(desk, draft=RU, visibility=PUBLIC)
    await asyncio.gather(
        *(
            save_article_draft(desk, article_id=article.id, draft=replace(RU, title=f"T{n}"))
            for n in range(4)
        )
    )

    texts = await article_revisions(desk, article_id=article.id, language="ru")
    assert [text.number for text in texts] == [5, 4, 3, 2, 1]
    assert {text.title for text in texts} == {"Сброс пароля", "T0", "T1", "T2", "T3"}


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (replace(RU, language="de"), ValueInvalidError),
        (replace(RU, title=" "), ValueRequiredError),
        (replace(RU, title="т" * 301), TextTooLongError),
        (replace(RU, title="a\u202eb"), ValueInvalidError),
        (replace(RU, keywords="к" * 501), TextTooLongError),
        (replace(RU, body="\n \n"), ValueRequiredError),
        (replace(RU, body="т" * 50_001), TextTooLongError),
    ],
)
async def test_a_bad_text_changes_nothing(
    desk: RequestContext, draft: ArticleDraft, error: type[DomainError]
) -> None:
    article = await create_article(desk, draft=RU, visibility=PUBLIC)

    with pytest.raises(error):
        await create_article(desk, draft=draft, visibility=PUBLIC)
    with pytest.raises(error):
        await save_article_draft(desk, article_id=article.id, draft=draft)

    assert await Article.all().count() == await ArticleRevision.all().count() == 1
    assert (await Article.get(id=article.id)).revision == 1


async def test_only_the_desk_writes_and_only_who_may_ask_reads(
    desk: RequestContext, customer: RequestContext, ports: Ports
) -> None:
    article = await _published(desk)
    developer = as_person(ports, await make_built_in(DEVELOPER))
    for context in (customer, developer):
        for attempt in (
            create_article(context, draft=RU, visibility=PUBLIC),
            save_article_draft(context, article_id=article.id, draft=RU),
            publish_article(context, article_id=article.id),
            archive_article(context, article_id=article.id),
            update_article(context, article_id=article.id, visibility=INTERNAL),
        ):
            with pytest.raises(NotPermittedError):
                await attempt
    with pytest.raises(NotPermittedError):
        await article_revisions(customer, article_id=article.id, language="ru")
    with pytest.raises(NotPermittedError):
        await texts_by_article_ids(customer, [article.id], is_draft=True)
    for reading in (
        search_articles(as_nobody(ports), typed="пароль"),
        suggest_articles(as_nobody(ports), text="пароль"),
        article_by_id(as_nobody(ports), article.id),
    ):
        with pytest.raises(NotPermittedError):
            await reading
    assert (await Article.get(id=article.id)).revision == article.revision


async def test_an_article_of_an_unknown_or_archived_category_is_refused(
    desk: RequestContext, clock: object
) -> None:
    category = await TicketCategory.create(name_ru="Вход", name_en="Sign-in")
    article = await create_article(desk, draft=RU, visibility=PUBLIC, category_id=category.id)
    with pytest.raises(ValueInvalidError):
        await update_article(desk, article_id=article.id, category_id=category.id + 1)

    chosen = ArticleFilter(category_id=category.id, language="ru", status=ArticleStatus.DRAFT)
    page = await articles_page(desk, filter=chosen, window=FIRST)
    assert [row.id for row in page.rows] == [article.id]
    await update_article(desk, article_id=article.id, category_id=None)
    assert list((await articles_page(desk, filter=chosen, window=FIRST)).rows) == []


async def test_each_person_has_one_vote_and_may_change_it(
    desk: RequestContext, customer: RequestContext
) -> None:
    article = await _published(desk)
    for context, is_helpful in ((customer, True), (desk, True), (customer, False)):
        await vote_on_article(context, article_id=article.id, is_helpful=is_helpful)

    votes = await votes_by_article_ids(customer, [article.id, article.id + 1])
    assert votes == [ArticleVotes(helpful=1, unhelpful=1), ArticleVotes(helpful=0, unhelpful=0)]
    with pytest.raises(NotFoundError):
        await vote_on_article(customer, article_id=article.id + 1, is_helpful=True)
    entries = await AuditEntry.filter(subject_id=article.id).order_by("id")
    assert [entry.action for entry in entries] == [
        "article.create",
        "article.publish",
        *["article.vote"] * 3,
    ]


async def test_pages_go_through_the_articles_from_the_newest_and_back(
    desk: RequestContext, customer: RequestContext
) -> None:
    articles = [await _published(desk) for _ in range(5)]
    await _published(desk, INTERNAL)
    ids = [article.id for article in reversed(articles)]

    first = await articles_page(customer, filter=ArticleFilter(), window=PageWindow(first=2))
    after = article_cursor(first.rows[-1])
    window = PageWindow(first=3, after=after)
    second = await articles_page(customer, filter=ArticleFilter(), window=window)
    before = article_cursor(second.rows[0])
    window = PageWindow(last=1, before=before)
    back = await articles_page(customer, filter=ArticleFilter(), window=window)

    assert [row.id for row in [*first.rows, *second.rows]] == ids
    assert [row.id for row in back.rows] == ids[1:2]
    assert (first.has_next, first.has_previous) == (True, False)
    assert (second.has_next, second.has_previous) == (False, True)
    assert (back.has_next, back.has_previous) == (True, True)


async def test_suggestions_say_what_they_are_about_in_plain_words(
    desk: RequestContext, customer: RequestContext
) -> None:
    article = await _published(desk, draft=replace(RU, body="# Шаги\n\n" + "**слово** " * 90))

    hits = await suggest_articles(customer, text="Здравствуйте! Не помню парол")

    assert [(hit.article_id, hit.language) for hit in hits] == [(article.id, "ru")]
    assert hits[0].excerpt.startswith("Шаги слово слово")
    assert len(hits[0].excerpt) <= 240
    assert hits[0].excerpt.endswith("…")
    assert await suggest_articles(customer, text="пароль", limit=0) == []
    assert await suggest_articles(customer, text="") == []


async def test_the_right_article_is_among_the_first_three_for_four_questions_of_five(
    desk: RequestContext, customer: RequestContext
) -> None:
    """The questions were written after the ranking and the articles were done."""
    keys = await publish_knowledge(desk)
    right: dict[str, int] = {}
    for language in ("ru", "en"):
        asked = questions(language)
        assert len(asked) == 50
        hits = [await suggest_articles(customer, text=question, limit=3) for _, question in asked]
        right[language] = sum(
            key in {keys[hit.article_id] for hit in found}
            for (key, _), found in zip(asked, hits, strict=True)
        )
        assert not {"escalate", "internal-notes"} & {
            keys[hit.article_id] for found in hits for hit in found
        }

    assert min(right.values()) >= 40
    assert right == {"ru": 46, "en": 49}  # of 50; less is a step back, more a better test
    assert Scope.TICKET_STAFF not in customer.viewer.scopes
