"""Entries of the audit log as the chain reads them, the same from both engines."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from models.rules.audit_chain import FIELDS, LATER_FIELDS, Value
from models.rules.moments import microseconds_of

_TEXTS: Final = frozenset(
    {"at", "action", "via", "address", "request_id", "subject_type", "before", "after"}
)


def selected(*, sqlite: bool) -> str:
    """Return what to select for fields_of, place_of and hash_of.

    SQLite keeps whatever somebody wrote to its file, also text that is none: so texts
    are read as bytes there, and it is the check that stumbles over them.
    """
    if not sqlite:
        return ", ".join((*FIELDS, *LATER_FIELDS, "seq", "chain_hash"))
    fields = (f"CAST({name} AS BLOB) AS {name}" if name in _TEXTS else name for name in FIELDS)
    return ", ".join((*fields, *LATER_FIELDS, "seq", "CAST(chain_hash AS BLOB) AS chain_hash"))


def fields_of(row: Mapping[str, Any]) -> list[Value]:
    """Return what models.rules.audit_chain.entry_hash takes."""
    fields = [_at(row[name]) if name == "at" else row[name] for name in FIELDS]
    return fields + [row[name] for name in LATER_FIELDS if row[name] is not None]


def place_of(row: Mapping[str, Any]) -> tuple[int, int]:
    """Return the entry's place in the order of the log; 0 for what is no number."""
    position, row_id = row["position"], row["id"]
    return (
        position if isinstance(position, int) else 0,
        row_id if isinstance(row_id, int) else 0,
    )


def hash_of(row: Mapping[str, Any]) -> str:
    """Return the stored hash; "" for none."""
    value = row["chain_hash"]
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value or ""


def _at(value: datetime | bytes | None) -> Value:
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value.decode())
        return microseconds_of(moment)
    except (ValueError, TypeError, AttributeError):  # nothing that was ever written there
        return value if isinstance(value, bytes) else repr(value)
