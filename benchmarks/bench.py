"""`make bench`: every row of the table in one run, and docs/BENCHMARKS.md from it.

Each section measures in alternation with what it is compared with, so that a slow
minute of the machine hits both; the figures are medians of the rounds. The server
has one core, the load another. A full run takes about a quarter of an hour.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

from benchmarks import (
    attack,
    graphql,
    guard,
    inbox,
    ingestion,
    memory,
    redirect,
    sign_in,
    slow_clients,
)
from benchmarks.report import Figure, demand_tools, machine, table

ROUNDS: Final = 5
_LOOK_S: Final = 3.0  # how long the machine is watched before a section
_QUIET_PERCENT: Final = 15.0  # of all cores: little enough to begin
_PATIENCE_S: Final = 120.0  # then a section begins in any case
PAGE: Final = Path("docs/BENCHMARKS.md")
SECTIONS: Final[Mapping[str, Callable[[int], list[Figure]]]] = {
    "Redirect": redirect.figures,
    "Clicks": ingestion.figures,
    "GraphQL": graphql.figures,
    "A million links": memory.figures,
    "Hostile documents": guard.figures,
    "Under attack": attack.figures,
    "Slow clients": slow_clients.figures,
    "Signing in": sign_in.figures,
    "The desk's inbox": inbox.figures,
}
_INTRODUCTION: Final = """\
# Speed and memory

Written by `make bench`: one run, every row in alternation with what it is compared with,
{rounds} rounds, medians, where a note says nothing else. The server is pinned to one core
and the load to another, both on this machine. Ratios carry over to other machines, absolute
figures do not.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write the page. A missed figure is a finding, not a failure."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each row, 5 or more")
    parser.add_argument("--only", choices=SECTIONS, help="one section; the page is not written")
    options = parser.parse_args(arguments)
    os.environ["PATH"] += os.pathsep + "/usr/sbin"  # Debian's nginx, for those who are not root
    demand_tools("wrk", "nginx", "taskset")
    if len(os.sched_getaffinity(0)) < 2:  # noqa: PLR2004 - server and load
        sys.exit("This needs two cores: one for the server, one for the load.")
    sections = [options.only] if options.only else list(SECTIONS)
    found: dict[str, list[Figure]] = {}
    busy: list[float] = []
    started = time.monotonic()
    for name in sections:
        busy.append(_quiet())
        print(f"== {name} (others keep the machine {busy[-1]:.0f} % busy)", flush=True)
        found[name] = SECTIONS[name](options.rounds)
        print(table(found[name]), flush=True)
    missed = [figure for figures in found.values() for figure in figures if figure.is_met is False]
    if options.only is None:
        minutes = (time.monotonic() - started) / 60
        PAGE.write_text(
            page(found, rounds=options.rounds, minutes=minutes, busy=busy), encoding="utf-8"
        )
        print(f"{PAGE} is written; {len(missed)} figures were missed.")
    return 0


def _quiet() -> float:
    """Wait a while for a quiet moment; return how many percent of all cores others use."""
    deadline = time.monotonic() + _PATIENCE_S
    while (busy := psutil.cpu_percent(interval=_LOOK_S)) > _QUIET_PERCENT:
        if time.monotonic() > deadline:
            break
    return busy


def page(
    found: Mapping[str, Sequence[Figure]], *, rounds: int, minutes: float, busy: Sequence[float]
) -> str:
    """Return the page: the machine, what was missed, and every section.

    Args:
        found: figures by section.
        rounds: how often each row was measured.
        minutes: that the run took.
        busy: percent of all cores that others used before each section.
    """
    figures = [figure for section in found.values() for figure in section]
    missed = [figure for figure in figures if figure.is_met is False]
    verdict = (
        f"{len(missed)} of {len(figures)} figures were missed: "
        + "; ".join(figure.measure for figure in missed)
        + "."
        if missed
        else f"All {len(figures)} figures were reached."
    )
    weather = (
        f"The run took {minutes:.0f} minutes. Right before its sections other programs kept "
        f"{min(busy):.0f} to {max(busy):.0f} % of the machine busy: what they take is missing in "
        f"absolute figures. {verdict}"
    )
    parts = [
        _INTRODUCTION.format(rounds=rounds),
        "\n".join(f"- {name}: {value}" for name, value in machine().items()),
        weather,
    ]
    parts += [f"## {name}\n\n{table(section)}" for name, section in found.items()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
