"""When a session is over: some time after it began, and earlier if nobody uses it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SEEN_EVERY: Final = timedelta(minutes=1)  # how exactly the last use is known
FRESH_FOR: Final = timedelta(minutes=10)  # after a proof of identity, for dangerous actions


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpan:
    """How long sessions last.

    Attributes:
        idle: without a use they end after this.
        life: they end after this, however much they are used.
    """

    idle: timedelta = timedelta(hours=12)
    life: timedelta = timedelta(days=7)

    def end_of(self, *, last_seen_at: datetime, expires_at: datetime) -> datetime:
        """Return when a session ends if it is not used any more."""
        return min(expires_at, last_seen_at + self.idle)


def is_due(*, last_seen_at: datetime | None, now: datetime) -> bool:
    """Tell whether a use is worth writing down: the last one known is a minute old, or none."""
    return last_seen_at is None or not timedelta(0) <= now - last_seen_at < SEEN_EVERY


def is_fresh(authenticated_at: datetime | None, *, now: datetime) -> bool:
    """Tell whether the proof of identity is recent enough for a dangerous action."""
    return authenticated_at is not None and now - authenticated_at < FRESH_FOR
