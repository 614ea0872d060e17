"""What `make bench` states, and how it is written down.

A section, a module of benchmarks that benchmarks.bench names, measures its rows of the
table and hands back Figures; benchmarks.bench runs them all and writes the page.
"""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

_MOST_PLACES: Final = 6
_PACKAGES: Final = ("aiohttp", "uvloop", "httptools", "lmdb", "strawberry-graphql", "tortoise-orm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table: what was asked for and what stands.

    `is_met` None: the row asks only that the figure be stated. `note` says what
    was tried and what the profile says, where a figure was missed.
    """

    measure: str
    asked: str
    reached: str
    is_met: bool | None
    note: str = ""


def at_least(measure: str, value: float, floor: float, *, unit: str = "", note: str = "") -> Figure:
    """Return a figure that is met from `floor` upwards."""
    return Figure(
        measure=measure,
        asked=f"at least {_number(floor)}{unit}",
        reached=f"{_number(value, floor)}{unit}",
        is_met=value >= floor,
        note=note,
    )


def at_most(
    measure: str, value: float, ceiling: float, *, unit: str = "", note: str = ""
) -> Figure:
    """Return a figure that is met up to `ceiling`."""
    return Figure(
        measure=measure,
        asked=f"at most {_number(ceiling)}{unit}",
        reached=f"{_number(value, ceiling)}{unit}",
        is_met=value <= ceiling,
        note=note,
    )


def stated(measure: str, reached: str, *, note: str = "") -> Figure:
    """Return a figure that has no floor."""
    return Figure(measure=measure, asked="stated", reached=reached, is_met=None, note=note)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios of each round, so that slow minutes cancel out."""
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as a Markdown table, the notes below it."""
    rows = ["| measure | asked | reached | |", "|---|---|---|---|"]
    notes: list[str] = []
    for figure in figures:
        verdict = {True: "met", False: "**missed**", None: "stated"}[figure.is_met]
        mark = ""
        if figure.note:
            notes.append(f"{len(notes) + 1}. {figure.note}")
            mark = f" ({len(notes)})"
        rows.append(f"| {figure.measure} | {figure.asked} | {figure.reached}{mark} | {verdict} |")
    return "\n".join([*rows, *(["", *notes] if notes else [])])


def machine() -> Mapping[str, str]:
    """Return what the figures were measured on, without names of hosts or people."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    return {
        "processor": f"{_cpu_model()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{memory:.1f} GiB",
        "system": f"{_system()}, Linux {platform.release()}",
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "packages": packages,
        "load": f"{_version('wrk', '-v')}; {_version('nginx', '-v')}",
    }


def demand_tools(*names: str) -> None:
    """Exit with one line that names the programs that are missing."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        sys.exit(
            f"This needs {' and '.join(missing)} (Debian: apt-get install {' '.join(missing)})."
        )


def on_core(number: int) -> tuple[str, ...]:
    """Return what pins a command to the first (0: servers) or second (1: load) core."""
    return "taskset", "-c", str(sorted(os.sched_getaffinity(0))[number])


def _number(value: float, bar: float | None = None) -> str:
    """Return a number with few digits, but enough to tell it from the bar it is held to."""
    places = 0 if value >= 100 else 2  # noqa: PLR2004 - whole numbers read better from here on
    if bar is not None and value != bar:
        while places < _MOST_PLACES and round(value, places) == bar:
            places += 1
    shown = f"{value:,.{places}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _cpu_model() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return found[1] if found else platform.machine()


def _system() -> str:
    names = platform.freedesktop_os_release()
    return names.get("PRETTY_NAME", "Linux")


def _version(program: str, flag: str) -> str:
    if shutil.which(program) is None:
        return f"no {program}"
    done = subprocess.run([program, flag], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()[0].split(" Copyright")[0].strip()
