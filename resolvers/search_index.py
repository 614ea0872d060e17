"""What can be found: the words of tickets and articles, in the transaction that changes them.

Whoever calls these has the owner's row to themselves, because they moved its revision on in
the same transaction; so two never write one document at the same time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import zip_longest
from typing import Final, TypeAlias

from tortoise.backends.base.client import BaseDBAsyncClient

from models.ids import new_id
from models.orm import is_sqlite, mark, placeholders
from models.raw_sql import execute, execute_many, fetch
from models.rules.search_statements import (
    BODY,
    STAFF_BODY,
    STAFF_TITLE,
    TITLE,
    kind_word,
    language_word,
    tsvector,
)
from models.rules.search_words import search_words
from models.search_documents import SearchKind

# Of each column of a part; a tsvector has 16,383 places and 1 MB.
_MAX_TITLE_WORDS: Final = 400
_MAX_PART_WORDS: Final = 6_000
_MAX_PART_LENGTH: Final = 150_000  # characters
_MAX_PARTS: Final = 40  # of one document: a book
_MAX_REPEATS: Final = 200  # of one word in a part; a tsvector keeps 256 places
_Part: TypeAlias = dict[str, Sequence[str]]  # words of each column
_COLUMNS: Final = "id, kind, owner_id, language, part, title, body, staff_title, staff_body"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchText:
    """Plain text of a document; what only staff may read is apart, and found by staff alone."""

    title: str = ""
    body: str = ""
    staff_title: str = ""
    staff_body: str = ""


async def index_document(
    connection: BaseDBAsyncClient,
    *,
    kind: SearchKind,
    owner_id: int,
    text: SearchText,
    language: str = "",
) -> None:
    """Let a document be found by a text, and no longer by an earlier one.

    Args:
        connection: the open transaction of the change, see above.
        kind: of the owner.
        owner_id: of the ticket or the article.
        text: all of it.
        language: "ru" or "en" where the owner has a document for each, else ""; lower case
            letters.
    """
    await forget_document(connection, kind=kind, owner_id=owner_id, language=language)
    words = {field.name: search_words(getattr(text, field.name)) for field in fields(text)}
    parts = list(_parts(_marks(kind, language), words))
    await _insert(connection, parts, key=(kind, owner_id, language))


async def add_to_document(
    connection: BaseDBAsyncClient,
    *,
    kind: SearchKind,
    owner_id: int,
    text: SearchText,
    language: str = "",
) -> None:
    """Let a document be found by more of its bodies: a message that came. Titles stay.

    Costs less than index_document, which needs all messages of a ticket.
    """
    key = (kind, owner_id, language)
    rows = await fetch(
        connection,
        f"SELECT part, title, body, staff_title, staff_body FROM search_document"
        f" WHERE {_key_sql(connection)} ORDER BY part DESC LIMIT 1",
        [*key],
    )
    if not rows:
        await index_document(connection, kind=kind, owner_id=owner_id, text=text, language=language)
        return
    last = rows[0]
    await execute(
        connection,
        f"DELETE FROM search_document WHERE {_key_sql(connection)}"
        f" AND part = {mark(connection, 4)}",
        [*key, last["part"]],
    )
    words = {name: str(last[name]).split() for name in (TITLE, BODY, STAFF_TITLE, STAFF_BODY)}
    marks = _marks(kind, language)
    words[TITLE] = words[TITLE][len(marks) :]
    words[BODY] += search_words(text.body)
    words[STAFF_BODY] += search_words(text.staff_body)
    await _insert(connection, list(_parts(marks, words)), key=key, first_part=last["part"])


async def forget_document(
    connection: BaseDBAsyncClient,
    *,
    kind: SearchKind,
    owner_id: int,
    language: str | None = None,
) -> None:
    """Let a document be found no longer, in one language or, for None, in all of them."""
    key: list[object] = [kind, owner_id]
    if language is not None:
        key.append(language)
    await execute(
        connection, f"DELETE FROM search_document WHERE {_key_sql(connection, len(key))}", key
    )


def _key_sql(connection: BaseDBAsyncClient, columns: int = 3) -> str:
    names = ("kind", "owner_id", "language")[:columns]
    return " AND ".join(f"{name} = {mark(connection, n)}" for n, name in enumerate(names, start=1))


def _marks(kind: SearchKind, language: str) -> list[str]:
    """Return the words that begin the title of a document and tell what it is."""
    return [kind_word(kind), *([language_word(language)] if language else [])]


def _parts(marks: Sequence[str], words: Mapping[str, list[str]]) -> Iterator[_Part]:
    """Yield the parts of a document; each has the titles, so that they match with any of them."""
    title = [*marks, *words[TITLE][:_MAX_TITLE_WORDS]]
    staff_title = words[STAFF_TITLE][:_MAX_TITLE_WORDS]
    chunks = _chunks(words[BODY]), _chunks(words[STAFF_BODY])
    bodies = list(zip_longest(*chunks, fillvalue=())) or [((), ())]
    for body, staff_body in bodies:
        yield {TITLE: title, BODY: body, STAFF_TITLE: staff_title, STAFF_BODY: staff_body}


def _chunks(words: Sequence[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    length = 0
    repeats: Counter[str] = Counter()
    for word in words:
        if len(chunk) == _MAX_PART_WORDS or length > _MAX_PART_LENGTH:
            yield chunk
            chunk, length = [], 0
            repeats.clear()
        repeats[word] += 1
        if repeats[word] <= _MAX_REPEATS:
            chunk.append(word)
            length += len(word) + 1
    if chunk:
        yield chunk


async def _insert(
    connection: BaseDBAsyncClient,
    parts: Sequence[_Part],
    *,
    key: tuple[SearchKind, int, str],
    first_part: int = 0,
) -> None:
    rows: list[list[object]] = []
    indexed: list[list[object]] = []
    for number, part in enumerate(parts[: _MAX_PARTS - first_part], start=first_part):
        document_id = new_id()
        texts = [" ".join(words) for words in part.values()]
        rows.append([document_id, *key, number, *texts])
        indexed.append([document_id, tsvector(part)])
    await execute_many(
        connection,
        f"INSERT INTO search_document ({_COLUMNS}) VALUES ({placeholders(connection, 9)})",
        rows,
    )
    if not is_sqlite(connection):
        await execute_many(
            connection,
            "INSERT INTO search_index (document_id, words) VALUES ($1, $2::text::tsvector)",
            indexed,
        )
