"""Send a file: by an address that was asked for, which works once, or at once."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

from tortoise.transactions import in_transaction

from models.errors import (
    DomainError,
    InputInvalidError,
    TextTooLongError,
    TokenInvalidError,
    ValueInvalidError,
    ValueRequiredError,
)
from models.file_errors import FileTooLargeError
from models.files import StoredFile
from models.one_time_tokens import TokenPurpose
from models.orm import reader
from models.rules.file_names import MAX_SENT_LENGTH, safe_name
from models.rules.rate_limits import RateLimit
from models.rules.scopes import Scope
from resolvers.context import NotPermittedError, RequestContext
from resolvers.factor_changes import lock_person
from resolvers.file_callers import caller_of, renewed
from resolvers.file_storing import (
    Expected,
    NewFile,
    add_file,
    check_content,
    check_quota,
    check_type,
    written,
)
from resolvers.limits import spend
from resolvers.one_time_tokens import find_token, issue_token, use_token
from resolvers.refused_tokens import refuse_token

ADDRESS_LIFE: Final = timedelta(minutes=15)  # and the time that a slow line takes
LEAST_BYTES_PER_S: Final = 16 << 10  # on average; who is slower does not get a file to its end
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedUpload:
    """What begin_upload promises.

    Attributes:
        token: of the address; nobody can read it again.
        expires_at: what is not there by then is not taken.
    """

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that may come now.

    Attributes:
        context: of whoever sends it.
        expected: what was said of it.
        token: of its address; None for one that comes at once.
    """

    context: RequestContext
    expected: Expected
    token: str | None = None

    @property
    def limit_bytes(self) -> int:
        """Most bytes that are taken."""
        most = self.context.ports.files.max_bytes
        return most if self.expected.bytes is None else min(most, self.expected.bytes)


async def begin_upload(
    context: RequestContext,
    *,
    name: str,
    bytes: int,
    media_type: str | None = None,
    sha256: str | None = None,
) -> StartedUpload:
    """Promise to take a file of this size at an address that works once.

    Args:
        context: needs FILE_WRITE.
        name: of the file, 1 to MAX_SENT_LENGTH characters; what is unsafe in it is replaced.
        bytes: its size.
        media_type: what the sender takes it for; only good for an early refusal.
        sha256: in hex, compared with what comes; None for no comparison.

    Raises:
        NotPermittedError: no FILE_WRITE.
        RateLimitedError: too many files in an hour.
        ValueRequiredError, TextTooLongError, ValueInvalidError, InputInvalidError: the input.
        FileTooLargeError, FileTypeRefusedError, QuotaExceededError, StorageFullError: it
            would be refused when it comes.
    """
    context.viewer.require(Scope.FILE_WRITE)
    await spend(context, RateLimit.FILE_UPLOAD, str(context.viewer.user_id))
    expected = checked(name=name, bytes=bytes, sha256=sha256)
    await _check_early(context, expected, media_type=media_type or "")
    life = ADDRESS_LIFE + slowest(expected.bytes or 0)
    async with in_transaction("default") as connection:
        token = await issue_token(
            context,
            connection,
            purpose=TokenPurpose.FILE_UPLOAD,
            life=life,
            user_id=context.viewer.user_id,
            payload={
                "caller": caller_of(context.viewer),
                "name": expected.name,
                "bytes": expected.bytes,
                "sha256": expected.sha256,
            },
        )
    return StartedUpload(token=token, expires_at=context.ports.clock.now() + life)


def slowest(count: int) -> timedelta:
    """Return how long so many bytes may take to come."""
    return timedelta(seconds=count // LEAST_BYTES_PER_S)


def checked(*, name: str, bytes: int | None, sha256: str | None) -> Expected:
    """Return what is said of a file before it comes.

    Raises:
        ValueRequiredError, TextTooLongError, ValueInvalidError, InputInvalidError: see there.
    """
    problems: list[DomainError] = []
    if not name.strip():
        problems.append(ValueRequiredError(path=("name",)))
    elif len(name) > MAX_SENT_LENGTH:
        problems.append(TextTooLongError(path=("name",), count=MAX_SENT_LENGTH))
    if bytes is not None and bytes < 0:
        problems.append(ValueInvalidError(path=("bytes",), reason="file_size"))
    normal = sha256.lower() if sha256 is not None else None
    if normal is not None and not _SHA256.fullmatch(normal):
        problems.append(ValueInvalidError(path=("sha256",), reason="sha256"))
    InputInvalidError.raise_for(problems)
    return Expected(name=name, bytes=bytes, sha256=normal)


async def open_upload(context: RequestContext, token: str) -> Upload:
    """Return what may come at an address.

    Args:
        context: of the request, by nobody: the address says whose it is.
        token: as it came.

    Raises:
        TokenInvalidError: unknown, used, expired, or of a session or key that has ended.
        RateLimitedError: too many such tokens came from the address of the request.
        NotPermittedError: whoever asked for the address may send no files any more.
    """
    found = await find_token(context, reader(), token, purpose=TokenPurpose.FILE_UPLOAD)
    if found is None:
        await refuse_token(context, TokenPurpose.FILE_UPLOAD)
        raise TokenInvalidError
    payload = found.payload
    caller = await renewed(context, cast("Mapping[str, object]", payload["caller"]))
    if caller is None:
        raise TokenInvalidError
    caller.viewer.require(Scope.FILE_WRITE)
    expected = Expected(
        name=str(payload["name"]),
        bytes=cast("int", payload["bytes"]),
        sha256=cast("str | None", payload["sha256"]),
    )
    return Upload(context=caller, expected=expected, token=token)


async def open_direct_upload(context: RequestContext, *, expected: Expected) -> Upload:
    """Return what may come at once, without an address.

    Args:
        context: needs FILE_WRITE.
        expected: from `checked`.

    Raises:
        NotPermittedError, RateLimitedError, FileTooLargeError, FileTypeRefusedError,
        QuotaExceededError, StorageFullError: see begin_upload.
    """
    context.viewer.require(Scope.FILE_WRITE)
    await spend(context, RateLimit.FILE_UPLOAD, str(context.viewer.user_id))
    await _check_early(context, expected, media_type="")
    return Upload(context=context, expected=expected)


async def receive_file(upload: Upload, chunks: AsyncIterator[bytes]) -> StoredFile:
    """Take a file in and return it, with its content loaded. A refusal leaves nothing behind.

    The address works until the file is there: a transfer that broke off may begin anew. Of
    several transfers to one address the first that ends wins.

    Args:
        upload: from open_upload or open_direct_upload.
        chunks: of any size, as they come.

    Raises:
        TokenInvalidError: the address was used or expired meanwhile.
        FileTooLargeError, FileTypeRefusedError, ValueInvalidError: not what was announced.
        QuotaExceededError, StorageFullError: no room.
        NotPermittedError: the session or key has ended, or may send no files any more.
    """
    context, expected = upload.context, upload.expected
    async with written(
        context, chunks, limit_bytes=upload.limit_bytes, expected_bytes=expected.bytes or 0
    ) as (draft, content):
        media_type = check_content(context, expected, content)
        now = await renewed(context, caller_of(context.viewer))  # it may have taken an hour
        if now is None:
            raise NotPermittedError(Scope.FILE_WRITE)
        now.viewer.require(Scope.FILE_WRITE)
        async with in_transaction("default") as connection:
            person = await lock_person(connection, now.viewer.user_id or 0)
            if upload.token is not None:
                purpose = TokenPurpose.FILE_UPLOAD
                if await use_token(now, connection, upload.token, purpose=purpose) is None:
                    raise TokenInvalidError
            new = NewFile(name=expected.name, media_type=media_type, uploader=person)
            return await add_file(now, connection, draft, content, new=new)


async def _check_early(context: RequestContext, expected: Expected, *, media_type: str) -> None:
    """Refuse what would be refused at the end, before anybody sends it."""
    size_bytes, limit_bytes = expected.bytes or 0, context.ports.files.max_bytes
    if size_bytes > limit_bytes:
        raise FileTooLargeError(limit_bytes=limit_bytes)
    check_type(context, media_type=media_type, name=safe_name(expected.name))
    await check_quota(context, reader(), more_bytes=size_bytes)
    await context.ports.blobs.check_room(expected_bytes=size_bytes)
