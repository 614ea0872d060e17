"""The words of tickets and articles, as search finds and ranks them.

Written and read by raw SQL (resolvers.search_index, resolvers.search). A second table,
`search_index`, is the engine's own: see the migration that made it.
"""

from enum import StrEnum
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.ids import new_id
from models.rules.search_statements import BODY, STAFF_BODY, STAFF_TITLE, TITLE


class SearchKind(StrEnum):
    """What a document is of. Stored by value, never renamed or reused."""

    TICKET = "TICKET"
    ARTICLE = "ARTICLE"


class SearchAudience(StrEnum):
    """Whose search it is: what staff alone may read matches for nobody else."""

    PUBLIC = "PUBLIC"
    STAFF = "STAFF"


SEEN_BY: Final = {
    SearchAudience.PUBLIC: (TITLE, BODY),
    SearchAudience.STAFF: (TITLE, BODY, STAFF_TITLE, STAFF_BODY),
}


class SearchDocument(Model):
    """The words of one ticket, or of one article in one language, or of a part of a long one.

    Each column has words as models.rules.search_words makes them, a space between two.
    A document that changes is written anew, so a higher id means a later change.
    """

    id = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    kind = fields.CharEnumField(SearchKind, max_length=16, description="SearchKind")
    owner_id = fields.BigIntField()
    language = fields.CharField(max_length=16)
    part = fields.IntField()
    title = fields.TextField()
    body = fields.TextField()
    staff_title = fields.TextField()
    staff_body = fields.TextField()

    class Meta:
        table = "search_document"
        table_description = "words of a ticket or an article"
        unique_together = (("kind", "owner_id", "language", "part"),)
