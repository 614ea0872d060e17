"""What tickets hold in their fields, and which fields a viewer may see and fill in."""

from collections.abc import Mapping, Sequence
from typing import cast

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from models.errors import DomainError, InputInvalidError, ValueInvalidError
from models.ids import new_id
from models.orm import reader, writer
from models.rules.scopes import Scope
from models.rules.ticket_fields import RESTORE_FIELDS, FieldDefinition, FieldValue, check_value
from models.rules.ticket_labels import field_label_id
from models.rules.ticket_states import TicketKind
from models.texts import text
from models.ticket_fields import MAX_FIELD_KEY_LENGTH, TicketField, TicketFieldValue
from models.ticket_rows import insert_records
from resolvers.context import RequestContext, Viewer
from resolvers.ticket_filters import is_desk
from resolvers.ticket_lists import tickets_by_ids


async def fields_of_kind(
    context: RequestContext, *, kind: TicketKind | None = None
) -> list[FieldDefinition]:
    """Return the fields in use of a kind, None for all, that the viewer may fill in.

    Needs TICKET_READ.
    """
    context.viewer.require(Scope.TICKET_READ)
    found = await all_definitions(reader())
    return [
        field
        for field in found
        if (kind is None or field.kind in {None, kind}) and _sees(context.viewer, field)
    ]


def field_label(field: FieldDefinition, locale: str) -> str:
    """Return what people call a field."""
    if field.labels is None:
        return text(locale, field_label_id(field.key))
    return field.labels.get(locale) or field.labels["en"]


async def fields_by_ticket_ids(
    context: RequestContext, ids: Sequence[int]
) -> list[Mapping[str, FieldValue]]:
    """Return what tickets hold in the fields that the viewer may see; {} for unseen tickets."""
    seen = {ticket.id for ticket in await tickets_by_ids(context, ids) if ticket is not None}
    definitions = await all_definitions(reader(), with_archived=True)
    shown = {field.key for field in definitions if _sees(context.viewer, field)}
    held: dict[int, dict[str, FieldValue]] = {each: {} for each in ids}
    if seen:
        rows = TicketFieldValue.filter(ticket_id__in=list(seen)).order_by("key")
        for row in await rows.using_db(reader()):
            if row.key in shown:
                held[row.ticket_id][row.key] = cast("FieldValue", orjson.loads(row.value))
    return [held[each] for each in ids]


async def all_definitions(
    connection: BaseDBAsyncClient, *, with_archived: bool = False
) -> list[FieldDefinition]:
    """Return every field there is, ours first."""
    rows = TicketField.all() if with_archived else TicketField.filter(archived_at=None)
    found = await rows.using_db(connection).order_by("position", "id")
    return [*RESTORE_FIELDS, *(row.definition for row in found)]


async def check_fields(
    viewer: Viewer, kind: TicketKind, values: Mapping[str, object]
) -> dict[str, FieldValue | None]:
    """Return the values in their normal form, None for those that are to be cleared.

    Raises:
        ValueInvalidError, TextTooLongError: no such field of the kind that the viewer may fill
            in, or not its type.
        InputInvalidError: several of these.
    """
    if not values:
        return {}
    known = {
        field.key: field
        for field in await all_definitions(writer())
        if field.kind in {None, kind} and _sees(viewer, field)
    }
    checked: dict[str, FieldValue | None] = {}
    problems: list[DomainError] = []
    for key, value in values.items():
        field = known.get(key)
        try:
            if field is None:
                path = ("customFields", key[:MAX_FIELD_KEY_LENGTH])
                raise ValueInvalidError(path=path, reason="field_unknown")
            checked[key] = check_value(field, value)
        except DomainError as problem:
            problems.append(problem)
    InputInvalidError.raise_for(problems)
    return checked


async def filled_fields(connection: BaseDBAsyncClient, ticket_id: int) -> dict[str, FieldValue]:
    """Return what a ticket holds, by key."""
    rows = await TicketFieldValue.filter(ticket_id=ticket_id).using_db(connection)
    return {row.key: cast("FieldValue", orjson.loads(row.value)) for row in rows}


async def write_fields(
    connection: BaseDBAsyncClient, ticket_id: int, values: Mapping[str, FieldValue | None]
) -> tuple[dict[str, FieldValue | None], dict[str, FieldValue | None]]:
    """Set and clear values of a locked ticket; return those that changed, before and after."""
    if not values:
        return {}, {}
    held = await filled_fields(connection, ticket_id)
    changed = [key for key, value in values.items() if held.get(key) != value]
    if changed:
        rows = TicketFieldValue.filter(ticket_id=ticket_id, key__in=changed)
        await rows.using_db(connection).delete()
    new = [
        TicketFieldValue(
            id=new_id(), ticket_id=ticket_id, key=key, value=orjson.dumps(values[key]).decode()
        )
        for key in changed
        if values[key] is not None
    ]
    await insert_records(connection, new)
    return {key: held.get(key) for key in changed}, {key: values[key] for key in changed}


def _sees(viewer: Viewer, field: FieldDefinition) -> bool:
    return field.is_for_customers or is_desk(viewer)
