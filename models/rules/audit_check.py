"""Walks along the chain of the audit log and says what was done to it, and where.

Numbers are those the entries had when they were chained, also where somebody gave the
rest of the chain new ones to hide a hole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from models.rules.audit_chain import GENESIS, Value, entry_hash
from models.rules.audit_heads import Head

MAX_FINDINGS: Final = 100  # kept; further ones are counted
_RENUMBERED: Final = tuple(step * sign for step in range(1, 9) for sign in (1, -1))


class Damage(StrEnum):
    """What was found; each is a sentence after the numbers of the entries."""

    EDITED = "does not fit its hash: it was edited, or the one before it with its hash"
    HASH_EDITED = "has another hash than it was given"
    REORDERED = "is not where it was written: entries were exchanged"
    REMOVED = "removed; the entry behind cannot be checked without it"
    INSERTED = "inserted: the chain goes on without it"
    REWRITTEN = "rewritten up to here: the chain has another hash than the signed head"
    CUT = "cut off: a signed head knows of more entries than there are"


@dataclass(frozen=True, slots=True)
class Finding:
    """Damage to the entries from `first` to `last`."""

    damage: Damage
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ChainedRow:
    """An entry as it is stored.

    Attributes:
        seq: its number; SQLite lets anything be written there.
        hash: "" for none.
        fields: as models.rules.audit_chain.entry_hash takes them.
        place: of the log's own order: position and id.
    """

    seq: Value
    hash: str
    fields: Sequence[Value]
    place: tuple[int, int]


class ChainCheck:
    """Takes every entry in the order of its number, then knows what is wrong.

    Attributes:
        checked: how many entries were taken.
        findings: the first MAX_FINDINGS.
        more: how many there were beyond those.
    """

    def __init__(
        self, heads: Iterable[Head] = (), *, start_seq: int = 0, start_hash: str = GENESIS
    ) -> None:
        """Begin in front of the first entry.

        Args:
            heads: signed ones, in any order.
            start_seq: number of the entry that the chain begins behind.
            start_hash: of that entry.
        """
        self.checked = 0
        self.findings: list[Finding] = []
        self.more = 0
        self._heads: dict[int, list[str]] = {}
        for head in heads:
            if head.seq > start_seq:
                self._heads.setdefault(head.seq, []).append(head.hash)
        self._last_head = max(self._heads, default=0)
        self._is_rewritten = False
        self._start = start_seq
        self._seq = start_seq  # as stored, of the entry before
        self._hash = start_hash  # as stored, of the entry before
        self._computed: str | None = None  # of the entry before, if it has another one
        self._place = (0, 0)  # of the entry before
        self._good = (start_seq, start_hash)  # of the last entry that fits
        self._before = self._good  # of the one right before that; else the same
        self._shift = 0  # the number an entry was chained with, less that it has now
        self._open: list[Finding] = []  # about the entries since then

    def take(self, row: ChainedRow) -> None:
        """Check one entry."""
        self.checked += 1
        if not isinstance(row.seq, int) or row.seq <= self._start:
            number = row.seq if isinstance(row.seq, int) else 0
            self._tell(Finding(Damage.INSERTED, number, number))
            return
        if row.seq != self._seq + 1:
            self._close()
            lost = self._seq + 1 + self._shift, row.seq - 1 + self._shift
            self._tell(Finding(Damage.REMOVED, *lost))
            computed = row.hash  # nobody knows what it must be
        else:
            computed = self._fitted(row, row.seq)
        number = row.seq + self._shift
        if computed == row.hash:
            self._close()
            good = number, row.hash
            self._before = self._good if number == self._good[0] + 1 else good
            self._good = good
        else:
            is_back = self._place > row.place
            damage = Damage.REORDERED if is_back else Damage.EDITED
            if is_back and self._open and self._computed is not None:
                self._open[-1] = replace(self._open[-1], damage=Damage.REORDERED)
            self._note_open(Finding(damage, number, number))
        self._compare_head(number, row.hash)
        self._computed = None if computed == row.hash else computed
        self._seq, self._hash, self._place = row.seq, row.hash, row.place

    def finish(self) -> None:
        """Say what the heads know beyond the last entry."""
        self._close()
        last = self._seq + self._shift
        if self._last_head > last:
            self._tell(Finding(Damage.CUT, last + 1, self._last_head))

    def _fitted(self, row: ChainedRow, seq: int) -> str:
        """Return the hash the entry must have, by whichever reading of the past fits it."""
        number = seq + self._shift
        computed = entry_hash(self._hash, number, row.fields)
        if computed == row.hash:
            self._rename_exchanged(row)
            return computed
        if self._computed is not None:
            if entry_hash(self._computed, number, row.fields) == row.hash:
                self._open[-1] = replace(self._open[-1], damage=Damage.HASH_EDITED)
                return row.hash
            if self._follows(self._good, row, seq):
                self._open = [replace(each, damage=Damage.INSERTED) for each in self._open]
                return row.hash
        elif self._follows(self._before, row, seq):
            self._tell(Finding(Damage.INSERTED, *(self._good[0],) * 2))
            return row.hash
        for step in _RENUMBERED:
            if entry_hash(self._hash, number + step, row.fields) == row.hash:
                self._shift += step
                self._renumber(step)
                return row.hash
        return computed

    def _follows(self, place: tuple[int, str], row: ChainedRow, seq: int) -> bool:
        """Tell whether an entry was chained behind that place; what lies between was put in."""
        if entry_hash(place[1], place[0] + 1, row.fields) != row.hash:
            return False
        self._shift = place[0] + 1 - seq
        return True

    def _renumber(self, step: int) -> None:
        """Entries were taken out before the last one, and the rest got lower numbers."""
        if step > 0 and self._open:
            first = self._good[0] + 1
            self._open[-1] = Finding(Damage.REMOVED, first, self._open[-1].last + step - 1)

    def _rename_exchanged(self, row: ChainedRow) -> None:
        if self._open and self._computed is not None and self._place > row.place:
            self._open[-1] = replace(self._open[-1], damage=Damage.REORDERED)

    def _compare_head(self, number: int, hash_: str) -> None:
        hashes = self._heads.get(number, ())
        if not self._is_rewritten and any(each != hash_ for each in hashes):
            self._is_rewritten = True  # and with it all that follows
            self._tell(Finding(Damage.REWRITTEN, number, number))

    def _note_open(self, finding: Finding) -> None:
        if len(self._open) >= MAX_FINDINGS:
            self._close()
        self._open.append(finding)

    def _close(self) -> None:
        for finding in self._open:
            self._tell(finding)
        self._open = []

    def _tell(self, finding: Finding) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)
        else:
            self.more += 1
