"""kill -9 of web processes and of the worker, at random moments, under load."""

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import Final

from benchmarks.faults.findings import Findings
from benchmarks.faults.trial import IN_FORCE_S, SERVING_AGAIN_S, trial

_PILE_UP_S: Final = 1.5
_KILLS_A_ROUND: Final = 4


async def kills(
    findings: Findings, *, count: int, settings: Mapping[str, str] | None = None
) -> None:
    """Kill so many processes, a web process and the worker in turn.

    Each third time both die together. After each kill fresh connections must be
    answered, and a new link must redirect, within five seconds.
    """
    async with trial(findings, settings) as subject:
        probe = subject.probe()
        slowest_web, slowest_worker, done = 0.0, 0.0, 0
        async with subject.client(requests_per_s=800) as client:
            while done < count:
                await asyncio.sleep(subject.random.uniform(0.05, 0.5))
                kind = subject.random.choice(("web", "worker", "both"))
                if kind != "web":
                    await subject.kill_worker()
                    done += 1
                if kind != "worker" and done < count:
                    await subject.kill_web()
                    done += 1
                    slowest_web = max(slowest_web, await subject.serving_again(probe))
                if kind != "web":
                    slowest_worker = max(slowest_worker, await subject.change_in_force())
        findings.equal("processes killed", done, count)
        findings.at_most("fresh connections answered after a kill", slowest_web, SERVING_AGAIN_S)
        findings.at_most("a new link redirects after a kill", slowest_worker, SERVING_AGAIN_S)
        findings.at_most("longest wait for an answer", client.slowest_s, SERVING_AGAIN_S)
        findings.at_most(
            "a new link redirects at the end", await subject.change_in_force(), IN_FORCE_S
        )
        await subject.check_answers()
        await subject.check_clicks()


async def backlog(
    findings: Findings, *, rounds: int, settings: Mapping[str, str] | None = None
) -> None:
    """Let clicks pile up, then kill the worker four times while it takes them in."""
    small_files = {"SPOOL_FILE_BYTES": str(1 << 17)}  # so that many are finished and deleted
    async with trial(findings, {**(settings or {}), **small_files}) as subject:
        async with subject.client(requests_per_s=4000):
            for _ in range(rounds):
                (worker,) = await subject.worker_pids()
                os.kill(worker, signal.SIGSTOP)
                await asyncio.sleep(_PILE_UP_S)
                os.kill(worker, signal.SIGCONT)
                for _ in range(_KILLS_A_ROUND):
                    await asyncio.sleep(subject.random.uniform(0.02, 0.35))
                    await subject.kill_worker()
        findings.state("workers killed", rounds * _KILLS_A_ROUND)
        await subject.check_answers()
        await subject.check_clicks()
