"""A web server's log as click history: which line is a click of which link."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from models.orm import placeholders, reader
from models.raw_sql import fetch
from models.rules.access_log import (
    CLICK_METHODS,
    LogLine,
    is_future,
    is_own_path,
    parse_line,
    slug_of,
)
from models.rules.click_record import RawClick
from models.rules.moments import microseconds_of

_SHOWN: Final = 80  # bytes of a refused line or path
LinkOfPath: TypeAlias = Callable[[str], int | None]


class NoClick(StrEnum):
    """Why a line of a log is no click."""

    NOT_A_LOG_LINE = "not a line of the combined log format"
    METHOD = "neither GET nor HEAD"
    OWN_PATH = "one of our own paths"
    NO_SUCH_LINK = "no link is meant by this path"
    FUTURE = "in the future"


# What the refused lines are grouped by.
_DETAIL: Final[Mapping[NoClick, Callable[[LogLine], str]]] = {
    NoClick.METHOD: lambda entry: entry.method,
    NoClick.OWN_PATH: lambda entry: "/" + entry.path.removeprefix("/").partition("/")[0],
    NoClick.NO_SUCH_LINK: lambda entry: entry.path,
    NoClick.FUTURE: lambda entry: f"{entry.at:%Y-%m-%d}",
}


class NumberedPaths:
    """Path number i means link number i.

    Paths are numbered from 0 in the order in which they first appear among the
    requests that can be clicks (see refusal_of); a live replay of the log that
    numbers them likewise follows the same links.
    """

    def __init__(self) -> None:
        self._number_of: dict[str, int] = {}

    def number_of(self, path: str) -> int:
        """Return the number of a path, the next one when it is new."""
        return self._number_of.setdefault(path, len(self._number_of))


@dataclass(slots=True)
class LogReading:
    """What reading a log came to; complete once its clicks are all taken.

    Attributes:
        lines: lines read.
        clicks: clicks among them.
        refused: how many lines are no click, by reason and method, path or text.
        first_line: number (from 1) of the first line of each such group.
    """

    lines: int = 0
    clicks: int = 0
    refused: Counter[tuple[NoClick, str]] = field(default_factory=Counter[tuple[NoClick, str]])
    first_line: dict[tuple[NoClick, str], int] = field(
        default_factory=dict[tuple[NoClick, str], int]
    )

    def clicks_of(
        self, lines: Iterable[bytes], link_of: LinkOfPath, *, now: datetime
    ) -> Iterator[RawClick]:
        """Yield a click for every line that is one, and count the others.

        Args:
            lines: of the log.
            link_of: which link a path means.
            now: aware; lines of a later day are no clicks, for nothing would ever
                replace them as a link's last click.
        """
        for line in lines:
            self.lines += 1
            entry = parse_line(line)
            why = NoClick.NOT_A_LOG_LINE if entry is None else refusal_of(entry)
            link_id = link_of(entry.path) if entry is not None and why is None else None
            if entry is None or why is not None or link_id is None:
                self._refuse(why or NoClick.NO_SUCH_LINK, entry, line)
                continue
            if is_future(entry, now=now):
                self._refuse(NoClick.FUTURE, entry, line)
                continue
            self.clicks += 1
            yield _raw_click(entry, link_id)

    def _refuse(self, why: NoClick, entry: LogLine | None, line: bytes) -> None:
        if entry is None:
            detail = line[:_SHOWN].decode("utf-8", "replace").strip()
        else:
            detail = _DETAIL[why](entry)[:_SHOWN]
        self.refused[why, detail] += 1
        self.first_line.setdefault((why, detail), self.lines)


def refusal_of(entry: LogLine) -> NoClick | None:
    """Return why a request cannot be a click of any link; None when it can."""
    if entry.method not in CLICK_METHODS:
        return NoClick.METHOD
    return NoClick.OWN_PATH if is_own_path(entry.path) else None


async def links_by_slug(domain_id: int) -> LinkOfPath:
    """Return the links of a domain by the slugs they hold, deleted ones included.

    As for visitors, one slash after a slug changes nothing.
    """
    connection = reader()
    rows = await fetch(
        connection,
        "SELECT slug, link_id FROM link_slug WHERE released_at IS NULL AND domain_id = "
        + placeholders(connection, 1),
        [domain_id],
    )
    by_slug: dict[str, int] = {row["slug"]: row["link_id"] for row in rows}
    return lambda path: by_slug.get(slug_of(path.removesuffix("/")))


async def links_by_map(domain_id: int, slug_of_path: Mapping[str, str]) -> LinkOfPath:
    """Return the links that a map of paths to slugs means."""
    by_slug = await links_by_slug(domain_id)
    return lambda path: by_slug(f"/{slug_of_path[path]}") if path in slug_of_path else None


async def links_by_number(domain_id: int) -> LinkOfPath:
    """Return the links of a domain, oldest first, for NumberedPaths."""
    connection = reader()
    rows = await fetch(
        connection,
        "SELECT id FROM link WHERE deleted_at IS NULL AND domain_id = "
        f"{placeholders(connection, 1)} ORDER BY id",
        [domain_id],
    )
    ids: list[int] = [row["id"] for row in rows]
    paths = NumberedPaths()

    def link_of(path: str) -> int | None:
        number = paths.number_of(path)
        return ids[number] if number < len(ids) else None

    return link_of


def _raw_click(entry: LogLine, link_id: int) -> RawClick:
    return RawClick(
        at_us=max(0, microseconds_of(entry.at)),
        link_id=link_id,
        is_head=entry.method == "HEAD",
        peer=entry.address.encode("utf-8", "surrogateescape"),
        user_agent=entry.user_agent,
        referer=entry.referer,
    )
