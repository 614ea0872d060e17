"""What an event says of its values, in the names and ids of the API."""

from typing import Any

import pytest

from schema.nodes import encode_id
from schema.ticket_changes import field_changes


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, {}, []),
        ({"status": "NEW"}, {"status": "OPEN"}, [("status", "NEW", "OPEN")]),
        (
            {"assignee_id": None},
            {"assignee_id": 7},
            [("assigneeId", None, encode_id("User", 7))],
        ),
        ({"module": "a"}, {"module": None}, [("productModule", "a", None)]),
        (
            {"fields": {"printer": None, "is_new": False}},
            {"fields": {"printer": "=1", "is_new": True}},
            [("customFields.printer", None, "=1"), ("customFields.is_new", "false", "true")],
        ),
        ({"tags": ["a"]}, {"tags": ["a", "b"]}, [("tags", "a", "a, b")]),
        ({}, {"reason": "x", "line": "SECOND"}, [("reason", None, "x"), ("line", None, "SECOND")]),
        ({"from": 12}, {}, [("from", "12", None)]),
        (
            {},
            {"message_ids": [3, 4]},
            [
                (
                    "messageIds",
                    None,
                    f"{encode_id('TicketMessage', 3)}, {encode_id('TicketMessage', 4)}",
                )
            ],
        ),
        ({"assignee_id": "***"}, {"assignee_id": None}, [("assigneeId", "***", None)]),
    ],
)
def test_values_are_told_by_their_names_in_the_api(
    before: dict[str, Any], after: dict[str, Any], told: list[tuple[str, str | None, str | None]]
) -> None:
    found = [(each.field, each.before, each.after) for each in field_changes(before, after)]

    assert found == told
