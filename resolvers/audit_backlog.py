"""How many entries of the audit log have no place in the chain yet. Reads alone."""

from dataclasses import dataclass
from typing import Final

from models.orm import reader
from models.raw_sql import fetch
from models.rules.moments import from_sql
from resolvers.ports import Clock

MAX_COUNTED: Final = 100_000  # a chain that stands still for weeks must not make the look slow


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditBacklog:
    """Entries that are not chained yet.

    Attributes:
        waiting: how many; MAX_COUNTED stands for that many or more.
        oldest_s: how long the oldest of those has waited, 0.0 without any.
    """

    waiting: int
    oldest_s: float


async def audit_backlog(clock: Clock, *, counted: int = MAX_COUNTED) -> AuditBacklog:
    """Count the entries that the worker did not come to yet, `counted` at most."""
    rows = await fetch(
        reader(),
        "SELECT COUNT(*) AS waiting, MIN(waits.at) AS oldest FROM (SELECT at FROM audit_entry"
        f" WHERE seq IS NULL ORDER BY position, id LIMIT {counted:d}) AS waits",
    )
    oldest = from_sql(rows[0]["oldest"])
    waited_s = (clock.now() - oldest).total_seconds() if oldest else 0.0
    return AuditBacklog(waiting=rows[0]["waiting"], oldest_s=max(waited_s, 0.0))
