"""Read stored mail, one at a time: each becomes one message, whatever dies meanwhile.

A mail is claimed for LEASE by raising its number of attempts. Whoever has the latest
attempt marks it in the transaction that makes the message, so that a mail whose worker
died is read again, and one that was read is not.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import structlog
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.files import Blob, FileOwnerKind, StoredFile
from models.orm import is_sqlite, placeholders
from models.raw_mails import MAX_REASON_LENGTH, RawMail, RawMailState
from models.raw_sql import execute, fetch
from models.rules.incoming_mail import IncomingMail, read_mail
from models.rules.mail_faults import MailFault, note
from models.rules.mail_origins import MailOrigin, read_origin
from models.rules.mail_parts import MailPart
from models.rules.moments import to_sql
from models.rules.sender_checks import SenderCheck, read_sender_check
from resolvers.context import RequestContext
from resolvers.file_ports import BlobDraft, WrittenContent
from resolvers.file_storing import KeptFile, keep_file, written
from resolvers.mail_desk import MailDesk
from resolvers.mail_placing import Placed, place_mail, trimmed_of
from resolvers.mail_receiving import RAW_NAME, pieces
from resolvers.ticket_replies import Reply

LEASE: Final = timedelta(minutes=5)  # longer than the largest mail takes
MOST_ATTEMPTS: Final = 12
_FIRST_WAIT: Final = timedelta(seconds=5)
_LONGEST_WAIT: Final = timedelta(minutes=30)
_log = structlog.stdlib.get_logger("linkyard.intake")


@dataclass(frozen=True, slots=True)
class ClaimedRawMail:
    """A mail that this worker may read until its claim is over."""

    id: int
    sha256: str
    attempts: int


@dataclass(frozen=True, slots=True)
class _Draft:
    name: str
    draft: BlobDraft
    content: WrittenContent


async def claim_raw_mails(context: RequestContext, *, limit: int) -> list[ClaimedRawMail]:
    """Take at most `limit` mails that are due, the oldest first, for this worker alone."""
    now = context.ports.clock.now()
    async with in_transaction("default") as connection:
        lite = is_sqlite(connection)  # there the transaction is the only writer
        rows = await fetch(
            connection,
            "SELECT id, sha256, attempts FROM raw_mail"
            f" WHERE due_at <= {placeholders(connection, 1)} ORDER BY due_at, id"
            f" LIMIT {limit:d}" + ("" if lite else " FOR UPDATE SKIP LOCKED"),
            [to_sql(now, sqlite=lite)],
        )
        ids = [row["id"] for row in rows]
        if ids:
            await execute(
                connection,
                "UPDATE raw_mail SET attempts = attempts + 1,"
                f" due_at = {placeholders(connection, 1)}"
                f" WHERE id IN ({', '.join(map(str, ids))})",
                [to_sql(now + LEASE, sqlite=lite)],
            )
    return [ClaimedRawMail(row["id"], row["sha256"], row["attempts"] + 1) for row in rows]


async def process_raw_mail(
    context: RequestContext, claimed: ClaimedRawMail, *, desk: MailDesk
) -> RawMailState | None:
    """Read a claimed mail and make of it what it is.

    Returns:
        What became of it; None if somebody else has it by now.

    Raises:
        Exception: the store failed; see put_off.
    """
    raw = b"".join([piece async for piece in context.ports.blobs.read(claimed.sha256)])
    mail = _checked(await asyncio.to_thread(read_mail, raw), desk)  # a large one takes a second
    origin = read_origin(mail, own=desk.own)
    async with AsyncExitStack() as stack:
        drafts = [
            _Draft(
                _name(part),
                *await stack.enter_async_context(written(context, pieces(part.content))),
            )
            for part in mail.parts
        ]
        async with in_transaction("default") as connection:
            if not await _is_still_ours(connection, claimed):
                return None
            placed = await place_mail(context, connection, desk, mail, origin)
            if placed.reply is not None:
                sha256 = None if _is_all_shown(mail) else claimed.sha256
                await _keep(context, connection, placed.reply, drafts, raw_sha256=sha256)
            state = RawMailState.PARKED if placed.reply is None else RawMailState.DONE
            await _note(context, connection, claimed, mail, origin, placed, state)
    return state


async def put_off(context: RequestContext, claimed: ClaimedRawMail, error: Exception) -> None:
    """Let a mail that could not be read be tried again, ever later, or give it up."""
    is_over = claimed.attempts >= MOST_ATTEMPTS
    wait = min(_FIRST_WAIT * (1 << min(claimed.attempts, 16)), _LONGEST_WAIT)
    reason = f"{type(error).__name__}: {error}".replace("\n", " ")[:MAX_REASON_LENGTH]
    mine = RawMail.filter(id=claimed.id, state=RawMailState.RECEIVED, attempts=claimed.attempts)
    now = context.ports.clock.now()
    await mine.update(
        due_at=None if is_over else now + wait,
        state=RawMailState.FAILED if is_over else RawMailState.RECEIVED,
        reason="".join(c if c.isprintable() else " " for c in reason),
        updated_at=now,
    )
    if is_over:
        _log.error("a mail cannot be read and was given up; its file is kept", mail=claimed.id)


def _checked(mail: IncomingMail, desk: MailDesk) -> IncomingMail:
    """Add to the faults of a mail what our mail server found about its sender."""
    found = read_sender_check(mail.fields, servers=desk.check_servers)
    if found is not SenderCheck.FAILED:
        return mail
    return replace(mail, faults=(*mail.faults, note(MailFault.SENDER_REFUTED, "from")))


def _is_all_shown(mail: IncomingMail) -> bool:
    """Tell whether the message says all that the mail does; else the mail itself is with it."""
    return not mail.faults and not mail.html and not trimmed_of(mail).is_cut


def _name(part: MailPart) -> str:
    """Return the name of a part; one without a name is called by its number and its type."""
    kind = part.media_type.partition("/")[2].removeprefix("x-")[:20]
    ending = {"plain": "txt", "rfc822": "eml", "jpeg": "jpg", "octet-stream": "bin"}.get(kind, kind)
    return part.name or f"part-{part.leaf + 1}.{ending or 'bin'}"


async def _keep(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    reply: Reply,
    drafts: Sequence[_Draft],
    *,
    raw_sha256: str | None,
) -> None:
    """Put the files of a mail to its message, in the order of their contents."""
    files: list[tuple[str, _Draft | None]] = [(each.content.sha256, each) for each in drafts]
    if raw_sha256 is not None:
        files.append((raw_sha256, None))
    for sha256, each in sorted(files, key=lambda file: file[0]):
        kept = KeptFile(
            name=RAW_NAME if each is None else each.name,
            owner_kind=FileOwnerKind.TICKET_MESSAGE,
            owner_id=reply.message.id,
            organization_id=reply.ticket.organization_id,
        )
        if each is None:
            await _keep_raw(connection, sha256, kept)
        else:
            await keep_file(context, connection, each.draft, each.content, kept=kept)


async def _keep_raw(connection: BaseDBAsyncClient, sha256: str, kept: KeptFile) -> None:
    """Name the content of the mail once more; it lies in the store since it came."""
    blob = await Blob.filter(sha256=sha256).using_db(connection).select_for_update().get()
    await StoredFile.create(
        using_db=connection,
        blob=blob,
        name=kept.name,
        organization_id=kept.organization_id,
        owner_kind=kept.owner_kind,
        owner_id=kept.owner_id,
    )


async def _is_still_ours(connection: BaseDBAsyncClient, claimed: ClaimedRawMail) -> bool:
    """Mark the mail as read, and so lock it, unless somebody has claimed it since."""
    mine = RawMail.filter(
        id=claimed.id, state=RawMailState.RECEIVED, attempts=claimed.attempts
    ).using_db(connection)
    return bool(await mine.update(state=RawMailState.DONE))


async def _note(  # noqa: PLR0913, PLR0917 - what is noted of a mail
    context: RequestContext,
    connection: BaseDBAsyncClient,
    claimed: ClaimedRawMail,
    mail: IncomingMail,
    origin: MailOrigin,
    placed: Placed,
    state: RawMailState,
) -> None:
    reply = placed.reply
    await (
        RawMail.filter(id=claimed.id)
        .using_db(connection)
        .update(
            state=state,
            due_at=None,
            updated_at=context.ports.clock.now(),
            message_id=mail.message_id or None,
            sender_email=mail.sender.address[:254] if mail.sender else None,
            origin=origin.kind,
            sign=placed.follow_up.sign,
            is_from_other_address=placed.follow_up.is_from_other_address,
            faults=" ".join(sorted({found.fault.value for found in mail.faults})),
            reason=placed.reason,
            ticket_id=None if reply is None else reply.ticket.id,
            ticket_message_id=None if reply is None else reply.message.id,
        )
    )
