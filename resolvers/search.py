"""Finding tickets and articles by their words: the same answers in the same order on both engines.

The engine names candidates, the latest first, and those whose title has the words besides
(docs/decisions/0020-search.md); models.rules.search_ranking puts them in order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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
_FTS5: Final = "SELECT rowid FROM search_index WHERE search_index MATCH ?"
_FTS5_LATEST: Final = (
    "SELECT rowid FROM search_index AS found WHERE search_index MATCH ?{owned}"
    " ORDER BY rowid DESC LIMIT {limit}"
)
# Each step takes from the one before it only what it needs, the latest first: which are
# owned, and, with phrases, in which of them the words stand side by side.
_TSQUERY: Final = "SELECT search_found(?::text::tsquery)"
_TSQUERY_LATEST: Final = (
    "SELECT found.rowid FROM (SELECT found.rowid FROM (SELECT each.rowid"
    " FROM search_found(?::text::tsquery) AS each(rowid) ORDER BY each.rowid DESC OFFSET 0)"
    " AS found WHERE true{owned} ORDER BY found.rowid DESC OFFSET 0) AS found"
    " WHERE true{phrases} ORDER BY found.rowid DESC LIMIT {limit}"
)
_PHRASES: Final = (
    " AND (SELECT search_index.words @@ ?::text::tsquery FROM search_index"
    " WHERE search_index.document_id = found.rowid)"
)
_OWNED: Final = (
    " AND EXISTS (SELECT 1 FROM search_document AS owned JOIN {owner}"
    " ON {owner}.id = owned.owner_id WHERE owned.id = found.rowid AND {conditions})"
)

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
    columns = SEEN_BY[audience]
    matched = "SELECT found.owner_id FROM search_document AS found WHERE found.id IN "
    if is_sqlite(conditions.connection):
        statement = fts5_match(question, kind=kind.value, columns=columns, is_any=False)
        conditions.add(f"{column} IN ({matched}({_FTS5}))", statement)
        return
    coarse, exact = (
        tsquery(question, kind=kind.value, columns=columns, is_any=False, is_coarse=is_coarse)
        for is_coarse in (True, False)
    )
    if question.has_phrases:
        phrases = _PHRASES.replace("found.rowid", "found.id")
        conditions.add(f"{column} IN ({matched}({_TSQUERY}){phrases})", coarse, exact)
    else:
        conditions.add(f"{column} IN ({matched}({_TSQUERY}))", exact)


async def owners_in_language(
    connection: BaseDBAsyncClient, *, kind: SearchKind, language: str, limit: int
) -> list[int]:
    """Return owners, the oldest first, that have a document of a language."""
    sqlite = is_sqlite(connection)
    words = (kind_word(kind), language_word(language))
    conditions = Conditions(connection)
    conditions.add(
        f"id IN ({_FTS5 if sqlite else _TSQUERY})", (" " if sqlite else " & ").join(words)
    )
    rows = await fetch(
        connection,
        f"SELECT DISTINCT owner_id FROM search_document WHERE {conditions.sql}"
        f" ORDER BY owner_id LIMIT {limit}",
        conditions.arguments,
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
    limit = _MAX_TITLES if in_titles else _MAX_CANDIDATES
    latest = _latest_of(source, columns, limit)
    kind_mark = mark(connection, len(latest.arguments) + 1)
    return await fetch(
        connection,
        f"SELECT id, owner_id, language, {', '.join(seen)} FROM search_document"
        f" WHERE id IN {latest.sql} AND kind = {kind_mark}",
        [*latest.arguments, kind.value],
    )


def _latest_of(source: _Source, columns: Sequence[str], limit: int) -> Conditions:
    """Return the subquery of the latest documents that match, with its arguments in order."""
    connection, question = source.connection, source.question
    owned = Conditions(connection, start=2)
    narrowed = ""
    if source.narrow is not None:
        source.narrow(owned)
        narrowed = _OWNED.format(owner=_OWNERS[source.kind], conditions=owned.sql)
    found = Conditions(connection)
    if is_sqlite(connection):
        words = fts5_match(question, kind=source.kind.value, columns=columns, is_any=source.is_any)
        found.arguments = [words, *owned.arguments]
        found.clauses = [f"({_FTS5_LATEST.format(owned=narrowed, limit=limit)})"]
        return found
    ask = partial(tsquery, question, kind=source.kind.value, columns=columns, is_any=source.is_any)
    found.arguments = [ask(is_coarse=True), *owned.arguments]
    phrases = ""
    if question.has_phrases:
        found.arguments.append(ask())
        phrases = _PHRASES.replace("?", mark(connection, len(found.arguments)))
    latest = _TSQUERY_LATEST.replace("?", mark(connection, 1))
    found.clauses = [f"({latest.format(owned=narrowed, phrases=phrases, limit=limit)})"]
    return found
