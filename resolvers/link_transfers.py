"""The links of somebody who leaves go to somebody else."""

from dataclasses import dataclass
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.link_changes import log_changes
from models.orm import is_sqlite, placeholders
from models.raw_sql import execute, fetch
from models.rules.audit_actions import AuditAction
from models.rules.moments import to_sql
from models.rules.reach import Reach
from models.rules.scopes import Scope
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.leavers import both_people
from resolvers.sessions import require_fresh

BATCH: Final = 1000  # links of a transaction, during which others cannot change them


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """Whose links become whose.

    Attributes:
        to_id: None for nobody's.
        organization_id: what the links belong to from then on.
        keeps_organization: they stay with the organization they have.
        only_of: of which organization alone, beside those of none; None for all.
    """

    from_id: int
    to_id: int | None
    organization_id: int | None
    keeps_organization: bool
    only_of: int | None = None


async def transfer_links(context: RequestContext, *, from_user_id: int, to_user_id: int) -> int:
    """Give all links of a person to another one, also the deleted ones with their slugs.

    Who does not reach everything moves no link that the person left with a former organization.
    The links come to the new owner's organization; if that owner sees everybody's links and
    belongs to none, they stay where they are. Done in transactions of BATCH links, in the order
    they were made: whoever stops in the middle can do it again for the rest.

    Args:
        context: needs USER_ADMIN, every right of both people, and a fresh proof of identity.
        from_user_id: of a person in the viewer's reach, also deactivated or erased.
        to_user_id: of an active person in the viewer's reach.

    Returns:
        How many links there were that were not deleted.

    Raises:
        NotPermittedError, ReachNotHeldError, ScopeNotHeldError: beyond the viewer's rights.
        StepUpRequiredError: the session's proof of identity is too old.
        NotFoundError: no such person, or not in the viewer's reach.
        ValueInvalidError: the same person twice, or a deactivated one as the new owner.
    """
    context.viewer.require(Scope.USER_ADMIN)
    await require_fresh(context)
    _, owner = await both_people(
        context, (from_user_id, to_user_id), fields=("fromUserId", "toUserId")
    )
    move = _Move(
        from_id=from_user_id,
        to_id=to_user_id,
        organization_id=owner.organization_id,
        keeps_organization=owner.organization_id is None and owner.role.reach is Reach.ALL,
        only_of=None if context.viewer.is_staff else context.viewer.organization_id,
    )
    return await _move_all(context, move)


async def leave_links(context: RequestContext, *, user_id: int) -> int:
    """Make a person's links nobody's; they go on leading, and stay with their organization."""
    move = _Move(from_id=user_id, to_id=None, organization_id=None, keeps_organization=True)
    return await _move_all(context, move)


async def _move_all(context: RequestContext, move: _Move) -> int:
    moved = 0
    while True:
        async with in_transaction("default") as connection:
            links = await _moved_batch(context, connection, move)
            if not links:
                break
            live = sum(not is_deleted for _, _, is_deleted in links)
            moved += live
            await log_changes(connection, ((link_id, revision) for link_id, revision, _ in links))
            await log_action(
                context,
                connection,
                AuditAction.USER_LINKS_TRANSFER,
                subject_id=move.from_id,
                before={"owner_id": move.from_id},
                after={"owner_id": move.to_id, "links": live, "deleted_links": len(links) - live},
            )
        if len(links) < BATCH:
            break
    if moved:
        await context.ports.link_signal.links_changed()
    return moved


async def _moved_batch(
    context: RequestContext, connection: BaseDBAsyncClient, move: _Move
) -> list[tuple[int, int, bool]]:
    """Move the oldest links; return id, new revision and whether it is deleted for each."""
    lock = "" if is_sqlite(connection) else " FOR NO KEY UPDATE"
    marks = placeholders(connection, 2).split(", ")
    within, wanted = "", [move.from_id]
    if move.only_of is not None:
        within = f" AND (organization_id IS NULL OR organization_id = {marks[1]})"
        wanted.append(move.only_of)
    rows = await fetch(
        connection,
        "SELECT id, revision, deleted_at FROM link"
        f" WHERE owner_id = {marks[0]}{within} ORDER BY id LIMIT {BATCH}{lock}",
        wanted,
    )
    if not rows:
        return []
    now = to_sql(context.ports.clock.now(), sqlite=is_sqlite(connection))
    arguments: list[object] = [move.to_id, now]
    place = ""
    if not move.keeps_organization:
        place = f", organization_id = {placeholders(connection, 1, start=3)}"
        arguments.append(move.organization_id)
    ids = [row["id"] for row in rows]
    await execute(
        connection,
        f"UPDATE link SET owner_id = {marks[0]}, updated_at = {marks[1]},"
        f" revision = revision + 1{place}"
        f" WHERE id IN ({placeholders(connection, len(ids), start=len(arguments) + 1)})",
        [*arguments, *ids],
    )
    return [(row["id"], row["revision"] + 1, row["deleted_at"] is not None) for row in rows]
