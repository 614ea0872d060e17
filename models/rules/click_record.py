"""One click as it stands in the spool: what the request said, unread.

Nothing is interpreted here, because the redirect has no time for it; the worker
reads the record with models.rules.click_facts.
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

VERSION: Final = 1
MAX_FIELD_BYTES: Final = 1024  # longer header values are cut at their end, X-Forwarded-For in front
IS_HEAD: Final = 1  # flag: only the headers were asked for

# Version, flags, microseconds since 1970. The link's id follows, 8 bytes, little-endian:
# the hot path copies them as they stand in the replica.
START: Final = struct.Struct("<BBQ")
CLICK_START_BYTES: Final = START.size + 8  # up to the texts
_FIXED: Final = struct.Struct("<BBQQ")
_FIELDS: Final = 9

# The headers that are kept, lower case, in the order of the record; the peer's address is first,
# and X-Forwarded-For stays last: join_fields knows it by its place.
KEPT_HEADERS: Final = (
    b"user-agent",
    b"referer",
    b"accept-language",
    b"sec-purpose",
    b"purpose",
    b"x-moz",
    b"x-request-id",
    b"x-forwarded-for",
)


class ClickRecordError(ValueError):
    """The bytes are no record of a version that is known here."""


class ClickTooNewError(ClickRecordError):
    """A newer version of Linkyard wrote the record: only that one may read it."""


class RawClick(NamedTuple):
    """A followed link. Texts are header values as they came, b"" where there was none."""

    link_id: int
    at_us: int  # microseconds since 1970
    is_head: bool = False
    peer: bytes = b""  # address of the other end of the connection
    user_agent: bytes = b""
    referer: bytes = b""
    accept_language: bytes = b""
    sec_purpose: bytes = b""
    purpose: bytes = b""
    x_moz: bytes = b""
    request_id: bytes = b""
    forwarded_for: bytes = b""


def join_fields(fields: Sequence[bytes]) -> bytes:
    """Return some of a record's texts as they stand in it, cut at MAX_FIELD_BYTES each.

    In this order: the peer's address, then the KEPT_HEADERS. Of X-Forwarded-For the last
    entries are kept: our own proxies wrote those, and the visitor what stands before.
    """
    joined = b"\n".join(fields)
    if len(joined) <= MAX_FIELD_BYTES:
        return joined
    cut = [field[:MAX_FIELD_BYTES] for field in fields]
    if len(fields) >= len(KEPT_HEADERS):
        cut[-1] = _last_entries(fields[-1])
    return b"\n".join(cut)


def encode_click(click: RawClick) -> bytes:
    """Return the record of a click; fields are cut at MAX_FIELD_BYTES."""
    link_id, at_us, is_head, *fields = click
    return _FIXED.pack(VERSION, IS_HEAD if is_head else 0, at_us, link_id) + join_fields(fields)


def decode_click(record: bytes) -> RawClick:
    """Return the click of a record.

    Raises:
        ClickTooNewError: of a later version.
        ClickRecordError: too short, of no version, or with another number of fields.
    """
    if record[:1] > VERSION.to_bytes(1, "little"):
        raise ClickTooNewError(f"version {record[0]}")
    if len(record) < _FIXED.size:
        raise ClickRecordError("too short")
    version, flags, at_us, link_id = _FIXED.unpack_from(record)
    if version != VERSION:
        raise ClickRecordError(f"version {version}")
    fields = record[_FIXED.size :].split(b"\n")
    if len(fields) != _FIELDS:
        raise ClickRecordError(f"{len(fields)} fields")
    return RawClick(link_id, at_us, bool(flags & IS_HEAD), *fields)


def _last_entries(value: bytes) -> bytes:
    """Return the whole entries at the end of a list with commas that fit MAX_FIELD_BYTES."""
    if len(value) <= MAX_FIELD_BYTES:
        return value
    kept = value[-MAX_FIELD_BYTES:]
    return kept if value[-MAX_FIELD_BYTES - 1 :].startswith(b",") else kept.partition(b",")[2]
