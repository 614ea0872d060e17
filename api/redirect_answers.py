"""From a request to its answer: pure functions over host, path and entry."""

from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from api.redirect_replies import FOUND_STARTS
from models.rules.hosts import normal_host, split_port
from models.rules.replica_format import MAX_SLUG_BYTES, Entry, EntryKind
from models.rules.slugs import normal_slug

MAX_HOSTS: Final = 1024  # spellings of Host that are remembered


class Answer(NamedTuple):
    """A redirect to `target` for a 3xx status, a page otherwise.

    Attributes:
        retry_after_s: of a visitor who guesses too often; 0 otherwise.
    """

    status: int
    target: bytes = b""
    link_id: int = 0
    retry_after_s: int = 0


ABSENT: Final = Answer(404)
GONE: Final = Answer(410)
MISDIRECTED: Final = Answer(421)
UNAVAILABLE: Final = Answer(503)
# Pages that ask for a link's password.
PROTECTED: Final = Answer(200)
UNTYPED: Final = Answer(400)
WRONG: Final = Answer(403)


def answer_of(entry: Entry, *, now_us: int) -> Answer | None:
    """Return what a link's entry means at a moment; None: it needs the store."""
    if entry.kind is EntryKind.TOMBSTONE:
        return ABSENT
    if entry.kind is EntryKind.OFF:
        return GONE
    if entry.not_after_us and entry.not_after_us <= now_us:
        return GONE
    if entry.not_before_us > now_us:
        return ABSENT
    if entry.kind is EntryKind.ORDINARY or entry.status not in FOUND_STARTS:
        return None
    return Answer(entry.status, entry.target, entry.link_id)


def stored_answer_of(entry: Entry | None, *, now_us: int) -> Answer:
    """Return what the store's entry means at a moment: what is left is a password."""
    if entry is None:
        return ABSENT
    answer = answer_of(entry, now_us=now_us)
    if answer is None:
        return PROTECTED if entry.kind is EntryKind.ORDINARY else UNAVAILABLE
    return answer


def slug_of(path: bytes) -> bytes | None:
    """Return the slug that a path, without its query, names; None if it names none.

    The same for percent-escapes and plain UTF-8, composed and decomposed.
    """
    segment = path[1:]
    if path[:1] != b"/" or not segment or b"/" in segment:
        return None
    if b"%" in segment:
        segment = unquote_to_bytes(segment)
    if not segment.isascii():
        try:
            segment = normal_slug(segment.decode()).encode()
        except UnicodeDecodeError:
            return None
    return segment if len(segment) <= MAX_SLUG_BYTES else None


@lru_cache(maxsize=MAX_HOSTS)
def hosts_for(host: bytes, default_host: str, local: tuple[str, ...]) -> tuple[str, ...]:
    """Return the domains that may answer for a Host header as it came, the best first.

    Args:
        host: the header.
        default_host: see api.redirect_turn.RedirectConfig.
        local: see there, too.
    """
    try:
        name = normal_host(host.decode())
    except UnicodeDecodeError:
        name = None
    found = [] if name is None else [name, split_port(name)[0]]
    if name in local:
        found.append(local[0])
    return tuple(dict.fromkeys([*found, default_host] if default_host else found))
