"""Fields of tickets that administrators define; what tickets hold: ticket_field_values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import (
    DomainError,
    InputInvalidError,
    NameTakenError,
    NotFoundError,
    RevisionConflictError,
    ValueInvalidError,
)
from models.orm import reader
from models.rules.audit_actions import AuditAction
from models.rules.plain_text import check_text
from models.rules.ticket_fields import RESTORE_FIELDS, FieldType
from models.rules.ticket_states import TicketKind
from models.ticket_fields import (
    MAX_FIELD_KEY_LENGTH,
    MAX_FIELD_LABEL_LENGTH,
    TicketField,
)
from resolvers.audit import log_action
from resolvers.changes import UNSET, Change
from resolvers.context import RequestContext
from resolvers.ticket_field_values import field_label, fields_by_ticket_ids, fields_of_kind
from resolvers.ticket_filters import require_desk_administrator

__all__ = (
    "FieldChanges",
    "archive_field",
    "create_field",
    "field_label",
    "field_rows",
    "fields_by_ticket_ids",
    "fields_of_kind",
    "update_field",
)

MAX_CHOICES: Final = 100
_KEY_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChanges:
    """What an update of a field sets; its key, kind and type are for ever."""

    label_ru: Change[str] = UNSET
    label_en: Change[str] = UNSET
    choices: Change[Sequence[str]] = UNSET
    is_required: Change[bool] = UNSET
    is_for_customers: Change[bool] = UNSET
    position: Change[int] = UNSET


async def field_rows(context: RequestContext, *, with_archived: bool = False) -> list[TicketField]:
    """Return the fields that administrators defined, for who tends the desk."""
    require_desk_administrator(context.viewer)
    rows = TicketField.all() if with_archived else TicketField.filter(archived_at=None)
    return await rows.using_db(reader()).order_by("position", "id")


async def create_field(  # noqa: PLR0913 - one for each property of a field
    context: RequestContext,
    *,
    key: str,
    type: FieldType,
    label_ru: str,
    label_en: str,
    kind: TicketKind | None = None,
    choices: Sequence[str] = (),
    is_required: bool = False,
    is_for_customers: bool = False,
    position: int = 0,
) -> TicketField:
    """Define a field.

    Args:
        context: of who tends the desk.
        key: 1 to 64 of a-z, 0-9 and _, for ever; no other field, used or archived, has it.
        type: what it takes, for ever.
        label_ru: what people who read Russian call it.
        label_en: the others.
        kind: of the tickets that have it; None for all.
        choices: of a CHOICE 1 to 100 different ones; of others none.
        is_required: before a ticket goes to the second line.
        is_for_customers: they see it and may fill it in.
        position: fields are listed by it.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NameTakenError: another field has the key.
        ValueRequiredError, TextTooLongError, ValueInvalidError, InputInvalidError: see above.
    """
    require_desk_administrator(context.viewer)
    problems: list[DomainError] = []
    key = key.strip()
    if not 1 <= len(key) <= MAX_FIELD_KEY_LENGTH or set(key) - _KEY_LETTERS:
        problems.append(ValueInvalidError(path=("key",), reason="field_key"))
    values: dict[str, Any] = {
        "label_ru": _label(label_ru, "labelRu", problems),
        "label_en": _label(label_en, "labelEn", problems),
        "choices": _choices(choices, type, problems),
    }
    InputInvalidError.raise_for(problems)
    if key in {field.key for field in RESTORE_FIELDS}:
        raise NameTakenError(name=key)
    field = TicketField(
        key=key,
        type=type,
        kind=kind,
        is_required=is_required,
        is_for_customers=is_for_customers,
        position=position,
        **values,
    )
    try:
        async with in_transaction("default") as connection:
            await field.save(using_db=connection)
            await log_action(
                context,
                connection,
                AuditAction.TICKET_FIELD_CREATE,
                subject_id=field.id,
                after={"key": key, "type": type, "kind": kind},
            )
    except IntegrityError:
        raise NameTakenError(name=key) from None
    return field


async def update_field(
    context: RequestContext,
    *,
    field_id: int,
    changes: FieldChanges,
    if_revision: int | None = None,
) -> TicketField:
    """Change a field. Choices that go stay with the tickets that have them.

    Raises:
        NotFoundError: no such field.
        RevisionConflictError: somebody saved since `if_revision`.
        DomainError: the same as create_field, for the same values.
    """
    require_desk_administrator(context.viewer)
    async with in_transaction("default") as connection:
        field = await _locked(connection, field_id, if_revision)
        problems: list[DomainError] = []
        if changes.label_ru is not UNSET:
            field.label_ru = _label(changes.label_ru, "labelRu", problems)
        if changes.label_en is not UNSET:
            field.label_en = _label(changes.label_en, "labelEn", problems)
        if changes.choices is not UNSET:
            field.choices = _choices(changes.choices, field.type, problems)
        InputInvalidError.raise_for(problems)
        if changes.is_required is not UNSET:
            field.is_required = changes.is_required
        if changes.is_for_customers is not UNSET:
            field.is_for_customers = changes.is_for_customers
        if changes.position is not UNSET:
            field.position = changes.position
        await _save(context, connection, field)
    return field


async def archive_field(
    context: RequestContext,
    *,
    field_id: int,
    is_archived: bool = True,
    if_revision: int | None = None,
) -> TicketField:
    """Take a field out of use, or back into it; tickets keep what they hold in it.

    Raises:
        NotFoundError, RevisionConflictError: see update_field.
    """
    require_desk_administrator(context.viewer)
    async with in_transaction("default") as connection:
        field = await _locked(connection, field_id, if_revision)
        if is_archived is (field.archived_at is not None):
            return field
        field.archived_at = context.ports.clock.now() if is_archived else None
        await _save(context, connection, field)
    return field


def _label(label: str, path: str, problems: list[DomainError]) -> str:
    try:
        return check_text(label, field=path, length=MAX_FIELD_LABEL_LENGTH, required=True) or ""
    except DomainError as problem:
        problems.append(problem)
        return ""


def _choices(choices: Sequence[str], type: FieldType, problems: list[DomainError]) -> str:
    found: list[str] = []
    try:
        for choice in choices:
            length = MAX_FIELD_LABEL_LENGTH
            found.append(check_text(choice, field="choices", length=length, required=True) or "")
    except DomainError as problem:
        problems.append(problem)
    is_choice = type is FieldType.CHOICE
    count = len(choices)
    if len(set(found)) != len(found) or not (1 if is_choice else 0) <= count <= (
        MAX_CHOICES if is_choice else 0
    ):
        problems.append(ValueInvalidError(path=("choices",), reason="choices"))
    return orjson.dumps(found).decode()


async def _locked(
    connection: BaseDBAsyncClient, field_id: int, if_revision: int | None
) -> TicketField:
    rows = TicketField.filter(id=field_id).using_db(connection)
    field = await rows.select_for_update(no_key=True).first()
    if field is None:
        raise NotFoundError
    if if_revision is not None and if_revision != field.revision:
        raise RevisionConflictError(current_revision=field.revision)
    return field


async def _save(context: RequestContext, connection: BaseDBAsyncClient, field: TicketField) -> None:
    field.revision += 1
    await field.save(using_db=connection)
    await log_action(
        context,
        connection,
        AuditAction.TICKET_FIELD_UPDATE,
        subject_id=field.id,
        after={
            "label_ru": field.label_ru,
            "label_en": field.label_en,
            "is_required": field.is_required,
            "is_for_customers": field.is_for_customers,
            "archived_at": field.archived_at,
        },
    )
