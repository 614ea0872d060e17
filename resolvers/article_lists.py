"""Reading articles: one, a list, what a search finds, and what helps while somebody types."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.articles import Article
from models.orm import mark, placeholders, reader
from models.raw_sql import fetch
from models.rules.markdown import to_plain
from models.rules.scopes import Scope
from models.rules.search_query import read_question
from models.search_documents import SearchKind
from models.ticket_rows import row_of, selected
from resolvers.article_filters import (
    ArticleFilter,
    add_article_filter,
    add_visible_articles,
)
from resolvers.article_texts import TEXT_COLUMNS, ArticleText, newest_texts, published_texts
from resolvers.context import RequestContext
from resolvers.link_filters import MAX_ID, Conditions
from resolvers.paging import Page, PageWindow, decode_cursor, encode_cursor
from resolvers.search import Found, search
from resolvers.ticket_filters import audience_of, require_desk

MAX_SUGGESTIONS: Final = 5
_MAX_FOUND: Final = 50
_EXCERPT: Final = 240  # characters
_ORDER: Final = "ARTICLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleHit:
    """An article that a search found, in the language that it was found in."""

    article_id: int
    language: str
    title: str
    excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleVotes:
    """What readers said."""

    helpful: int
    unhelpful: int


async def article_by_id(context: RequestContext, article_id: int) -> Article | None:
    """Return an article that the viewer may see, None for all others."""
    conditions = _visible(context)
    conditions.add("article.id = ?", article_id if 0 <= article_id <= MAX_ID else -1)
    rows = await fetch(
        conditions.connection,
        f"SELECT {selected(Article)} FROM article WHERE {conditions.sql}",
        conditions.arguments,
    )
    return row_of(Article, rows[0]) if rows else None


async def articles_page(
    context: RequestContext, *, filter: ArticleFilter, window: PageWindow
) -> Page[Article]:
    """Return a page of the articles that the viewer may see, the newest first.

    Raises:
        ValueInvalidError, CursorInvalidError: a bad window.
    """
    rows = window.check()
    backward = window.first is None
    conditions = _visible(context)
    add_article_filter(conditions, filter, context.viewer)
    for name, cursor, sign in (("after", window.after, "<"), ("before", window.before, ">")):
        if cursor is not None:
            _, row_id = decode_cursor(cursor, order=_ORDER, path=(name,))
            conditions.add(f"article.id {sign} ?", row_id)
    found = await fetch(
        conditions.connection,
        f"SELECT {selected(Article)} FROM article WHERE {conditions.sql}"
        f" ORDER BY article.id {'ASC' if backward else 'DESC'} LIMIT {rows + 1}",
        conditions.arguments,
    )
    articles = [row_of(Article, row) for row in found[:rows]]
    more = len(found) > rows
    if backward:
        articles.reverse()
        return Page(articles, has_next=window.before is not None, has_previous=more)
    return Page(articles, has_next=more, has_previous=window.after is not None)


def article_cursor(article: Article) -> str:
    """Return the place of an article in the list."""
    return encode_cursor(_ORDER, None, article.id)


async def texts_by_article_ids(
    context: RequestContext, ids: Sequence[int], *, is_draft: bool = False
) -> list[list[ArticleText]]:
    """Return the texts of each article in its languages; nothing of what is not the viewer's.

    Args:
        context: of the viewer.
        ids: of articles, in any order.
        is_draft: the newest texts instead of the published ones, for the desk alone.

    Raises:
        NotPermittedError, ReachNotHeldError: drafts, and not of the desk.
    """
    if is_draft:
        require_desk(context.viewer, writes=False)
    visible = await _visible_ids(context, ids)
    texts = await (newest_texts if is_draft else published_texts)(reader(), visible)
    return [[text for text in texts if text.article_id == article_id] for article_id in ids]


async def article_revisions(
    context: RequestContext, *, article_id: int, language: str
) -> list[ArticleText]:
    """Return all texts of an article in a language, the newest first; for the desk.

    Raises:
        NotPermittedError, ReachNotHeldError: not of the desk.
    """
    require_desk(context.viewer, writes=False)
    connection = reader()
    first, second = mark(connection, 1), mark(connection, 2)
    rows = await fetch(
        connection,
        f"SELECT {TEXT_COLUMNS} FROM article_revision"
        f" WHERE article_id = {first} AND language = {second} ORDER BY number DESC",
        [article_id, language],
    )
    return [ArticleText.of(row) for row in rows]


async def votes_by_article_ids(context: RequestContext, ids: Sequence[int]) -> list[ArticleVotes]:
    """Return what readers said of each article; of those that are not the viewer's, nothing."""
    visible = await _visible_ids(context, ids)
    if not visible:
        return [ArticleVotes(helpful=0, unhelpful=0) for _ in ids]
    connection = reader()
    rows = await fetch(
        connection,
        "SELECT article_id, sum(CASE WHEN is_helpful THEN 1 ELSE 0 END) AS helpful,"
        " count(*) AS votes FROM article_vote"
        f" WHERE article_id IN ({placeholders(connection, len(visible))}) GROUP BY article_id",
        visible,
    )
    counts = {row["article_id"]: (int(row["helpful"]), int(row["votes"])) for row in rows}
    found = [counts.get(article_id, (0, 0)) for article_id in ids]
    return [ArticleVotes(helpful=yes, unhelpful=votes - yes) for yes, votes in found]


async def search_articles(
    context: RequestContext, *, typed: str, limit: int = 20
) -> list[ArticleHit]:
    """Return the articles that answer what was typed into the search field, the best first.

    All words are needed; where no article has them all, the best of those that have some.
    """
    limit = max(0, min(limit, _MAX_FOUND))
    for is_any in (False, True):
        found = await _found(context, typed, limit=limit, is_any=is_any)
        if found:
            return await _hits(found)
    return []


async def suggest_articles(
    context: RequestContext, *, text: str, limit: int = MAX_SUGGESTIONS
) -> list[ArticleHit]:
    """Return the articles that may answer what somebody is just writing, the best first.

    Args:
        context: sees suggestions only of what the viewer may read.
        text: a question, a subject, or the beginning of a message.
        limit: most of them, at most MAX_SUGGESTIONS.
    """
    limit = max(0, min(limit, MAX_SUGGESTIONS))
    return await _hits(await _found(context, text, limit=limit, is_any=True))


async def _found(context: RequestContext, typed: str, *, limit: int, is_any: bool) -> list[Found]:
    viewer = context.viewer
    viewer.require(Scope.TICKET_READ)
    return await search(
        reader(),
        question=read_question(typed, is_typing=True),
        kind=SearchKind.ARTICLE,
        audience=audience_of(viewer),
        limit=limit,
        narrow=lambda conditions: add_visible_articles(conditions, viewer),
        is_any=is_any,
    )


async def _hits(found: Sequence[Found]) -> list[ArticleHit]:
    texts = await published_texts(reader(), [each.owner_id for each in found])
    by_key = {(text.article_id, text.language): text for text in texts}
    hits = (by_key.get((each.owner_id, each.language)) for each in found)
    return [
        ArticleHit(
            article_id=text.article_id,
            language=text.language,
            title=text.title,
            excerpt=_excerpt(text.body_markdown),
        )
        for text in hits
        if text is not None
    ]


def _excerpt(markdown: str) -> str:
    line = " ".join(to_plain(markdown[: 8 * _EXCERPT]).split())
    return line if len(line) <= _EXCERPT else f"{line[: _EXCERPT - 1].rstrip()}…"


def _visible(context: RequestContext) -> Conditions:
    context.viewer.require(Scope.TICKET_READ)
    conditions = Conditions(reader())
    add_visible_articles(conditions, context.viewer)
    return conditions


async def _visible_ids(context: RequestContext, ids: Sequence[int]) -> list[int]:
    if not ids:
        return []
    conditions = _visible(context)
    conditions.add(f"article.id IN ({', '.join('?' * len(ids))})", *ids)
    rows = await fetch(
        conditions.connection,
        f"SELECT article.id FROM article WHERE {conditions.sql}",
        conditions.arguments,
    )
    return [row["id"] for row in rows]
