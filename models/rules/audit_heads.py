"""Signed heads: how far the chain of the audit log went, and when, to be kept elsewhere.

Whoever can write to the store can compute a whole new chain, or cut the end off. A head
that was copied off the machine in time shows either. A line of JSON:
{"seq": 7, "hash": "...", "at": "2026-01-02T03:04:05+00:00", "mac": "..."}; `mac` is
HMAC-SHA256 over models.rules.audit_chain.encode of the label and the other three.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

import orjson

from models.rules.audit_chain import Value, encode

_LABEL: Final = "linkyard audit head 1"
_CUT_LABEL: Final = "linkyard audit cut 1"
_KEY_LABEL: Final = b"linkyard audit heads"


class HeadInvalidError(ValueError):
    """A line that is no head, or one that none of our keys signed."""


@dataclass(frozen=True, slots=True)
class Head:
    """The chain's last entry at a moment.

    Attributes:
        seq: number of that entry, from 1 on.
        hash: of that entry.
        at: aware moment.
    """

    seq: int
    hash: str
    at: datetime


def write_head(head: Head, *, secret: bytes) -> str:
    """Return the signed line of a head, without an end of line."""
    at = head.at.isoformat()
    values = {"seq": head.seq, "hash": head.hash, "at": at}
    return orjson.dumps({**values, "mac": _mac(secret, _LABEL, head.seq, head.hash, at)}).decode()


def read_head(line: str | bytes, *, secrets: Sequence[bytes]) -> Head:
    """Return the head of a line.

    Args:
        line: with or without its end.
        secrets: any of them may have signed it.

    Raises:
        HeadInvalidError: see there.
    """
    try:
        parts = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise HeadInvalidError("no head of the audit log") from error
    match parts:
        case {"seq": int(seq), "hash": str(hash_), "at": str(at), "mac": str(mac)} if seq > 0:
            if not _is_signed(mac, secrets, _LABEL, seq, hash_, at):
                raise HeadInvalidError("signed by none of our keys")
            return Head(seq, hash_, datetime.fromisoformat(at))
        case _:
            raise HeadInvalidError("no head of the audit log")


def sign_cut(seq: int, hash_: str, secret: bytes) -> str:
    """Return the signature of a cut: the old end of the chain was taken off up to that entry."""
    return _mac(secret, _CUT_LABEL, seq, hash_)


def is_signed_cut(seq: int, hash_: str, mac: str, secrets: Sequence[bytes]) -> bool:
    """Tell whether one of the secrets signed a cut."""
    return _is_signed(mac, secrets, _CUT_LABEL, seq, hash_)


def _is_signed(mac: str, secrets: Sequence[bytes], *values: Value) -> bool:
    signed = (_mac(secret, *values) for secret in secrets)
    return any(hmac.compare_digest(each.encode(), mac.encode()) for each in signed)


def _mac(secret: bytes, *values: Value) -> str:
    key = hmac.digest(secret, _KEY_LABEL, sha256)
    return hmac.new(key, encode(values), sha256).hexdigest()
