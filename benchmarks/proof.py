"""Proof that every click that was answered is spooled, stored and counted, once.

Each count is taken in another place: the client's own notes, the spool files on
the disk, the rows of the store, the statistics over GraphQL, and the audit command.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.service import Service
from models.rules.click_record import decode_click
from models.rules.spool_format import HEADER_BYTES, Damage, scan

_CLASSES: Final = ("human", "preview", "prefetch", "scanner", "monitor", "bot")
# What the import and the replay of one log must agree on, click by click.
_ALIKE: Final = "link_id, click_class, reason, referrer_id, browser_id, os_id, device_id, address"
_TOTALS: Final = """
query Totals {
  stats(range: {period: {preset: ALL_TIME}, timeZone: "UTC"}) {
    totals { human preview prefetch scanner monitor bot }
  }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The live clicks, by request id, and all clicks, by number.

    Attributes:
        imported: clicks of the log, as the import command told them.
        answered: request ids of the right redirects.
        spooled: how often each request id is in the spools.
        stored: how often each request id is in the table of clicks.
        stored_all: rows of that table, the imported ones included.
        counted: clicks by class in the statistics.
        unlike: clicks by link, class, source, program and network that only the import
            or only the replay has.
        on_links: sum of the counters of all links.
        audit: what the audit command said, and its exit code.
    """

    imported: int
    answered: Collection[str]
    spooled: Counter[str]
    stored: Counter[str]
    stored_all: int
    unlike: int
    counted: dict[str, int]
    on_links: int
    audit: tuple[int, str]

    @property
    def counted_all(self) -> int:
        """Clicks of every class in the statistics."""
        return sum(self.counted.values())

    @property
    def failures(self) -> list[str]:
        """What does not hold, as sentences; nothing when all does."""
        lost = sum(1 for request_id in self.answered if request_id not in self.spooled)
        doubled = sum(count > 1 for count in self.stored.values())
        claims = {
            f"{lost} answered clicks are not in the spool": lost == 0,
            "spooled and stored differ": self.spooled == self.stored,
            f"{doubled} clicks are stored twice": doubled == 0,
            "the store holds more or fewer clicks than were imported and spooled": (
                self.stored_all == self.imported + self.spooled.total()
            ),
            f"{self.unlike} clicks of log and replay are not alike": self.unlike == 0,
            "stored and counted differ": self.stored_all == self.counted_all,
            "the counters of the links differ": self.on_links == self.counted_all,
            "the audit found differences": self.audit[0] == 0,
        }
        return [sentence for sentence, holds in claims.items() if not holds]


def prove(running: Service, *, imported: int, answered: Collection[str]) -> Proof:
    """Count in every place; the service runs, so its spools are still on the disk."""
    rows = running.rows("SELECT request_id, COUNT(*) FROM click GROUP BY request_id")
    columns = " + ".join(f"SUM(clicks_{name})" for name in _CLASSES)
    audit = running.cli("clicks", "verify")
    totals: dict[str, Any] = running.graphql(_TOTALS)["stats"]["totals"]
    return Proof(
        imported=imported,
        answered=answered,
        spooled=spooled_ids(running),
        stored=Counter({request_id: count for request_id, count in rows if request_id}),
        stored_all=sum(count for _, count in rows),
        unlike=_unlike(running),
        counted={name: int(totals[name]) for name in _CLASSES},
        on_links=int(running.rows(f"SELECT {columns} FROM link")[0][0]),
        audit=(audit.returncode, (audit.stdout + audit.stderr).strip()),
    )


def stored_clicks(running: Service) -> int:
    """Return how many clicks the store holds now."""
    count: int = running.rows("SELECT COUNT(*) FROM click")[0][0]
    return count


def _unlike(running: Service) -> int:
    imported, replayed = (
        Counter(running.rows(f"SELECT {_ALIKE} FROM click WHERE request_id IS {what}"))
        for what in ("NULL", "NOT NULL")
    )
    return (imported - replayed).total() + (replayed - imported).total()


def spooled_ids(running: Service) -> Counter[str]:
    """Return the request ids in the spools of the processes that are alive."""
    found: Counter[str] = Counter()
    for file in sorted((running.data / "spool").glob("*.spool")):
        for payload, _ in scan(file.read_bytes(), HEADER_BYTES):
            if not isinstance(payload, Damage):
                found[decode_click(payload).request_id.decode()] += 1
    return found
