"""Whether the store answers, and how long its letters and the audit log's entries wait."""

import asyncio
from typing import Final

from models.orm import reader
from models.raw_sql import fetch
from resolvers.audit_backlog import AuditBacklog, audit_backlog
from resolvers.mail_backlog import MailBacklog, mail_backlog
from resolvers.ports import Clock

_TIMEOUT_S: Final = 1.0


async def store_answers() -> bool:
    """Tell whether the tables can be read now; False after a second without an answer."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            rows = await fetch(reader(), "SELECT store_id FROM installation")
    except Exception:  # noqa: BLE001 - every way to fail is the same answer
        return False
    return len(rows) == 1


async def mail_waiting(clock: Clock) -> MailBacklog | None:
    """Return what waits in the outbox; None after a second without an answer."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await mail_backlog(clock)
    except Exception:  # noqa: BLE001 - every way to fail is the same answer
        return None


async def audit_waiting(clock: Clock) -> AuditBacklog | None:
    """Return what the chain of the audit log lacks; None after a second without an answer."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await audit_backlog(clock)
    except Exception:  # noqa: BLE001 - every way to fail is the same answer
        return None
