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
from models.raw_sql import fetch
from models.rules.api_key_format import SHOWN_LENGTH, hash_key, new_key
from models.rules.audit_actions import AuditAction
from models.rules.hosts import normal_host
from models.rules.moments import to_sql
from models.rules.roles import ADMINISTRATOR, ROLES
from models.rules.scopes import Scope, format_scopes
from models.users import NO_NAME, Role, User
from resolvers.api_keys import made_note
from resolvers.audit import Note, log_setup
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
        notes = [Note(action=AuditAction.INSTALLATION_CREATE, subject_id=1)] if is_first else []
        notes += await _add_domain(connection, domain_host, now)
        notes += await _add_roles(connection, now)
        done = None
        if is_first:
            done, made = await _add_people(email, key_label)
            notes += made
        await log_setup(connection, notes, at=now)
        return done


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


async def _add_domain(connection: BaseDBAsyncClient, host: str, now: datetime) -> list[Note]:
    if await Domain.exists(host=host):
        return []
    at = to_sql(now, sqlite=is_sqlite(connection))
    rows = await fetch(
        connection,
        "INSERT INTO domain (id, created_at, updated_at, host)"
        f" VALUES ({placeholders(connection, 4)}) ON CONFLICT (host) DO NOTHING RETURNING id",
        [new_id(), at, at, host],
    )
    if not rows:
        return []
    await log_change(connection, link_id=0, revision=0)
    action = AuditAction.DOMAIN_CREATE
    return [Note(action=action, subject_id=rows[0]["id"], after={"host": host})]


async def _add_roles(connection: BaseDBAsyncClient, now: datetime) -> list[Note]:
    """Make the built-in roles that are missing, and undo what was changed in the others."""
    at = to_sql(now, sqlite=is_sqlite(connection))
    found = await fetch(connection, "SELECT name, scopes, reach FROM role")
    before = {
        row["name"]: {name: row[name] for name in ("name", "scopes", "reach")} for row in found
    }
    notes: list[Note] = []
    for name, role in ROLES.items():
        scopes, made_id = format_scopes(role.scopes), new_id()
        rows = await fetch(
            connection,
            "INSERT INTO role (id, created_at, updated_at, name, scopes, reach, is_built_in)"
            f" VALUES ({placeholders(connection, 7)})"
            " ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at,"
            " scopes = excluded.scopes, reach = excluded.reach, is_built_in = excluded.is_built_in"
            " WHERE role.scopes <> excluded.scopes OR role.reach <> excluded.reach"
            " OR role.is_built_in <> excluded.is_built_in RETURNING id",
            [made_id, at, at, name, scopes, role.reach.value, True],
        )
        after = {"name": name, "scopes": scopes, "reach": role.reach.value}
        notes += [
            Note(action=AuditAction.ROLE_CREATE, subject_id=made_id, after=after)
            if row["id"] == made_id
            else Note(
                action=AuditAction.ROLE_UPDATE,
                subject_id=row["id"],
                before=before.get(name, {}),
                after=after,
            )
            for row in rows
        ]
    return notes


async def _add_people(email: str, key_label: str) -> tuple[FirstRun, list[Note]]:
    role = await Role.get(name=ADMINISTRATOR)
    admin = await User.create(email=email, name=NO_NAME, role=role)
    secret = new_key()
    key = await ApiKey.create(
        user=admin,
        label=key_label,
        prefix=secret[:SHOWN_LENGTH],
        secret_hash=hash_key(secret),
        scopes=format_scopes(Scope),
    )
    notes = [
        Note(action=AuditAction.USER_CREATE, subject_id=admin.id, after={"role": role.name}),
        made_note(key),
    ]
    return FirstRun(admin_email=email, secret=secret), notes
