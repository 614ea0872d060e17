"""When a letter that could not be sent is tried again, and when it is given up."""

from datetime import datetime, timedelta
from typing import Final

GIVEN_UP_AFTER: Final = timedelta(hours=24)  # since it was posted
# A claimed letter belongs to its worker for so long; after that the worker counts as dead.
LEASE: Final = timedelta(minutes=3)
_FIRST: Final = timedelta(seconds=30)
_LONGEST: Final = timedelta(hours=1)
_LONGEST_AWAY: Final = timedelta(minutes=5)  # nobody was asked for this letter, so soon again
_SPREAD: Final = 0.25  # of the wait, to either side


def next_attempt(
    *,
    posted_at: datetime,
    failed_at: datetime,
    attempts: int,
    is_away: bool,
    luck: float,
) -> datetime | None:
    """Return when to try again: after 30 seconds, then twice as long each time, up to an hour.

    Servers that put letters off to test our patience want some minutes.

    Args:
        posted_at: when the letter was written into the outbox.
        failed_at: moment of the last try.
        attempts: tries so far, 1 or more.
        is_away: no server was reached, so the longest wait is five minutes: what waits should
            not outlive its use when the server is back.
        luck: from 0.0 up to 1.0; moves the moment by a quarter of the wait, so that
            letters that failed together do not come back together.

    Returns:
        None when the last try was the last one.
    """
    if failed_at >= posted_at + GIVEN_UP_AFTER:
        return None
    doublings = min(attempts - 1, 16)
    longest = _LONGEST_AWAY if is_away else _LONGEST
    wait = min(_FIRST * (1 << doublings), longest) * (1 - _SPREAD + 2 * _SPREAD * luck)
    return min(failed_at + wait, posted_at + GIVEN_UP_AFTER)
