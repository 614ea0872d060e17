"""The same request twice is one request: `requestId` of a mutation, for 24 hours."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from models.errors import RequestIdReusedError
from models.ids import new_id
from models.orm import is_sqlite, placeholders
from models.raw_sql import fetch
from models.rules.moments import to_sql

REPLAY_HOURS: Final = 24
MAX_REQUEST_ID_LENGTH: Final = 128  # characters, also the column width

_UNIQUE: Final = "user_id, mutation, request_id"
_TAKEN_OVER: Final = "body_hash, result_id, created_at, updated_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatable:
    """A request that may come again, from the same person, with the same body."""

    user_id: int
    mutation: str
    request_id: str
    body_hash: str


def body_hash(body: Sequence[str | bool | datetime | None]) -> str:
    """Return what tells one input from another: SHA-256 of its values in a fixed order."""
    return hashlib.sha256(orjson.dumps(body)).hexdigest()


async def claim(
    connection: BaseDBAsyncClient, request: Repeatable, *, result_id: int, now: datetime
) -> int:
    """Say whose result counts: ours, or that of the same request before.

    Runs inside the caller's transaction and must be its first write. The unique
    constraint lets one of many parallel claims through; the others wait for its
    commit. A claim older than REPLAY_HOURS is taken over.

    Returns:
        `result_id` if this request is the first, else the id it made before.

    Raises:
        RequestIdReusedError: the request id came before with another body.
    """
    sqlite = is_sqlite(connection)
    at = to_sql(now, sqlite=sqlite)
    oldest = to_sql(now - timedelta(hours=REPLAY_HOURS), sqlite=sqlite)
    named = [request.user_id, request.mutation, request.request_id]
    won = await fetch(
        connection,
        f"INSERT INTO replay (id, {_UNIQUE}, {_TAKEN_OVER})"
        f" VALUES ({placeholders(connection, 8)})"
        f" ON CONFLICT ({_UNIQUE}) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in _TAKEN_OVER.split(", "))
        + f" WHERE replay.created_at <= {placeholders(connection, 1, start=9)} RETURNING id",
        [new_id(), *named, request.body_hash, result_id, at, at, oldest],
    )
    if won:
        return result_id
    marks = placeholders(connection, 3).split(", ")
    [earlier] = await fetch(
        connection,
        "SELECT body_hash, result_id FROM replay"
        f" WHERE user_id = {marks[0]} AND mutation = {marks[1]} AND request_id = {marks[2]}",
        named,
    )
    if earlier["body_hash"] != request.body_hash:
        raise RequestIdReusedError
    return int(earlier["result_id"])
