"""What the store keeps sealed for longer than a request: under which key, and moved to the newest.

Used tokens and letters that were sent are left out: nobody opens them again.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.orm import is_sqlite, placeholders, reader
from models.raw_sql import SqlRow, execute, fetch
from models.rules.audit_actions import AuditAction
from models.rules.moments import to_sql
from models.rules.scopes import Scope
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.mails import SEALED_FOR as SEALED_FOR_MAIL
from resolvers.one_time_tokens import sealed_for
from resolvers.ports import SealBrokenError
from resolvers.totp import SEALED_FOR as SEALED_FOR_TOTP

BATCH: Final = 200  # rows of one transaction: SQLite's one write lock is held for some ms
_SAMPLE: Final = 100  # rows of each kind that a start looks at


class SealedKind(StrEnum):
    """What is sealed; the value names one in a sentence."""

    TOTP = "authenticator app"
    TOKEN = "one-time token"  # noqa: S105 - a name
    MAIL = "waiting letter"


@dataclass(frozen=True, slots=True)
class SealedRow:
    """One sealed value.

    Attributes:
        key: number of the key that opens it, 0 for the newest; None if none of ours does.
        user_id: whose it is, None for nobody's.
    """

    kind: SealedKind
    id: int
    user_id: int | None
    sealed: str
    purpose: str
    key: int | None


@dataclass(frozen=True, slots=True)
class Resealed:
    """What one call did, by kind.

    Attributes:
        moved: sealed by the newest key now, and by an older one before.
        unreadable: no key of ours opens them; they stay as they are.
    """

    moved: Counter[SealedKind]
    unreadable: Counter[SealedKind]


@dataclass(frozen=True, slots=True)
class _Place:
    table: str
    column: str
    live: str  # condition; {now} stands for the present
    user: str = "NULL"
    purpose: str = ""  # of the seal; "" if the row's own purpose tells


_PLACES: Final = {
    SealedKind.TOTP: _Place("totp", "sealed_secret", "1 = 1", "user_id", SEALED_FOR_TOTP),
    SealedKind.TOKEN: _Place(
        "one_time_token", "sealed_payload", "used_at IS NULL AND expires_at > {now}", "user_id"
    ),
    SealedKind.MAIL: _Place(
        "mail", "sealed_params", "next_attempt_at IS NOT NULL", purpose=SEALED_FOR_MAIL
    ),
}


async def sealed_rows(context: RequestContext) -> AsyncIterator[list[SealedRow]]:
    """Yield batches of all that is sealed and may still be opened, in the order of its ids.

    Raises:
        NotPermittedError: no OPS_READ.
    """
    context.viewer.require(Scope.OPS_READ)
    for kind in SealedKind:
        after = -1
        while rows := await _batch(context, kind, after=after):
            after = rows[-1].id
            yield rows


async def newest_sealed(context: RequestContext) -> list[SealedRow]:
    """Return the newest values of each kind, some hundreds at most.

    Raises:
        NotPermittedError: no OPS_READ.
    """
    context.viewer.require(Scope.OPS_READ)
    return [
        row
        for kind in SealedKind
        for row in await _batch(context, kind, limit=_SAMPLE, is_descending=True)
    ]


async def reseal(context: RequestContext) -> Resealed:
    """Seal by the newest key what an older one sealed.

    May run beside the service and beside itself, and again: a value that changed since it
    was read is left as it is. Values that a process without the newest key seals
    meanwhile need another call.

    Raises:
        NotPermittedError: no USER_ADMIN.
    """
    context.viewer.require(Scope.USER_ADMIN)
    done = Resealed(Counter(), Counter())
    async for rows in sealed_rows(context):
        kind = rows[0].kind
        done.unreadable[kind] += sum(row.key is None for row in rows)
        old = [row for row in rows if row.key]
        if old:
            done.moved[kind] += await _move(context, old)
    return done


async def _batch(
    context: RequestContext,
    kind: SealedKind,
    *,
    after: int = -1,
    limit: int = BATCH,
    is_descending: bool = False,
) -> list[SealedRow]:
    connection, place = reader(), _PLACES[kind]
    arguments: list[object] = [after]
    live = place.live
    if "{now}" in live:
        live = live.format(now=placeholders(connection, 1, start=2))
        arguments.append(to_sql(context.ports.clock.now(), sqlite=is_sqlite(connection)))
    purpose = "''" if place.purpose else "purpose"
    rows = await fetch(
        connection,
        f"SELECT id, {place.user} AS user_id, {purpose} AS purpose, {place.column} AS sealed"
        f" FROM {place.table} WHERE id > {placeholders(connection, 1)} AND {live}"
        f" ORDER BY id {'DESC' if is_descending else 'ASC'} LIMIT {limit:d}",
        arguments,
    )
    return [_row(context, kind, row) for row in rows]


def _row(context: RequestContext, kind: SealedKind, row: SqlRow) -> SealedRow:
    purpose = _PLACES[kind].purpose or sealed_for(row["purpose"])
    try:
        key = context.ports.sealer.key_number(row["sealed"], purpose=purpose)
    except SealBrokenError:
        key = None
    return SealedRow(kind, row["id"], row["user_id"], row["sealed"], purpose, key)


async def _move(context: RequestContext, rows: Sequence[SealedRow]) -> int:
    """Store the values anew, unless they changed; return how many."""
    sealer = context.ports.sealer
    fresh = [
        (row, sealer.seal(sealer.open(row.sealed, purpose=row.purpose), purpose=row.purpose))
        for row in rows
    ]
    async with in_transaction("default") as connection:
        moved = sum([await _store(connection, row, sealed) for row, sealed in fresh])
        if moved:
            values = {"kind": rows[0].kind.value, "resealed": moved}
            await log_action(context, connection, AuditAction.SECRET_RESEAL, after=values)
    return moved


async def _store(connection: BaseDBAsyncClient, row: SealedRow, sealed: str) -> int:
    place = _PLACES[row.kind]
    fresh, row_id, old = placeholders(connection, 3).split(", ")
    return await execute(
        connection,
        f"UPDATE {place.table} SET {place.column} = {fresh}"
        f" WHERE id = {row_id} AND {place.column} = {old}",
        [sealed, row.id, row.sealed],
    )
