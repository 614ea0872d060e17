"""What changed of a ticket, in the names and ids of the API."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import strawberry

from schema.nodes import encode_id

# Values that are row ids, and what of.
_IDS: Final = {
    "assignee_id": "User",
    "requester_id": "User",
    "user_id": "User",
    "organization_id": "Organization",
    "category_id": "TicketCategory",
    "queue_id": "Queue",
    "merged_into_id": "Ticket",
    "message_ids": "TicketMessage",
}
_NAMES: Final = {"module": "productModule", "fields": "customFields"}


@strawberry.type(description="A value of a ticket before and after a change.")
class TicketFieldChange:
    field: str = strawberry.field(
        description="Name of the value, as in `status`, `assigneeId` or `customFields.printer`."
    )
    before: str | None = strawberry.field(
        description="As text, ids as ids of the API; null for nothing."
    )
    after: str | None = strawberry.field(
        description="As text, ids as ids of the API; null for nothing."
    )


def field_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[TicketFieldChange]:
    """Return what the two sides of an event say, by their names in the API.

    Args:
        before: values by the names of columns, or of what came with the change.
        after: the same as they became; either side may have names that the other has not.
    """
    was, became = dict(_flat(before)), dict(_flat(after))
    return [
        TicketFieldChange(field=name, before=was.get(name), after=became.get(name))
        for name in dict.fromkeys([*became, *was])
    ]


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for name, value in values.items():
        shown = _NAMES.get(name) or _camel(name)
        if isinstance(value, dict):
            for key, inner in cast("dict[str, Any]", value).items():
                yield f"{shown}.{key}", _text(name, inner)
        else:
            yield shown, _text(name, value)


def _text(name: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, list):
        return ", ".join(_text(name, each) or "" for each in cast("list[object]", value))
    if name in _IDS and isinstance(value, int):
        return encode_id(_IDS[name], value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)
