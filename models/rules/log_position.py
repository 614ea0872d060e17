"""How far a reader of the change log has come, when rows appear out of order.

PostgreSQL commits out of the order of its sequences and transaction numbers, so
"the highest number seen" skips rows. A row is placed by the number of its
transaction, and the oldest transaction still running is the horizon: below it
nothing can appear any more. At and above it the reader remembers what it has
taken and looks again. On SQLite writers take turns, and the horizon is simply
the next row.
Source: PostgreSQL documentation, section 9.27.11, functions for snapshots.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

_LAST_ROW: Final = (1 << 63) - 1


class LoggedChange(NamedTuple):
    """One row of the log. `position` orders rows as far as anything can."""

    position: int
    row_id: int
    link_id: int


@dataclass(frozen=True, slots=True)
class LogPosition:
    """What was applied: every row up to and including (position, row_id), and the rows `seen`."""

    position: int
    row_id: int = _LAST_ROW
    seen: frozenset[int] = frozenset()

    @classmethod
    def below(cls, horizon: int) -> "LogPosition":
        """Return the position of a reader that has everything below the horizon."""
        return cls(horizon - 1)

    def fresh(self, changes: Sequence[LoggedChange]) -> list[LoggedChange]:
        """Return the changes that were not applied yet."""
        return [change for change in changes if change.row_id not in self.seen]

    def advanced(
        self, changes: Sequence[LoggedChange], *, horizon: int, is_all: bool
    ) -> "LogPosition":
        """Return the position after applying all of these changes.

        Args:
            changes: the rows after this position, in order, from one snapshot.
            horizon: the oldest transaction that was still running in that snapshot.
            is_all: False if there were more rows; then the last one given must lie
                below the horizon, or the reader could never get past it.
        """
        taken = frozenset(change.row_id for change in changes)
        above = frozenset(c.row_id for c in changes if c.position >= horizon)
        if is_all:
            return LogPosition(horizon - 1, seen=above)
        last = changes[-1]
        if last.position >= horizon:
            raise ValueError("a part of the log must end below the horizon")
        return LogPosition(last.position, last.row_id, seen=self.seen - taken)
