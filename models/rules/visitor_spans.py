"""Which hours of visitors a bucket takes. Hours are numbered from 1970, in UTC."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from models.rules.visitors import DAY_HOURS

_QUARTERS: Final = 4


@dataclass(frozen=True, slots=True)
class VisitorSpan:
    """Neighbouring sketches of 1 or 24 `hours`, from hour `first` up to, not including, `stop`."""

    hours: int
    first: int
    stop: int


def hour_edges(quarters: Sequence[int]) -> list[int]:
    """Return edges of buckets, in quarters of an hour, as edges in hours.

    An hour that lies in several buckets belongs to the one in which it ends, and one
    at the end of them all to the last. A bucket may come out without any hour.
    """
    *inner, last = quarters
    return [*(edge // _QUARTERS for edge in inner), -(-last // _QUARTERS)]


def visitor_spans(edges: Sequence[int]) -> list[VisitorSpan]:
    """Return what covers all buckets, none lying across an edge: whole UTC days where it can."""
    found: list[VisitorSpan] = []
    for first, stop in pairwise(edges):
        for span in _covering(first, stop):
            before = found[-1] if found else None
            if before is not None and (before.hours, before.stop) == (span.hours, span.first):
                found[-1] = VisitorSpan(span.hours, before.first, span.stop)
            else:
                found.append(span)
    return found


def _covering(first: int, stop: int) -> Iterator[VisitorSpan]:
    first_day = -(-first // DAY_HOURS) * DAY_HOURS
    stop_day = stop // DAY_HOURS * DAY_HOURS
    if first_day >= stop_day:
        spans = [VisitorSpan(1, first, stop)]
    else:
        spans = [
            VisitorSpan(1, first, first_day),
            VisitorSpan(DAY_HOURS, first_day, stop_day),
            VisitorSpan(1, stop_day, stop),
        ]
    return (span for span in spans if span.first < span.stop)
