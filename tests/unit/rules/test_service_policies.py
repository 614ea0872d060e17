"""Which policy serves a ticket, and what a policy may promise."""

from collections.abc import Mapping, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputInvalidError, ValueInvalidError, ValueRequiredError
from models.rules.business_time import BusinessTime, CalendarVersion
from models.rules.calendars import Calendar
from models.rules.service_clocks import ClockKind
from models.rules.service_policies import (
    MAX_BUDGET_S,
    MAX_VALUES,
    MIN_BUDGET_S,
    ChoiceReason,
    PolicyChoice,
    PolicyField,
    PolicyRow,
    check_budgets,
    check_conditions,
    check_reachable,
    check_warnings,
    choose_policy,
)
from tests.working_minutes import hours_of

ORGANIZATION, SEVERITY, KIND, LINE = PolicyField
CASE: Mapping[PolicyField, str | None] = {
    ORGANIZATION: "7",
    SEVERITY: "CRITICAL",
    KIND: "FAULT",
    LINE: "FIRST",
}


def _row(policy_id: int, **conditions: str) -> PolicyRow:
    stated = {PolicyField[name]: frozenset(text.split()) for name, text in conditions.items()}
    return PolicyRow(policy_id, is_default=False, conditions=stated)


DEFAULT = PolicyRow(1, is_default=True, conditions={})


@pytest.mark.parametrize(
    ("rows", "chosen", "fields"),
    [
        ([_row(2, SEVERITY="CRITICAL")], 2, [SEVERITY]),
        ([_row(2, SEVERITY="CRITICAL"), _row(3, ORGANIZATION="7")], 3, [ORGANIZATION]),
        ([_row(2, KIND="FAULT", LINE="FIRST"), _row(3, SEVERITY="CRITICAL")], 3, [SEVERITY]),
        ([_row(2, KIND="FAULT"), _row(3, KIND="FAULT", LINE="FIRST")], 3, [KIND, LINE]),
        ([_row(2, KIND="FAULT QUESTION"), _row(3, KIND="FAULT")], 3, [KIND]),
        ([_row(3, KIND="FAULT"), _row(2, KIND="FAULT")], 2, [KIND]),
        ([_row(2, ORGANIZATION="7", SEVERITY="MINOR"), _row(3, LINE="FIRST")], 3, [LINE]),
    ],
)
def test_the_most_telling_conditions_win(
    rows: list[PolicyRow], chosen: int, fields: list[PolicyField]
) -> None:
    wanted = PolicyChoice(chosen, ChoiceReason.CONDITIONS, tuple(fields))

    assert choose_policy([DEFAULT, *rows], CASE) == wanted


def test_the_default_serves_what_no_other_policy_does() -> None:
    rows = [_row(2, SEVERITY="MINOR"), DEFAULT, _row(3, ORGANIZATION="8")]

    assert choose_policy(rows, CASE) == PolicyChoice(1, ChoiceReason.DEFAULT)


def test_without_a_default_nothing_is_promised_to_the_rest() -> None:
    assert choose_policy([_row(2, LINE="SECOND")], CASE) == PolicyChoice(
        None, ChoiceReason.NO_POLICY
    )
    assert choose_policy([], CASE).policy_id is None


def test_a_policy_without_conditions_takes_nothing_by_accident() -> None:
    blank = PolicyRow(2, is_default=False, conditions={})
    empty = PolicyRow(3, is_default=False, conditions={SEVERITY: frozenset()})

    assert choose_policy([blank, empty], CASE).reason is ChoiceReason.NO_POLICY
    assert choose_policy([blank, empty, DEFAULT], CASE).reason is ChoiceReason.DEFAULT


def test_a_value_that_is_unknown_meets_no_condition() -> None:
    rows = [_row(2, ORGANIZATION="7"), _row(3, SEVERITY="CRITICAL MAJOR MINOR USABILITY")]

    assert choose_policy(rows, {KIND: "FAULT", LINE: "FIRST", SEVERITY: None}).policy_id is None


_VALUES = {
    ORGANIZATION: ("7", "8"),
    SEVERITY: ("CRITICAL", "MINOR"),
    KIND: ("FAULT", "QUESTION"),
    LINE: ("FIRST", "SECOND"),
}
_CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        field: st.frozensets(st.sampled_from(values), min_size=1)
        for field, values in _VALUES.items()
    },
)
_ROWS = st.lists(_CONDITIONS, max_size=6).map(
    lambda each: [
        PolicyRow(number, is_default=False, conditions=stated)
        for number, stated in enumerate(each, start=2)
    ]
)


@given(rows=_ROWS, order=st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order_and_fits(
    rows: list[PolicyRow], order: Random
) -> None:
    shuffled = [*rows, DEFAULT]
    order.shuffle(shuffled)

    chosen = choose_policy(shuffled, CASE)

    assert chosen == choose_policy([DEFAULT, *rows], CASE)
    fitting = [row for row in rows if row.conditions and _meets(row)]
    assert (chosen.policy_id != DEFAULT.policy_id) is bool(fitting)
    best = next((row for row in fitting if row.policy_id == chosen.policy_id), None)
    assert all(_is_no_better(row, best) for row in fitting if best is not None)


def _meets(row: PolicyRow) -> bool:
    return all(CASE[field] in values for field, values in row.conditions.items())


def _is_no_better(row: PolicyRow, best: PolicyRow) -> bool:
    """Read the fields in the order of what they tell: the first difference decides."""
    for field in PolicyField:
        if (field in row.conditions) != (field in best.conditions):
            return field in best.conditions
    return True


def test_conditions_are_kept_as_they_are() -> None:
    stated = {SEVERITY: {"CRITICAL", "MAJOR"}, LINE: {"SECOND"}}

    assert check_conditions(stated, is_default=False) == {
        SEVERITY: frozenset({"CRITICAL", "MAJOR"}),
        LINE: frozenset({"SECOND"}),
    }
    assert check_conditions({}, is_default=True) == {}


@pytest.mark.parametrize(
    ("conditions", "path"),
    [
        ({}, "conditions"),
        ({SEVERITY: set()}, "conditions.severities"),
        ({KIND: {""}}, "conditions.kinds"),
    ],
)
def test_a_blank_condition_is_refused(
    conditions: Mapping[PolicyField, set[str]], path: str
) -> None:
    with pytest.raises(ValueRequiredError) as refused:
        check_conditions(conditions, is_default=False)

    assert ".".join(refused.value.path) == path


def test_the_default_has_no_conditions() -> None:
    with pytest.raises(ValueInvalidError) as refused:
        check_conditions({LINE: {"FIRST"}}, is_default=True)

    assert (refused.value.path, refused.value.reason) == (("conditions",), "default_conditions")


def test_a_condition_has_a_bounded_number_of_values() -> None:
    many = {ORGANIZATION: {str(number) for number in range(MAX_VALUES + 1)}}

    with pytest.raises(ValueInvalidError) as refused:
        check_conditions(many, is_default=False)

    assert refused.value.reason == "condition_values"


def test_budgets_are_kept_as_they_are() -> None:
    budgets = {ClockKind.FIRST_RESPONSE: 3600, ClockKind.RESOLUTION: 3600}

    assert check_budgets(budgets) == budgets


def test_a_policy_promises_something() -> None:
    with pytest.raises(ValueRequiredError) as refused:
        check_budgets({})

    assert refused.value.path == ("budgets",)


def test_every_wrong_budget_is_told_at_once() -> None:
    with pytest.raises(InputInvalidError) as refused:
        check_budgets(
            {
                ClockKind.FIRST_RESPONSE: MAX_BUDGET_S + 1,
                ClockKind.RESOLUTION: MIN_BUDGET_S - 1,
            }
        )

    assert [(".".join(each.path), each.reason) for each in refused.value.problems] == [
        ("budgets.firstResponseMinutes", "budget"),
        ("budgets.resolutionMinutes", "budget"),
        ("budgets.resolutionMinutes", "budget_order"),
    ]


@pytest.mark.parametrize("percents", [(), (50, 75, 90), (1, 99)])
def test_warnings_are_rising_shares(percents: Sequence[int]) -> None:
    assert check_warnings(percents) == tuple(percents)


@pytest.mark.parametrize("percents", [(0,), (100,), (50, 50), (75, 50), (1, 2, 3, 4, 5, 6)])
def test_other_warnings_are_refused(percents: Sequence[int]) -> None:
    with pytest.raises(ValueInvalidError) as refused:
        check_warnings(percents)

    assert (refused.value.path, refused.value.reason) == (("warnAt",), "warnings")


def test_a_promise_that_would_never_fall_due_is_refused() -> None:
    minute = Calendar("UTC", (hours_of("12:00-12:01"), *((),) * 6))
    time = BusinessTime([CalendarVersion(1, 0, minute)])

    check_reachable({ClockKind.FIRST_RESPONSE: 260 * 60}, time, 1_800_000_000)
    with pytest.raises(ValueInvalidError) as refused:
        check_reachable(
            {ClockKind.FIRST_RESPONSE: 3600, ClockKind.RESOLUTION: 263 * 60}, time, 1_800_000_000
        )

    assert (refused.value.path, refused.value.reason) == (
        ("budgets", "resolutionMinutes"),
        "budget_never",
    )
