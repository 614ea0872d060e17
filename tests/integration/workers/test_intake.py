"""The loop that reads stored mail, alone and behind a real mailbox."""

import asyncio
from datetime import datetime

import pytest

from api.mail_desk import mail_desk_of
from api.settings import load_settings
from api.workers.intake import AT_ONCE, IntakeWorker
from api.workers.mailboxes import MailboxWorker
from models.raw_mails import RawMail, RawMailState
from models.ticket_messages import TicketMessage
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.mail_intake import LEASE, claim_raw_mails
from resolvers.ports import Ports
from tests.dovecot_account import Account
from tests.dovecot_server import Dovecot
from tests.fakes import FixedClock
from tests.mail_corpus import corpus
from tests.mail_desk import DESK, as_job, take_in
from tests.mail_world import World

TIMEOUT_S = 20


@pytest.fixture
def job(database: None, ports: Ports) -> RequestContext:
    return as_job(ports)


@pytest.fixture
def worker(job: RequestContext) -> IntakeWorker:
    return IntakeWorker(job, desk=DESK)


def raw(number: int) -> bytes:
    head = f"From: u{number}@mail.test\r\nDate: x\r\nMessage-ID: <{number}@mail.test>\r\n"
    return f"{head}Subject: mail {number}\r\n\r\ntext {number}".encode()


async def subjects() -> list[str]:
    return sorted(ticket.subject for ticket in await Ticket.all())


class Counted:
    """MailIntake that tells when so many mails were taken."""

    def __init__(self, intake: IntakeWorker, *, expected: int) -> None:
        self._intake = intake
        self._left = expected
        self.all_came = asyncio.Event()

    async def receive(self, raw: bytes, mailbox: str, received_at: datetime) -> None:
        """See MailIntake.receive."""
        await self._intake.receive(raw, mailbox, received_at)
        self._left -= 1
        if not self._left:
            self.all_came.set()


async def test_all_that_waits_is_read(job: RequestContext, worker: IntakeWorker) -> None:
    for number in range(AT_ONCE + 1):
        await take_in(job, raw(number))

    assert await worker.step()
    assert not await worker.step()

    assert await subjects() == [f"mail {number}" for number in range(AT_ONCE + 1)]


async def test_a_mail_that_fails_holds_up_no_other(
    job: RequestContext, worker: IntakeWorker, clock: FixedClock
) -> None:
    broken = await take_in(job, raw(0))
    await job.ports.blobs.remove((await RawMail.get(id=broken)).sha256)
    await take_in(job, raw(1))

    assert not await worker.step()

    assert await subjects() == ["mail 1"]
    row = await RawMail.get(id=broken)
    assert (row.state, row.attempts) == (RawMailState.RECEIVED, 1)
    assert row.due_at is not None
    assert row.due_at > clock.at


async def test_a_worker_that_is_stopped_in_the_middle_leaves_each_mail_whole_or_waiting(
    job: RequestContext, worker: IntakeWorker, clock: FixedClock
) -> None:
    for number in range(12):
        await take_in(job, raw(number))

    for turns in (1, 5, 20, 40, 80):
        step = asyncio.create_task(worker.step())
        for _ in range(turns):
            await asyncio.sleep(0)
        step.cancel()
        await asyncio.wait([step])
        clock.at += LEASE
    while await worker.step() or await claim_raw_mails(job, limit=1):
        clock.at += LEASE

    assert await subjects() == sorted(f"mail {number}" for number in range(12))
    assert await TicketMessage.all().count() == 12
    assert await RawMail.filter(state=RawMailState.DONE).count() == 12


async def test_mail_of_a_real_mailbox_becomes_tickets(
    job: RequestContext, worker: IntakeWorker, dovecot: Dovecot
) -> None:
    account = Account(dovecot)
    mails = [mail for mail in corpus(World()) if mail.name.startswith("gmail-")][:8]
    for mail in mails:
        account.deliver(mail.raw)
    counted = Counted(worker, expected=len(mails))
    reading = MailboxWorker(job, mailboxes=[account.mailbox()], intake=counted, poll_s=30)
    running = asyncio.create_task(reading.run())
    await asyncio.wait_for(counted.all_came.wait(), TIMEOUT_S)
    running.cancel()
    await asyncio.wait([running])

    while await worker.step():
        pass

    assert await RawMail.filter(state=RawMailState.DONE).count() == len(mails)
    assert await Ticket.all().count() == await TicketMessage.all().count() == len(mails)


def test_the_addresses_of_the_desk_are_stated_or_those_of_its_mailboxes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LINKYARD_PUBLIC_URL", "https://Portal.test")
    monkeypatch.setenv("LINKYARD_IMAP_URL", "imaps://Help@Desk.test@mx.test imaps://plain@mx.test")
    monkeypatch.setenv("LINKYARD_IMAP_PASSWORD_FILE", "/none")

    found = mail_desk_of(load_settings(), [b"k"])

    assert (found.host, found.addresses, found.keys) == ("portal.test", ("help@desk.test",), [b"k"])
    monkeypatch.setenv("LINKYARD_DESK_ADDRESSES", "a@desk.test B@desk.test")
    assert mail_desk_of(load_settings(), [b"k"]).addresses == ("a@desk.test", "b@desk.test")
