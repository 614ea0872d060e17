"""Secrets that open one door once. The store keeps a hash of each, and whoever is first wins."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import orjson
import structlog
from tortoise.backends.base.client import BaseDBAsyncClient

from models.one_time_tokens import OneTimeToken, TokenPurpose
from models.orm import is_sqlite, placeholders
from models.raw_sql import SqlRow, fetch
from models.rules.moments import to_sql
from models.rules.tokens import hash_token, is_token, new_token
from resolvers.context import RequestContext
from resolvers.ports import SealBrokenError

_log = structlog.stdlib.get_logger("linkyard.secrets")

Payload = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundToken:
    """What a token stood for.

    Attributes:
        user_id: None for a token of nobody yet.
        payload: what was given to issue_token.
    """

    user_id: int | None
    payload: Payload


async def issue_token(  # noqa: PLR0913 - one for each property of a token
    context: RequestContext,
    connection: BaseDBAsyncClient,
    *,
    purpose: TokenPurpose,
    life: timedelta,
    user_id: int | None = None,
    payload: Payload | None = None,
) -> str:
    """Make a token in the open transaction and return it: nobody can read it again.

    Args:
        context: tells the time.
        connection: of the open transaction; the token comes and goes with it.
        purpose: the door.
        life: after it the token opens nothing.
        user_id: whom it is about.
        payload: a JSON object for use_token, stored sealed.
    """
    token = new_token()
    sealed = context.ports.sealer.seal(
        orjson.dumps(payload or {}).decode(), purpose=sealed_for(purpose)
    )
    await OneTimeToken.create(
        using_db=connection,
        purpose=purpose,
        token_hash=hash_token(token),
        user_id=user_id,
        sealed_payload=sealed,
        expires_at=context.ports.clock.now() + life,
    )
    return token


async def find_token(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    token: str | None,
    *,
    purpose: TokenPurpose,
) -> FoundToken | None:
    """Return what a token would open now, without using it up; see use_token."""
    if token is None or not is_token(token):
        return None
    rows = await fetch(
        connection,
        f"SELECT user_id, sealed_payload FROM one_time_token WHERE {_good(connection, 1)}",
        _arguments(context, connection, token, purpose),
    )
    return _found(context, rows, purpose)


async def use_token(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    token: str | None,
    *,
    purpose: TokenPurpose,
) -> FoundToken | None:
    """Use a token up and return what it stood for; of parallel uses one wins.

    What is not of the form of a token is refused without a query.

    Args:
        context: tells the time.
        connection: of the open transaction: if that fails, the token is as good as before.
        token: as it came.
        purpose: the door; a token for another one opens nothing here.

    Returns:
        None for one that is unknown, used or expired, or whose payload no key of ours opens.
    """
    if token is None or not is_token(token):
        return None
    now = to_sql(context.ports.clock.now(), sqlite=is_sqlite(connection))
    rows = await fetch(
        connection,
        f"UPDATE one_time_token SET used_at = {placeholders(connection, 1)}"
        f" WHERE {_good(connection, 2)} RETURNING user_id, sealed_payload",
        [now, *_arguments(context, connection, token, purpose)],
    )
    return _found(context, rows, purpose)


async def void_tokens(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    *,
    user_id: int,
    purpose: TokenPurpose | None = None,
) -> None:
    """Let a person's tokens open nothing any more: of one purpose, or of all."""
    tokens = OneTimeToken.filter(user_id=user_id, used_at=None).using_db(connection)
    if purpose is not None:
        tokens = tokens.filter(purpose=purpose)
    await tokens.update(used_at=context.ports.clock.now())


def sealed_for(purpose: str) -> str:
    """Return what payloads are sealed for, also of a purpose that only a newer version knows."""
    return f"one-time token {purpose}"


def _good(connection: BaseDBAsyncClient, start: int) -> str:
    each = [placeholders(connection, 1, start=start + number) for number in range(3)]
    return (
        f"token_hash = {each[0]} AND purpose = {each[1]} AND expires_at > {each[2]}"
        " AND used_at IS NULL"
    )


def _arguments(
    context: RequestContext, connection: BaseDBAsyncClient, token: str, purpose: TokenPurpose
) -> list[object]:
    now = to_sql(context.ports.clock.now(), sqlite=is_sqlite(connection))
    return [hash_token(token), purpose.value, now]


def _found(context: RequestContext, rows: list[SqlRow], purpose: TokenPurpose) -> FoundToken | None:
    if not rows:
        return None
    [row] = rows
    try:
        plain = context.ports.sealer.open(row["sealed_payload"], purpose=sealed_for(purpose))
    except SealBrokenError:
        _log.warning(
            "a one-time token is sealed by a secret key that is gone, and opens nothing",
            purpose=purpose.value,
        )
        return None
    return FoundToken(user_id=row["user_id"], payload=orjson.loads(plain))
