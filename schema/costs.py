"""Weights of fields: shown in the SDL, and added up by schema.document_counts."""

from collections.abc import Mapping
from typing import Any

import strawberry
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    name="cost",
    locations=[Location.FIELD_DEFINITION],
    description="What the field adds to the cost of an operation, which is limited. Without it an "
    "object costs 2 and any other field 1. What lies in a list is multiplied by the rows that "
    "`first`, `last`, `top` or `ids` ask for, by 50 for a page without a number, and by 10 in a "
    "list that takes none.",
)
class Cost:
    weight: int = strawberry.directive_field(name="weight")


def costs(weight: int) -> dict[str, Any]:
    """Return the arguments of strawberry.field for a field of this weight."""
    return {"directives": [Cost(weight=weight)]}


def weights_of(schema: GraphQLSchema) -> Mapping[tuple[str, str], int]:
    """Return the weights that a schema of strawberry's declares, by type and field."""
    found: dict[tuple[str, str], int] = {}
    for each in schema.type_map.values():
        if not isinstance(each, GraphQLObjectType | GraphQLInterfaceType):
            continue
        for name, field in each.fields.items():
            definition = field.extensions.get("strawberry-definition")
            for directive in getattr(definition, "directives", ()):
                if isinstance(directive, Cost):
                    found[each.name, name] = directive.weight
    return found
