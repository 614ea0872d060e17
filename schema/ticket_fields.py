"""GraphQL face of custom fields: what fields there are, and what tickets hold in them."""

from collections.abc import Sequence
from typing import Annotated, Self

import strawberry

from models.rules.scopes import Scope
from models.rules.ticket_fields import FieldDefinition, FieldValue
from resolvers.ticket_field_values import field_label, fields_of_kind
from schema.access import requires
from schema.context import Info
from schema.ticket_enums import FieldType, TicketKind


@strawberry.type(
    name="TicketField",
    description="A field that tickets have beyond the ordinary ones: for an intake form.",
)
class TicketFieldType:
    key: str = strawberry.field(description="Its name, unique and never changed.")
    label: str = strawberry.field(description="For people, in the viewer's language.")
    kind: TicketKind | None = strawberry.field(
        description="The tickets that have it; null for all."
    )
    type: FieldType = strawberry.field(description="What it takes, and where it is written.")
    choices: list[str] = strawberry.field(description="What a CHOICE may be; else empty.")
    is_required: bool = strawberry.field(
        description="Without it a ticket cannot go to the second line."
    )
    is_for_customers: bool = strawberry.field(description="Customers see it, and may fill it in.")

    @classmethod
    def of(cls, field: FieldDefinition, info: Info) -> Self:
        """Return the field of a definition."""
        return cls(
            key=field.key,
            label=field_label(field, info.context.locale),
            kind=field.kind,
            type=field.type,
            choices=list(field.choices),
            is_required=field.is_required,
            is_for_customers=field.is_for_customers,
        )


@strawberry.type(
    name="TicketFieldValue",
    description="What a ticket holds in a custom field: one of `text`, `number` and `boolean`.",
)
class TicketFieldValueType:
    key: str = strawberry.field(description="Of the field.")
    label: str = strawberry.field(description="Of the field, in the viewer's language.")
    text: str | None = strawberry.field(description="A text, a day, a moment or a choice.")
    number: float | None = strawberry.field(description="A number.")
    boolean: bool | None = strawberry.field(description="Yes or no.")

    @classmethod
    def of(cls, key: str, label: str, value: FieldValue) -> Self:
        """Return the value under the name of its type."""
        return cls(
            key=key,
            label=label,
            text=value if isinstance(value, str) else None,
            number=None if isinstance(value, str | bool) else value,
            boolean=value if isinstance(value, bool) else None,
        )


@strawberry.input(
    description="What a ticket shall hold in a custom field: at most one of `text`, `number` and "
    "`boolean`, by the field's type; none of them empties it."
)
class TicketFieldInput:
    key: str = strawberry.field(description="Of the field.")
    text: str | None = strawberry.field(
        default=None, description="A text, a day, a moment or a choice."
    )
    number: float | None = strawberry.field(default=None, description="A number.")
    boolean: bool | None = strawberry.field(default=None, description="Yes or no.")

    def value(self) -> FieldValue | None:
        """Return what was given; the use case looks whether it is of the field's type."""
        if self.number is not None and self.number.is_integer():
            return int(self.number)
        return next(
            (each for each in (self.text, self.number, self.boolean) if each is not None), None
        )


def field_values(inputs: Sequence[TicketFieldInput]) -> dict[str, FieldValue | None]:
    """Return what inputs set, by the keys of fields; the last of one key counts."""
    return {each.key: each.value() for each in inputs}


async def field_values_of(ticket_id: int, info: Info) -> list[TicketFieldValueType]:
    """Return what a ticket holds, in the order of the definitions."""
    desk = info.context.loaders.desk
    values = await desk.field_values.load(ticket_id)
    definitions = await desk.definitions.load(None)
    labels = {field.key: field_label(field, info.context.locale) for field in definitions}
    order = [
        *(key for key in labels if key in values),
        *(key for key in values if key not in labels),
    ]
    return [TicketFieldValueType.of(key, labels.get(key, key), values[key]) for key in order]


@strawberry.type
class TicketFieldQueries:
    @strawberry.field(
        description="The custom fields that you may see, as an intake form shows them.",
        **requires(Scope.TICKET_READ),
    )
    async def ticket_fields(
        self,
        info: Info,
        kind: Annotated[
            TicketKind | None,
            strawberry.argument(description="Those of tickets of this kind; null: all."),
        ] = None,
    ) -> list[TicketFieldType]:
        found = await fields_of_kind(info.context, kind=kind)
        return [TicketFieldType.of(each, info) for each in found]
