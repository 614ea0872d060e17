"""The knowledge base of tests/data/knowledge: articles about this very software, and questions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.rules.article_states import LANGUAGES, ArticleVisibility
from resolvers.article_texts import ArticleDraft
from resolvers.articles import create_article, publish_article, save_article_draft
from resolvers.context import RequestContext

_FOLDER: Final = Path(__file__).parent / "data" / "knowledge"
_ARTICLE: Final = re.compile(
    r"^## (?P<key>\S+)\n# (?P<title>.+)\nkeywords: (?P<keywords>.+)\n"
    r"(?:visibility: (?P<visibility>.+)\n)?(?P<body>(?:(?!^## ).*\n)+)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Written:
    """An article as the file of a language has it."""

    key: str
    visibility: ArticleVisibility
    draft: ArticleDraft


def written_articles(language: str) -> Iterator[Written]:
    """Yield the articles of a language."""
    for found in _ARTICLE.finditer((_FOLDER / f"{language}.md").read_text()):
        draft = ArticleDraft(
            language=language,
            title=found["title"],
            keywords=found["keywords"],
            body=found["body"],
        )
        yield Written(found["key"], ArticleVisibility(found["visibility"] or "PUBLIC"), draft)


def questions(language: str) -> list[tuple[str, str]]:
    """Return (key of the right article, question) pairs of a language."""
    lines = (_FOLDER / f"questions_{language}.tsv").read_text().splitlines()
    return [(key, question) for key, question in (line.split("\t") for line in lines)]


async def publish_knowledge(desk: RequestContext) -> dict[int, str]:
    """Publish every article in every language; return their keys by id."""
    drafts = [{each.key: each for each in written_articles(language)} for language in LANGUAGES]
    keys: dict[int, str] = {}
    for key, first in drafts[0].items():
        article = await create_article(desk, draft=first.draft, visibility=first.visibility)
        for others in drafts[1:]:
            await save_article_draft(desk, article_id=article.id, draft=others[key].draft)
        await publish_article(desk, article_id=article.id)
        keys[article.id] = key
    return keys
