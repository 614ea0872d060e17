"""Links as rows of the tables, read the way a replica holds them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from models.rules.moments import from_sql
from models.rules.replica_format import Entry, EntryKind

COLUMNS: Final = (
    "l.id, l.revision, l.target, l.starts_at, l.expires_at, l.disabled_at, l.deleted_at,"
    " l.password_hash IS NOT NULL AS is_protected"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ASCII: Final = "".join(map(chr, range(33, 127)))


class ReplicaEntry(NamedTuple):
    """What a slug of a domain leads to."""

    domain_id: int
    slug: str
    entry: Entry


def entry_of(row: Mapping[str, Any]) -> Entry:
    """Return the entry for a row with COLUMNS; without a link (id is NULL) a tombstone.

    A link with a password is ORDINARY and has no target here: no replica ever holds that.
    """
    return _entry_of(row, is_protected=bool(row["is_protected"]))


def opened_entry_of(row: Mapping[str, Any]) -> Entry:
    """Return the entry for whoever has typed the link's password."""
    return _entry_of(row, is_protected=False)


def _entry_of(row: Mapping[str, Any], *, is_protected: bool) -> Entry:
    link_id = row["id"]
    if link_id is None:
        return Entry(EntryKind.TOMBSTONE, 0, 0)
    if row["deleted_at"] is not None:
        return Entry(EntryKind.TOMBSTONE, link_id, row["revision"])
    kind = EntryKind.ORDINARY if is_protected else EntryKind.LIVE
    target: str = "" if is_protected else row["target"]
    if not target.isascii():  # a validated target is; what a header cannot carry must not stop us
        target = quote(target, safe=_ASCII)
    return Entry(
        kind if row["disabled_at"] is None else EntryKind.OFF,
        link_id,
        row["revision"],
        target.encode("ascii"),
        not_before_us=_microseconds(row["starts_at"]),
        not_after_us=_microseconds(row["expires_at"]),
    )


def _microseconds(value: datetime | str | None) -> int:
    """Return microseconds since 1970; 0, which is no moment of a link, for none."""
    moment = from_sql(value)
    return 0 if moment is None else (moment - _EPOCH) // _MICROSECOND
