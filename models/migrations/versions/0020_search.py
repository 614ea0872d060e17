"""The words of tickets and articles, and what finds them: FTS5 or a tsvector with GIN.

`search_index` is the engine's own: on SQLite a table of FTS5 that reads its texts from
`search_document`, kept by triggers; on PostgreSQL a table beside it. Whoever makes
`search_document` anew on SQLite makes the triggers anew, too.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations import KEY

revision = "0020"
down_revision = "0019"

_TEXTS = "title, body, staff_title, staff_body"
# Nothing but the words of ours gets here; of other characters only `_` is in them.
_FTS5 = (
    f"CREATE VIRTUAL TABLE search_index USING fts5({_TEXTS},"
    " content='search_document', content_rowid='id', tokenize=\"ascii tokenchars '_'\")"
)
_NEW, _OLD = (", ".join(f"{row}.{name}" for name in _TEXTS.split(", ")) for row in ("new", "old"))
_ADD = f"INSERT INTO search_index (rowid, {_TEXTS}) VALUES (new.id, {_NEW});"
_TAKE = (
    f"INSERT INTO search_index (search_index, rowid, {_TEXTS}) VALUES ('delete', old.id, {_OLD});"
)


def upgrade() -> None:
    """Make tables that older code does not know."""
    op.create_table(
        "search_document",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("owner_id", sa.BigInteger, nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("staff_title", sa.Text, nullable=False),
        sa.Column("staff_body", sa.Text, nullable=False),
        sa.UniqueConstraint("kind", "owner_id", "language", "part"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _on_sqlite()
    else:
        _on_postgres()


def _on_sqlite() -> None:
    op.execute(_FTS5)
    for event, work in (("INSERT", _ADD), ("DELETE", _TAKE), ("UPDATE", f"{_TAKE} {_ADD}")):
        op.execute(
            f"CREATE TRIGGER search_document_{event.lower()} AFTER {event} ON search_document"
            f" BEGIN {work} END"
        )


def _on_postgres() -> None:
    op.execute(
        "CREATE TABLE search_index ("
        " document_id bigint PRIMARY KEY REFERENCES search_document (id) ON DELETE CASCADE,"
        " words tsvector NOT NULL)"
    )
    # A pending list makes every search read what was not merged yet, and one writer pay for all.
    op.execute(
        "CREATE INDEX ix_search_index_words ON search_index USING gin (words)"
        " WITH (fastupdate = off)"
    )
    # The planner takes reading a tsvector for as cheap as a number, and so prefers to read
    # all of them to the index; that takes seconds. Whoever asks this asks the index.
    op.execute(
        "CREATE FUNCTION search_found(wanted tsquery) RETURNS SETOF bigint"
        " LANGUAGE sql STABLE ROWS 1000 SET enable_seqscan = off"
        " AS 'SELECT document_id FROM search_index WHERE words @@ wanted'"
    )
