"""Which of the texts that match comes first: the same order on every engine.

BM25 with two fields, over the candidates that an engine found: a word counts the more, the
rarer it is among them; its second mention tells less than its first, a mention in a title
more than one in the body, and one in a short text more than one in a long text. What stands
side by side in the question and in the text counts once more.

Source: Robertson, Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009),
sections 3.4 and 3.6.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from models.rules.search_query import Clause, Question, Sought

_SATURATION: Final = 1.2  # k1
_LENGTH: Final = 0.6  # b: how much of the length of a body counts
_TITLE: Final = 3.0  # mentions in a body that one in a title is worth
_PAIR: Final = 0.5  # of the weight of two words, where they stand side by side


class Candidate(NamedTuple):
    """The words of a text in their order, with one space between two."""

    title: str
    body: str


def scores(question: Question, candidates: Sequence[Candidate]) -> list[float]:
    """Return how well each candidate answers; more is better, and 0 is no word in common."""
    texts = [(f" {title} ", f" {body} ") for title, body in candidates]
    lengths = [body.count(" ") + 1 for _, body in candidates]
    average = max(sum(lengths) / max(len(lengths), 1), 1.0)
    total = [0.0] * len(texts)
    rarities: list[float] = []
    for clause in question.wanted:
        mentions = [
            _TITLE * _mentions(clause, title)
            + _mentions(clause, body) / (1 - _LENGTH + _LENGTH * length / average)
            for (title, body), length in zip(texts, lengths, strict=True)
        ]
        rarity = _rarity(sum(map(bool, mentions)), len(texts))
        rarities.append(rarity)
        for place, count in enumerate(mentions):
            total[place] += rarity * count / (_SATURATION + count)
    for place, bonus in enumerate(_pairs(question, texts, rarities)):
        total[place] += bonus
    return total


def _rarity(holders: int, texts: int) -> float:
    return math.log(1 + (texts - holders + 0.5) / (holders + 0.5))


def _mentions(clause: Clause, text: str) -> int:
    """Return how often the clause is met; forms of one mention count once."""
    return max(text.count(_pattern(sought)) for sought in clause)


def _pattern(sought: Sought) -> str:
    return f" {' '.join(sought.words)}{'' if sought.is_beginning else ' '}"


def _pairs(
    question: Question, texts: Sequence[tuple[str, str]], rarities: Sequence[float]
) -> list[float]:
    """Return for each text what its pairs of neighbours from the question are worth."""
    bonus = [0.0] * len(texts)
    for first, clause in enumerate(question.wanted[1:]):
        pair = f"{_pattern(question.wanted[first][0])}{_pattern(clause[0]).lstrip()}"
        worth = _PAIR * (rarities[first] + rarities[first + 1]) / 2
        for place, (title, body) in enumerate(texts):
            if pair in title or pair in body:
                bonus[place] += worth
    return bonus
