"""What people type into tickets, and what tickets say to people."""

import pytest

from models.errors import TextTooLongError, ValueInvalidError, ValueRequiredError
from models.rules.message_bodies import check_body
from models.rules.severities import TicketSeverity
from models.rules.ticket_fields import RESTORE_FIELDS
from models.rules.ticket_labels import (
    field_label_id,
    kind_label_id,
    resolution_label_id,
    severity_label_id,
    status_label_id,
)
from models.rules.ticket_states import TicketKind, TicketResolution, TicketStatus
from models.rules.ticket_tags import check_tags, normal_tag
from models.texts import IDS, LOCALES, text


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" a\r\nb\rc\n", "a\nb\nc"),
        ("a\u2028b\u2029c", "a\nb\nc"),
        ("\tx\ty", "x\ty"),
        ("<b>=1+1</b>", "<b>=1+1</b>"),
        ("семья 👨‍👩‍👧", "семья 👨‍👩‍👧"),
    ],
)
def test_a_body_keeps_its_lines(typed: str, stored: str) -> None:
    assert check_body(typed, field="body", length=100) == stored


@pytest.mark.parametrize("typed", ["a\x00b", "a\x1bb", "a\ud800", "a\u202eb", "a\x85b"])
def test_a_body_hides_nothing(typed: str) -> None:
    with pytest.raises(ValueInvalidError) as refused:
        check_body(typed, field="body", length=100)
    assert (refused.value.path, refused.value.reason) == (("body",), "characters")


def test_a_body_is_there_and_not_too_long() -> None:
    assert check_body(None, field="note", length=3, required=False) is None
    assert check_body(" \n ", field="note", length=3, required=False) is None
    assert check_body(" abc ", field="note", length=3) == "abc"
    with pytest.raises(ValueRequiredError):
        check_body(" \n ", field="note", length=3)
    with pytest.raises(TextTooLongError):
        check_body("abcd", field="note", length=3)


def test_tags_have_one_spelling() -> None:
    assert check_tags(["  VPN  Client ", "vpn client", "Сеть", ""]) == ("vpn client", "сеть")
    assert normal_tag("x" * 65) is None
    with pytest.raises(TextTooLongError):
        check_tags(["x" * 65])
    with pytest.raises(ValueInvalidError, match="characters"):
        check_tags(["a\x00"])
    assert len(check_tags(map(str, range(30)))) == 30
    with pytest.raises(ValueInvalidError, match="tags"):
        check_tags(map(str, range(31)))


@pytest.mark.parametrize("locale", LOCALES)
def test_everything_has_a_label_for_customers_and_for_the_desk(locale: str) -> None:
    ids = [field_label_id(field.key) for field in RESTORE_FIELDS]
    for is_for_desk in (False, True):
        ids += [status_label_id(each, is_for_desk=is_for_desk) for each in TicketStatus]
        ids += [kind_label_id(each, is_for_desk=is_for_desk) for each in TicketKind]
        ids += [severity_label_id(each, is_for_desk=is_for_desk) for each in TicketSeverity]
        ids += [resolution_label_id(each, is_for_desk=is_for_desk) for each in TicketResolution]

    assert set(ids) <= set(IDS)
    assert all(text(locale, each) for each in ids)


def test_customers_are_not_told_what_the_desk_calls_things() -> None:
    shown = {
        text("en", status_label_id(status, is_for_desk=False)): status for status in TicketStatus
    }

    assert text("en", status_label_id(TicketStatus.SPAM, is_for_desk=False)) == "Closed"
    assert text("ru", status_label_id(TicketStatus.WAITING_INTERNAL, is_for_desk=False)) == (
        "В работе"
    )
    assert "Spam" not in shown
