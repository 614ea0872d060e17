"""What files belong to, and who therefore sees them.

A file that nothing refers to yet is its uploader's alone. Whatever refers to files says here
who sees them through it: nobody sees a file of a kind without a rule.
"""

from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Final, TypeAlias

from tortoise.backends.base.client import BaseDBAsyncClient

from models.errors import NotFoundError, ValueInvalidError
from models.files import FileOwnerKind, ScanStatus, StoredFile
from models.orm import reader
from resolvers.context import RequestContext

MAX_FILES: Final = 20  # of one message
UNUSED_KEPT: Final = timedelta(days=1)  # files that nothing refers to
OwnerRule: TypeAlias = Callable[[RequestContext, Sequence[int]], Awaitable[AbstractSet[int]]]
_RULES: Final[dict[FileOwnerKind, OwnerRule]] = {}


def add_owner_rule(kind: FileOwnerKind, rule: OwnerRule) -> None:
    """Say who sees the files of a kind of owner.

    Args:
        kind: of the owners.
        rule: returns those of some owner ids whose files the viewer may see now.
    """
    _RULES[kind] = rule


async def seen_files(context: RequestContext, files: Sequence[StoredFile]) -> Sequence[StoredFile]:
    """Return those of some files that the viewer may see, by one question for each kind."""
    owners: dict[FileOwnerKind, set[int]] = {}
    for file in files:
        if file.owner_kind is not None and file.owner_id is not None:
            owners.setdefault(file.owner_kind, set()).add(file.owner_id)
    seen = {
        kind: await _RULES[kind](context, sorted(ids))
        for kind, ids in owners.items()
        if kind in _RULES
    }
    return [file for file in files if _is_seen(context, file, seen)]


def _is_seen(
    context: RequestContext, file: StoredFile, seen: dict[FileOwnerKind, AbstractSet[int]]
) -> bool:
    if file.owner_kind is not None:
        return file.owner_id in seen.get(file.owner_kind, frozenset())
    if context.viewer.user_id is None or file.uploader_id != context.viewer.user_id:
        return False
    return file.expires_at is None or file.expires_at > context.ports.clock.now()


def check_files(file_ids: Sequence[int]) -> list[int]:
    """Return the files that are to be attached to one thing, each once, in their order.

    Raises:
        ValueInvalidError: more than MAX_FILES.
    """
    found = list(dict.fromkeys(file_ids))
    if len(found) > MAX_FILES:
        raise ValueInvalidError(path=("fileIds",), reason="file_count", maximum=MAX_FILES)
    return found


async def attach_files(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    *,
    file_ids: Sequence[int],
    owner_kind: FileOwnerKind,
    owner_id: int,
) -> None:
    """Let something refer to files that the viewer has sent and that nothing refers to yet.

    From then on they stay as long as their owner does, and are seen by whoever sees that.

    Args:
        context: of the uploader.
        connection: of the open transaction that makes or changes the owner.
        file_ids: of rows; naming one twice does no harm.
        owner_kind: with a rule, see add_owner_rule.
        owner_id: of the owner's row.

    Raises:
        NotFoundError: one of them is absent, somebody else's, attached already, too old, or
            infected; with the path `fileIds`.
    """
    wanted = set(file_ids)
    free = StoredFile.filter(
        id__in=wanted,
        uploader_id=-1 if context.viewer.user_id is None else context.viewer.user_id,
        owner_kind=None,
        expires_at__gt=context.ports.clock.now(),
    ).using_db(connection)
    infected = StoredFile.filter(id__in=wanted, blob__scan_status=ScanStatus.INFECTED)
    taken = await free.update(owner_kind=owner_kind, owner_id=owner_id, expires_at=None)
    if taken != len(wanted) or await infected.using_db(connection).exists():
        raise NotFoundError(path=("fileIds",))  # the transaction takes the others back


async def release_files(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    *,
    owner_kind: FileOwnerKind,
    owner_id: int,
) -> None:
    """Give the files of an owner that was taken back to who sent them, for another try."""
    files = StoredFile.filter(owner_kind=owner_kind, owner_id=owner_id).using_db(connection)
    expires_at = context.ports.clock.now() + UNUSED_KEPT
    await files.update(owner_kind=None, owner_id=None, expires_at=expires_at)


async def detach_files(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    *,
    owner_kind: FileOwnerKind,
    owner_ids: Sequence[int],
) -> int:
    """Let go of the files of owners that are deleted for good, and return how many.

    They are nobody's then, and the worker deletes them within the hour.
    """
    if not owner_ids:
        return 0
    files = StoredFile.filter(owner_kind=owner_kind, owner_id__in=list(owner_ids))
    return await files.using_db(connection).update(
        owner_kind=None,
        owner_id=None,
        uploader_id=None,
        expires_at=context.ports.clock.now(),
    )


async def files_by_owners(
    context: RequestContext, owners: Sequence[tuple[FileOwnerKind, int]]
) -> list[list[StoredFile]]:
    """Return the files of owners, in the order they were sent, with their contents loaded.

    Order and length are those of `owners`; one whose files the viewer may not see has none.
    """
    found: dict[tuple[FileOwnerKind, int], list[StoredFile]] = {each: [] for each in owners}
    for kind in {kind for kind, _ in found}:
        ids = [owner_id for each, owner_id in found if each is kind]
        rows = StoredFile.filter(owner_kind=kind, owner_id__in=ids).using_db(reader())
        for file in await seen_files(context, await rows.select_related("blob").order_by("id")):
            if file.owner_id is not None:
                found[kind, file.owner_id].append(file)
    return [found[each] for each in owners]
