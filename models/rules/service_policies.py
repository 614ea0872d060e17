"""Which policy a ticket is served by, and what a policy may promise.

Policies are a table of conditions. The one with the most telling conditions wins: the
organization tells more than the severity, that more than the kind, that more than the line;
of two that state the same fields, the one that lists fewer values, then the older one. A
policy without conditions would take every ticket: only the one default may be like that,
and it says so.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from models.errors import DomainError, InputInvalidError, ValueInvalidError, ValueRequiredError
from models.rules.business_time import MAX_YEARS, BusinessTime
from models.rules.service_clocks import ClockKind

MIN_BUDGET_S: Final = 60
MAX_BUDGET_S: Final = 366 * 86_400  # of working time
MAX_WARNINGS: Final = 5
MAX_VALUES: Final = 100  # of one condition
USUAL_WARNINGS: Final = (50, 75, 90)
_PERCENT: Final = 100


class PolicyField(StrEnum):
    """What a condition is about, the most telling first. Stored; never renamed."""

    ORGANIZATION = "ORGANIZATION"
    SEVERITY = "SEVERITY"
    KIND = "KIND"
    LINE = "LINE"


# As the API spells the fields that say them.
CONDITION_FIELDS: Final[Mapping[PolicyField, str]] = {
    PolicyField.ORGANIZATION: "organizationIds",
    PolicyField.SEVERITY: "severities",
    PolicyField.KIND: "kinds",
    PolicyField.LINE: "lines",
}
BUDGET_FIELDS: Final[Mapping[ClockKind, str]] = {
    ClockKind.FIRST_RESPONSE: "firstResponseMinutes",
    ClockKind.NEXT_RESPONSE: "nextResponseMinutes",
    ClockKind.RESOLUTION: "resolutionMinutes",
}


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy as the choice sees it.

    Attributes:
        policy_id: of the policy; older ones have smaller ids.
        is_default: it serves whatever no other one does.
        conditions: the values that each stated field may have; a field that is not stated
            may have any. Empty only for the default.
    """

    policy_id: int
    is_default: bool
    conditions: Mapping[PolicyField, frozenset[str]]


class ChoiceReason(StrEnum):
    """Why a ticket is served by its policy."""

    CONDITIONS = "CONDITIONS"
    DEFAULT = "DEFAULT"
    NO_POLICY = "NO_POLICY"  # none fits, and there is no default: nothing is promised


@dataclass(frozen=True, slots=True)
class PolicyChoice:
    """The policy of a ticket.

    Attributes:
        policy_id: None for no policy.
        reason: why this one.
        fields: the fields whose conditions it meets, the most telling first.
    """

    policy_id: int | None
    reason: ChoiceReason
    fields: tuple[PolicyField, ...] = ()


def choose_policy(
    rows: Sequence[PolicyRow], case: Mapping[PolicyField, str | None]
) -> PolicyChoice:
    """Return the policy for a ticket.

    Args:
        rows: the policies in force.
        case: the ticket's values; None is no organization, or a severity nobody has
            decided yet, and meets no condition.
    """
    fitting = [row for row in rows if not row.is_default and _fits(row, case)]
    if fitting:
        best = min(fitting, key=_rank)
        stated = tuple(field for field in PolicyField if field in best.conditions)
        return PolicyChoice(best.policy_id, ChoiceReason.CONDITIONS, stated)
    default = next((row for row in rows if row.is_default), None)
    if default is not None:
        return PolicyChoice(default.policy_id, ChoiceReason.DEFAULT)
    return PolicyChoice(None, ChoiceReason.NO_POLICY)


def _fits(row: PolicyRow, case: Mapping[PolicyField, str | None]) -> bool:
    # A row without conditions fits nothing, whoever stored it.
    return bool(row.conditions) and all(
        case.get(field) in values for field, values in row.conditions.items()
    )


def _rank(row: PolicyRow) -> tuple[tuple[bool, ...], int, int]:
    unstated = tuple(field not in row.conditions for field in PolicyField)
    return unstated, sum(len(values) for values in row.conditions.values()), row.policy_id


def check_conditions(
    conditions: Mapping[PolicyField, AbstractSet[str]], *, is_default: bool
) -> Mapping[PolicyField, frozenset[str]]:
    """Return the conditions of a policy.

    Raises:
        ValueRequiredError: a stated field without values, or no condition at all: a blank
            one takes every ticket by accident, so saying so is the default's alone.
        ValueInvalidError: the default has conditions; too many values.
        InputInvalidError: several of these.
    """
    problems: list[DomainError] = []
    if is_default and conditions:
        problems.append(ValueInvalidError(path=("conditions",), reason="default_conditions"))
    if not is_default and not conditions:
        problems.append(ValueRequiredError(path=("conditions",)))
    for field, values in conditions.items():
        path = ("conditions", CONDITION_FIELDS[field])
        if not values or "" in values:
            problems.append(ValueRequiredError(path=path))
        elif len(values) > MAX_VALUES:
            problems.append(
                ValueInvalidError(path=path, reason="condition_values", maximum=MAX_VALUES)
            )
    InputInvalidError.raise_for(problems)
    return {field: frozenset(values) for field, values in conditions.items()}


def check_budgets(budgets: Mapping[ClockKind, int]) -> Mapping[ClockKind, int]:
    """Return what a policy promises, in working seconds; a kind that is left out is no promise.

    Raises:
        ValueRequiredError: nothing is promised.
        ValueInvalidError: a budget shorter than MIN_BUDGET_S or longer than MAX_BUDGET_S, or
            a resolution that is promised before the first response.
        InputInvalidError: several of these.
    """
    if not budgets:
        raise ValueRequiredError(path=("budgets",))
    problems: list[DomainError] = [
        ValueInvalidError(
            path=("budgets", BUDGET_FIELDS[kind]),
            reason="budget",
            minimum=MIN_BUDGET_S // 60,
            maximum=MAX_BUDGET_S // 60,
        )
        for kind, budget_s in budgets.items()
        if not MIN_BUDGET_S <= budget_s <= MAX_BUDGET_S
    ]
    first, resolution = budgets.get(ClockKind.FIRST_RESPONSE), budgets.get(ClockKind.RESOLUTION)
    if first is not None and resolution is not None and resolution < first:
        path = ("budgets", BUDGET_FIELDS[ClockKind.RESOLUTION])
        problems.append(ValueInvalidError(path=path, reason="budget_order"))
    InputInvalidError.raise_for(problems)
    return dict(budgets)


def check_warnings(percents: Sequence[int]) -> tuple[int, ...]:
    """Return the shares of a budget that are warned of, in percent.

    Raises:
        ValueInvalidError: more than MAX_WARNINGS, not ascending, or not from 1 to 99.
    """
    is_rising = all(late > early for early, late in pairwise(percents))
    is_share = all(0 < percent < _PERCENT for percent in percents)
    if not is_rising or not is_share or len(percents) > MAX_WARNINGS:
        raise ValueInvalidError(path=("warnAt",), reason="warnings", maximum=MAX_WARNINGS)
    return tuple(percents)


def check_reachable(budgets: Mapping[ClockKind, int], time: BusinessTime, now_s: int) -> None:
    """Check that every promise made now would have a deadline.

    Raises:
        ValueInvalidError: the calendar does not have so much working time within MAX_YEARS.
        InputInvalidError: so for several promises.
    """
    problems = [
        ValueInvalidError(
            path=("budgets", BUDGET_FIELDS[kind]), reason="budget_never", years=MAX_YEARS
        )
        for kind, budget_s in budgets.items()
        if time.after(now_s, budget_s) is None
    ]
    InputInvalidError.raise_for(problems)
