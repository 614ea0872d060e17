"""What an operation costs: a number, or a formula over its variables.

A field costs its weight. What lies in lists is multiplied by how many rows were
asked for, so nested lists multiply. Rows that a variable asks for are known with
each request only, so the formula is kept beside the parsed document.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from graphql import IntValueNode, ListValueNode, ValueNode, VariableNode

MAX_ROWS: Final = 100  # more are refused by the use case, with a better reason than the cost
_MAX_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class AskedRows:
    """Rows that variables ask for: the most of them; `otherwise` where none says anything."""

    variables: tuple[str, ...]
    otherwise: int

    def of(self, variables: Mapping[str, object]) -> int:
        """Return the rows under these variables, 1 to MAX_ROWS."""
        asked = [_rows(variables.get(name)) for name in self.variables]
        return max((rows for rows in asked if rows is not None), default=self.otherwise)


Rows: TypeAlias = int | AskedRows


@dataclass(frozen=True, slots=True)
class Cost:
    """`fixed`, and for each pair of `scaled` the rows times the cost of one."""

    fixed: int = 0
    scaled: tuple[tuple[AskedRows, "Cost"], ...] = ()

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.fixed + other.fixed, self.scaled + other.scaled)

    def times(self, rows: Rows) -> "Cost":
        """Return the cost of so many."""
        if isinstance(rows, AskedRows):
            return Cost(0, ((rows, self),)) if self.fixed or self.scaled else self
        return Cost(
            self.fixed * rows, tuple((asked, one.times(rows)) for asked, one in self.scaled)
        )

    def of(self, variables: Mapping[str, object]) -> int:
        """Return the number under these variables."""
        return self.fixed + sum(
            asked.of(variables) * one.of(variables) for asked, one in self.scaled
        )


NO_COST: Final = Cost()


def rows_of(values: Iterable[ValueNode], *, otherwise: int) -> Rows:
    """Return how many rows arguments ask for, by numbers or by the length of lists."""
    names: list[str] = []
    asked: list[int] = []
    for value in values:
        if isinstance(value, VariableNode):
            names.append(value.name.value)
        elif (rows := _rows(literal_of(value))) is not None:
            asked.append(rows)
    least = max(asked, default=otherwise)
    return AskedRows(tuple(names), least) if names else least


def literal_of(value: ValueNode | None) -> object:
    """Return what rows are read from: an integer, a list of so many, or None."""
    if isinstance(value, IntValueNode):
        return int(value.value) if len(value.value) <= _MAX_DIGITS else MAX_ROWS
    if isinstance(value, ListValueNode):
        return [None] * len(value.values)
    return None


def _rows(value: object) -> int | None:
    if isinstance(value, list):
        value = len(cast("list[object]", value))
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return min(max(value, 1), MAX_ROWS)
