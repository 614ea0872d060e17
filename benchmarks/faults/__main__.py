"""`make faults`: run the fault scenarios and write docs/FAULTS.md.

Source: issue "Foundation", section Faults. Everything runs on loopback, against
services and servers that a scenario starts itself in folders of its own.
"""

import asyncio
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.faults.findings import Findings
from benchmarks.faults.report import REPORT, Outcome, page_of, section, sections_of, verdict
from benchmarks.faults.scenarios import SCENARIOS, Scenario

_console = Console(highlight=False)


def main(
    *,
    short: Annotated[bool, typer.Option("--short", help="Few repetitions, no report.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Run this scenario alone; may be repeated.")
    ] = None,
) -> None:
    """Run every fault scenario, print what was seen, and write it into docs/FAULTS.md."""
    chosen = only or list(SCENARIOS)
    unknown = sorted(set(chosen) - SCENARIOS.keys())
    if unknown:
        typer.echo(f"No such scenario: {', '.join(unknown)}. There is {', '.join(SCENARIOS)}.")
        raise typer.Exit(2)
    outcomes = [_run(name, SCENARIOS[name], short=short) for name in chosen]
    if not short:
        known = sections_of(REPORT.read_text("utf-8")) if only and REPORT.exists() else {}
        sections = known | {outcome.name: section(outcome) for outcome in outcomes}
        REPORT.write_text(page_of(sections, order=SCENARIOS), "utf-8")
    failures = [f"{o.name}: {line}" for o in outcomes for line in o.findings.failures]
    for failure in failures:
        _console.print(f"[red]FAILED[/red] {failure}", markup=True, soft_wrap=True)
    raise typer.Exit(1 if failures else 0)


def _run(name: str, scenario: Scenario, *, short: bool) -> Outcome:
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
    outcome = Outcome(name, scenario.title, time.monotonic() - started, findings)
    _console.print(_table(outcome))
    return outcome


def _table(outcome: Outcome) -> Table:
    table = Table(title=f"{outcome.name} ({outcome.seconds:.0f} s)", title_justify="left")
    for heading in ("what", "seen", "must be", ""):
        table.add_column(heading, overflow="fold")
    for line in outcome.findings.lines:
        table.add_row(line.what, line.seen, line.wanted, verdict(line.wanted, holds=line.holds))
    return table


if __name__ == "__main__":
    typer.run(main)
