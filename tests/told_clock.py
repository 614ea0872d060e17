"""A clock of the service terms told by the minutes of tests.working_minutes.

Written without the rules under test: it adds up the worked minutes of the windows in
which it ran, and looks back over each window for what fell due in it.
"""

from dataclasses import dataclass, field

from tests.working_minutes import WorkingMinutes


@dataclass
class ToldClock:
    """What is known of a clock; moments in seconds since 1970.

    Attributes:
        minutes: of the calendar that counts now.
        budget_s: what is promised now.
        warn_at: percents that are warned of now.
        since_s: begin of the window in which it runs, None when it stands.
        used_s: worked in the windows that are over.
        warned: percents that were warned of, and when.
    """

    minutes: WorkingMinutes
    budget_s: int
    warn_at: tuple[int, ...]
    since_s: int | None
    used_s: int = 0
    is_met: bool = False
    breached_at_s: int | None = None
    late_by_s: int | None = None
    warned: dict[int, int] = field(default_factory=dict)

    def look(self, at_s: int) -> None:
        """Close the window at a moment and open the next one; note what fell due in it."""
        if self.is_met:
            return
        begin_s, before_s = self.since_s, self.used_s
        if begin_s is not None:
            self.used_s += self.minutes.worked(begin_s, at_s)
            self.since_s = at_s
        if self.breached_at_s is not None:
            return
        for percent in self.warn_at:
            due_s = (self.budget_s * percent + 99) // 100
            if percent not in self.warned and self.used_s >= due_s:
                self.warned[percent] = self._when(begin_s, due_s - before_s, at_s)
        if self.used_s > self.budget_s:
            self.breached_at_s = self._when(begin_s, self.budget_s + 1 - before_s, at_s)

    def _when(self, begin_s: int | None, work_s: int, at_s: int) -> int:
        found = None if begin_s is None else self.minutes.after(begin_s, work_s)
        return at_s if found is None else found

    def pause(self, at_s: int) -> None:
        """Stand from a moment on."""
        self.look(at_s)
        self.since_s = None

    def go_on(self, at_s: int) -> None:
        """Run from a moment on, if it stands."""
        if self.since_s is None:
            self.since_s = at_s
            self.is_met, self.late_by_s = False, None

    def meet(self, at_s: int) -> None:
        """Keep the promise."""
        if not self.is_met:
            self.pause(at_s)
            self.is_met = True
            self.late_by_s = max(0, self.used_s - self.budget_s)

    def change(
        self, minutes: WorkingMinutes, budget_s: int, warn_at: tuple[int, ...], at_s: int
    ) -> None:
        """Count by another calendar and against another budget from a moment on."""
        if self.is_met:
            return
        self.look(at_s)
        self.minutes, self.budget_s, self.warn_at = minutes, budget_s, warn_at
        self.look(at_s)

    def deadline_s(self) -> int | None:
        """Return when the budget is used up, or broke.

        None for never, for after the last minute, and when it was used up to the second:
        then any moment until work goes on is as good.
        """
        if self.breached_at_s is not None and not self.is_met:
            return self.breached_at_s
        if self.since_s is None or self.used_s == self.budget_s:
            return None
        return self.minutes.after(self.since_s, self.budget_s - self.used_s)
