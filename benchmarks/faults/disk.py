"""No room for the spool: redirects go on, and what is not counted is counted as lost."""

import asyncio
import os
import resource
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from benchmarks.faults.findings import Findings
from benchmarks.faults.trial import LOST, SERVING_AGAIN_S, Trial, trial
from benchmarks.load_client import LoadClient
from benchmarks.service import Response

_ROOM: Final = 20_000  # bytes that a file may have, so that now and then a write falls short
_FULL_S: Final = 20.0  # until the first loss
_SHOWN_S: Final = 3.0  # until /readyz shows the loss
_STILL_S: Final = 0.3  # between two looks at the count of losses
_SETTINGS: Final = {"SPOOL_MAX_BYTES": str(1 << 20), "SPOOL_FILE_BYTES": str(1 << 16)}


async def disk(findings: Findings, *, hold_s: float) -> None:
    """Refuse room in three ways, each for so many seconds after the first loss.

    First no file of the web processes may grow beyond a small size (RLIMIT_FSIZE),
    so that a write falls short now and then; then none may be written at all; at
    last the worker stands still, and the spool reaches the bound of its folder.
    """
    async with trial(findings, _SETTINGS) as subject:
        client = subject.client(requests_per_s=4000)
        async with client:
            short = partial(_limit, subject, _ROOM)
            await _endure(subject, "files are cut short", hold_s, short, is_lasting=False)
            await _endure(subject, "no file may be written", hold_s, lambda: _limit(subject, 0))
            await _endure(subject, "spool at its bound", hold_s, lambda: _stop_worker(subject))
        await subject.check_answers()
        await _account(subject, client)


async def _endure(
    subject: Trial,
    name: str,
    hold_s: float,
    begin: Callable[[], Callable[[], None]],
    *,
    is_lasting: bool = True,
) -> None:
    findings = subject.findings
    before = subject.service.metrics().get(LOST, 0.0)
    end = begin()
    try:
        await subject.until(
            lambda: subject.service.metrics().get(LOST, 0.0) > before, _FULL_S, "clicks are lost"
        )
        await asyncio.sleep(hold_s)
        report = await _shown(subject, before)
    finally:
        end()
    spool = report.json()["spool"]
    findings.state(f"{name}: /readyz says", f"{report.status}, spool {spool}")
    if is_lasting:
        findings.equal(f"{name}: /readyz finds the spool in order", spool["ok"], wanted=False)
    back = time.monotonic()
    await _until_counted_again(subject)
    findings.at_most(
        f"{name}: clicks are counted again after", time.monotonic() - back, SERVING_AGAIN_S
    )
    lost = subject.service.metrics()[LOST] - before
    findings.state(f"{name}: clicks lost, by /metrics", int(lost))


async def _shown(subject: Trial, before: float) -> Response:
    """Return what /readyz says once it shows the loss; it may repeat itself for a second."""
    reports: list[Response] = []

    def shows() -> bool:
        reports.append(subject.service.get("/readyz"))
        return bool(reports[-1].json()["spool"]["lost"] > before)

    await subject.until(shows, _SHOWN_S, "/readyz shows the loss")
    return reports[-1]


async def _until_counted_again(subject: Trial) -> None:
    """Wait until the count of losses has stood still for a while, and /readyz has no complaint."""
    seen: list[float] = []

    def stands_still() -> bool:
        time.sleep(_STILL_S)
        seen.append(subject.service.metrics()[LOST])
        return len(seen) > 1 and seen[-1] == seen[-2]

    await subject.until(stands_still, _FULL_S, "no more clicks are lost")
    await subject.until(
        lambda: bool(subject.service.get("/readyz").json()["spool"]["ok"]),
        _FULL_S,
        "/readyz has no complaint about the spool",
    )


def _limit(subject: Trial, size: int) -> Callable[[], None]:
    pids = subject.service.web_pids()
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))

    def undo() -> None:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)

    return undo


def _stop_worker(subject: Trial) -> Callable[[], None]:
    (pid,) = subject.service.worker_pids()
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


async def _account(subject: Trial, client: LoadClient) -> None:
    """Every answered click is stored or counted as lost, and nothing is both."""
    findings = subject.findings
    lost = int(subject.service.metrics()[LOST])
    await subject.until(
        lambda: len(subject.stored()) >= client.answered - lost, 60.0, "the clicks are stored"
    )
    ledger, stored = subject.ledger(), await asyncio.to_thread(subject.stored)
    ids = {request_id for request_id, _ in stored}
    findings.state("clicks stored", len(stored))
    findings.equal("stored, against answered less lost", len(ids), client.answered - lost)
    findings.equal("stored twice", len(stored) - len(ids), 0)
    findings.none_of("stored, not sent", sorted(ids - ledger.sent.keys()))
    await subject.check_rows()
