"""Fetch a file by a signed address: for minutes, a few times, by whoever has it.

The address says which file, and who asked for it by which session or key. It is sealed, so
nobody can make one, and nothing of it is stored: a list of files costs no write. Whoever
comes by it gets what the one who asked may have at that moment.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast

import orjson
from tortoise.transactions import in_transaction

from models.errors import NotFoundError, RateLimitedError
from models.files import Blob, ScanStatus, StoredFile
from models.rules.audit_actions import AuditAction
from models.rules.moments import microseconds_of
from models.rules.rate_limits import RateLimit
from models.rules.scopes import Scope
from models.rules.tokens import hash_token
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.file_callers import caller_of, renewed
from resolvers.file_lists import files_by_ids
from resolvers.limits import spend
from resolvers.ports import SealBrokenError
from resolvers.refused_tokens import refuse_token

ADDRESS_LIFE: Final = timedelta(minutes=5)
_PURPOSE: Final = "file address"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{100,600}")
_GROUP: Final = 4  # characters of base64


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file that may be fetched now.

    Attributes:
        context: of whoever asked for its address, as they are now.
        file: with its content loaded.
    """

    context: RequestContext
    file: StoredFile


def may_fetch(context: RequestContext, blob: Blob) -> bool:
    """Tell whether a content may be fetched as far as viruses are concerned."""
    match blob.scan_status:
        case ScanStatus.CLEAN:
            return True
        case ScanStatus.INFECTED:
            return False
        case ScanStatus.PENDING | ScanStatus.UNSCANNED:
            return context.ports.files.serves_unscanned


def file_address(context: RequestContext, file: StoredFile) -> str | None:
    """Return the token of an address of a file that the viewer sees, with its content loaded.

    Returns:
        None where it may not be fetched: without FILE_READ, for a content with a virus, and
        for one that is to be scanned first.
    """
    if Scope.FILE_READ not in context.viewer.scopes or not may_fetch(context, file.blob):
        return None
    ends_at = context.ports.clock.now() + ADDRESS_LIFE
    plain = orjson.dumps([file.id, microseconds_of(ends_at), caller_of(context.viewer)])
    return context.ports.sealer.seal(plain.decode(), purpose=_PURPOSE).rstrip("=")


async def open_address(context: RequestContext, token: str) -> FoundFile:
    """Return the file of an address.

    Args:
        context: of the request, by nobody: the address says who asked for it.
        token: as it came.

    Raises:
        NotFoundError: the address is none, is over or used up, or whoever asked for it may
            not have the file now: all look the same.
        RateLimitedError: too many false addresses came from one place, or whoever asked for
            this one fetches too much.
    """
    said = _opened(context, token)
    if said is None:
        await refuse_token(context, _PURPOSE)
        raise NotFoundError
    file_id, ends_at_us, caller = said
    now = context.ports.clock.now()
    asked = await renewed(context, caller) if microseconds_of(now) < ends_at_us else None
    if asked is None:
        raise NotFoundError
    try:
        await spend(asked, RateLimit.FILE_ADDRESS, hash_token(token))
    except RateLimitedError:
        raise NotFoundError from None
    await spend(asked, RateLimit.FILE_FETCH, str(asked.viewer.user_id))
    for file in await files_by_ids(asked, [file_id]):
        if may_fetch(asked, file.blob):
            return FoundFile(context=asked, file=file)
    raise NotFoundError


async def note_fetch(found: FoundFile) -> None:
    """Tell the audit log that a file is fetched; call it before its first byte leaves."""
    async with in_transaction("default") as connection:
        await log_action(
            found.context,
            connection,
            AuditAction.FILE_FETCH,
            subject_id=found.file.id,
            after={"name": found.file.name},
        )


def _opened(context: RequestContext, token: str) -> tuple[int, int, dict[str, object]] | None:
    if not _TOKEN.fullmatch(token) or len(token) % _GROUP == 1:
        return None
    padded = token + "=" * (-len(token) % _GROUP)
    if urlsafe_b64encode(urlsafe_b64decode(padded)).decode() != padded:
        return None  # another spelling of an address would be counted apart from it
    try:
        plain = context.ports.sealer.open(padded, purpose=_PURPOSE)
    except SealBrokenError:
        return None
    return cast("tuple[int, int, dict[str, object]]", tuple(orjson.loads(plain)))
