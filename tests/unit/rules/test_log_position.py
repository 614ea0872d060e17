"""A reader of the change log takes every committed row exactly once, whatever the order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.log_position import LoggedChange, LogPosition

FIRST_HORIZON = 10


def test_a_row_above_the_horizon_is_taken_once_and_looked_at_again() -> None:
    late = LoggedChange(position=12, row_id=1, link_id=7)
    before = LogPosition.below(FIRST_HORIZON)

    after = before.advanced([late], horizon=11, is_all=True)

    assert before.fresh([late]) == [late]
    assert after == LogPosition(10, seen=frozenset({1}))
    assert after.fresh([late]) == []


def test_a_row_that_commits_late_with_a_lower_number_is_not_skipped() -> None:
    early, late = LoggedChange(11, 1, 7), LoggedChange(12, 2, 8)
    # Transaction 11 is still running when the row of transaction 12 is seen.
    position = LogPosition.below(FIRST_HORIZON).advanced([late], horizon=11, is_all=True)

    assert position.fresh([early, late]) == [early]
    assert position.advanced([early, late], horizon=13, is_all=True) == LogPosition(12)


def test_a_part_of_the_log_that_ends_above_the_horizon_is_refused() -> None:
    change = LoggedChange(12, 1, 7)

    with pytest.raises(ValueError, match="must end below the horizon"):
        LogPosition.below(FIRST_HORIZON).advanced([change], horizon=11, is_all=False)


@st.composite
def schedules(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Begin, write and commit some transactions in any order, with looks in between."""
    actions = st.tuples(st.sampled_from(["begin", "write", "commit", "look"]), st.integers(0, 4))
    return draw(st.lists(actions, min_size=1, max_size=60))


@given(schedules(), st.integers(1, 4))
def test_every_committed_row_is_applied_exactly_once(
    schedule: list[tuple[str, int]], page: int
) -> None:
    store = _Store()
    reader = _Reader(page)
    for action, which in schedule:
        if action == "look":
            reader.look(store)
        else:
            store.act(action, which)
    for number in list(store.running):
        store.commit(number)
    for _ in range(len(store.committed) + 1):
        reader.look(store)

    assert sorted(reader.applied) == sorted(change.row_id for change in store.committed)


class _Store:
    """Transactions as PostgreSQL numbers them: at the first write, committed in any order."""

    def __init__(self) -> None:
        self.next_position = FIRST_HORIZON
        self.next_row = 1
        self.running: dict[int, list[LoggedChange]] = {}
        self.committed: list[LoggedChange] = []

    def act(self, action: str, which: int) -> None:
        numbers = sorted(self.running)
        if action == "begin":
            self.running[self.next_position] = []
            self.next_position += 1
        elif numbers and action == "write":
            number = numbers[which % len(numbers)]
            self.running[number].append(LoggedChange(number, self.next_row, self.next_row))
            self.next_row += 1
        elif numbers:
            self.commit(numbers[which % len(numbers)])

    def commit(self, number: int) -> None:
        self.committed += self.running.pop(number)

    def horizon(self) -> int:
        return min(self.running, default=self.next_position)


class _Reader:
    """Reads pages as resolvers.replica does, falling back to a whole look."""

    def __init__(self, page: int) -> None:
        self.page = page
        self.position = LogPosition.below(FIRST_HORIZON)
        self.applied: list[int] = []

    def look(self, store: _Store) -> None:
        at = (self.position.position, self.position.row_id)
        rows = sorted(c for c in store.committed if (c.position, c.row_id) > at)
        horizon = store.horizon()
        part = rows[: self.page]
        is_all = len(part) < self.page
        if not is_all and part[-1].position >= horizon:
            part, is_all = rows, True
        self.applied += [change.row_id for change in self.position.fresh(part)]
        self.position = self.position.advanced(part, horizon=horizon, is_all=is_all)
