"""Queues of tickets, and who works on them."""

from collections.abc import Sequence
from dataclasses import dataclass

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import NameTakenError, NotFoundError, RevisionConflictError
from models.ids import new_id
from models.orm import reader
from models.rules.audit_actions import AuditAction
from models.rules.plain_text import check_name
from models.rules.reach import Reach
from models.rules.scopes import Scope
from models.rules.ticket_states import TicketLine
from models.ticket_queues import MAX_QUEUE_NAME_LENGTH, TicketQueue, TicketQueueMember
from models.ticket_rows import insert_records
from models.users import User
from resolvers.audit import log_action
from resolvers.changes import UNSET, Change
from resolvers.context import RequestContext
from resolvers.link_filters import MAX_ID
from resolvers.ticket_filters import require_desk, require_desk_administrator


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChanges:
    """What an update sets; `member_ids` are all of them."""

    name: Change[str] = UNSET
    line: Change[TicketLine] = UNSET
    member_ids: Change[Sequence[int]] = UNSET


async def list_queues(context: RequestContext, *, with_archived: bool = False) -> list[TicketQueue]:
    """Return the queues by line and name, for the desk.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
    """
    require_desk(context.viewer, writes=False)
    rows = TicketQueue.all() if with_archived else TicketQueue.filter(archived_at=None)
    return await rows.using_db(reader()).order_by("line", "name")


async def queues_by_ids(context: RequestContext, ids: Sequence[int]) -> list[TicketQueue | None]:
    """Return queues by id, also archived ones, in the order of `ids`; see list_queues."""
    require_desk(context.viewer, writes=False)
    wanted = _in_range(ids)
    if not wanted:
        return [None] * len(ids)
    found = {row.id: row for row in await TicketQueue.filter(id__in=wanted).using_db(reader())}
    return [found.get(each) for each in ids]


async def members_by_queue_ids(context: RequestContext, ids: Sequence[int]) -> list[list[int]]:
    """Return the ids of the people of queues, in the order they came; see list_queues."""
    require_desk(context.viewer, writes=False)
    found: dict[int, list[int]] = {each: [] for each in ids}
    wanted = _in_range(ids)
    if wanted:
        rows = TicketQueueMember.filter(queue_id__in=wanted).using_db(reader())
        for row in await rows.order_by("id"):
            found[row.queue_id].append(row.user_id)
    return [found[each] for each in ids]


async def create_queue(
    context: RequestContext,
    *,
    name: str,
    line: TicketLine,
    member_ids: Sequence[int] = (),
) -> TicketQueue:
    """Make a queue.

    Args:
        context: of who tends the desk.
        name: that no other queue, used or archived, has.
        line: whose tickets wait in it.
        member_ids: of people in use who may work on tickets.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NameTakenError: another queue has the name.
        NotFoundError: one of the people is none of the desk.
        ValueRequiredError, TextTooLongError, ValueInvalidError: the name.
    """
    require_desk_administrator(context.viewer)
    queue = TicketQueue(name=check_name(name, length=MAX_QUEUE_NAME_LENGTH), line=line)
    try:
        async with in_transaction("default") as connection:
            await queue.save(using_db=connection)
            members = await _set_members(connection, queue, member_ids)
            await log_action(
                context,
                connection,
                AuditAction.TICKET_QUEUE_CREATE,
                subject_id=queue.id,
                after={**_told(queue), "member_ids": members},
            )
    except IntegrityError:
        raise NameTakenError(name=queue.name) from None
    return queue


async def update_queue(
    context: RequestContext,
    *,
    queue_id: int,
    changes: QueueChanges,
    if_revision: int | None = None,
) -> TicketQueue:
    """Change a queue; its tickets stay in it, on their lines.

    Raises:
        NotFoundError: no such queue, or one of the people is none of the desk.
        RevisionConflictError: somebody saved since `if_revision`.
        DomainError: see create_queue.
    """
    require_desk_administrator(context.viewer)
    name = None if changes.name is UNSET else check_name(changes.name, length=MAX_QUEUE_NAME_LENGTH)
    try:
        async with in_transaction("default") as connection:
            queue = await _locked(connection, queue_id, if_revision)
            before, after = _told(queue), {}
            queue.name = name or queue.name
            queue.line = queue.line if changes.line is UNSET else changes.line
            if changes.member_ids is not UNSET:
                before["member_ids"] = await _members(connection, queue.id)
                members = await _set_members(connection, queue, changes.member_ids)
                after["member_ids"] = members
            await _save(context, connection, queue, before, {**_told(queue), **after})
    except IntegrityError:
        raise NameTakenError(name=name or "") from None
    return queue


async def archive_queue(
    context: RequestContext, *, queue_id: int, if_revision: int | None = None
) -> TicketQueue:
    """Let no ticket come into a queue any more; those that are there stay.

    Raises:
        DomainError: see update_queue.
    """
    return await _archive(context, queue_id, if_revision, is_archived=True)


async def restore_queue(
    context: RequestContext, *, queue_id: int, if_revision: int | None = None
) -> TicketQueue:
    """Take an archived queue into use again.

    Raises:
        DomainError: see update_queue.
    """
    return await _archive(context, queue_id, if_revision, is_archived=False)


async def _archive(
    context: RequestContext, queue_id: int, if_revision: int | None, *, is_archived: bool
) -> TicketQueue:
    require_desk_administrator(context.viewer)
    async with in_transaction("default") as connection:
        queue = await _locked(connection, queue_id, if_revision)
        before = _told(queue)
        if is_archived is (queue.archived_at is None):
            queue.archived_at = context.ports.clock.now() if is_archived else None
        await _save(context, connection, queue, before, _told(queue))
    return queue


async def _locked(
    connection: BaseDBAsyncClient, queue_id: int, if_revision: int | None
) -> TicketQueue:
    rows = TicketQueue.filter(id=queue_id if 0 <= queue_id <= MAX_ID else -1)
    queue = await rows.using_db(connection).select_for_update(no_key=True).first()
    if queue is None:
        raise NotFoundError
    if if_revision is not None and if_revision != queue.revision:
        raise RevisionConflictError(current_revision=queue.revision)
    return queue


async def _save(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    queue: TicketQueue,
    before: dict[str, object],
    after: dict[str, object],
) -> None:
    changed = [name for name, value in after.items() if value != before[name]]
    if not changed:
        return
    queue.revision += 1
    await queue.save(using_db=connection)
    await log_action(
        context,
        connection,
        AuditAction.TICKET_QUEUE_UPDATE,
        subject_id=queue.id,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )


async def _members(connection: BaseDBAsyncClient, queue_id: int) -> list[int]:
    rows = TicketQueueMember.filter(queue_id=queue_id).using_db(connection)
    return sorted([row.user_id for row in await rows])


async def _set_members(
    connection: BaseDBAsyncClient, queue: TicketQueue, member_ids: Sequence[int]
) -> list[int]:
    """Let these people be the queue's, and no others; return their ids."""
    wanted = set(member_ids)
    if wanted != set(_in_range(member_ids)):
        raise NotFoundError(path=("memberIds",))
    if wanted:
        rows = User.filter(id__in=list(wanted), deactivated_at=None, erased_at=None)
        found = await rows.using_db(connection).select_related("role")
        if {user.id for user in found if _works(user)} != wanted:
            raise NotFoundError(path=("memberIds",))
    held = set(await _members(connection, queue.id))
    gone = held - wanted
    if gone:
        members = TicketQueueMember.filter(queue_id=queue.id, user_id__in=list(gone))
        await members.using_db(connection).delete()
    added = [
        TicketQueueMember(id=new_id(), queue_id=queue.id, user_id=each)
        for each in dict.fromkeys(member_ids)
        if each not in held
    ]
    await insert_records(connection, added)
    return sorted(wanted)


def _works(user: User) -> bool:
    return user.role.reach is Reach.ALL and Scope.TICKET_STAFF in user.scopes()


def _told(queue: TicketQueue) -> dict[str, object]:
    return {"name": queue.name, "line": queue.line, "archived_at": queue.archived_at}


def _in_range(ids: Sequence[int]) -> list[int]:
    return [each for each in dict.fromkeys(ids) if 0 <= each <= MAX_ID]
