"""Working hours of a day on the wall clock, in whole minutes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from models.errors import DomainError, ValueInvalidError

DAY_MIN: Final = 1440
MAX_SPANS: Final = 10  # of one day
_HOUR_MIN: Final = 60
_TIME: Final = re.compile(r"([0-9]{2}):([0-9]{2})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class WorkSpan:
    """Work from `start_min` up to, not including, `end_min`: minutes since midnight.

    The wall clock decides: an hour that it shows twice is worked twice, and one that it
    leaves out is not worked at all. 1440 is the midnight at the end of the day.
    """

    start_min: int
    end_min: int

    @property
    def length_min(self) -> int:
        """Minutes by the wall clock."""
        return self.end_min - self.start_min


DayHours: TypeAlias = tuple[WorkSpan, ...]
NO_HOURS: Final[DayHours] = ()
ALL_DAY: Final[DayHours] = (WorkSpan(0, DAY_MIN),)


def minutes_of(hours: DayHours) -> int:
    """Return how many minutes of the wall clock are worked."""
    return sum(span.length_min for span in hours)


def minute_of(text: str) -> int:
    """Return the minute of the day that a time such as "09:00" or "24:00" names; -1 for none."""
    found = _TIME.fullmatch(text)
    if found is None or int(found[2]) >= _HOUR_MIN:
        return -1
    return int(found[1]) * _HOUR_MIN + int(found[2])


def time_of(minute: int) -> str:
    """Write a minute of the day as minute_of reads it."""
    return f"{minute // _HOUR_MIN:02}:{minute % _HOUR_MIN:02}"


def shorten(hours: DayHours, by_min: int) -> DayHours:
    """Take minutes away from the end of a day; one that is not longer than that is off."""
    kept: list[WorkSpan] = []
    left = minutes_of(hours) - by_min
    for span in hours:
        if left <= 0:
            break
        kept.append(WorkSpan(span.start_min, min(span.end_min, span.start_min + left)))
        left -= span.length_min
    return tuple(kept)


def hours_problems(hours: Iterable[WorkSpan], *, path: tuple[str, ...]) -> list[DomainError]:
    """Return what is wrong with the hours of a day, each with the path of its field.

    Args:
        hours: in any order; two that touch are fine.
        path: of the list of hours.
    """
    spans = list(hours)
    if len(spans) > MAX_SPANS:
        return [ValueInvalidError(path=path, reason="hours_many", maximum=MAX_SPANS)]
    problems: list[DomainError] = []
    for number, span in enumerate(spans):
        problems += _span_problems(span, path=(*path, str(number)))
    if not problems:
        numbered = sorted((span, number) for number, span in enumerate(spans))
        problems += [
            ValueInvalidError(path=(*path, str(number)), reason="hours_overlap")
            for (before, _), (span, number) in pairwise(numbered)
            if span.start_min < before.end_min
        ]
    return problems


def _span_problems(span: WorkSpan, *, path: tuple[str, ...]) -> list[DomainError]:
    if not 0 <= span.start_min < DAY_MIN:
        return [ValueInvalidError(path=(*path, "start"), reason="time_of_day")]
    if not 0 <= span.end_min <= DAY_MIN:
        return [ValueInvalidError(path=(*path, "end"), reason="time_of_day")]
    if span.end_min == span.start_min:
        return [ValueInvalidError(path=(*path, "end"), reason="hours_empty")]
    if span.end_min < span.start_min:
        return [ValueInvalidError(path=(*path, "end"), reason="hours_over_midnight")]
    return []
