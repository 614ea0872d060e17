"""A question in the languages of the two engines: FTS5 of SQLite, tsquery of PostgreSQL.

Nothing that was typed gets into them but words, which are letters, digits and `_` alone
(models.rules.search_words), each in quotes.

Source: SQLite, "FTS5 full-text query syntax"; PostgreSQL 15, sections 8.11 and 12.3.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from models.rules.search_query import Clause, Question, Sought

# The columns of a text.
TITLE: Final = "title"
BODY: Final = "body"
STAFF_TITLE: Final = "staff_title"
STAFF_BODY: Final = "staff_body"
# A tsvector has no columns, and an index of it no weights: what is found by weights is read
# in full to see them. So words of each column begin differently, as no word of a text does:
# those of a title are there twice, as a title's and as anybody's.
_BEGINNINGS: Final = MappingProxyType(
    {TITLE: ("", "t_"), BODY: ("",), STAFF_TITLE: ("s_", "st_"), STAFF_BODY: ("s_",)}
)


def kind_word(kind: str) -> str:
    """Return the word by which documents of one kind are found; no text has it."""
    return f"kind_{kind.lower()}"


def language_word(language: str) -> str:
    """Return the word by which documents of one language are found; no text has it."""
    return f"language_{language}"


def fts5_match(question: Question, *, kind: str, columns: Sequence[str], is_any: bool) -> str:
    """Return what MATCH takes; the question must want something.

    Args:
        question: see models.rules.search_query.
        kind: of the documents.
        columns: what is looked at, nothing else.
        is_any: one of the wanted is enough.
    """
    seen = f"{{{' '.join(columns)}}} : "
    within = f'{{{TITLE}}} : "{kind_word(kind)}" AND '
    wanted = (" OR " if is_any else " AND ").join(map(_fts5_clause, question.wanted))
    if not question.excluded:
        return f"{within}{seen}({wanted})"
    excluded = " OR ".join(map(_fts5_clause, question.excluded))
    return f"{within}({seen}({wanted}) NOT {seen}({excluded}))"


def tsquery(
    question: Question,
    *,
    kind: str,
    columns: Sequence[str],
    is_any: bool,
    is_coarse: bool = False,
) -> str:
    """Return the text of a tsquery, see fts5_match.

    With `is_coarse` it finds all of that and maybe more: the words of a phrase anywhere. An
    index answers it alone; for a phrase the text itself has to be read.
    """
    are_titles = set(columns) <= {TITLE, STAFF_TITLE}
    # Words of bodies are all words: a title's are among them.
    begin = tuple(dict.fromkeys(_BEGINNINGS[name][-1 if are_titles else 0] for name in columns))
    next_to = " & " if is_coarse else " <-> "
    forbidden = question.excluded
    if is_coarse:
        single = (tuple(form for form in each if len(form.words) == 1) for each in forbidden)
        forbidden = tuple(each for each in single if each)
    wanted = (" | " if is_any else " & ").join(
        _ts_clause(each, begin, next_to) for each in question.wanted
    )
    excluded = " | ".join(_ts_clause(each, begin, next_to) for each in forbidden)
    return f"'{kind_word(kind)}' & ({wanted})" + (f" & !({excluded})" if excluded else "")


def tsvector(fields: Mapping[str, Sequence[str]]) -> str:
    """Return the text of a tsvector: each word with its places.

    Args:
        fields: the words of each column in order; together at most 16,000, since places
            end at 16,383. Between two columns one place stays empty, so that no phrase
            goes across.
    """
    places: dict[str, list[str]] = {}
    place = 0
    for column, words in fields.items():
        for word in words:
            place += 1
            for beginning in _BEGINNINGS[column]:
                places.setdefault(beginning + word, []).append(str(place))
        place += 1
    return " ".join(f"'{word}':{','.join(found)}" for word, found in places.items())


def _fts5_clause(clause: Clause) -> str:
    forms = [_fts5_form(sought) for sought in clause]
    return forms[0] if len(forms) == 1 else f"({' OR '.join(forms)})"


def _fts5_form(sought: Sought) -> str:
    return f'"{" ".join(sought.words)}"{" *" if sought.is_beginning else ""}'


def _ts_clause(clause: Clause, beginnings: Sequence[str], next_to: str) -> str:
    forms = (_ts_form(sought, begin, next_to) for sought in clause for begin in beginnings)
    return f"({' | '.join(forms)})"


def _ts_form(sought: Sought, beginning: str, next_to: str) -> str:
    suffix = ":*" if sought.is_beginning else ""
    words = (f"'{beginning}{word}'{suffix}" for word in sought.words)
    return f"({next_to.join(words)})"
