"""An executor that reads plain fields without ceremony.

Most of what a list asks for is attributes: no resolver, no arguments, a scalar.
graphql-core spends about 10 us on each. This executor reads them directly, a
whole list at a time where it can, and leaves everything else, and everything
unusual (null where none is allowed, a value the scalar refuses), to the stock
code, so that results and errors are the same to the byte. Private API of
strawberry 0.341 and graphql-core 3.3: tests/contract/test_execution.py holds it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, cast

from graphql import (
    GraphQLField,
    GraphQLID,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
    is_leaf_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.pyutils import AwaitableOrValue, Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

_DEFINITION: Final = "strawberry-definition"


@dataclass(frozen=True, slots=True)
class _Leaf:
    """How to read one plain field.

    Attributes:
        key: response name.
        attribute: Python name; "" for `__typename`, whose value is `constant`.
        is_text: a str is its own output value.
        is_required: None is an error, which the stock code words.
    """

    key: str
    attribute: str
    constant: str
    is_text: bool
    is_required: bool
    coerce: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A selection set on one type: its plain fields, and the others.

    `fields` is kept so that its identity, the key of the plan, is not reused.
    """

    fields: GroupedFieldSet
    leaves: tuple[_Leaf, ...]
    others: GroupedFieldSet


class _Unusual(Exception):  # noqa: N818 - a signal, not an error
    """An object that needs the stock code."""


class LeafExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes one operation, plain fields by the short way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as strawberry has it
        super().__init__(*args, **kwargs)
        self._plans: dict[tuple[str, int], _Plan] = {}

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,  # noqa: ANN401
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,  # noqa: ANN401
    ) -> AwaitableOrValue[dict[str, Any]]:
        """Read the plain fields, hand the others on, keep the order of the selection."""
        plan = self._plan(parent_type, grouped_field_set)
        if not plan.leaves:
            return super().execute_fields(
                parent_type, source_value, path, grouped_field_set, position_context
            )
        try:
            found = _read(plan, source_value)
        except _Unusual:
            return super().execute_fields(
                parent_type, source_value, path, grouped_field_set, position_context
            )
        if not plan.others:
            return found
        results = dict.fromkeys(grouped_field_set)
        results.update(found)
        rest = super().execute_fields(
            parent_type, source_value, path, plan.others, position_context
        )
        if isinstance(rest, dict):
            results.update(rest)
            return results

        async def merge() -> dict[str, Any]:
            results.update(await rest)
            return results

        return merge()

    def complete_iterable_value(  # noqa: PLR0913, PLR0917 - graphql-core fixes the signature
        self,
        item_type: Any,  # noqa: ANN401 - generics without arguments, upstream
        field_details_list: FieldDetailsList,
        info: Any,  # noqa: ANN401
        path: Path,
        items: Iterable[Any],
        position_context: Any,  # noqa: ANN401
    ) -> AwaitableOrValue[list[Any]]:
        """Read a list of objects in one loop when only plain fields were asked for."""
        named: object = _nullable(item_type)
        if isinstance(items, list) and is_object_type(named):
            collected = self.collect_subfields(named, field_details_list)
            if not collected.new_defer_usages:
                plan = self._plan(named, collected.grouped_field_set)
                origin = getattr(named.extensions.get(_DEFINITION), "origin", None)
                usage = self.get_stream_usage(field_details_list, path)
                if not plan.others and usage is None:
                    try:
                        return [_read(plan, item, origin) for item in items]
                    except _Unusual:
                        pass
        stock = cast("Any", super()).complete_iterable_value
        completed: AwaitableOrValue[list[Any]] = stock(
            item_type, field_details_list, info, path, items, position_context
        )
        return completed

    def _plan(self, parent_type: GraphQLObjectType, fields: GroupedFieldSet) -> _Plan:
        key = (parent_type.name, id(fields))
        plan = self._plans.get(key)
        if plan is None:
            leaves: list[_Leaf] = []
            others: GroupedFieldSet = {}
            for response_name, details in fields.items():
                name = details[0].node.name.value
                leaf = _leaf(
                    response_name, name, parent_type, self.schema.get_field(parent_type, name)
                )
                if leaf is None:
                    others[response_name] = details
                else:
                    leaves.append(leaf)
            plan = self._plans[key] = _Plan(fields, tuple(leaves), others)
        return plan


def _leaf(
    key: str, name: str, parent_type: GraphQLObjectType, field: GraphQLField | None
) -> _Leaf | None:
    if name == "__typename":
        return _Leaf(key, "", parent_type.name, is_text=True, is_required=True, coerce=str)
    if field is None or field.args:
        return None
    definition = field.extensions.get(_DEFINITION)
    if definition is None or not definition.is_basic_field:
        return None
    output: Any = cast("Any", field).type
    leaf_type: object = _nullable(output)
    if not is_leaf_type(leaf_type):
        return None
    return _Leaf(
        key,
        definition.python_name,
        "",
        is_text=leaf_type in (GraphQLString, GraphQLID),
        is_required=leaf_type is not output,
        coerce=leaf_type.coerce_output_value,
    )


def _nullable(output: Any) -> object:  # noqa: ANN401
    return cast("Any", output).of_type if isinstance(output, GraphQLNonNull) else output


def _read(plan: _Plan, source: object, origin: type | None = None) -> dict[str, Any]:
    """Return the plain fields of one object; anything odd raises _Unusual."""
    if origin is not None and type(source) is not origin:
        raise _Unusual
    try:
        return {leaf.key: _value(leaf, source) for leaf in plan.leaves}
    except Exception as error:
        raise _Unusual from error


def _value(leaf: _Leaf, source: object) -> object:
    if not leaf.attribute:
        return leaf.constant
    value = getattr(source, leaf.attribute)
    if value is None:
        if leaf.is_required:
            raise _Unusual
        return None
    if leaf.is_text and type(value) is str:
        return value
    coerced = leaf.coerce(value)
    if coerced is None:
        raise _Unusual
    return coerced
