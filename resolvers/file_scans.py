"""Let a virus scanner look at contents, again and again until it has.

A content is claimed by raising its number of attempts; who dies with a claim loses it when it
is over. A scanner that is away delays everything and condemns nothing. One that refuses a
content is asked a few times more, for it may have been its own trouble; then the content
stays unscanned, with the reason.
"""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

import structlog
from tortoise.transactions import in_transaction

from models.files import MAX_VERDICT_LENGTH, Blob, ScanStatus, StoredFile
from models.orm import is_sqlite, placeholders, reader
from models.raw_sql import fetch
from models.rules.audit_actions import AuditAction
from models.rules.moments import to_sql
from resolvers.audit import Note, log_actions
from resolvers.context import RequestContext
from resolvers.file_ports import (
    BlobMissingError,
    ScannerAwayError,
    ScanRefusedError,
    VirusScanner,
)

_log = structlog.stdlib.get_logger("linkyard.files")

LEASE: Final = timedelta(minutes=15)  # longer than any scan takes
MAX_REFUSALS: Final = 5
_RETRIES: Final = tuple(timedelta(seconds=each) for each in (5, 30, 120, 600))


class ScanOutcome(StrEnum):
    """What came of a look at one content."""

    CLEAN = "clean"
    INFECTED = "infected"
    REFUSED = "refused"
    AWAY = "away"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedScan:
    """A content that is ours to scan until its claim is over."""

    blob_id: int
    sha256: str
    attempts: int


async def is_scan_due(context: RequestContext) -> bool:
    """Tell whether anything is to be scanned now; a read, so it disturbs nobody."""
    return await Blob.filter(scan_due_at__lte=context.ports.clock.now()).using_db(reader()).exists()


async def claim_scans(context: RequestContext, *, limit: int) -> list[ClaimedScan]:
    """Claim what is due, the longest waiting first; whoever is first gets it."""
    now = context.ports.clock.now()
    claimed: list[ClaimedScan] = []
    async with in_transaction("default") as connection:
        is_lite = is_sqlite(connection)
        at = [to_sql(each, sqlite=is_lite) for each in (now + LEASE, now)]
        lease, due = (placeholders(connection, 1, start=number) for number in (1, 2))
        lock = "" if is_lite else " FOR UPDATE SKIP LOCKED"
        rows = await fetch(
            connection,
            f"UPDATE blob SET scan_due_at = {lease}, scan_attempts = scan_attempts + 1"
            f" WHERE id IN (SELECT id FROM blob WHERE scan_due_at <= {due}"
            f" ORDER BY scan_due_at LIMIT {limit}{lock}) RETURNING id, sha256, scan_attempts",
            at,
        )
        claimed += [
            ClaimedScan(blob_id=row["id"], sha256=row["sha256"], attempts=row["scan_attempts"])
            for row in rows
        ]
    return claimed


async def scan_content(
    context: RequestContext, claim: ClaimedScan, *, scanner: VirusScanner
) -> ScanOutcome:
    """Scan one content and store what came of it, unless the claim was lost meanwhile.

    Never raises for what a scanner does.
    """
    try:
        async with aclosing(context.ports.blobs.read(claim.sha256)) as content:
            verdict = await scanner.scan(content)
    except ScannerAwayError as error:
        await _try_again(context, claim, told=str(error))
        return ScanOutcome.AWAY
    except ScanRefusedError as error:
        if claim.attempts < MAX_REFUSALS and not error.is_final:
            await _try_again(context, claim, told=str(error))
        else:
            await _decide(context, claim, ScanStatus.UNSCANNED, told=str(error))
        return ScanOutcome.REFUSED
    except BlobMissingError:  # it lies on another machine, or goes just now
        await _try_again(context, claim, told="not on the machine that looked for it")
        return ScanOutcome.GONE
    if verdict.is_clean:
        await _decide(context, claim, ScanStatus.CLEAN, told="")
        return ScanOutcome.CLEAN
    await _decide(context, claim, ScanStatus.INFECTED, told=verdict.signature)
    _log.warning("a virus was found in a file", sha256=claim.sha256, signature=verdict.signature)
    return ScanOutcome.INFECTED


async def claim_unscanned(context: RequestContext) -> int:
    """Let all contents be scanned that came before there was a scanner; return how many."""
    now = context.ports.clock.now()
    before = Blob.filter(scan_status=ScanStatus.UNSCANNED, scan_verdict="", scan_due_at=None)
    return await before.update(scan_status=ScanStatus.PENDING, scan_due_at=now)


def retry_after(attempts: int) -> timedelta:
    """Return how long the next try waits after so many."""
    return _RETRIES[min(attempts, len(_RETRIES)) - 1]


async def _try_again(context: RequestContext, claim: ClaimedScan, *, told: str) -> None:
    due_at = context.ports.clock.now() + retry_after(claim.attempts)
    await Blob.filter(id=claim.blob_id, scan_attempts=claim.attempts).update(
        scan_due_at=due_at, scan_verdict=told[:MAX_VERDICT_LENGTH]
    )


async def _decide(
    context: RequestContext, claim: ClaimedScan, status: ScanStatus, *, told: str
) -> None:
    async with in_transaction("default") as connection:
        ours = Blob.filter(id=claim.blob_id, scan_attempts=claim.attempts).using_db(connection)
        decided = await ours.update(
            scan_status=status,
            scan_verdict=told[:MAX_VERDICT_LENGTH],
            scan_due_at=None,
            scanned_at=context.ports.clock.now(),
        )
        if not decided or status is not ScanStatus.INFECTED:
            return
        files = StoredFile.filter(blob_id=claim.blob_id).using_db(connection).order_by("id")
        await log_actions(context, connection, _notes(await files, told))


def _notes(files: Sequence[StoredFile], signature: str) -> list[Note]:
    return [
        Note(
            action=AuditAction.FILE_INFECTED,
            subject_id=file.id,
            after={"name": file.name, "signature": signature},
        )
        for file in files
    ]
