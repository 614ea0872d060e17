"""Typed fields of tickets beyond the ordinary ones: what each takes, and which a kind needs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from math import isfinite
from typing import Final, TypeAlias

from models.errors import TextTooLongError, ValueInvalidError
from models.rules.plain_text import check_text
from models.rules.ticket_states import TicketKind

FieldValue: TypeAlias = str | int | float | bool
MAX_VALUE_LENGTH: Final = 2000  # characters of a text
_MAX_NUMBER: Final = 2**53  # beyond it not every reader of JSON keeps a whole number


class FieldType(StrEnum):
    """Stored by name; never renamed or reused."""

    TEXT = "TEXT"
    NUMBER = "NUMBER"
    DATE = "DATE"
    MOMENT = "MOMENT"
    BOOLEAN = "BOOLEAN"
    CHOICE = "CHOICE"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDefinition:
    """One field.

    Attributes:
        key: its name in the API, unique.
        kind: of the tickets that have it; None for all.
        labels: by language; empty for those of ours, whose labels are in the catalogues.
        choices: what a CHOICE may be.
        is_required: before a ticket of the kind goes to the second line.
        is_for_customers: customers see it and fill it in.
    """

    key: str
    type: FieldType
    kind: TicketKind | None = None
    labels: Mapping[str, str] | None = None
    choices: tuple[str, ...] = ()
    is_required: bool = False
    is_for_customers: bool = True


# Without these nobody can look for lost data, or may.
RESTORE_FIELDS: Final = (
    FieldDefinition(
        key="restore_what", type=FieldType.TEXT, kind=TicketKind.DATA_RESTORE, is_required=True
    ),
    FieldDefinition(
        key="restore_lost_at", type=FieldType.MOMENT, kind=TicketKind.DATA_RESTORE, is_required=True
    ),
    FieldDefinition(
        key="restore_as_of", type=FieldType.MOMENT, kind=TicketKind.DATA_RESTORE, is_required=True
    ),
    FieldDefinition(
        key="restore_agreed_by", type=FieldType.TEXT, kind=TicketKind.DATA_RESTORE, is_required=True
    ),
)


def missing_items(
    kind: TicketKind,
    definitions: Sequence[FieldDefinition],
    *,
    filled: Collection[str],
    installation: str | None,
) -> tuple[str, ...]:
    """Return the names of what a ticket lacks before the second line can work on it.

    Args:
        kind: of the ticket.
        definitions: all fields there are, of any kind.
        filled: keys of the fields that have a value.
        installation: a restore, an installation and an update are always of one.
    """
    lacks = [
        field.key
        for field in definitions
        if field.is_required and field.kind in {None, kind} and field.key not in filled
    ]
    of_one = {TicketKind.DATA_RESTORE, TicketKind.INSTALLATION, TicketKind.UPDATE_FAILURE}
    if kind in of_one and not installation:
        lacks.insert(0, "installation")
    return tuple(lacks)


def check_value(field: FieldDefinition, value: object) -> FieldValue | None:
    """Return a value in its normal form, None for none: "" and None say nothing.

    Moments come and are kept in ISO 8601 with an offset, days without.

    Raises:
        ValueInvalidError, TextTooLongError: no value of the type, or none of the choices.
    """
    if value is None or value == "":
        return None
    checked = _CHECKS[field.type](field, value)
    if checked is None:
        path, wanted = ("customFields", field.key), field.type.value.lower()
        raise ValueInvalidError(path=path, reason="ticket_field", field=field.key, wanted=wanted)
    return checked


def _text(field: FieldDefinition, value: object) -> FieldValue | None:
    if not isinstance(value, str):
        return None
    if len(value) > MAX_VALUE_LENGTH:
        raise TextTooLongError(path=("customFields", field.key), count=MAX_VALUE_LENGTH)
    return check_text(value, field=field.key, length=MAX_VALUE_LENGTH)


def _number(_: FieldDefinition, value: object) -> FieldValue | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if isfinite(value) and abs(value) <= _MAX_NUMBER else None


def _day(_: FieldDefinition, value: object) -> FieldValue | None:
    try:
        return date.fromisoformat(value).isoformat() if isinstance(value, str) else None
    except ValueError:
        return None


def _moment(_: FieldDefinition, value: object) -> FieldValue | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return None if found is None or found.tzinfo is None else found.isoformat()


def _boolean(_: FieldDefinition, value: object) -> FieldValue | None:
    return value if isinstance(value, bool) else None


def _choice(field: FieldDefinition, value: object) -> FieldValue | None:
    return value if isinstance(value, str) and value in field.choices else None


_CHECKS: Final = {
    FieldType.TEXT: _text,
    FieldType.NUMBER: _number,
    FieldType.DATE: _day,
    FieldType.MOMENT: _moment,
    FieldType.BOOLEAN: _boolean,
    FieldType.CHOICE: _choice,
}
