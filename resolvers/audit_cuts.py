"""Cuts the old end of the audit log off, in a way that the check of the chain accepts.

A cut is an entry itself: the number and the hash it ends at, signed. Entries are deleted
in the transaction that writes it, so the chain begins behind the latest cut, always.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.audit_rows import hash_of
from models.orm import is_sqlite, placeholders, reader
from models.raw_sql import execute, fetch
from models.rules.audit_actions import AuditAction
from models.rules.audit_heads import is_signed_cut, sign_cut
from models.rules.moments import to_sql
from resolvers.audit import Note, log_setup
from resolvers.audit_chain import ChainHead, chain_head
from resolvers.context import RequestContext

_BATCH: Final = 2_000  # entries of one transaction
_CUTS_READ: Final = 100  # machines that cut at the same time need not agree on the time


async def prune_audit(context: RequestContext, *, kept_days: int, secret: bytes) -> int:
    """Delete a batch of the oldest entries whose time is over; return how many.

    The chain never loses its last entry, behind which it goes on.

    Args:
        context: of the worker.
        kept_days: 0 keeps everything for ever.
        secret: signs the cut.
    """
    if not kept_days:
        return 0
    now = context.ports.clock.now()
    async with in_transaction("default") as connection:
        edge = to_sql(now - timedelta(days=kept_days), sqlite=is_sqlite(connection))
        cut = await _last_due(connection, edge)
        if cut is None:
            return 0
        values = {"seq": cut.seq, "hash": cut.hash, "mac": sign_cut(cut.seq, cut.hash, secret)}
        await log_setup(connection, [Note(action=AuditAction.AUDIT_CUT, after=values)], at=now)
        return await execute(
            connection,
            f"DELETE FROM audit_entry WHERE seq <= {placeholders(connection, 1)}",
            [cut.seq],
        )


async def chain_start(*, secrets: Sequence[bytes]) -> ChainHead:
    """Return the last entry that was cut off; the very beginning if none was.

    A cut that none of the secrets signed is none: the entries before it are missed.
    """
    connection = reader()
    after = "CAST(after AS BLOB) AS after" if is_sqlite(connection) else "after"
    rows = await fetch(
        connection,
        f"SELECT {after} FROM audit_entry WHERE action = {placeholders(connection, 1)}"
        f" ORDER BY at DESC, id DESC LIMIT {_CUTS_READ}",
        [AuditAction.AUDIT_CUT.value],
    )
    cuts = [_cut_of(row["after"], secrets) for row in rows]
    return max(cuts, key=lambda cut: cut.seq, default=ChainHead())


async def _last_due(connection: BaseDBAsyncClient, edge: object) -> ChainHead | None:
    """Return the last entry of the batch at the chain's beginning that is older than the edge."""
    last = (await chain_head(connection)).seq
    before, limit = placeholders(connection, 2).split(", ")
    rows = await fetch(
        connection,
        f"SELECT seq, chain_hash, at < {before} AS is_due FROM audit_entry"
        f" WHERE seq < {limit} ORDER BY seq LIMIT {_BATCH}",
        [edge, last],
    )
    due: ChainHead | None = None
    for row in rows:
        if not row["is_due"]:
            break
        due = ChainHead(row["seq"], hash_of(row))
    return due


def _cut_of(after: str | bytes, secrets: Sequence[bytes]) -> ChainHead:
    try:
        parts = orjson.loads(after)
    except orjson.JSONDecodeError:
        return ChainHead()
    match parts:
        case {"seq": int(seq), "hash": str(hash_), "mac": str(mac)} if is_signed_cut(
            seq, hash_, mac, secrets
        ):
            return ChainHead(seq, hash_)
        case _:
            return ChainHead()
