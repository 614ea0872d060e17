"""How the entries of the audit log are chained, so that nobody can change one unseen.

The hash of an entry is SHA-256, in hex, over `encode` of: LABEL, the hash of the entry
before it (GENESIS for the first one), its number in the chain, its FIELDS, and its
LATER_FIELDS that are not None: entries made before there was such a field keep their
hash, and nobody can give them one or take one away unseen, because no two lists of values
have the same encoding. Nothing secret goes into it, so anyone who holds an export can
compute it again; that nobody computes a whole new chain unseen is up to the signed heads
(models.rules.audit_heads).
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, TypeAlias

Value: TypeAlias = str | bytes | int | float | None

LABEL: Final = "linkyard audit 1"
GENESIS: Final = "0" * 64  # stands for the hash in front of the first entry
# In this order. `at` counts as microseconds since 1970.
FIELDS: Final = (
    "id",
    "at",
    "action",
    "actor_id",
    "via",
    "via_id",
    "address",
    "request_id",
    "subject_type",
    "subject_id",
    "before",
    "after",
    "position",
)
LATER_FIELDS: Final = ("organization_id",)  # added by a migration, in this order


def encode(values: Sequence[Value]) -> bytes:
    """Return bytes from which the values could be read back, so no two lists share them.

    Each value follows the last one: `N` for None, `I` and the decimal number and `;`,
    `T` and the length in bytes and `:` and the UTF-8 of a text. A column of SQLite may
    hold what was never written to it: a real is `F`, its hex form and `;`, and bytes
    count as the text they would be.
    """
    return b"".join([_encoded(value) for value in values])


def entry_hash(previous: str, seq: int, fields: Sequence[Value]) -> str:
    """Return the hash of an entry.

    Args:
        previous: hash of the entry before it.
        seq: its number in the chain; the first one is 1.
        fields: values of FIELDS, then those of LATER_FIELDS that are not None.
    """
    return sha256(encode((LABEL, previous, seq, *fields))).hexdigest()


def _encoded(value: Value) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, int):
        return b"I%d;" % value
    if isinstance(value, float):
        return b"F%b;" % value.hex().encode()
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return b"T%d:%b" % (len(raw), raw)
