"""Policies and terms as they are stored: JSON, whose names are never renamed."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson

from models.rules.service_clocks import ClockKind, Terms
from models.rules.service_policies import PolicyField


def conditions_to_json(conditions: Mapping[PolicyField, frozenset[str]]) -> str:
    """Return the text of conditions; equal conditions have equal texts."""
    values = {field.value: sorted(each) for field, each in conditions.items()}
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()


def conditions_from_json(text: str) -> Mapping[PolicyField, frozenset[str]]:
    """Return the conditions of a text that conditions_to_json wrote."""
    values = cast("Mapping[str, Sequence[str]]", orjson.loads(text))
    return {PolicyField(name): frozenset(each) for name, each in values.items()}


def budgets_to_json(budgets: Mapping[ClockKind, int]) -> str:
    """Return the text of budgets."""
    values = {kind.value: budget_s for kind, budget_s in budgets.items()}
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()


def budgets_from_json(text: str) -> Mapping[ClockKind, int]:
    """Return the budgets of a text that budgets_to_json wrote, in the order of the kinds."""
    values = cast("Mapping[str, int]", orjson.loads(text))
    return {kind: values[kind.value] for kind in ClockKind if kind.value in values}


def percents_to_json(percents: Sequence[int]) -> str:
    """Return the text of a list of percents."""
    return orjson.dumps(list(percents)).decode()


def percents_from_json(text: str) -> tuple[int, ...]:
    """Return the percents of a text that percents_to_json wrote."""
    return tuple(cast("list[int]", orjson.loads(text)))


def terms_to_json(terms: Terms) -> str:
    """Return the text of terms."""
    return orjson.dumps(terms).decode()


def terms_from_json(text: str) -> Terms:
    """Return the terms of a text that terms_to_json wrote."""
    values = cast("dict[str, Any]", orjson.loads(text))
    values["warn_at"] = tuple(values["warn_at"])
    return Terms(**values)
