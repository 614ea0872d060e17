"""Keys and values of the replica, the local copy of what a redirect needs.

Keys begin with a letter: `d` and a host leads to a domain, `l`, a domain id and
a slug to a link, `m` and a name to what the writer keeps for itself. Every value
begins with a checksum over its key and the rest of it, so that a damaged or
misplaced value is never taken for a link. Numbers are little-endian, but the
domain id inside a key is big-endian, which keeps a domain's links in order.
"""

import struct
import zlib
from enum import IntEnum
from typing import Final, NamedTuple

FORMAT_VERSION: Final = 2  # stored by the writer; another version means: build anew
# Read like our own, so such a replica serves until the new one is built. Writers of version 1
# knew of no passwords, and wrote targets of links that have one by now.
READABLE_VERSIONS: Final = frozenset({1, FORMAT_VERSION})
MAX_SLUG_BYTES: Final = 256  # 64 characters of 4 bytes; a longer path is no slug

_CRC: Final = struct.Struct("<I")
_DOMAIN: Final = struct.Struct("<IQ")  # checksum, domain id
_ENTRY: Final = struct.Struct("<IBBHQQqq")
TARGET_AT: Final = _ENTRY.size

# What the hot path reads at once: checksum; kind, flags and status as one number;
# the link's id as it stands, which is how a click wants it; the window of validity.
read_plain: Final = struct.Struct("<II8s8x16s").unpack_from
PLAIN: Final = 1 | 302 << 16  # live, no flag, status 302
ALWAYS: Final = bytes(16)  # neither begins nor ends


class ReplicaDamagedError(Exception):
    """A key or value of the replica is not what its writer wrote."""


class EntryKind(IntEnum):
    """What became of a slug. Numbers are stored and never reused."""

    TOMBSTONE = 0  # deleted
    LIVE = 1
    OFF = 2  # switched off by its owner
    ORDINARY = 3  # needs more than the replica has: a password, which the store checks


class Entry(NamedTuple):
    """A link as the redirect sees it.

    Attributes:
        target: the bytes to send as Location: ASCII, serialised by a WHATWG parser.
        not_before_us: microseconds since 1970 from which the link leads anywhere; 0: always.
        not_after_us: microseconds since 1970 from which it does no more; 0: never.
    """

    kind: EntryKind
    link_id: int
    revision: int
    target: bytes = b""
    status: int = 302
    flags: int = 0
    not_before_us: int = 0
    not_after_us: int = 0


def link_prefix(domain_id: int) -> bytes:
    """Return what the keys of all links of a domain begin with."""
    return b"l" + domain_id.to_bytes(8, "big")


def link_key(domain_id: int, slug: bytes) -> bytes:
    """Return the key of a link; `slug` is UTF-8 in NFC, at most MAX_SLUG_BYTES."""
    return link_prefix(domain_id) + slug


def domain_key(host: bytes) -> bytes:
    """Return the key of a domain; `host` as Domain.host has it."""
    return b"d" + host


def meta_key(name: str) -> bytes:
    """Return the key of something that the writer keeps for itself."""
    return b"m" + name.encode()


def seal(key: bytes, content: bytes) -> bytes:
    """Return the value for a key: the content behind its checksum."""
    return _CRC.pack(zlib.crc32(key + content)) + content


def unseal(key: bytes, value: bytes) -> bytes:
    """Return the content of a value.

    Raises:
        ReplicaDamagedError: the checksum does not match.
    """
    content = value[4:]
    if len(value) < _CRC.size or zlib.crc32(key + content) != _CRC.unpack_from(value)[0]:
        raise ReplicaDamagedError(f"checksum of {key!r}")
    return content


def encode_entry(key: bytes, entry: Entry) -> bytes:
    """Return the value of a link under its key."""
    kind, link_id, revision, target, status, flags, not_before_us, not_after_us = entry
    packed = _ENTRY.pack(0, kind, flags, status, link_id, revision, not_before_us, not_after_us)
    return seal(key, packed[_CRC.size :] + target)


def decode_entry(key: bytes, value: bytes) -> Entry:
    """Return the link behind a value.

    Raises:
        ReplicaDamagedError: the value is not what was written under this key.
    """
    unseal(key, value)
    try:
        _, kind, flags, status, link_id, revision, not_before_us, not_after_us = _ENTRY.unpack_from(
            value
        )
        return Entry(
            EntryKind(kind),
            link_id,
            revision,
            value[TARGET_AT:],
            status,
            flags,
            not_before_us,
            not_after_us,
        )
    except (struct.error, ValueError) as error:
        raise ReplicaDamagedError(f"layout of {key!r}") from error


def encode_domain(key: bytes, domain_id: int) -> bytes:
    """Return the value of a domain under its key."""
    return seal(key, _DOMAIN.pack(0, domain_id)[_CRC.size :])


def decode_domain(key: bytes, value: bytes) -> int:
    """Return the domain id behind a value.

    Raises:
        ReplicaDamagedError: the value is not what was written under this key.
    """
    unseal(key, value)
    if len(value) != _DOMAIN.size:
        raise ReplicaDamagedError(f"layout of {key!r}")
    domain_id: int = _DOMAIN.unpack(value)[1]
    return domain_id
