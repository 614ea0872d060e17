"""Take a file in: written while it comes, then kept once under what it contains.

Lock order: the person, then the content's row. The row stays locked while the content is
put into its place, so that nobody who deletes contents meanwhile can take it away, and two
who send the same at once end with one.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from models.errors import QuotaExceededError, ValueInvalidError
from models.file_errors import FileTooLargeError, FileTypeRefusedError
from models.files import Blob, FileOwnerKind, ScanStatus, StoredFile
from models.ids import new_id
from models.orm import is_sqlite, placeholders
from models.raw_sql import fetch
from models.rules.audit_actions import AuditAction
from models.rules.file_names import safe_name
from models.rules.media_types import is_program, media_type_of
from models.rules.moments import to_sql
from models.users import User
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.file_owners import UNUSED_KEPT
from resolvers.file_ports import BlobDraft, WrittenContent

WRITE_BYTES: Final = 256 << 10  # written at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What was said of a file before it came; None for what was not said.

    Attributes:
        name: as it was sent; it becomes a safe one.
        bytes: exactly so many.
        sha256: in hex, in lower case.
    """

    name: str
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """What add_file makes of a content.

    Attributes:
        name: as it was sent; it becomes a safe one.
        media_type: by the content.
        uploader: of the viewer, locked.
    """

    name: str
    media_type: str
    uploader: User


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """What a program of ours keeps without asking anybody: an attachment of a mail.

    Attributes:
        name: as it was sent; it becomes a safe one.
        owner_kind, owner_id: what refers to it.
        organization_id: whose it is; None for nobody's.
    """

    name: str
    owner_kind: FileOwnerKind
    owner_id: int
    organization_id: int | None = None


@asynccontextmanager
async def written(
    context: RequestContext,
    chunks: AsyncIterator[bytes],
    *,
    limit_bytes: int | None = None,
    expected_bytes: int = 0,
) -> AsyncGenerator[tuple[BlobDraft, WrittenContent]]:
    """Write a content into a draft, and forget the draft at the end of the block.

    Args:
        context: whose store it is.
        chunks: of any size, as they come.
        limit_bytes: what is more is refused before it is written; None for any number.
        expected_bytes: about how many there will be.

    Raises:
        FileTooLargeError: see limit_bytes.
        StorageFullError: the disk has no room.
    """
    draft = await context.ports.blobs.draft(expected_bytes=expected_bytes)
    try:
        waiting, count = bytearray(), 0
        async for chunk in chunks:
            count += len(chunk)
            if limit_bytes is not None and count > limit_bytes:
                raise FileTooLargeError(limit_bytes=limit_bytes)
            waiting += chunk
            if len(waiting) >= WRITE_BYTES:
                await draft.write(bytes(waiting))
                waiting.clear()
        if waiting:
            await draft.write(bytes(waiting))
        yield draft, await draft.finish()
    finally:
        await draft.drop()


def check_content(context: RequestContext, expected: Expected, content: WrittenContent) -> str:
    """Return the media type of what came, if it is what was announced, and taken at all.

    Raises:
        ValueInvalidError: another size or another SHA-256 than announced.
        FileTypeRefusedError: it can be run, and such files are not taken.
    """
    if expected.bytes is not None and content.bytes != expected.bytes:
        raise ValueInvalidError(path=("bytes",), reason="file_size")
    if expected.sha256 is not None and content.sha256 != expected.sha256:
        raise ValueInvalidError(path=("sha256",), reason="file_sha256")
    media_type = media_type_of(content.sample)
    check_type(context, media_type=media_type, name=safe_name(expected.name))
    return media_type


def check_type(context: RequestContext, *, media_type: str, name: str) -> None:
    """Raise FileTypeRefusedError for what can be run, where such files are not taken."""
    if is_program(media_type, name) and not context.ports.files.takes_programs:
        raise FileTypeRefusedError(media_type=media_type)


async def add_file(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    draft: BlobDraft,
    content: WrittenContent,
    *,
    new: NewFile,
) -> StoredFile:
    """Make a file of the viewer's out of a draft, in the open transaction.

    Raises:
        QuotaExceededError: the person has sent as much as one may.
        StorageFullError: the disk has no room.
    """
    await check_quota(context, connection, more_bytes=content.bytes)
    blob = await _locked_blob(context, connection, content, media_type=new.media_type)
    await draft.keep()
    file = await StoredFile.create(
        using_db=connection,
        blob=blob,
        name=safe_name(new.name),
        uploader_id=new.uploader.id,
        organization_id=new.uploader.organization_id,
        expires_at=context.ports.clock.now() + UNUSED_KEPT,
    )
    after = {"name": file.name, "bytes": blob.bytes, "media_type": new.media_type}
    await log_action(
        context,
        connection,
        AuditAction.FILE_CREATE,
        subject_id=file.id,
        after={**after, "sha256": blob.sha256},
    )
    await _note_infection(context, connection, file, blob=blob)
    return file


async def keep_file(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    draft: BlobDraft,
    content: WrittenContent,
    *,
    kept: KeptFile,
) -> StoredFile:
    """Make a file out of a draft for a program of ours, in the open transaction.

    Neither limits nor the kind of file matter: what came by mail is not lost. Get the draft
    from `written`. Who keeps several in one transaction does so in the order of their SHA-256,
    or two mails with the same attachments might wait for each other.

    Raises:
        StorageFullError: the disk has no room.
    """
    media_type = media_type_of(content.sample)
    blob = await _locked_blob(context, connection, content, media_type=media_type)
    await draft.keep()
    file = await StoredFile.create(
        using_db=connection,
        blob=blob,
        name=safe_name(kept.name),
        organization_id=kept.organization_id,
        owner_kind=kept.owner_kind,
        owner_id=kept.owner_id,
    )
    await _note_infection(context, connection, file, blob=blob)
    return file


async def check_quota(
    context: RequestContext, connection: BaseDBAsyncClient, *, more_bytes: int
) -> None:
    """Refuse so many bytes more of the viewer; hold the person's lock to rely on it.

    Raises:
        QuotaExceededError: see there.
    """
    quota = context.ports.files.quota_bytes
    if not quota:
        return
    [row] = await fetch(
        connection,
        "SELECT COALESCE(SUM(blob.bytes), 0) AS used FROM stored_file"
        " JOIN blob ON blob.id = stored_file.blob_id"
        f" WHERE stored_file.uploader_id = {placeholders(connection, 1)}",
        [context.viewer.user_id],
    )
    used = int(row["used"])
    if used + more_bytes > quota:
        raise QuotaExceededError(reason="files", limit=quota, used=used)


async def _note_infection(
    context: RequestContext, connection: BaseDBAsyncClient, file: StoredFile, *, blob: Blob
) -> None:
    """Write down that somebody sent what the scanner has found bad before."""
    if blob.scan_status is ScanStatus.INFECTED:
        after = {"name": file.name, "signature": blob.scan_verdict}
        await log_action(
            context, connection, AuditAction.FILE_INFECTED, subject_id=file.id, after=after
        )


async def _locked_blob(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    content: WrittenContent,
    *,
    media_type: str,
) -> Blob:
    """Return the row of a content, made if there is none, and locked either way."""
    now = to_sql(context.ports.clock.now(), sqlite=is_sqlite(connection))
    is_scanned = context.ports.files.is_scanned
    status = ScanStatus.PENDING if is_scanned else ScanStatus.UNSCANNED
    columns = (
        "id, created_at, updated_at, sha256, bytes, media_type, scan_status, scan_verdict,"
        " scan_attempts, scan_due_at"
    )
    [row] = await fetch(
        connection,
        f"INSERT INTO blob ({columns}) VALUES ({placeholders(connection, 10)})"
        " ON CONFLICT (sha256) DO UPDATE SET updated_at = excluded.updated_at RETURNING id",
        [
            *(new_id(), now, now, content.sha256, content.bytes, media_type, status.value),
            *("", 0, now if is_scanned else None),
        ],
    )
    return await Blob.all().using_db(connection).get(id=row["id"])
