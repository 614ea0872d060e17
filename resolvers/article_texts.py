"""Texts of articles: the newest of a language, and the one that readers get."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self

from tortoise.backends.base.client import BaseDBAsyncClient

from models.articles import (
    MAX_ARTICLE_LENGTH,
    MAX_ARTICLE_TITLE_LENGTH,
    MAX_KEYWORDS_LENGTH,
    Article,
    ArticleRevision,
)
from models.errors import TextTooLongError, ValueInvalidError, ValueRequiredError
from models.orm import placeholders
from models.raw_sql import SqlRow, fetch
from models.rules.article_states import LANGUAGES, ArticleStatus, ArticleVisibility
from models.rules.markdown import to_plain
from models.rules.moments import from_sql
from models.rules.plain_text import check_text
from models.rules.visible_text import visible_text
from models.search_documents import SearchKind
from resolvers.search_index import SearchText, forget_document, index_document

TEXT_COLUMNS: Final = (
    "article_id, language, number, title, keywords, body_markdown, author_id, created_at,"
    " published_at"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleDraft:
    """A text as its author hands it in.

    Attributes:
        language: "ru" or "en".
        title: 1 to 300 characters.
        body: Markdown, 1 to 50,000 characters.
        keywords: words of readers that the text lacks, at most 500 characters.
    """

    language: str
    title: str
    body: str
    keywords: str = ""

    def checked(self) -> Self:
        """Return the text as it is stored.

        Raises:
            ValueRequiredError, TextTooLongError, ValueInvalidError: see the attributes.
        """
        if self.language not in LANGUAGES:
            raise ValueInvalidError(path=("language",), reason="language")
        title = check_text(
            self.title, field="title", length=MAX_ARTICLE_TITLE_LENGTH, required=True
        )
        keywords = check_text(self.keywords, field="keywords", length=MAX_KEYWORDS_LENGTH)
        body = visible_text(self.body).strip("\n")
        if not body.strip():
            raise ValueRequiredError(path=("bodyMarkdown",))
        if len(body) > MAX_ARTICLE_LENGTH:
            raise TextTooLongError(path=("bodyMarkdown",), count=MAX_ARTICLE_LENGTH)
        return replace(self, title=title or "", keywords=keywords or "", body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleText:
    """One text of an article, as Markdown. `published_at` is None for a draft."""

    article_id: int
    language: str
    number: int
    title: str
    keywords: str
    body_markdown: str
    author_id: int | None
    created_at: datetime
    published_at: datetime | None

    @classmethod
    def of(cls, row: SqlRow) -> Self:
        """Return the text of a row of `SELECT {TEXT_COLUMNS} FROM article_revision`."""
        moments = {name: from_sql(row[name]) for name in ("created_at", "published_at")}
        values: dict[str, Any] = {**row, **moments}
        return cls(**values)


async def published_texts(
    connection: BaseDBAsyncClient, article_ids: list[int]
) -> list[ArticleText]:
    """Return what readers get of each article in each of its languages."""
    return await _highest(connection, article_ids, condition="published_at IS NOT NULL")


async def newest_texts(connection: BaseDBAsyncClient, article_ids: list[int]) -> list[ArticleText]:
    """Return the newest text of each article in each of its languages, be it a draft."""
    return await _highest(connection, article_ids, condition="1 = 1")


async def _highest(
    connection: BaseDBAsyncClient, article_ids: list[int], *, condition: str
) -> list[ArticleText]:
    if not article_ids:
        return []
    marks = placeholders(connection, len(article_ids))
    rows = await fetch(
        connection,
        f"SELECT {TEXT_COLUMNS} FROM article_revision"
        " JOIN (SELECT article_id AS of_id, language AS in_one,"
        f" max(number) AS top FROM article_revision WHERE {condition} AND article_id IN ({marks})"
        " GROUP BY article_id, language) AS newest ON of_id = article_id AND in_one = language"
        " AND top = number ORDER BY article_id, language DESC",
        article_ids,
    )
    return [ArticleText.of(row) for row in rows]


async def add_text(
    connection: BaseDBAsyncClient,
    article: Article,
    draft: ArticleDraft,
    *,
    author_id: int | None,
    at: datetime,
) -> None:
    """Add the newest text of a language; the caller has moved the article's revision on."""
    texts = await newest_texts(connection, [article.id])
    before = next((text.number for text in texts if text.language == draft.language), 0)
    await ArticleRevision.create(
        using_db=connection,
        created_at=at,
        article=article,
        language=draft.language,
        number=before + 1,
        title=draft.title,
        keywords=draft.keywords,
        body_markdown=draft.body,
        author_id=author_id,
    )


async def index_article(connection: BaseDBAsyncClient, article: Article) -> None:
    """Let an article be found by what readers get of it, and by nothing else."""
    await forget_document(connection, kind=SearchKind.ARTICLE, owner_id=article.id)
    if article.status is not ArticleStatus.PUBLISHED:
        return
    for text in await published_texts(connection, [article.id]):
        title, body = f"{text.title}\n{text.keywords}", to_plain(text.body_markdown)
        is_public = article.visibility is ArticleVisibility.PUBLIC
        await index_document(
            connection,
            kind=SearchKind.ARTICLE,
            owner_id=article.id,
            language=text.language,
            text=SearchText(title=title, body=body)
            if is_public
            else SearchText(staff_title=title, staff_body=body),
        )
