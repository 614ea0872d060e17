"""Delete files: by their uploader, or because nothing refers to them.

A content goes with the last file of it. Whoever adds one holds the lock of the content's
row until the file is there, and whoever deletes the content takes the same lock first, and
looks again.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.errors import NotFoundError
from models.files import Blob, ScanStatus, StoredFile
from models.ids import new_id
from models.orm import is_sqlite, placeholders, reader
from models.raw_sql import fetch
from models.rules.audit_actions import AuditAction
from models.rules.moments import to_sql
from models.rules.scopes import Scope
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.factor_changes import lock_person
from resolvers.link_filters import MAX_ID

BATCH: Final = 200  # contents: each is a file on the disk
LOST_AFTER: Final = timedelta(days=1)  # contents without a row are somebody's a moment before
DRAFTS_KEPT: Final = timedelta(hours=1)  # since the last byte came


async def delete_file(context: RequestContext, *, file_id: int) -> StoredFile:
    """Delete a file of one's own that nothing refers to yet.

    Args:
        context: needs FILE_WRITE; of the uploader.
        file_id: of any file.

    Raises:
        NotPermittedError: no FILE_WRITE.
        NotFoundError: absent, over, attached, or somebody else's.
    """
    context.viewer.require(Scope.FILE_WRITE)
    if context.viewer.user_id is None or not 0 <= file_id <= MAX_ID:
        raise NotFoundError
    async with in_transaction("default") as connection:
        await lock_person(connection, context.viewer.user_id)
        own = StoredFile.filter(
            id=file_id,
            uploader_id=context.viewer.user_id,
            owner_kind=None,
            expires_at__gt=context.ports.clock.now(),
        ).using_db(connection)
        file = await own.first()
        if file is None or not await own.delete():
            raise NotFoundError
        await log_action(
            context,
            connection,
            AuditAction.FILE_DELETE,
            subject_id=file.id,
            before={"name": file.name},
        )
    return file


async def forget_uploader(connection: BaseDBAsyncClient, *, user_id: int) -> None:
    """Delete a person's files that nothing refers to; of the others nobody is the sender.

    The worker deletes the contents within the hour.
    """
    own = StoredFile.filter(uploader_id=user_id)
    await own.filter(owner_kind=None).using_db(connection).delete()
    await own.using_db(connection).update(uploader_id=None)


async def prune_files(context: RequestContext) -> int:
    """Delete files that nothing has referred to in time; one that is attached just now stays."""
    async with in_transaction("default") as connection:
        due = await fetch(
            connection,
            "DELETE FROM stored_file WHERE id IN (SELECT id FROM stored_file WHERE owner_kind IS"
            f" NULL AND expires_at <= {placeholders(connection, 1)} ORDER BY id LIMIT {BATCH})"
            " AND owner_kind IS NULL RETURNING id",
            [to_sql(context.ports.clock.now(), sqlite=is_sqlite(connection))],
        )
    return len(due)


async def prune_blobs(context: RequestContext) -> int:
    """Delete contents of which no file is left."""
    connection = reader()
    rows = await fetch(
        connection,
        "SELECT sha256 FROM blob WHERE NOT EXISTS"
        f" (SELECT 1 FROM stored_file WHERE stored_file.blob_id = blob.id) LIMIT {BATCH}",
    )
    return sum([await _delete_unused(context, row["sha256"]) for row in rows])


async def _delete_unused(context: RequestContext, sha256: str) -> bool:
    async with in_transaction("default") as connection:
        found = Blob.filter(sha256=sha256).using_db(connection)
        blob = await found.select_for_update(no_key=True).first()
        # A statement of its own: it sees the file of whoever held the lock before us.
        if blob is None or await StoredFile.filter(blob_id=blob.id).using_db(connection).exists():
            return False
        await blob.delete(using_db=connection)
        await context.ports.blobs.remove(sha256)
    return True


async def prune_lost_contents(context: RequestContext) -> int:
    """Delete contents that have no row: of transfers that were killed just before the commit."""
    old = await context.ports.blobs.aged(older_than=LOST_AFTER, limit=BATCH)
    if not old:
        return 0
    known = await Blob.filter(sha256__in=old).using_db(reader()).values_list("sha256", flat=True)
    lost = set(old) - {str(each) for each in known}
    return sum([await _delete_lost(context, sha256) for sha256 in sorted(lost)])


async def _delete_lost(context: RequestContext, sha256: str) -> bool:
    """Hold the place of the content's row while the content goes, then leave the place."""
    async with in_transaction("default") as connection:
        now = to_sql(context.ports.clock.now(), sqlite=is_sqlite(connection))
        columns = (
            "id, created_at, updated_at, sha256, bytes, media_type, scan_status, scan_verdict,"
            " scan_attempts"
        )
        made = await fetch(
            connection,
            f"INSERT INTO blob ({columns}) VALUES ({placeholders(connection, 9)})"
            " ON CONFLICT (sha256) DO NOTHING RETURNING id",
            [new_id(), now, now, sha256, 0, "", ScanStatus.UNSCANNED.value, "", 0],
        )
        if not made:
            return False  # somebody sent it again
        await context.ports.blobs.remove(sha256)
        await Blob.filter(id=made[0]["id"]).using_db(connection).delete()
    return True


async def prune_drafts(context: RequestContext) -> int:
    """Delete what was being written by a process that died."""
    return await context.ports.blobs.forget_drafts(older_than=DRAFTS_KEPT)


PRUNES: Final[dict[str, Callable[[RequestContext], Awaitable[int]]]] = {
    "files": prune_files,
    "blobs": prune_blobs,
    "lost_contents": prune_lost_contents,
    "file_drafts": prune_drafts,
}
