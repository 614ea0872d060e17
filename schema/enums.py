"""Enums of the lower layers, with descriptions for the reader of the SDL."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar, cast

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

E = TypeVar("E", bound=Enum)


def describe_enum(
    enum: type[E], values: Mapping[E, str], *, description: str, name: str | None = None
) -> type[E]:
    """Register an enum that was defined without GraphQL in mind.

    Args:
        enum: the class; its own module stays free of strawberry.
        values: a sentence for every member.
        description: what the enum as a whole is for.
        name: in the SDL, if it differs from the class's.

    Raises:
        KeyError: a member has no sentence.
    """
    registered = strawberry.enum(enum, name=name, description=description)
    definition = cast("StrawberryEnumDefinition", cast("Any", registered).__strawberry_definition__)
    for value in definition.values:
        value.description = values[enum[value.name]]
    return registered
