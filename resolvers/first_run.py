"""What a fresh installation needs before anybody can use it."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.api_keys import ApiKey
from models.domains import MAX_HOST_LENGTH, Domain
from models.errors import ValueInvalidError
from models.ids import new_id
from models.link_changes import log_change
from models.orm import is_sqlite, placeholders
from models.raw_sql import execute, fetch
from models.rules.api_key_format import SHOWN_LENGTH, hash_key, new_key
from models.rules.hosts import normal_host
from models.rules.moments import to_sql
from models.rules.roles import ADMINISTRATOR, ROLES
from models.rules.scopes import Scope, format_scopes
from models.users import Role, User
from resolvers.users import check_email


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRun:
    """What was made; nothing of it is stored readably but the address."""

    admin_email: str
    secret: str


async def prepare_installation(
    *, host: str, admin_email: str, now: datetime, key_label: str = "first key"
) -> FirstRun | None:
    """Make roles, administrator, one API key and the first domain, once.

    Every start may call it, also several at a time: the installation's single row
    decides who is first, the others wait for that one's commit. A later start
    only adds a domain for a `host` that has none yet, and brings the built-in roles to
    what this version says of them.

    Args:
        host: of the first domain, in any spelling.
        admin_email: address of the first administrator.
        now: the present.
        key_label: label of the key.

    Returns:
        The administrator's address and key at the first run, None later.

    Raises:
        ValueInvalidError: `host` or `admin_email` is none.
    """
    domain_host = normal_host(host)
    if domain_host is None or len(domain_host) > MAX_HOST_LENGTH:
        raise ValueInvalidError(path=("host",), reason="host")
    email = check_email(admin_email)
    async with in_transaction("default") as connection:
        is_first = await _found(connection, now)
        await _add_domain(connection, domain_host, now)
        await _add_roles(connection, now)
        if not is_first:
            return None
        return await _add_people(email, key_label)


async def _found(connection: BaseDBAsyncClient, now: datetime) -> bool:
    """Insert the installation's row and tell whether that was us."""
    at = to_sql(now, sqlite=is_sqlite(connection))
    rows = await fetch(
        connection,
        "INSERT INTO installation (id, store_id, created_at)"
        f" VALUES ({placeholders(connection, 3)}) ON CONFLICT (id) DO NOTHING RETURNING id",
        [1, str(uuid.uuid4()), at],
    )
    return bool(rows)


async def _add_domain(connection: BaseDBAsyncClient, host: str, now: datetime) -> None:
    if await Domain.exists(host=host):
        return
    at = to_sql(now, sqlite=is_sqlite(connection))
    rows = await fetch(
        connection,
        "INSERT INTO domain (id, created_at, updated_at, host)"
        f" VALUES ({placeholders(connection, 4)}) ON CONFLICT (host) DO NOTHING RETURNING id",
        [new_id(), at, at, host],
    )
    if rows:
        await log_change(connection, link_id=0, revision=0)


async def _add_roles(connection: BaseDBAsyncClient, now: datetime) -> None:
    """Make the built-in roles that are missing, and undo what was changed in the others."""
    at = to_sql(now, sqlite=is_sqlite(connection))
    for name, role in ROLES.items():
        await execute(
            connection,
            "INSERT INTO role (id, created_at, updated_at, name, scopes, reach, is_built_in)"
            f" VALUES ({placeholders(connection, 7)})"
            " ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at,"
            " scopes = excluded.scopes, reach = excluded.reach, is_built_in = excluded.is_built_in"
            " WHERE role.scopes <> excluded.scopes OR role.reach <> excluded.reach"
            " OR role.is_built_in <> excluded.is_built_in",
            [new_id(), at, at, name, format_scopes(role.scopes), role.reach.value, True],
        )


async def _add_people(email: str, key_label: str) -> FirstRun:
    role = await Role.get(name=ADMINISTRATOR)
    admin = await User.create(email=email, name="Administrator", role=role)
    secret = new_key()
    await ApiKey.create(
        user=admin,
        label=key_label,
        prefix=secret[:SHOWN_LENGTH],
        secret_hash=hash_key(secret),
        scopes=format_scopes(Scope),
    )
    return FirstRun(admin_email=email, secret=secret)
