"""kill -9 of web processes and of the worker, at random moments, under load."""

import asyncio
from collections.abc import Mapping

from benchmarks.faults.findings import Findings
from benchmarks.faults.trial import IN_FORCE_S, SERVING_AGAIN_S, trial


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
