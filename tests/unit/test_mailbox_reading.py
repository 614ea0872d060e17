"""Reading a mailbox, whatever happens in whatever order: no message is lost, and none marked early.

The mailbox is a model of one folder. Each step may fail at any command, and the reader may be
killed and begin anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.mailbox_reading import MailboxReader, MailReading, MailTold, ReadingStoppedError
from resolvers.mailboxes import (
    FetchedMail,
    MailboxUnavailableError,
    MailKey,
    MailStuckError,
    WaitingMail,
)
from tests.fakes import FixedClock

LARGE = 1000  # bytes of what is too large


class KilledError(BaseException):
    """The end of the reader's process."""


@dataclass
class Folder:
    """A folder on a server, and what is wrong with it.

    Attributes:
        mails: what is not done, by UID.
        trouble: what the next commands raise; None does what was asked.
    """

    mails: dict[int, bytes] = field(default_factory=dict)
    done: list[bytes] = field(default_factory=list)
    uid_validity: int = 1
    next_uid: int = 1
    trouble: list[BaseException | None] = field(default_factory=list)
    name: str = "folder"

    def deliver(self, raw: bytes) -> None:
        """Let a message arrive."""
        self.mails[self.next_uid] = raw
        self.next_uid += 1

    def make_anew(self) -> None:
        """Give all messages new numbers, which older ones had before."""
        raws, self.mails = list(self.mails.values()), {}
        self.uid_validity, self.next_uid = self.uid_validity + 1, 1
        for raw in raws:
            self.deliver(raw)

    async def waiting(self, *, after: MailKey | None = None) -> WaitingMail:
        """See Mailbox.waiting, which is about no message."""
        if not (self.trouble and isinstance(self.trouble[0], MailStuckError)):
            self._stumble()
        is_known = after is not None and after.uid_validity == self.uid_validity
        first = after.uid + 1 if after is not None and is_known else 1
        return WaitingMail(self.uid_validity, [uid for uid in sorted(self.mails) if uid >= first])

    async def fetch(self, key: MailKey) -> FetchedMail | None:
        """See Mailbox.fetch."""
        self._stumble()
        raw = self.mails.get(key.uid)
        if raw is None:
            return None
        return FetchedMail(
            key=key,
            raw=raw,
            received_at=FixedClock().now(),
            size_bytes=len(raw),
            is_whole=len(raw) < LARGE,
        )

    async def mark_done(self, key: MailKey) -> None:
        """See Mailbox.mark_done; the command may have worked although its answer is lost."""
        if self.trouble and isinstance(self.trouble[0], MailStuckError):
            self._stumble()
        if (raw := self.mails.pop(key.uid, None)) is not None:
            self.done.append(raw)
        self._stumble()

    async def wait(self, seconds: float) -> bool:
        """See Mailbox.wait."""
        return seconds < 0

    async def close(self) -> None:
        """See Mailbox.close."""

    def _stumble(self) -> None:
        if self.trouble and (error := self.trouble.pop(0)) is not None:
            raise error


class Desk:
    """A reader of a folder, that takes what comes."""

    def __init__(self) -> None:
        self.folder = Folder()
        self.clock = FixedClock()
        self.stored: list[bytes] = []
        self.told: list[MailTold] = []
        self.trouble: list[BaseException | None] = []
        self.begin()

    def begin(self) -> None:
        """Be a new process."""
        self.reader = MailboxReader(
            self.folder, right=self, intake=self, clock=self.clock, tell=self.told.append
        )

    async def hold(self) -> bool:
        """See ReadingRight.hold."""
        return True

    async def release(self) -> None:
        """See ReadingRight.release."""

    async def receive(self, raw: bytes, mailbox: str, received_at: datetime) -> None:
        """See MailIntake.receive; what was stored may be told as a failure."""
        assert (mailbox, received_at) == ("folder", FixedClock().now())
        before = self.trouble.pop(0) if self.trouble else None
        if isinstance(before, ValueError):
            raise before
        self.stored.append(raw)
        if before is not None:
            raise before

    def read(self) -> None:
        """Look once, as the worker does."""
        try:
            self.reader.read().send(None)  # nothing here waits
        except StopIteration:
            pass
        except (MailboxUnavailableError, ReadingStoppedError):
            pass
        except KilledError:
            self.begin()

    def outcomes(self, outcome: MailReading) -> int:
        """Return how often something was told."""
        return sum(told.outcome is outcome for told in self.told)


def deliver(desk: Desk, count: int, *, size: int = 10) -> None:
    for _ in range(count):
        number = desk.folder.next_uid + 10_000 * desk.folder.uid_validity
        desk.folder.deliver(b"%0*d" % (size, number))


def take_away(desk: Desk) -> None:
    if desk.folder.mails:
        del desk.folder.mails[min(desk.folder.mails)]


def later(desk: Desk) -> None:
    desk.clock.at += timedelta(minutes=10)


TROUBLE = st.lists(
    st.sampled_from([None, None, MailboxUnavailableError("x"), MailStuckError("x"), KilledError()]),
    max_size=12,
)
BAD_STORE = st.lists(
    st.sampled_from([None, None, ValueError("no"), OSError("lost"), KilledError()]), max_size=6
)
STEPS = st.one_of(
    st.integers(1, 4).map(lambda count: lambda desk: deliver(desk, count)),
    st.just(lambda desk: deliver(desk, 1, size=LARGE)),
    st.just(lambda desk: desk.folder.make_anew()),
    st.just(take_away),
    st.just(lambda desk: desk.begin()),
    st.just(later),
    TROUBLE.map(lambda trouble: lambda desk: desk.folder.trouble.extend(trouble)),
    BAD_STORE.map(lambda trouble: lambda desk: desk.trouble.extend(trouble)),
)


@settings(max_examples=200)
@given(st.lists(st.tuples(STEPS, st.booleans()), max_size=25))
def test_every_message_is_stored_before_it_is_done_and_all_are_in_the_end(
    steps: Sequence[tuple[Callable[[Desk], None], bool]],
) -> None:
    desk = Desk()
    for step, is_read in steps:
        step(desk)
        if is_read:
            desk.read()
        assert set(desk.folder.done) <= set(desk.stored)

    desk.folder.trouble.clear()
    desk.trouble.clear()
    for _ in range(3):
        desk.clock.at += timedelta(hours=2)
        desk.read()

    assert all(len(raw) == LARGE for raw in desk.folder.mails.values())
    assert set(desk.folder.done) <= set(desk.stored)
    assert max(map(len, desk.stored), default=0) < LARGE


@given(st.integers(1, 30))
def test_without_trouble_each_message_is_stored_once_and_in_order(count: int) -> None:
    desk = Desk()
    deliver(desk, count)
    mails = list(desk.folder.mails.values())

    desk.read()
    desk.read()

    assert desk.stored == desk.folder.done == mails


def test_a_mark_whose_answer_is_lost_stores_nothing_twice() -> None:
    desk = Desk()
    deliver(desk, 2)
    desk.folder.trouble = [None, None, MailboxUnavailableError("gone")]

    desk.read()
    desk.read()

    assert desk.stored == desk.folder.done == [b"0000010001", b"0000010002"]


def test_a_message_that_breaks_the_connection_again_and_again_holds_up_no_other() -> None:
    desk = Desk()
    deliver(desk, 3)
    for _ in range(3):
        desk.folder.trouble = [None, MailboxUnavailableError("gone")]
        desk.read()
    assert desk.stored == []
    assert [told.failures for told in desk.told] == [1, 2]  # the first time is no fault of its own

    desk.read()

    assert desk.stored == [b"0000010002", b"0000010003"]


@pytest.mark.parametrize("failures", [1, 2, 3, 4, 5, 6, 7])
def test_a_message_that_cannot_be_taken_is_tried_ever_more_seldom(failures: int) -> None:
    desk = Desk()
    deliver(desk, 1)
    for _ in range(failures):
        desk.clock.at += timedelta(hours=1)
        desk.trouble = [ValueError("no")]
        desk.read()
    assert desk.outcomes(MailReading.FAILED) == failures

    minutes = [0, 1, 5, 15, 60, 60, 60][failures - 1]
    if minutes:
        desk.clock.at += timedelta(minutes=minutes) - timedelta(microseconds=1)
        desk.read()
        assert desk.stored == []
        desk.clock.at += timedelta(microseconds=1)
    desk.read()

    assert len(desk.stored) == 1


def test_what_is_too_large_is_told_once_by_a_process_and_looked_at_no_more() -> None:
    desk = Desk()
    deliver(desk, 1, size=LARGE)
    deliver(desk, 1)
    desk.trouble = [ValueError("no")]
    for _ in range(3):
        desk.read()
        deliver(desk, 1)
    assert desk.outcomes(MailReading.TOO_LARGE) == 1

    desk.begin()
    desk.read()

    assert desk.outcomes(MailReading.TOO_LARGE) == 2
    assert list(desk.folder.mails) == [1]
