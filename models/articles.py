"""Articles of the knowledge base, each in one language or in several."""

from datetime import datetime
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.base import Record
from models.ids import new_id
from models.rules.article_states import ArticleStatus, ArticleVisibility
from models.ticket_categories import TicketCategory
from models.users import User

MAX_ARTICLE_TITLE_LENGTH: Final = 300  # characters
MAX_KEYWORDS_LENGTH: Final = 500  # characters
MAX_ARTICLE_LENGTH: Final = 50_000  # characters; models.rules.markdown formats that many


class Article(Record):
    """An article; its texts are its revisions. Every change raises `revision`."""

    visibility = fields.CharEnumField(
        ArticleVisibility, max_length=16, description="who may read it"
    )
    status = fields.CharEnumField(
        ArticleStatus, max_length=16, default=ArticleStatus.DRAFT, description="what became of it"
    )
    category: fields.ForeignKeyNullableRelation[TicketCategory] = fields.ForeignKeyField(
        "models.TicketCategory", related_name="articles", on_delete=fields.RESTRICT, null=True
    )
    category_id: int | None
    revision = fields.IntField(default=1)
    published_at: datetime | None = fields.DatetimeField(null=True)
    archived_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "article"
        table_description = "article of the knowledge base"
        indexes = (("status", "id"),)


class ArticleRevision(Model):
    """A text of an article in one language; it never changes once it was published.

    Of a language the highest number is the newest text, and the highest one with
    `published_at` is what readers get. `keywords` are words of readers that the text lacks:
    nobody sees them but search.
    """

    id = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    created_at = fields.DatetimeField()
    article: fields.ForeignKeyRelation[Article] = fields.ForeignKeyField(
        "models.Article", related_name="revisions", on_delete=fields.CASCADE
    )
    article_id: int
    language = fields.CharField(max_length=16)
    number = fields.IntField()
    title = fields.CharField(max_length=MAX_ARTICLE_TITLE_LENGTH)
    keywords = fields.CharField(max_length=MAX_KEYWORDS_LENGTH)
    body_markdown = fields.TextField()
    author: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="article_revisions", on_delete=fields.SET_NULL, null=True
    )
    author_id: int | None
    published_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "article_revision"
        table_description = "text of an article"
        unique_together = (("article", "language", "number"),)


class ArticleVote(Record):
    """Whether an article helped somebody; each person has one vote, and may change it."""

    article: fields.ForeignKeyRelation[Article] = fields.ForeignKeyField(
        "models.Article", related_name="votes", on_delete=fields.CASCADE
    )
    article_id: int
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="article_votes", on_delete=fields.CASCADE
    )
    user_id: int
    is_helpful = fields.BooleanField()

    class Meta:
        table = "article_vote"
        table_description = "whether an article helped"
        unique_together = (("article", "user"),)
