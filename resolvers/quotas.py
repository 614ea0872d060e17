"""How many links and people there may be, also when many come at once.

Whoever adds something locks the row that bounds it, counts, and then adds: the next one
counts what the first one added. Rows without a quota are not locked against each other.
Locks are taken in one order: the person, the organization, the role of administrators.
Bounds hold for what people add; an administrator who moves people or links is not stopped.
"""

from dataclasses import dataclass
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.errors import QuotaExceededError, ValueInvalidError
from models.orm import is_sqlite, placeholders
from models.raw_sql import SqlRow, fetch
from models.users import User
from resolvers.context import Viewer

MAX_QUOTA: Final = 2**31 - 1


def check_quota(quota: int | None, *, field: str) -> int | None:
    """Return the quota, None for no bound.

    Raises:
        ValueInvalidError: none that a column holds.
    """
    if quota is not None and not 0 <= quota <= MAX_QUOTA:
        raise ValueInvalidError(path=(field,), reason="quota", maximum=MAX_QUOTA)
    return quota


@dataclass(frozen=True, slots=True)
class _Bound:
    """A quota of links, of a person or of an organization."""

    is_own: bool
    limit: int
    used: int

    @property
    def left(self) -> int:
        return max(self.limit - self.used, 0)

    def refusal(self) -> QuotaExceededError:
        """Return why there is not one more, once what is left is used."""
        return QuotaExceededError(
            reason="links" if self.is_own else "organization_links",
            limit=self.limit,
            used=self.used + self.left,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRoom:
    """What a person may add in the open transaction.

    Attributes:
        organization_id: of the person, as it is now; it stays until the transaction ends.
        left: most links that may be added, None for any number.
        refusal: why not one more than these.
    """

    organization_id: int | None
    left: int | None = None
    refusal: QuotaExceededError | None = None

    def check(self) -> None:
        """Raise QuotaExceededError when not even one link may be added."""
        if self.left == 0 and self.refusal is not None:
            raise self.refusal

    def refusals(self, count: int) -> list[QuotaExceededError | None]:
        """Return for each of so many links None if it may be added, else why not."""
        left = count if self.left is None else self.left
        return [None if number < left else self.refusal for number in range(count)]


async def link_room(connection: BaseDBAsyncClient, viewer: Viewer) -> LinkRoom:
    """Return what a viewer may add; nobody else adds to a bounded row before the commit."""
    if viewer.user_id is None:
        return LinkRoom(organization_id=viewer.organization_id)
    person = await _locked_person(connection, viewer.user_id)
    organization_id, limit = person["organization_id"], person["organization_max"]
    if limit is not None:
        limit = await _locked_quota(connection, organization_id, "max_links")
    bounds: list[_Bound] = []
    for is_own, quota, key in (
        (True, person["max_links"], viewer.user_id),
        (False, limit, organization_id),
    ):
        if quota is not None:
            column = "owner_id" if is_own else "organization_id"
            bounds.append(_Bound(is_own, quota, await _count(connection, column, key)))
    if not bounds:
        return LinkRoom(organization_id=organization_id)
    tightest = min(bounds, key=lambda bound: bound.left)
    return LinkRoom(organization_id=organization_id, left=tightest.left, refusal=tightest.refusal())


async def check_people(connection: BaseDBAsyncClient, organization_id: int) -> None:
    """Refuse one more active person of an organization, which stays locked to the commit.

    Raises:
        QuotaExceededError: it has as many as it may.
    """
    limit = await _locked_quota(connection, organization_id, "max_users")
    if limit is None:
        return
    users = User.filter(organization_id=organization_id, deactivated_at=None)
    used = await users.using_db(connection).count()
    if used >= limit:
        raise QuotaExceededError(reason="people", limit=limit, used=used)


async def _locked_person(connection: BaseDBAsyncClient, user_id: int) -> SqlRow:
    """Lock a person without a quota against a move, one with a quota also against others."""
    where = f"WHERE app_user.id = {placeholders(connection, 1)}"
    select = (
        "SELECT app_user.max_links, app_user.organization_id,"
        " organization.max_links AS organization_max FROM app_user"
        " LEFT JOIN organization ON organization.id = app_user.organization_id"
    )
    if is_sqlite(connection):  # has one writer
        [row] = await fetch(connection, f"{select} {where}", [user_id])
        return row
    rows = await fetch(
        connection,
        f"{select} {where} AND app_user.max_links IS NULL FOR SHARE OF app_user",
        [user_id],
    )
    if not rows:
        rows = await fetch(connection, f"{select} {where} FOR NO KEY UPDATE OF app_user", [user_id])
    return rows[0]


async def _locked_quota(
    connection: BaseDBAsyncClient, organization_id: int, column: str
) -> int | None:
    lock = "" if is_sqlite(connection) else " FOR NO KEY UPDATE"
    [row] = await fetch(
        connection,
        f"SELECT {column} AS quota FROM organization"
        f" WHERE id = {placeholders(connection, 1)}{lock}",
        [organization_id],
    )
    quota: int | None = row["quota"]
    return quota


async def _count(connection: BaseDBAsyncClient, column: str, key: int) -> int:
    [row] = await fetch(
        connection,
        "SELECT COUNT(*) AS links FROM link"
        f" WHERE {column} = {placeholders(connection, 1)} AND deleted_at IS NULL",
        [key],
    )
    return int(row["links"])
