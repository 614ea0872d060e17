"""The worker of letters against a real mail server."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from tortoise.transactions import in_transaction

from api.adapters.smtp_mailer import SmtpMailer, SmtpServer, SmtpTls
from api.metrics import Metrics, render
from api.workers.mails import MailWorker
from models.mails import Mail
from models.rules.mail_retries import LEASE
from models.rules.mail_templates import MailTemplate
from resolvers.letters import Letterhead
from resolvers.mails import post_mail
from resolvers.ports import Ports
from tests.factories import as_nobody
from tests.fakes import FixedClock
from tests.mail_servers import DROP, HOST, MailServer, mail_server

pytestmark = pytest.mark.usefixtures("database")

HEAD = Letterhead(portal="Linkyard", public_url="https://go.test", sender="linkyard@go.test")
KILLED = """
import asyncio, sys
from api.adapters.quiet import QuietClickFeed, QuietLinkSignal
from resolvers.rate_counters import RateCounters
from api.metrics import Metrics
from api.workers.mails import MailWorker
from models.orm import open_database
from pathlib import Path
from tests.factories import PASSWORDS, SEALER, as_nobody
from tests.fakes import FixedClock
from tests.integration.workers.test_mails import HEAD, smtp
from resolvers.ports import Ports

async def work():
    url, port, folder = sys.argv[1:]
    ports = Ports(
        clock=FixedClock(), link_signal=QuietLinkSignal(), click_feed=QuietClickFeed(),
        sealer=SEALER, passwords=PASSWORDS, rates=RateCounters(bytes(32)),
    )
    async with open_database(url):
        worker = MailWorker(
            as_nobody(ports), mailer=smtp(int(port)), head=HEAD,
            metrics=Metrics(Path(folder)), per_minute=60,
        )
        await worker.run(wake=asyncio.Event())

asyncio.run(work())
"""


def smtp(port: int) -> SmtpMailer:
    """Return a mailer to a server of tests.mail_servers."""
    return SmtpMailer(
        SmtpServer(host=HOST, port=port, tls=SmtpTls.NONE, sender=HEAD.sender, own_name="go.test")
    )


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[Metrics]:
    folder = tmp_path / "metrics"
    folder.mkdir()
    counted = Metrics(folder)
    yield counted
    counted.close()


def counts(tmp_path: Path) -> dict[str, float]:
    lines = render(tmp_path / "metrics").decode().splitlines()
    return {
        name.removeprefix("linkyard_mails_"): float(value)
        for name, _, value in (line.rpartition(" ") for line in lines)
        if name.startswith("linkyard_mails_")
    }


def worker_of(
    ports: Ports, state: MailServer, metrics: Metrics, *, per_minute: int = 60
) -> MailWorker:
    return MailWorker(
        as_nobody(ports),
        mailer=smtp(state.port),
        head=HEAD,
        metrics=metrics,
        per_minute=per_minute,
    )


async def post(ports: Ports, to: str = "anna@example.org") -> None:
    async with in_transaction("default") as connection:
        await post_mail(
            as_nobody(ports),
            connection,
            to=to,
            locale="ru",
            template=MailTemplate.ACCOUNT_DEACTIVATED,
            params={"name": "Анна"},
        )


async def step(worker: MailWorker) -> None:
    await worker.step()
    await worker.finish()


@asynccontextmanager
async def running(worker: MailWorker, wake: asyncio.Event) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run(wake=wake))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def statuses() -> list[tuple[str, bool, bool]]:
    rows = await Mail.all().order_by("id")
    return [(row.to_address, row.sent_at is not None, row.failed_at is not None) for row in rows]


async def test_a_letter_that_is_posted_arrives(
    ports: Ports, metrics: Metrics, tmp_path: Path
) -> None:
    async with mail_server() as state:
        worker = worker_of(ports, state, metrics)
        wake = asyncio.Event()
        async with running(worker, wake):
            await post(ports)
            wake.set()
            async with asyncio.timeout(10):
                await state.arrived.wait()
            await worker.finish()
            await worker.step()

    (taken,) = state.taken
    assert (taken.to, taken.sender) == ("anna@example.org", "linkyard@go.test")
    assert taken.letter["subject"] == "Linkyard: учётная запись отключена"
    assert counts(tmp_path) == {
        "sent_total": 1.0,
        "deferred_total": 0.0,
        "failed_total": 0.0,
        "waiting": 0.0,
    }


async def test_a_server_that_says_451_gets_the_same_letter_later(
    ports: Ports, clock: FixedClock, metrics: Metrics, tmp_path: Path
) -> None:
    async with mail_server() as state:
        state.data_answers.append("451 4.7.1 greylisted")
        worker = worker_of(ports, state, metrics)
        await post(ports)

        await step(worker)
        assert state.taken == []
        await step(worker)
        assert len(state.heard) == 1  # not before its time
        clock.at += timedelta(minutes=1)
        await step(worker)
        await worker.step()

    assert [taken.letter["message-id"] for taken in state.taken] == [
        state.heard[0].letter["message-id"]
    ]
    assert await statuses() == [("anna@example.org", True, False)]
    assert counts(tmp_path) == {
        "sent_total": 1.0,
        "deferred_total": 1.0,
        "failed_total": 0.0,
        "waiting": 0.0,
    }


async def test_a_connection_that_breaks_after_the_letter_may_bring_it_twice_under_one_id(
    ports: Ports, clock: FixedClock, metrics: Metrics
) -> None:
    async with mail_server() as state:
        state.data_answers.append(DROP)
        worker = worker_of(ports, state, metrics)
        await post(ports)

        await step(worker)
        clock.at += timedelta(minutes=1)
        await step(worker)

    assert len(state.taken) == 2
    assert len({taken.letter["message-id"] for taken in state.taken}) == 1
    assert await statuses() == [("anna@example.org", True, False)]


async def test_one_bad_reader_delays_no_other(
    ports: Ports, metrics: Metrics, tmp_path: Path
) -> None:
    others = [f"person{number}@example.org" for number in range(6)]
    async with mail_server() as state:
        state.refused = {
            "gone@example.org": "550 no such person",
            "busy@example.org": "450 mailbox busy",
        }
        worker = worker_of(ports, state, metrics)
        for to in ("gone@example.org", "busy@example.org", *others):
            await post(ports, to)

        for _ in range(3):
            await step(worker)

    assert sorted(taken.to for taken in state.taken) == others
    assert await statuses() == [
        ("gone@example.org", False, True),
        ("busy@example.org", False, False),
        *((to, True, False) for to in others),
    ]
    assert counts(tmp_path)["failed_total"] == 1.0


async def test_a_slow_answer_to_one_letter_holds_up_no_other(
    ports: Ports, metrics: Metrics
) -> None:
    async with mail_server() as state:
        state.gate.clear()
        worker = worker_of(ports, state, metrics)
        for number in range(3):
            await post(ports, f"person{number}@example.org")

        await worker.step()
        async with asyncio.timeout(10):
            while len(state.heard) < 3:
                state.arrived.clear()
                await state.arrived.wait()
        assert state.taken == []
        state.gate.set()
        await worker.finish()

    assert len(state.taken) == 3


async def test_a_server_that_is_away_is_asked_for_one_letter_at_a_time(
    ports: Ports, clock: FixedClock, metrics: Metrics
) -> None:
    async with mail_server() as state:
        worker = worker_of(ports, state, metrics)
    for number in range(6):
        await post(ports, f"person{number}@example.org")

    await step(worker)
    assert await Mail.filter(attempts=1).count() == 4
    await step(worker)
    assert await Mail.filter(attempts=1).count() == 5

    async with mail_server() as back:
        again = worker_of(ports, back, metrics)
        clock.at += timedelta(minutes=1)
        for _ in range(3):
            await step(again)

    assert len(back.taken) == 6


async def test_no_more_letters_go_in_a_minute_than_the_settings_allow(
    ports: Ports, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mail_server() as state:
        worker = worker_of(ports, state, metrics, per_minute=5)
        for _ in range(8):
            await post(ports)

        for _ in range(4):
            await step(worker)
        assert len(state.taken) == 5
        monkeypatch.setattr("api.workers.mails._MINUTE_S", 0.0)
        await step(worker)

    assert len(state.taken) == 8


async def test_two_workers_send_no_letter_twice(ports: Ports, metrics: Metrics) -> None:
    async with mail_server() as state:
        workers = [worker_of(ports, state, metrics) for _ in range(2)]
        for number in range(16):
            await post(ports, f"person{number}@example.org")

        for _ in range(4):
            await asyncio.gather(*map(step, workers))

    assert sorted(taken.to for taken in state.taken) == sorted(
        f"person{number}@example.org" for number in range(16)
    )


async def test_a_worker_that_ends_lets_letters_on_their_way_arrive(
    ports: Ports, metrics: Metrics
) -> None:
    async with mail_server() as state:
        state.gate.clear()
        worker = worker_of(ports, state, metrics)
        await post(ports)
        task = asyncio.create_task(worker.run(wake=asyncio.Event()))
        async with asyncio.timeout(10):
            await state.arrived.wait()

        task.cancel()
        asyncio.get_running_loop().call_soon(state.gate.set)
        await asyncio.wait([task])

    assert await statuses() == [("anna@example.org", True, False)]


async def test_a_worker_that_is_killed_in_the_middle_loses_no_letter(
    ports: Ports, clock: FixedClock, metrics: Metrics, database_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "of the killed"
    folder.mkdir()
    async with mail_server() as state:
        state.gate.clear()
        for number in range(6):
            await post(ports, f"person{number}@example.org")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            KILLED,
            database_url,
            str(state.port),
            os.fspath(folder),
            stdout=subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(30):
                while len(state.heard) < 4:
                    state.arrived.clear()
                    await state.arrived.wait()
        finally:
            process.kill()
            assert await process.wait() == -signal.SIGKILL
        state.gate.set()
        claimed_by_the_dead = {heard.to for heard in state.heard}
        state.taken.clear()  # as if none of the four had been answered
        worker = worker_of(ports, state, metrics)

        await step(worker)
        assert {taken.to for taken in state.taken}.isdisjoint(claimed_by_the_dead)
        clock.at += LEASE
        await step(worker)

    assert sorted(taken.to for taken in state.taken) == [
        f"person{number}@example.org" for number in range(6)
    ]
    assert await Mail.filter(sent_at=None).count() == 0
