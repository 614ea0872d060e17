"""Rolling replacement, and the end of the whole service, under load."""

import asyncio
from typing import Final

from benchmarks.faults.findings import Findings
from benchmarks.faults.questions import Questions
from benchmarks.faults.trial import SERVING_AGAIN_S, Trial, trial

_REPLACED_S: Final = 30.0


async def replacement(findings: Findings, *, rounds: int) -> None:
    """Replace every web process so many times; not one request may fail."""
    async with trial(findings) as subject:
        slowest_s = 0.0
        load = subject.client(requests_per_s=1000, requests_per_connection=40)
        async with load as client, Questions(subject.service) as questions:
            for _ in range(rounds):
                slowest_s = max(slowest_s, await subject.replace_web())
                await asyncio.sleep(subject.random.uniform(0.0, 0.3))
        findings.state("replacements of every web process", rounds)
        findings.at_most("slowest replacement", slowest_s, _REPLACED_S)
        findings.at_most("longest wait for an answer", client.slowest_s, SERVING_AGAIN_S)
        findings.state("GraphQL requests answered", questions.answered)
        findings.none_of("GraphQL requests that failed", questions.failed)
        await subject.check_answers()
        await subject.check_clicks()


async def shutdown(findings: Findings, *, rounds: int) -> None:
    """End the whole service under load so many times; what was accepted is answered."""
    async with trial(findings) as subject:
        codes: list[int] = []
        questions = Questions(subject.service)
        for _ in range(rounds):
            codes.append(await _end_under_load(subject, questions))
            await asyncio.to_thread(subject.service.start)
        findings.equal("exit codes", codes, [0] * rounds)
        clients = subject.clients
        findings.state("requests sent", sum(client.sent for client in clients))
        statuses = sorted({status for client in clients for status in client.statuses})
        findings.equal("statuses", statuses, [302])
        cuts = [str(cut) for client in clients for cut in client.cuts]
        findings.none_of("accepted requests without an answer", cuts)
        findings.state("GraphQL requests answered", questions.answered)
        findings.none_of("accepted GraphQL requests that failed", questions.failed)
        await subject.check_clicks()


async def _end_under_load(subject: Trial, questions: Questions) -> int:
    async with subject.client(requests_per_s=1500, requests_per_connection=25), questions:
        await asyncio.sleep(subject.random.uniform(0.3, 1.0))
        return await asyncio.to_thread(subject.service.stop)
