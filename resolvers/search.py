"""Finding tickets and articles by their words: the same answers in the same order on both engines.

The engine names candidates, the latest first, and those whose title has the words besides
(docs/decisions/0020-search.md); models.rules.search_ranking puts them in order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from tortoise.backends.base.client import BaseDBAsyncClient

from models.orm import is_sqlite, mark
from models.raw_sql import SqlRow, fetch
from models.rules.search_query import Question
from models.rules.search_ranking import Candidate, scores
from models.rules.search_statements import (
    BODY,
    TITLE,
    fts5_match,
    kind_word,
    language_word,
    tsquery,
)
from models.search_documents import SEEN_BY, SearchAudience, SearchKind
from resolvers.link_filters import Conditions

_MAX_CANDIDATES: Final = 400  # documents whose words are counted
_MAX_TITLES: Final = 200  # more, by their titles alone
# Tables of owners, which conditions name: EXISTS joins them.
_OWNERS: Final = {SearchKind.TICKET: "ticket", SearchKind.ARTICLE: "article"}
# The latest documents that match. FTS5 goes backwards by itself and stops early.
_FTS5: Final = (
    "SELECT rowid FROM search_index AS found WHERE search_index MATCH ?{owned}"
    " ORDER BY rowid DESC LIMIT {limit}"
)
# Without the fence the planner, which cannot know how rare the words are, may prefer to
# read all documents backwards until enough of them match.
_TSQUERY: Final = (
    "WITH found AS MATERIALIZED (SELECT document_id AS rowid FROM search_index"
    " WHERE words @@ $1::text::tsquery)"
    " SELECT rowid FROM found WHERE true{owned} ORDER BY rowid DESC LIMIT {limit}"
)
_OWNED: Final = (
    " AND EXISTS (SELECT 1 FROM search_document AS owned JOIN {owner}"
    " ON {owner}.id = owned.owner_id WHERE owned.id = found.rowid AND {conditions})"
)
# By "is it SQLite".
_KEYS: Final = {True: "rowid", False: "document_id"}
_MATCHES: Final = {True: "search_index MATCH ?", False: "search_index.words @@ ?::text::tsquery"}

Narrowing: TypeAlias = Callable[[Conditions], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An owner that answers; more of `score` is better."""

    owner_id: int
    language: str
    score: float


async def search(  # noqa: PLR0913 - what a search is about
    connection: BaseDBAsyncClient,
    *,
    question: Question,
    kind: SearchKind,
    audience: SearchAudience,
    limit: int,
    narrow: Narrowing | None = None,
    is_any: bool = False,
) -> list[Found]:
    """Return the owners that answer a question best, the best first.

    Args:
        connection: of models.orm.reader, or an open transaction that changed something.
        question: one that wants nothing finds nothing.
        kind: whose documents.
        audience: PUBLIC neither finds nor ranks by anything that only staff may read.
        limit: most owners to return.
        narrow: adds conditions on the owners' own table, above all what the viewer may see.
        is_any: one of the words is enough; else all of them are needed.
    """
    if not question.wanted or limit < 1:
        return []
    source = _Source(connection, question, kind, audience, narrow, is_any)
    rows = {row["id"]: row for row in await _candidates(source, in_titles=False)}
    if len(rows) == _MAX_CANDIDATES:
        rows |= {row["id"]: row for row in await _candidates(source, in_titles=True)}
    return _ranked(question, sorted(rows.values(), key=_latest), audience)[:limit]


def add_found(
    conditions: Conditions,
    *,
    question: Question,
    kind: SearchKind,
    audience: SearchAudience,
    column: str,
) -> None:
    """Let through the owners that answer a question: for lists, counts and exports.

    Args:
        conditions: of the list.
        question: one that wants nothing lets nothing through.
        kind: whose documents.
        audience: see search.
        column: of the list, with the owner's id.
    """
    if not question.wanted:
        conditions.add("1 = 0")
        return
    sqlite = is_sqlite(conditions.connection)
    statement = (fts5_match if sqlite else tsquery)(
        question, kind=kind.value, columns=SEEN_BY[audience], is_any=False
    )
    conditions.add(
        f"{column} IN (SELECT search_document.owner_id FROM search_index"
        f" JOIN search_document ON search_document.id = search_index.{_KEYS[sqlite]}"
        f" WHERE {_MATCHES[sqlite]})",
        statement,
    )


async def owners_in_language(
    connection: BaseDBAsyncClient, *, kind: SearchKind, language: str, limit: int
) -> list[int]:
    """Return owners, the oldest first, that have a document of a language."""
    sqlite = is_sqlite(connection)
    words = (kind_word(kind), language_word(language))
    statement = " ".join(words) if sqlite else " & ".join(words)
    match = _MATCHES[sqlite].replace("?", mark(connection, 1))
    rows = await fetch(
        connection,
        "SELECT DISTINCT owner_id FROM search_document"
        f" WHERE id IN (SELECT {_KEYS[sqlite]} FROM search_index WHERE {match})"
        f" ORDER BY owner_id LIMIT {limit}",
        [statement],
    )
    return [int(row["owner_id"]) for row in rows]


@dataclass(frozen=True, slots=True)
class _Source:
    """Where candidates come from."""

    connection: BaseDBAsyncClient
    question: Question
    kind: SearchKind
    audience: SearchAudience
    narrow: Narrowing | None
    is_any: bool


def _latest(row: SqlRow) -> int:
    return -int(row["id"])


def _ranked(question: Question, rows: list[SqlRow], audience: SearchAudience) -> list[Found]:
    """Return the owners of candidates by their best document."""
    columns = SEEN_BY[audience]
    titles = [name for name in columns if name.endswith(TITLE)]
    bodies = [name for name in columns if name.endswith(BODY)]
    texts = [
        # "|" stands between columns, so that no phrase goes across.
        Candidate(
            " | ".join(row[name] for name in titles), " | ".join(row[name] for name in bodies)
        )
        for row in rows
    ]
    by_score = sorted(
        zip(scores(question, texts), rows, strict=True),
        key=lambda each: (-each[0], _latest(each[1])),
    )
    best: dict[int, Found] = {}
    for score, row in by_score:
        owner_id = int(row["owner_id"])
        best.setdefault(owner_id, Found(owner_id=owner_id, language=row["language"], score=score))
    return list(best.values())


async def _candidates(source: _Source, *, in_titles: bool) -> list[SqlRow]:
    """Return the latest documents that match: those whose titles do, or all."""
    connection, kind = source.connection, source.kind
    seen = SEEN_BY[source.audience]
    columns = tuple(name for name in seen if name.endswith(TITLE)) if in_titles else seen
    sqlite = is_sqlite(connection)
    statement = (fts5_match if sqlite else tsquery)(
        source.question, kind=kind.value, columns=columns, is_any=source.is_any
    )
    conditions = Conditions(connection, start=2)
    if source.narrow is not None:
        source.narrow(conditions)
    match = (_FTS5 if sqlite else _TSQUERY).format(
        owned=_OWNED.format(owner=_OWNERS[kind], conditions=conditions.sql)
        if source.narrow is not None
        else "",
        limit=_MAX_TITLES if in_titles else _MAX_CANDIDATES,
    )
    kind_mark = mark(connection, len(conditions.arguments) + 2)
    return await fetch(
        connection,
        f"SELECT id, owner_id, language, {', '.join(seen)} FROM search_document"
        f" WHERE id IN ({match}) AND kind = {kind_mark}",
        [statement, *conditions.arguments, kind.value],
    )
