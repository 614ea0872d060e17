"""What a scenario saw, beside what it had to see."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a report. `wanted` is empty for a figure that is only stated."""

    what: str
    seen: str
    wanted: str
    holds: bool


@dataclass(slots=True)
class Findings:
    """The report of one scenario, in the order of its steps."""

    lines: list[Finding] = field(default_factory=list)

    def state(self, what: str, seen: object) -> None:
        """Note a figure that nothing depends on."""
        self.lines.append(Finding(what, str(seen), "", holds=True))

    def equal(self, what: str, seen: object, wanted: object) -> None:
        """Demand an exact value."""
        self.lines.append(Finding(what, str(seen), str(wanted), holds=seen == wanted))

    def none_of(self, what: str, seen: list[str]) -> None:
        """Demand an empty list; a failure shows how many there were, and the first ones."""
        shown = f"{len(seen)}: {'; '.join(seen[:3])}" if seen else "0"
        self.lines.append(Finding(what, shown, "0", holds=not seen))

    def within(self, what: str, seen: int, least: int, most: int) -> None:
        """Demand a number between two bounds, both included."""
        wanted = f"{least} to {most}"
        self.lines.append(Finding(what, str(seen), wanted, holds=least <= seen <= most))

    def at_least(self, what: str, seen: int, least: int) -> None:
        """Demand a number that is not smaller than the bound."""
        self.lines.append(Finding(what, str(seen), f"at least {least}", holds=seen >= least))

    def at_most(self, what: str, seen_s: float, limit_s: float) -> None:
        """Demand a duration in seconds that is not longer than the limit."""
        wanted = f"at most {limit_s:g} s"
        self.lines.append(Finding(what, f"{seen_s:.2f} s", wanted, holds=seen_s <= limit_s))

    @property
    def failures(self) -> list[str]:
        """The lines that do not hold, as sentences."""
        return [
            f"{line.what}: {line.seen}, must be {line.wanted}"
            for line in self.lines
            if not line.holds
        ]
