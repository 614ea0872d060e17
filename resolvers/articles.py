"""Articles of the knowledge base: written, published, archived, and judged by readers."""

from collections.abc import Awaitable, Callable

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.articles import Article, ArticleRevision, ArticleVote
from models.errors import NotFoundError, RevisionConflictError, ValueInvalidError
from models.orm import is_sqlite
from models.rules.article_states import ArticleStatus, ArticleVisibility
from models.rules.audit_actions import AuditAction
from models.rules.scopes import Scope
from models.ticket_categories import TicketCategory
from resolvers.article_texts import ArticleDraft, add_text, index_article, newest_texts
from resolvers.audit import log_action
from resolvers.changes import UNSET, Change
from resolvers.context import RequestContext
from resolvers.ticket_filters import is_desk, require_desk


async def create_article(
    context: RequestContext,
    *,
    draft: ArticleDraft,
    visibility: ArticleVisibility,
    category_id: int | None = None,
) -> Article:
    """Begin an article with its first draft; nobody but the desk sees it yet.

    Args:
        context: of the desk.
        draft: its text in one language.
        visibility: who may read it once it is published.
        category_id: by which it is also suggested; None for no category.

    Raises:
        NotPermittedError, ReachNotHeldError: not of the desk.
        ValueRequiredError, TextTooLongError, ValueInvalidError: draft or category.
    """
    require_desk(context.viewer)
    text = draft.checked()
    article = Article(visibility=visibility, category_id=await _category(category_id))
    async with in_transaction("default") as connection:
        await article.save(using_db=connection)
        await _add(context, connection, article, text)
        await log_action(
            context,
            connection,
            AuditAction.ARTICLE_CREATE,
            subject_id=article.id,
            after={"language": text.language, "visibility": visibility, "category_id": category_id},
        )
    return article


async def save_article_draft(
    context: RequestContext,
    *,
    article_id: int,
    draft: ArticleDraft,
    if_revision: int | None = None,
) -> Article:
    """Keep a new text of one language; readers get the published one until it is published.

    Args:
        context: of the desk.
        article_id: of the article.
        draft: of any language; the first text of one may come here.
        if_revision: refuse if somebody saved since.

    Raises:
        NotPermittedError, ReachNotHeldError: not of the desk.
        NotFoundError: no such article.
        RevisionConflictError: somebody saved since `if_revision`, or in the same moment.
        ValueRequiredError, TextTooLongError, ValueInvalidError: see create_article.
    """
    text = draft.checked()

    async def save(connection: BaseDBAsyncClient, article: Article) -> None:
        await _add(context, connection, article, text)
        await log_action(
            context,
            connection,
            AuditAction.ARTICLE_UPDATE,
            subject_id=article.id,
            after={"language": text.language},
        )

    return await _changed(context, article_id, if_revision, save)


async def publish_article(
    context: RequestContext, *, article_id: int, if_revision: int | None = None
) -> Article:
    """Give readers the newest text of every language; an archived article comes back.

    Raises:
        NotPermittedError, ReachNotHeldError, NotFoundError, RevisionConflictError: see
            save_article_draft.
    """

    async def publish(connection: BaseDBAsyncClient, article: Article) -> None:
        now = context.ports.clock.now()
        drafts = [
            text
            for text in await newest_texts(connection, [article.id])
            if text.published_at is None
        ]
        for text in drafts:
            newest = ArticleRevision.filter(
                article_id=article.id, language=text.language, number=text.number
            )
            await newest.using_db(connection).update(published_at=now)
        article.status, article.published_at, article.archived_at = (
            ArticleStatus.PUBLISHED,
            now,
            None,
        )
        await log_action(
            context,
            connection,
            AuditAction.ARTICLE_PUBLISH,
            subject_id=article.id,
            after={text.language: text.number for text in drafts},
        )

    return await _changed(context, article_id, if_revision, publish)


async def archive_article(
    context: RequestContext, *, article_id: int, if_revision: int | None = None
) -> Article:
    """Let nobody but the desk find or read an article any more. Doing it twice is no error.

    Raises:
        NotPermittedError, ReachNotHeldError, NotFoundError, RevisionConflictError: see
            save_article_draft.
    """

    async def archive(connection: BaseDBAsyncClient, article: Article) -> None:
        before = article.status
        article.status = ArticleStatus.ARCHIVED
        article.archived_at = article.archived_at or context.ports.clock.now()
        await log_action(
            context,
            connection,
            AuditAction.ARTICLE_ARCHIVE,
            subject_id=article.id,
            before={"status": before},
            after={"status": article.status},
        )

    return await _changed(context, article_id, if_revision, archive)


async def update_article(
    context: RequestContext,
    *,
    article_id: int,
    visibility: Change[ArticleVisibility] = UNSET,
    category_id: Change[int | None] = UNSET,
    if_revision: int | None = None,
) -> Article:
    """Change who may read an article, and what it is about; its texts stay.

    Raises:
        NotPermittedError, ReachNotHeldError, NotFoundError, RevisionConflictError: see
            save_article_draft.
        ValueInvalidError: no such category.
    """
    require_desk(context.viewer)
    category = category_id if category_id is UNSET else await _category(category_id)

    async def update(connection: BaseDBAsyncClient, article: Article) -> None:
        before = {"visibility": article.visibility, "category_id": article.category_id}
        if visibility is not UNSET:
            article.visibility = visibility
        if category is not UNSET:
            article.category_id = category
        after = {"visibility": article.visibility, "category_id": article.category_id}
        await log_action(
            context,
            connection,
            AuditAction.ARTICLE_UPDATE,
            subject_id=article.id,
            before=before,
            after=after,
        )

    return await _changed(context, article_id, if_revision, update)


async def vote_on_article(context: RequestContext, *, article_id: int, is_helpful: bool) -> None:
    """Say whether an article helped; a second vote of the same person replaces the first.

    Args:
        context: of a person, with TICKET_READ.
        article_id: of an article that the person may read.
        is_helpful: what they say.

    Raises:
        NotPermittedError: nobody, or without the scope.
        NotFoundError: absent, not published, or not for the viewer.
    """
    viewer = context.viewer
    viewer.require(Scope.TICKET_READ)
    async with in_transaction("default") as connection:
        article = await Article.filter(id=article_id).using_db(connection).first()
        is_readable = article is not None and article.status is ArticleStatus.PUBLISHED
        if article is None or not is_readable or viewer.user_id is None:
            raise NotFoundError
        if article.visibility is ArticleVisibility.INTERNAL and not is_desk(viewer):
            raise NotFoundError
        await ArticleVote.bulk_create(
            [ArticleVote(article=article, user_id=viewer.user_id, is_helpful=is_helpful)],
            using_db=connection,
            on_conflict=("article_id", "user_id"),
            update_fields=("is_helpful", "updated_at"),
        )
        await log_action(
            context,
            connection,
            AuditAction.ARTICLE_VOTE,
            subject_id=article.id,
            after={"is_helpful": is_helpful},
        )


async def _add(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    article: Article,
    draft: ArticleDraft,
) -> None:
    now = context.ports.clock.now()
    await add_text(connection, article, draft, author_id=context.viewer.user_id, at=now)


async def _category(category_id: int | None) -> int | None:
    if category_id is not None and not await TicketCategory.exists(
        id=category_id, archived_at=None
    ):
        raise ValueInvalidError(path=("categoryId",), reason="unknown")
    return category_id


async def _changed(
    context: RequestContext,
    article_id: int,
    if_revision: int | None,
    change: Callable[[BaseDBAsyncClient, Article], Awaitable[None]],
) -> Article:
    """Change an article under its lock, move its revision on, and let search know."""
    require_desk(context.viewer)
    async with in_transaction("default") as connection:
        found = Article.filter(id=article_id).using_db(connection)
        if not is_sqlite(connection):
            found = found.select_for_update(no_key=True)
        article = await found.first()
        if article is None:
            raise NotFoundError
        if if_revision is not None and if_revision != article.revision:
            raise RevisionConflictError(current_revision=article.revision)
        article.revision += 1
        await change(connection, article)
        await article.save(using_db=connection)
        await index_article(connection, article)
    return article
