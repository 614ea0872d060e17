"""Which articles a viewer may see and asked for, as SQL for every path."""

from dataclasses import dataclass

from models.rules.article_states import ArticleStatus, ArticleVisibility
from resolvers.context import Viewer
from resolvers.link_filters import MAX_ID, Conditions
from resolvers.ticket_filters import is_desk


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleFilter:
    """All given conditions hold at once; None sets no condition.

    Attributes:
        status: customers see published ones alone, whatever they ask for.
        language: in which there is a text that readers get, or, for the desk, any text.
    """

    status: ArticleStatus | None = None
    visibility: ArticleVisibility | None = None
    category_id: int | None = None
    language: str | None = None


def add_visible_articles(conditions: Conditions, viewer: Viewer) -> None:
    """Let through what the viewer may read: the desk everything, others what is public."""
    if not is_desk(viewer):
        conditions.add("article.status = 'PUBLISHED' AND article.visibility = 'PUBLIC'")


def add_article_filter(conditions: Conditions, filter: ArticleFilter, viewer: Viewer) -> None:
    """Let through what was asked for."""
    if filter.status is not None:
        conditions.add("article.status = ?", filter.status.value)
    if filter.visibility is not None:
        conditions.add("article.visibility = ?", filter.visibility.value)
    if filter.category_id is not None:
        category_id = filter.category_id if 0 <= filter.category_id <= MAX_ID else -1
        conditions.add("article.category_id = ?", category_id)
    if filter.language is not None:
        published = "" if is_desk(viewer) else " AND article_revision.published_at IS NOT NULL"
        conditions.add(
            "EXISTS (SELECT 1 FROM article_revision WHERE article_revision.article_id = article.id"
            f" AND article_revision.language = ?{published})",
            filter.language[:16].replace("\0", ""),
        )
