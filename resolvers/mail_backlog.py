"""How many letters wait, and whether one could be sent now. Reads alone."""

from dataclasses import dataclass

from models.orm import is_sqlite, placeholders, reader
from models.raw_sql import fetch
from models.rules.moments import from_sql, to_sql
from resolvers.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class MailBacklog:
    """Letters that wait; `oldest_s` is how long the oldest has, 0.0 without any."""

    waiting: int
    oldest_s: float


async def is_mail_due(clock: Clock) -> bool:
    """Tell whether a worker would find a letter to claim."""
    connection = reader()
    now = to_sql(clock.now(), sqlite=is_sqlite(connection))
    mark = placeholders(connection, 1)
    statement = f"SELECT id FROM mail WHERE next_attempt_at <= {mark} LIMIT 1"
    return bool(await fetch(connection, statement, [now]))


async def mail_backlog(clock: Clock) -> MailBacklog:
    """Count the letters that wait to be sent."""
    rows = await fetch(
        reader(),
        "SELECT COUNT(*) AS waiting, MIN(created_at) AS oldest FROM mail"
        " WHERE next_attempt_at IS NOT NULL",
    )
    oldest = from_sql(rows[0]["oldest"])
    waited_s = (clock.now() - oldest).total_seconds() if oldest else 0.0
    return MailBacklog(waiting=rows[0]["waiting"], oldest_s=max(waited_s, 0.0))
