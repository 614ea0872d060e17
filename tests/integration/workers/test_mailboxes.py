"""Reading mailboxes of a real Dovecot: each message is taken, also when we die in the middle."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from api.adapters.imap_mailbox import KEYWORD, ImapMailbox, WhenDone
from api.metrics import Metrics
from api.workers.mailboxes import MailboxLoop, MailboxWorker
from resolvers.context import RequestContext, Viewer
from resolvers.mailbox_leases import LEASE, MailboxLease
from resolvers.mailbox_reading import MailboxReader, MailReading, MailTold, ReadingStoppedError
from resolvers.mailboxes import MailboxUnavailableError
from resolvers.ports import Ports
from tests.dovecot_account import Account, mail
from tests.dovecot_server import PASSWORD, Dovecot
from tests.fakes import FixedClock, MailTray


@pytest.fixture
def account(dovecot: Dovecot) -> Account:
    return Account(dovecot)


@pytest.fixture
def context(database: None, ports: Ports) -> RequestContext:
    return RequestContext(Viewer(), ports)


@pytest.fixture
def tray() -> MailTray:
    return MailTray()


class Desk:
    """A reader with its mailbox, and what it told."""

    def __init__(self, context: RequestContext, mailbox: ImapMailbox, tray: MailTray) -> None:
        self.told: list[MailTold] = []
        self.mailbox = mailbox
        self.reader = MailboxReader(
            mailbox,
            right=MailboxLease(context, mailbox=mailbox.name),
            intake=tray,
            clock=context.ports.clock,
            tell=self.told.append,
        )

    def outcomes(self) -> list[MailReading]:
        """Return what came of each message since the last time."""
        found, self.told[:] = [each.outcome for each in self.told], []
        return found


@asynccontextmanager
async def desk(
    context: RequestContext, mailbox: ImapMailbox, tray: MailTray
) -> AsyncIterator[Desk]:
    found = Desk(context, mailbox, tray)
    try:
        yield found
    finally:
        await found.reader.close()


def subjects(tray: MailTray) -> list[bytes]:
    return [raw.partition(b"Subject: ")[2].partition(b"\r\n")[0] for _, raw in tray.taken]


async def test_mail_is_taken_in_its_order_and_once(
    context: RequestContext, account: Account, tray: MailTray
) -> None:
    account.deliver(mail(1), mail(2))
    async with desk(context, account.mailbox(), tray) as found:
        assert await found.reader.read() == 2
        account.deliver(mail(3))
        assert await found.reader.read() == 1
        assert await found.reader.read() == 0
        assert found.outcomes() == [MailReading.STORED] * 3

    assert tray.taken == [(f"imap://{account.user}", mail(number)) for number in (1, 2, 3)]
    assert account.subjects("Linkyard") == [b"1", b"2", b"3"]


@pytest.mark.parametrize(
    ("when_done", "count"), [(WhenDone.MOVE, 200), (WhenDone.FLAG, 30), (WhenDone.DELETE, 30)]
)
async def test_no_message_is_left_out_while_others_are_marked(
    context: RequestContext, account: Account, when_done: WhenDone, count: int
) -> None:
    tray = MailTray()
    numbers = range(1, count + 1)
    account.deliver(*map(mail, numbers))

    async with desk(context, account.mailbox(when_done=when_done), tray) as found:
        assert await found.reader.read() == count

    assert subjects(tray) == [b"%d" % number for number in numbers]
    left = account.flags()
    flagged = [{b"\\Seen", KEYWORD.encode()}] * count
    assert left == (flagged if when_done is WhenDone.FLAG else [])


async def test_a_message_that_cannot_be_taken_stays_and_holds_up_no_other(
    context: RequestContext, account: Account, tray: MailTray, clock: FixedClock
) -> None:
    account.deliver(mail(1), mail(2), mail(3))
    tray.broken = {b"2"}
    async with desk(context, account.mailbox(), tray) as found:
        assert await found.reader.read() == 2
        assert account.subjects() == [b"2"]
        assert await found.reader.read() == 0
        assert [told.failures for told in found.told if told.error is not None] == [1, 2]
        tray.broken = set()
        assert await found.reader.read() == 0  # put off
        clock.at += timedelta(minutes=1)
        assert await found.reader.read() == 1

    assert subjects(tray) == [b"1", b"3", b"2"]
    assert account.subjects() == []


async def test_where_nothing_can_be_taken_not_every_message_is_fetched(
    context: RequestContext, account: Account, tray: MailTray, clock: FixedClock
) -> None:
    account.deliver(*map(mail, range(1, 11)))
    tray.failure = OSError("the store is away")
    async with desk(context, account.mailbox(), tray) as found:
        with pytest.raises(ReadingStoppedError):
            await found.reader.read()
        assert found.outcomes() == [MailReading.FAILED] * 3
        assert len(account.subjects()) == 10

        tray.failure = None
        clock.at += timedelta(minutes=1)
        assert await found.reader.read() == 10

    assert subjects(tray) == [b"%d" % number for number in range(1, 11)]


async def test_a_message_that_is_stored_is_not_taken_twice_when_its_mark_fails(
    context: RequestContext, account: Account, tray: MailTray
) -> None:
    account.deliver(mail(1))
    async with desk(context, account.mailbox(done_folder="a//b"), tray) as found:
        assert await found.reader.read() == 0
        assert await found.reader.read() == 0
        assert found.outcomes() == [MailReading.STORED, MailReading.FAILED, MailReading.FAILED]

    assert subjects(tray) == [b"1"]
    assert account.subjects() == [b"1"]


async def test_a_message_that_is_too_large_is_told_once_and_stays(
    context: RequestContext, account: Account, tray: MailTray
) -> None:
    account.deliver(mail(1), mail(2, body=b"x" * 300), mail(3))
    async with desk(context, account.mailbox(max_bytes=200), tray) as found:
        assert await found.reader.read() == 2
        account.deliver(mail(4))
        assert await found.reader.read() == 1
        stored, large = MailReading.STORED, MailReading.TOO_LARGE
        assert found.outcomes() == [stored, large, stored, stored]

    assert subjects(tray) == [b"1", b"3", b"4"]
    assert account.subjects() == [b"2"]
    assert account.flags() == [set()]


async def test_a_folder_that_was_made_anew_is_read_anew(
    context: RequestContext, account: Account, tray: MailTray
) -> None:
    with account.server.client(account.user) as other:
        other.create("Desk")
    account.deliver(mail(1), mail(2), folder="Desk")
    mailbox = account.mailbox(folder="Desk", when_done=WhenDone.FLAG)
    async with desk(context, mailbox, tray) as found:
        assert await found.reader.read() == 2
        with account.server.client(account.user) as other:
            other.delete("Desk")
            other.create("Desk")
        account.deliver(mail(3), folder="Desk")  # with the number that the first one had
        assert await found.reader.read() == 1

    assert subjects(tray) == [b"1", b"2", b"3"]


async def test_a_server_that_dies_in_the_middle_costs_no_mail(
    context: RequestContext, stoppable_dovecot: Dovecot
) -> None:
    account = Account(stoppable_dovecot)
    account.deliver(*map(mail, range(1, 6)))

    def kill(raw: bytes) -> None:
        if raw == mail(3):
            stoppable_dovecot.kill()

    tray = MailTray(then=kill)
    async with desk(context, account.mailbox(), tray) as found:
        with pytest.raises(MailboxUnavailableError):
            await found.reader.read()
        with pytest.raises(MailboxUnavailableError):
            await found.reader.read()
        stoppable_dovecot.start()
        assert await found.reader.read() == 3

    assert subjects(tray) == [b"1", b"2", b"3", b"4", b"5"]  # the third one was only marked
    assert account.subjects("Linkyard") == [b"1", b"2", b"3", b"4", b"5"]


def store_and_be_killed(account: Account, database_url: str, folder: Path) -> list[bytes]:
    """Let another process read until it has stored a message; return what it stored."""
    command = [sys.executable, "-m", "tests.mailbox_process", database_url, account.user]
    command += [str(account.server.port), os.fspath(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"stored\n"
        process.send_signal(signal.SIGKILL)
    return [path.read_bytes() for path in folder.iterdir()]


@pytest.fixture
def stored(account: Account, database_url: str, tmp_path: Path) -> list[bytes]:
    """What a process stored that was killed before it could mark anything."""
    account.deliver(mail(1), mail(2))
    return store_and_be_killed(account, database_url, tmp_path)


async def test_a_message_comes_again_when_we_are_killed_between_storing_and_marking(
    context: RequestContext,
    account: Account,
    tray: MailTray,
    clock: FixedClock,
    stored: list[bytes],
) -> None:
    assert stored == [mail(1)]
    assert account.subjects() == [b"1", b"2"]

    async with desk(context, account.mailbox(), tray) as found:
        assert await found.reader.read() is None  # the killed one still has the mailbox
        clock.at += LEASE
        assert await found.reader.read() == 2

    assert subjects(tray) == [b"1", b"2"]
    assert account.subjects("Linkyard") == [b"1", b"2"]


async def test_one_of_two_readers_has_the_mailbox(
    context: RequestContext, account: Account, clock: FixedClock
) -> None:
    trays = MailTray(), MailTray()
    async with desk(context, account.mailbox(), trays[0]) as first:
        assert await first.reader.read() == 0
        async with desk(context, account.mailbox(), trays[1]) as second:
            account.deliver(mail(1))
            assert await second.reader.read() is None
            clock.at += LEASE * 0.6
            assert await first.reader.read() == 1  # and prolongs its lease
            clock.at += LEASE * 0.6
            assert await second.reader.read() is None

            await first.reader.close()
            account.deliver(mail(2))
            assert await second.reader.read() == 1

    assert [subjects(tray) for tray in trays] == [[b"1"], [b"2"]]


async def test_a_lease_is_taken_by_one_and_given_back_by_its_holder_alone(
    context: RequestContext,
) -> None:
    one, other = (MailboxLease(context, mailbox="m") for _ in range(2))
    taken = await asyncio.gather(one.hold(), other.hold())
    assert sorted(taken) == [False, True]
    winner, loser = (one, other) if taken[0] else (other, one)

    assert await MailboxLease(context, mailbox="another").hold()
    await loser.release()
    assert not await loser.hold()
    await winner.release()
    assert await loser.hold()
    assert not await winner.hold()


async def test_a_lease_that_nobody_prolongs_is_free_again(
    context: RequestContext, clock: FixedClock
) -> None:
    one, other = (MailboxLease(context, mailbox="m") for _ in range(2))
    assert await one.hold()
    clock.at += LEASE - timedelta(microseconds=1)
    assert not await other.hold()
    clock.at += timedelta(microseconds=1)
    assert await other.hold()
    assert not await one.hold()


async def test_what_keeps_mail_away_is_told_once_until_it_is_over(
    context: RequestContext, account: Account, tray: MailTray, tmp_path: Path
) -> None:
    secrets = {"now": "wrong"}
    mailbox = account.mailbox(read_secret=lambda: secrets["now"])
    metrics = Metrics(tmp_path)
    loop = MailboxLoop(context, mailbox=mailbox, intake=tray, poll_s=0.01, metrics=metrics)
    with capture_logs() as logs:
        rests = [await loop.step() for _ in range(6)]
        failing = metrics.gauge("linkyard_mailboxes_failing")._value.get()
        secrets["now"] = PASSWORD
        account.deliver(mail(1))
        assert await loop.step() == 0
        await loop.close()

    assert rests == [2, 5, 15, 30, 60, 60]
    assert [(each["log_level"], each["event"]) for each in logs] == [
        ("error", "a mailbox refuses our name or password: nothing is read until it takes them"),
        ("info", "a mailbox can be read again"),
    ]
    assert (failing, metrics.gauge("linkyard_mailboxes_failing")._value.get()) == (1, 0)
    assert metrics.counter("linkyard_mails_read_total", "stored")._value.get() == 1
    metrics.close()
    assert subjects(tray) == [b"1"]


@pytest.mark.parametrize(
    "case", [(False, 0, 0), (True, 1, 0), (True, 0, 1), (MailboxUnavailableError("idle"), 1, 1)]
)
async def test_an_end_of_a_quiet_connection_is_no_complaint_and_false_news_no_haste(
    context: RequestContext,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[bool | Exception, int, float],
) -> None:
    news, count, rest_s = case

    async def wait(seconds: float) -> bool:
        assert seconds == 7
        if isinstance(news, Exception):
            raise news
        return news

    account.deliver(*map(mail, range(count)))
    mailbox, tray = account.mailbox(), MailTray()
    monkeypatch.setattr(mailbox, "wait", wait)
    loop = MailboxLoop(context, mailbox=mailbox, intake=tray, poll_s=7, metrics=None)
    with capture_logs() as logs:
        assert await loop.step() == rest_s
        await loop.close()

    assert len(tray.taken) == count
    assert logs == []


async def test_who_may_not_read_waits_without_a_connection(
    context: RequestContext, account: Account, tray: MailTray
) -> None:
    mailbox = account.mailbox(port=1)
    assert await MailboxLease(context, mailbox=mailbox.name).hold()
    loop = MailboxLoop(context, mailbox=mailbox, intake=tray, poll_s=7, metrics=None)

    assert await loop.step() == 7
    await loop.close()


async def test_a_worker_reads_each_mailbox_as_mail_comes_and_ends_when_told(
    context: RequestContext, dovecot: Dovecot
) -> None:
    accounts = Account(dovecot), Account(dovecot)
    came = asyncio.Queue[bytes]()
    tray = MailTray(then=came.put_nowait)
    mailboxes = [account.mailbox() for account in accounts]
    worker = MailboxWorker(context, mailboxes=mailboxes, intake=tray, poll_s=30)
    running = asyncio.create_task(worker.run())
    accounts[0].deliver(mail(1))
    assert await came.get() == mail(1)
    await asyncio.to_thread(accounts[1].deliver, mail(2))
    assert await came.get() == mail(2)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await MailboxLease(context, mailbox=mailboxes[0].name).hold()
