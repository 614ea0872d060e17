"""The sums of /metrics, over processes that were killed meanwhile, are the load client's."""

from http import HTTPStatus

from benchmarks.faults.findings import Findings
from benchmarks.faults.trial import LOST, REDIRECTS, trial


async def counters(findings: Findings, *, kills: int, requests: int) -> None:
    """Kill a web process between two bursts so many times, then as often under load.

    Between bursts every request is answered, so the sums must be equal. Under
    load a process may die between counting and answering, so the sum lies
    between what was answered and what was sent.
    """
    async with trial(findings) as subject:
        before = subject.service.metrics()[REDIRECTS]
        client, probe = subject.client(requests_per_s=0), subject.probe()
        for _ in range(kills):
            await client.burst(requests)
            await subject.kill_web()
            await subject.serving_again(probe)
        counted = int(subject.service.metrics()[REDIRECTS] - before)
        answered = client.answered + probe.answered
        findings.equal("answers", client.sent + probe.sent, answered)
        findings.equal(f"sum of /metrics after {kills} kills between bursts", counted, answered)

        async with subject.client(requests_per_s=1000) as loaded:
            for _ in range(kills):
                await subject.kill_web()
                await subject.serving_again(probe)
        counted = int(subject.service.metrics()[REDIRECTS] - before)
        findings.within(
            f"sum of /metrics after {kills} more under load",
            counted,
            client.statuses[HTTPStatus.FOUND] + probe.answered + loaded.answered,
            client.sent + probe.sent + loaded.sent,
        )
        findings.equal("clicks lost, by /metrics", int(subject.service.metrics()[LOST]), 0)
        await subject.check_answers()
        await subject.check_clicks()
