"""What the demo shows on the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.bar import Bar
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.proof import Proof

_EXAMPLES: Final = 3  # refused lines shown for each reason
_SHOWN: Final = 72  # characters of a refused line
_BAR: Final = 40


class Pages:
    """Writes the demo's sections to standard output, in 100 columns."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, width=100)

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._console.print(f"\n[bold]{escape(text)}[/bold]")

    def line(self, text: str) -> None:
        """Write a sentence."""
        self._console.print(f"  {escape(text)}", soft_wrap=True)

    def refusal(self, reason: str, count: int, examples: Sequence[str]) -> None:
        """Write how many were refused for a reason, and a few of them."""
        self.line(f"{count:>7,}  {reason}")
        for example in examples[:_EXAMPLES]:
            self.line(f"           {_short(example)}")

    def days(self, buckets: Iterable[Mapping[str, Any]]) -> None:
        """Write clicks by day as bars, without the days that have none."""
        shown = [bucket for bucket in buckets if int(bucket["human"]) + int(bucket["automated"])]
        most = max((int(bucket["human"]) + int(bucket["automated"]) for bucket in shown), default=1)
        table = Table(box=None, padding=(0, 1))
        for name in ("day", "people", "automated"):
            table.add_column(name, justify="left" if name == "day" else "right")
        table.add_column("")
        for bucket in shown:
            human, automated = int(bucket["human"]), int(bucket["automated"])
            bar = Bar(most, 0, human + automated, width=_BAR, color="cyan")
            table.add_row(bucket["start"][:10], f"{human:,}", f"{automated:,}", bar)
        self._console.print(table)

    def breakdown(self, title: str, found: Mapping[str, Any]) -> None:
        """Write the top rows of a breakdown and what they leave out."""
        table = Table(box=None, padding=(0, 1))
        table.add_column(title, width=34, no_wrap=True)
        table.add_column("clicks", justify="right")
        table.add_column("share", justify="right")
        for row in found["rows"]:
            table.add_row(escape(row["label"]), f"{int(row['clicks']):,}", f"{row['share']:.1%}")
        left_out = int(found["distinct"]) - len(found["rows"])
        if left_out > 0:
            table.add_row(f"[dim]{left_out:,} others[/dim]", f"{int(found['rest']):,}", "")
        self._console.print(table)

    def proof(self, proof: Proof) -> None:
        """Write the counts of each place, and whether they agree."""
        classes = ", ".join(f"{count:,} {name}" for name, count in proof.counted.items() if count)
        live = proof.spooled.total()
        self.line(f"answered {len(proof.answered):>9,}  right redirects in the client's own notes")
        self.line(f"spooled  {live:>9,}  live records on the disk")
        self.line(
            f"stored   {proof.stored.total():>9,}  live rows, {len(proof.stored):,} request ids"
        )
        self.line(
            f"         {proof.stored_all:>9,}  rows with the {proof.imported:,} imported ones"
        )
        if not proof.unlike:
            self.line("                   alike in link, class, referrer, program and network")
        self.line(f"counted  {proof.counted_all:>9,}  in the statistics: {classes}")
        self.line(f"         {proof.on_links:>9,}  on the links")
        for text in proof.audit[1].splitlines():
            self.line(f"audit    {text}")
        for failure in proof.failures:
            self._console.print(f"  [bold red]FAILED[/bold red]   {escape(failure)}")
        if not proof.failures:
            self._console.print(
                "  [bold green]PROVED[/bold green]   answered is contained in "
                "spooled = stored = counted, none twice"
            )


def _short(text: str) -> str:
    plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}…"
