"""An installation without an administrator would be nobody's: the last one stays."""

from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.errors import LastAdministratorError
from models.orm import is_sqlite, placeholders
from models.raw_sql import fetch
from models.rules.roles import ADMINISTRATOR
from models.users import User

_HERE: Final = "@localhost"  # of the first administrator, unless a setting names another


async def keep_administrator(connection: BaseDBAsyncClient) -> None:
    """Refuse what the open transaction did if no active administrator is left by it.

    To be called after the change. Changes of this kind take turns by a lock on the role,
    so that two that each leave one cannot together leave none.

    Raises:
        LastAdministratorError: the caller's transaction must be rolled back.
    """
    name = placeholders(connection, 1)
    lock = "" if is_sqlite(connection) else " FOR NO KEY UPDATE"  # SQLite has one writer
    await fetch(connection, f"SELECT id FROM role WHERE name = {name}{lock}", [ADMINISTRATOR])
    left = await fetch(
        connection,
        "SELECT app_user.id FROM app_user JOIN role ON role.id = app_user.role_id"
        " LEFT JOIN organization ON organization.id = app_user.organization_id"
        f" WHERE role.name = {name} AND app_user.deactivated_at IS NULL"
        " AND organization.deactivated_at IS NULL LIMIT 1",
        [ADMINISTRATOR],
    )
    if not left:
        raise LastAdministratorError


async def administrators_without_mail() -> list[str]:
    """Return addresses of active administrators to which no mail server can deliver."""
    rows = User.filter(role__name=ADMINISTRATOR, deactivated_at=None, email__endswith=_HERE)
    return [user.email for user in await rows.order_by("id").only("id", "email")]
