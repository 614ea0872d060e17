"""Values of typed fields, and what a ticket lacks."""

import pytest

from models.errors import TextTooLongError, ValueInvalidError
from models.rules.ticket_fields import (
    RESTORE_FIELDS,
    FieldDefinition,
    FieldType,
    check_value,
    missing_items,
)
from models.rules.ticket_states import TicketKind


def field(type: str, *choices: str) -> FieldDefinition:
    return FieldDefinition(key="it", type=FieldType(type), choices=choices)


@pytest.mark.parametrize(
    ("type", "value", "stored"),
    [
        ("TEXT", " a b ", "a b"),
        ("TEXT", "=1+1", "=1+1"),
        ("NUMBER", 7, 7),
        ("NUMBER", -0.5, -0.5),
        ("DATE", "2026-02-28", "2026-02-28"),
        ("MOMENT", "2026-02-28T10:00:00Z", "2026-02-28T10:00:00+00:00"),
        ("MOMENT", "2026-02-28T10:00+03:00", "2026-02-28T10:00:00+03:00"),
        ("BOOLEAN", False, False),
        ("CHOICE", "b", "b"),
        *[(each.value, empty, None) for each in FieldType for empty in (None, "")],
    ],
)
def test_a_value_is_stored_in_its_normal_form(type: str, value: object, stored: object) -> None:
    found = check_value(field(type, "a", "b"), value)

    assert (found, found.__class__) == (stored, stored.__class__)


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("TEXT", 1),
        ("TEXT", "a\x00b"),
        ("NUMBER", "7"),
        ("NUMBER", True),
        ("NUMBER", float("nan")),
        ("NUMBER", float("inf")),
        ("NUMBER", 2**53 + 1),
        ("DATE", "2026-02-30"),
        ("DATE", 20260228),
        ("MOMENT", "2026-02-28T10:00:00"),
        ("MOMENT", "yesterday"),
        ("BOOLEAN", 1),
        ("BOOLEAN", "true"),
        ("CHOICE", "c"),
        ("CHOICE", 0),
    ],
)
def test_what_is_no_value_of_the_type_is_refused(type: str, value: object) -> None:
    with pytest.raises(ValueInvalidError):
        check_value(field(type, "a", "b"), value)


def test_a_text_has_a_longest_length() -> None:
    assert check_value(field("TEXT"), "x" * 2000) == "x" * 2000
    with pytest.raises(TextTooLongError):
        check_value(field("TEXT"), "x" * 2001)


def test_a_restore_needs_an_installation_and_all_its_items() -> None:
    wanted = FieldDefinition(
        key="cabinet", type=FieldType.TEXT, kind=TicketKind.FAULT, is_required=True
    )
    everywhere = FieldDefinition(key="version", type=FieldType.TEXT, is_required=True)
    fields = (*RESTORE_FIELDS, wanted, everywhere)

    assert missing_items(TicketKind.DATA_RESTORE, fields, filled=(), installation=None) == (
        "installation",
        "restore_what",
        "restore_lost_at",
        "restore_as_of",
        "restore_agreed_by",
        "version",
    )
    filled = [each.key for each in RESTORE_FIELDS]
    assert (
        missing_items(
            TicketKind.DATA_RESTORE, fields, filled=[*filled, "version"], installation="north"
        )
        == ()
    )
    assert missing_items(TicketKind.QUESTION, fields, filled=["version"], installation=None) == ()
    assert missing_items(TicketKind.FAULT, fields, filled=(), installation=None) == (
        "cabinet",
        "version",
    )
