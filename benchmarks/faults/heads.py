"""Requests drawn at random: the fast path must answer every one as aiohttp does."""

import secrets
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.faults.findings import Findings
from benchmarks.fuzz_heads import compare, silent_log

_SEEDS: Final = 1 << 32
_TAKEN: Final = 0.1  # of all heads at least; else aiohttp is compared with itself


async def heads(findings: Findings, *, count: int) -> None:
    """Compare both ways on so many heads, with a seed that nobody chose.

    Replies, open or closed connections and recorded clicks must be the same to the byte.
    `python -m benchmarks.fuzz_heads --count COUNT --seed SEED` repeats a run.
    """
    seed = secrets.randbelow(_SEEDS)
    findings.state("seed", seed)
    with tempfile.TemporaryDirectory(prefix="lky") as folder, silent_log():
        tally = await compare(Path(folder), count=count, seed=seed)
    findings.at_least("heads", tally.heads, count)
    findings.state("connections that they came on", tally.connections)
    findings.at_least("answered by the fast path", tally.taken, int(count * _TAKEN))
    findings.none_of("differences", [f"seed {seed}: {each}" for each in tally.different])
