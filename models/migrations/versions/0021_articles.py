"""The knowledge base: articles, their texts, and whether they helped."""

import sqlalchemy as sa
from alembic import op

from models.migrations import KEY, MOMENT

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Make tables that older code does not know."""
    op.create_table(
        "article",
        *_record(),
        sa.Column("visibility", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("category_id", KEY, sa.ForeignKey("ticket_category.id", ondelete="RESTRICT")),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("published_at", MOMENT),
        sa.Column("archived_at", MOMENT),
    )
    op.create_index("ix_article_status_id", "article", ["status", "id"])
    op.create_table(
        "article_revision",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column(
            "article_id", KEY, sa.ForeignKey("article.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("keywords", sa.String(500), nullable=False),
        sa.Column("body_markdown", sa.Text, nullable=False),
        sa.Column("author_id", KEY, sa.ForeignKey("app_user.id", ondelete="SET NULL")),
        sa.Column("published_at", MOMENT),
        sa.UniqueConstraint("article_id", "language", "number"),
    )
    op.create_table(
        "article_vote",
        *_record(),
        sa.Column(
            "article_id", KEY, sa.ForeignKey("article.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("user_id", KEY, sa.ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False),
        sa.Column("is_helpful", sa.Boolean, nullable=False),
        sa.UniqueConstraint("article_id", "user_id"),
    )


def _record() -> tuple[sa.Column[int], sa.Column[object], sa.Column[object]]:
    return (
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )
