"""The page docs/FAULTS.md: a section for each scenario, of its latest run."""

import os
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.faults.findings import Findings

REPORT: Final = Path(__file__).resolve().parents[2] / "docs" / "FAULTS.md"
_HOW_TO_READ: Final = (
    "Every scenario but the last starts a service of its own (supervisor, two web processes, one "
    "worker) and follows 500 links on loopback. Each request has an id, and the load client writes "
    "what it sent and what it was answered to a file before it counts it. Only requests on "
    "connections that a killed process had open may stay without an answer. The last scenario "
    "gives two servers in memory, one with the fast path and one without, the same generated "
    "bytes; replies, ends of connections and clicks must be the same. A line without a third "
    "column states a figure. `--only` puts the section of one scenario anew, with its own date."
)
_HEADING: Final = re.compile(r"^## ([\w-]+): ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a scenario."""

    name: str
    title: str
    seconds: float
    findings: Findings


def verdict(wanted: str, *, holds: bool) -> str:
    """Return the last cell of a line; empty where a figure is only stated."""
    if not holds:
        return "FAILED"
    return "ok" if wanted else ""


def section(outcome: Outcome) -> str:
    """Return a scenario as Markdown, from its heading to when and where it ran."""
    lines = [f"## {outcome.name}: {outcome.title}", ""]
    lines += ["| what | seen | must be | |", "|---|---|---|---|"]
    for line in outcome.findings.lines:
        told = verdict(line.wanted, holds=line.holds)
        lines.append(f"| {line.what} | {_cell(line.seen)} | {line.wanted} | {told} |")
    today = datetime.now(UTC).date()
    machine = f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}"
    return "\n".join([*lines, "", f"Took {outcome.seconds:.0f} s on {today}: {machine}."])


def sections_of(page: str) -> dict[str, str]:
    """Return the sections of a page by the name of their scenario."""
    starts = [*_HEADING.finditer(page)]
    ends = [*(found.start() for found in starts[1:]), len(page)]
    return {
        found[1]: page[found.start() : end].rstrip()
        for found, end in zip(starts, ends, strict=True)
    }


def page_of(sections: Mapping[str, str], *, order: Iterable[str]) -> str:
    """Return the page; scenarios that never ran are left out, and so are those that went."""
    shown = [sections[name] for name in order if name in sections]
    return "\n\n".join(["# Faults", f"What `make faults` saw. {_HOW_TO_READ}", *shown]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
