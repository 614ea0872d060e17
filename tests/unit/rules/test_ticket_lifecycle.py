"""The table of steps, walked cell by cell: every status with every step."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.ticket_lifecycle import (
    TRANSITIONS,
    Attempt,
    TicketMove,
    is_active,
    is_in_window,
    next_status,
    possible_moves,
)
from models.rules.ticket_states import ACTIVE, TicketLine, TicketResolution, TicketStatus
from models.ticket_errors import TicketMoveNotPossibleError

NEW, OPEN, CUSTOMER, INTERNAL, SCHEDULED, RESOLVED, CLOSED, MERGED, SPAM = TicketStatus
# Written down apart from the table: where each step leads when no guard refuses.
LEADS: Final[dict[TicketMove, dict[TicketStatus, TicketStatus]]] = {
    TicketMove.OPEN: dict.fromkeys((NEW, CUSTOMER, INTERNAL, SCHEDULED), OPEN),
    TicketMove.WAIT_FOR_CUSTOMER: dict.fromkeys((NEW, OPEN, INTERNAL, SCHEDULED), CUSTOMER),
    TicketMove.WAIT_INTERNAL: dict.fromkeys((NEW, OPEN, CUSTOMER, SCHEDULED), INTERNAL),
    TicketMove.SCHEDULE: dict.fromkeys(ACTIVE, SCHEDULED),
    TicketMove.WAKE: {SCHEDULED: OPEN},
    TicketMove.RESOLVE: dict.fromkeys(ACTIVE, RESOLVED),
    TicketMove.CLOSE: dict.fromkeys((*ACTIVE, RESOLVED), CLOSED),
    TicketMove.CLOSE_BY_TIME: {RESOLVED: CLOSED},
    TicketMove.REOPEN: dict.fromkeys((RESOLVED, CLOSED), OPEN),
    TicketMove.CUSTOMER_REPLY: {
        NEW: NEW,
        OPEN: OPEN,
        CUSTOMER: OPEN,
        INTERNAL: INTERNAL,
        SCHEDULED: OPEN,
        RESOLVED: OPEN,
        CLOSED: OPEN,
        SPAM: SPAM,
    },
    TicketMove.DESK_REPLY: {
        NEW: OPEN,
        **{each: each for each in (OPEN, CUSTOMER, INTERNAL, SCHEDULED, RESOLVED, CLOSED)},
    },
    TicketMove.ESCALATE: dict.fromkeys(ACTIVE, OPEN),
    TicketMove.RETURN: dict.fromkeys(ACTIVE, OPEN),
    TicketMove.MARK_SPAM: dict.fromkeys((*ACTIVE, RESOLVED, CLOSED), SPAM),
    TicketMove.UNMARK_SPAM: {SPAM: INTERNAL},
    TicketMove.MERGE: dict.fromkeys((*ACTIVE, RESOLVED, CLOSED), MERGED),
    TicketMove.UNMERGE: {MERGED: INTERNAL},
}
COMPLETE: Final = Attempt(
    status=NEW,
    line=TicketLine.FIRST,
    move=TicketMove.OPEN,
    status_before=INTERNAL,
    has_category=True,
    has_severity=True,
    text="because",
    checklist=1,
    resolution=TicketResolution.SOLVED,
    is_ahead=True,
    is_in_window=True,
)
attempts = st.builds(
    Attempt,
    status=st.sampled_from(TicketStatus),
    line=st.sampled_from(TicketLine),
    move=st.sampled_from(TicketMove),
    status_before=st.none() | st.sampled_from(ACTIVE),
    has_category=st.booleans(),
    has_severity=st.booleans(),
    missing=st.sampled_from([(), ("installation",)]),
    text=st.sampled_from([None, "", "because"]),
    checklist=st.integers(0, 2),
    resolution=st.none() | st.sampled_from(TicketResolution),
    is_ahead=st.booleans(),
    is_in_window=st.booleans(),
    is_automatic=st.booleans(),
)


def complete(status: TicketStatus, move: TicketMove) -> Attempt:
    line = TicketLine.SECOND if move is TicketMove.RETURN else TicketLine.FIRST
    return replace(COMPLETE, status=status, move=move, line=line)


@pytest.mark.parametrize("move", TicketMove)
@pytest.mark.parametrize("status", TicketStatus)
def test_a_complete_step_leads_where_it_should_or_is_refused(
    status: TicketStatus, move: TicketMove
) -> None:
    expected = LEADS[move].get(status)

    if expected is not None:
        assert next_status(complete(status, move)) is expected
        assert move in possible_moves(status)
        return
    with pytest.raises(TicketMoveNotPossibleError) as refused:
        next_status(complete(status, move))
    assert (refused.value.status, refused.value.move, refused.value.reason) == (status, move, "")
    assert move not in possible_moves(status)


@given(attempts)
def test_no_attempt_leads_anywhere_else(attempt: Attempt) -> None:
    leads = LEADS[attempt.move].get(attempt.status)

    found = _tried(attempt)
    if isinstance(found, TicketMoveNotPossibleError):
        assert (found.status, found.move) == (attempt.status, attempt.move)
        assert (found.reason == "") is (leads is None)
        return

    assert leads is not None
    if attempt.move in {TicketMove.UNMARK_SPAM, TicketMove.UNMERGE}:
        assert found is (attempt.status_before or OPEN)
    else:
        assert found is leads
    if attempt.move is TicketMove.ESCALATE:
        assert attempt.line is TicketLine.FIRST
        assert attempt.has_category
        assert attempt.has_severity
        assert attempt.text
        assert attempt.checklist
        assert not attempt.missing
    if attempt.move is TicketMove.RETURN:
        assert attempt.line is TicketLine.SECOND
        assert attempt.text
    if found is OPEN and attempt.status in {RESOLVED, CLOSED}:
        assert attempt.is_in_window
        assert attempt.move is TicketMove.REOPEN or not attempt.is_automatic


def _tried(attempt: Attempt) -> TicketStatus | TicketMoveNotPossibleError:
    try:
        return next_status(attempt)
    except TicketMoveNotPossibleError as refused:
        return refused


@pytest.mark.parametrize(
    ("move", "lack", "reason"),
    [
        (TicketMove.ESCALATE, {"line": TicketLine.SECOND}, "line_second"),
        (TicketMove.ESCALATE, {"has_category": False}, "category_missing"),
        (TicketMove.ESCALATE, {"has_severity": False}, "severity_missing"),
        (TicketMove.ESCALATE, {"missing": ("restore_what",)}, "items_missing"),
        (TicketMove.ESCALATE, {"text": None}, "reason_missing"),
        (TicketMove.ESCALATE, {"checklist": 0}, "checklist_missing"),
        (TicketMove.RETURN, {"line": TicketLine.FIRST}, "line_first"),
        (TicketMove.RETURN, {"text": ""}, "note_missing"),
        (TicketMove.RESOLVE, {"resolution": None}, "resolution_missing"),
        (TicketMove.CLOSE, {"resolution": None}, "resolution_missing"),
        (TicketMove.SCHEDULE, {"is_ahead": False}, "until_not_ahead"),
    ],
)
def test_a_guard_says_what_is_missing(
    move: TicketMove, lack: dict[str, object], reason: str
) -> None:
    attempt = replace(complete(OPEN, move), **lack)  # type: ignore[arg-type]

    with pytest.raises(TicketMoveNotPossibleError) as refused:
        next_status(attempt)

    assert (refused.value.status, refused.value.reason) == (OPEN, reason)
    assert refused.value.missing == attempt.missing


@pytest.mark.parametrize("status", [RESOLVED, CLOSED])
@pytest.mark.parametrize(
    ("move", "lack", "reason"),
    [
        (TicketMove.REOPEN, {"is_in_window": False}, "window_over"),
        (TicketMove.REOPEN, {"text": None}, "reason_missing"),
        (TicketMove.CUSTOMER_REPLY, {"is_in_window": False}, "window_over"),
        (TicketMove.CUSTOMER_REPLY, {"is_automatic": True}, "automatic"),
    ],
)
def test_what_ended_is_reopened_by_people_in_time_alone(
    status: TicketStatus, move: TicketMove, lack: dict[str, object], reason: str
) -> None:
    with pytest.raises(TicketMoveNotPossibleError) as refused:
        next_status(replace(complete(status, move), **lack))  # type: ignore[arg-type]

    assert refused.value.reason == reason


@pytest.mark.parametrize("status", [CUSTOMER, SCHEDULED])
def test_automatic_mail_ends_no_waiting(status: TicketStatus) -> None:
    attempt = replace(complete(status, TicketMove.CUSTOMER_REPLY), is_automatic=True)

    with pytest.raises(TicketMoveNotPossibleError) as refused:
        next_status(attempt)

    assert refused.value.reason == "automatic"


def test_every_status_has_a_row_and_every_step_a_cell() -> None:
    assert set(TRANSITIONS) == set(TicketStatus)
    assert {move for row in TRANSITIONS.values() for move in row} == set(TicketMove)
    assert [status for status in TicketStatus if is_active(status)] == list(ACTIVE)


def test_the_window_is_open_through_its_last_moment() -> None:
    ended = datetime(2026, 3, 1, 12, tzinfo=UTC)
    last = ended + timedelta(days=14)

    assert is_in_window(None, now=last, days=14)
    assert is_in_window(ended, now=last, days=14)
    assert not is_in_window(ended, now=last + timedelta(microseconds=1), days=14)
    assert is_in_window(ended, now=ended, days=0)
