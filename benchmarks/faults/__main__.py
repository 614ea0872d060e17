"""`make faults`: run the fault scenarios and write docs/FAULTS.md.

Source: issue "Foundation", section Faults. Everything runs on loopback, against
services and servers that a scenario starts itself in folders of its own.
"""

import asyncio
import os
import platform
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.faults.findings import Findings
from benchmarks.faults.scenarios import SCENARIOS, Scenario

_REPORT: Final = Path(__file__).resolve().parents[2] / "docs" / "FAULTS.md"
_HOW_TO_READ: Final = (
    "Every scenario but the last starts a service of its own (supervisor, two web processes, one "
    "worker) and follows 500 links on loopback. Each request has an id, and the load client writes "
    "what it sent and what it was answered to a file before it counts it. Only requests on "
    "connections that a killed process had open may stay without an answer. The last scenario "
    "gives two servers in memory, one with the fast path and one without, the same generated "
    "bytes; replies, ends of connections and clicks must be the same. A line without a third "
    "column states a figure."
)
_console = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class _Outcome:
    name: str
    title: str
    seconds: float
    findings: Findings


def main(
    *,
    short: Annotated[bool, typer.Option("--short", help="Few repetitions, no report.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Run this scenario alone; may be repeated.")
    ] = None,
) -> None:
    """Run every fault scenario, print what was seen, and write docs/FAULTS.md."""
    chosen = only or list(SCENARIOS)
    unknown = sorted(set(chosen) - SCENARIOS.keys())
    if unknown:
        typer.echo(f"No such scenario: {', '.join(unknown)}. There is {', '.join(SCENARIOS)}.")
        raise typer.Exit(2)
    outcomes = [_run(name, SCENARIOS[name], short=short) for name in chosen]
    if not short and not only:
        _REPORT.write_text(_markdown(outcomes), "utf-8")
    failures = [f"{o.name}: {line}" for o in outcomes for line in o.findings.failures]
    for failure in failures:
        _console.print(f"[red]FAILED[/red] {failure}", markup=True, soft_wrap=True)
    raise typer.Exit(1 if failures else 0)


def _run(name: str, scenario: Scenario, *, short: bool) -> _Outcome:
    _console.print(f"\n{name}: {scenario.title}")
    findings = Findings()
    started = time.monotonic()

    async def bounded() -> None:
        async with asyncio.timeout(scenario.timeout_s):
            await scenario.run(findings, short)

    try:
        with _console.status("running, for some minutes" if not short else "running"):
            asyncio.run(bounded())
    except Exception as error:  # noqa: BLE001 - the other scenarios run all the same
        _console.print_exception()
        findings.none_of("ran to its end", [f"{type(error).__name__}: {error}"])
    outcome = _Outcome(name, scenario.title, time.monotonic() - started, findings)
    _console.print(_table(outcome))
    return outcome


def _table(outcome: _Outcome) -> Table:
    table = Table(title=f"{outcome.name} ({outcome.seconds:.0f} s)", title_justify="left")
    for heading in ("what", "seen", "must be", ""):
        table.add_column(heading, overflow="fold")
    for line in outcome.findings.lines:
        table.add_row(line.what, line.seen, line.wanted, _verdict(line.wanted, holds=line.holds))
    return table


def _verdict(wanted: str, *, holds: bool) -> str:
    if not holds:
        return "FAILED"
    return "ok" if wanted else ""


def _markdown(outcomes: list[_Outcome]) -> str:
    today = datetime.now(UTC).date()
    machine = f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}"
    parts = ["# Faults", "", f"Output of `make faults` on {today}: {machine}. {_HOW_TO_READ}"]
    for outcome in outcomes:
        parts += ["", f"## {outcome.name}: {outcome.title}", ""]
        parts += ["| what | seen | must be | |", "|---|---|---|---|"]
        for line in outcome.findings.lines:
            verdict = _verdict(line.wanted, holds=line.holds)
            parts.append(f"| {line.what} | {_cell(line.seen)} | {line.wanted} | {verdict} |")
        parts += ["", f"Took {outcome.seconds:.0f} s."]
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    typer.run(main)
