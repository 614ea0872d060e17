"""What becomes of an article of the knowledge base."""

from enum import StrEnum
from typing import Final

LANGUAGES: Final = ("ru", "en")  # that articles are written in


class ArticleVisibility(StrEnum):
    """Who may read a published article. Stored by value, never renamed or reused."""

    PUBLIC = "PUBLIC"  # everybody who may ask
    INTERNAL = "INTERNAL"  # the desk alone


class ArticleStatus(StrEnum):
    """Stored by value, never renamed or reused."""

    DRAFT = "DRAFT"  # nothing of it was ever published
    PUBLISHED = "PUBLISHED"
    ARCHIVED = "ARCHIVED"  # not found and not suggested any more
