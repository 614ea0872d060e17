"""Take a mail in: its bytes are stored before anything is read, and each mail once.

Whatever dies after this has returned, the mail is there and will be read (mail_intake).
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from tortoise.transactions import in_transaction

from models.files import FileOwnerKind
from models.ids import new_id
from models.orm import is_sqlite, placeholders
from models.raw_mails import MAX_MAILBOX_LENGTH, RawMail, RawMailState
from models.raw_sql import fetch
from models.rules.mail_identity import mail_identity
from models.rules.moments import to_sql
from resolvers.context import RequestContext
from resolvers.file_storing import KeptFile, keep_file, written

_PIECE_BYTES: Final = 1 << 20
RAW_NAME: Final = "mail.eml"


async def receive_mail(
    context: RequestContext, raw: bytes, *, mailbox: str, received_at: datetime
) -> int | None:
    """Store a mail as it came; it is read later, by whoever claims it.

    Args:
        context: of a job of ours.
        raw: all of it, whatever it is.
        mailbox: name of the mailbox, for people.
        received_at: when its server got it, aware.

    Returns:
        Id of the row; None if the same mail is here already, maybe from another mailbox.

    Raises:
        StorageFullError: the disk has no room; the mail is not taken.
    """
    identity = mail_identity(raw)
    if await RawMail.filter(identity=identity).exists():
        return None
    async with written(context, pieces(raw), expected_bytes=len(raw)) as (draft, content):
        row_id, now = new_id(), context.ports.clock.now()
        async with in_transaction("default") as connection:
            lite = is_sqlite(connection)
            moment = to_sql(now, sqlite=lite)
            rows = await fetch(
                connection,
                "INSERT INTO raw_mail (id, created_at, updated_at, identity, sha256, mailbox,"
                " received_at, state, attempts, due_at, is_from_other_address, faults, reason)"
                f" VALUES ({placeholders(connection, 13)})"
                " ON CONFLICT (identity) DO NOTHING RETURNING id",
                [
                    *(row_id, moment, moment, identity, content.sha256),
                    *(mailbox[:MAX_MAILBOX_LENGTH], to_sql(received_at, sqlite=lite)),
                    *(RawMailState.RECEIVED.value, 0, moment, False, "", ""),
                ],
            )
            if not rows:
                return None
            kept = KeptFile(name=RAW_NAME, owner_kind=FileOwnerKind.RAW_MAIL, owner_id=row_id)
            await keep_file(context, connection, draft, content, kept=kept)
    return row_id


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    """Yield bytes in pieces, as the store of files takes them."""
    for start in range(0, len(data), _PIECE_BYTES):
        yield data[start : start + _PIECE_BYTES]
