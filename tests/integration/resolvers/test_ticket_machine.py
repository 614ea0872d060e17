"""Tickets against a model of them: whatever is done in whatever order, both agree."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.rules.roles import SECOND_LINE
from models.rules.ticket_lifecycle import Attempt, TicketMove, next_status
from models.rules.ticket_states import TicketLine, TicketResolution, TicketStatus
from models.ticket_errors import TicketMoveNotPossibleError
from models.ticket_messages import TicketEvent
from models.tickets import Ticket, TicketLink
from resolvers.context import RequestContext
from resolvers.ports import Ports
from resolvers.ticket_escalations import escalate_ticket, return_ticket
from resolvers.ticket_messages import reply_to_ticket
from resolvers.ticket_moves import (
    close_resolved,
    close_ticket,
    mark_spam,
    open_ticket,
    reopen_ticket,
    resolve_ticket,
    schedule_ticket,
    unmark_spam,
    wait_for_customer,
    wait_internal,
    wake_due_tickets,
)
from tests.desk import agent_of, customer_of, make_classified, stored
from tests.factories import as_command
from tests.fakes import FixedClock

DAYS = 14  # of the window
ENDED = {TicketStatus.RESOLVED, TicketStatus.CLOSED}


@dataclass
class Known:
    """What the model knows of a ticket."""

    status: TicketStatus = TicketStatus.NEW
    line: TicketLine = TicketLine.FIRST
    status_before: TicketStatus | None = None
    ended_at: datetime | None = None
    snoozed_until: datetime | None = None
    reopened: int = 0
    bounced: int = 0
    followed: int = 0


class Machine:
    """Does each step to the real ticket and to the model."""

    def __init__(
        self, clock: FixedClock, ticket: Ticket, people: dict[str, RequestContext]
    ) -> None:
        self.clock = clock
        self.ticket = ticket
        self.people = people
        self.known = Known()

    def expect(self, move: TicketMove, *, by_desk: bool, resolution: bool, ahead: bool) -> bool:
        """Take the step in the model; tell whether it is possible there."""
        known, now = self.known, self.clock.at
        was = known.status
        is_late = (
            was in ENDED
            and known.ended_at is not None
            and now > known.ended_at + timedelta(days=DAYS)
        )
        if move is TicketMove.CUSTOMER_REPLY and is_late:
            known.followed += 1
            return True
        try:
            known.status = next_status(
                Attempt(
                    status=was,
                    line=known.line,
                    move=move,
                    status_before=known.status_before,
                    has_category=True,
                    has_severity=True,
                    text="because",
                    checklist=1,
                    resolution=TicketResolution.SOLVED if resolution else None,
                    is_ahead=ahead,
                    is_in_window=by_desk or not is_late,
                )
            )
        except TicketMoveNotPossibleError:
            return False
        self.follow(was, move)
        return True

    def follow(self, was: TicketStatus, move: TicketMove) -> None:
        """Note in the model what follows from a step."""
        known, now = self.known, self.clock.at
        if move is TicketMove.SCHEDULE:
            known.snoozed_until = now + timedelta(days=1)
        elif known.status not in {TicketStatus.SCHEDULED, TicketStatus.SPAM}:
            known.snoozed_until = None
        if move is TicketMove.MARK_SPAM:
            known.status_before = was
        elif known.status is not TicketStatus.SPAM:
            known.status_before = None
        if was in ENDED and known.status is TicketStatus.OPEN:
            known.reopened += 1
            known.ended_at = None
        if known.status in ENDED and was not in {known.status, TicketStatus.SPAM}:
            known.ended_at = now
        if move is TicketMove.ESCALATE:
            known.line = TicketLine.SECOND
        if move is TicketMove.RETURN:
            known.line, known.bounced = TicketLine.FIRST, known.bounced + 1

    async def step(self, name: str) -> None:
        """Do a step to both, and compare what each says of it."""
        if name == "wait":
            self.clock.at += timedelta(days=5)
            return
        if name == "time":
            await self.time()
            return
        move = TicketMove[name.removeprefix("CUSTOMER_")] if name in THEIRS else TicketMove[name]
        by_desk = name not in {*THEIRS, "CUSTOMER_REPLY"}
        is_possible = self.expect(
            move,
            by_desk=by_desk,
            resolution=move is not TicketMove.CLOSE or not by_desk,
            ahead=True,
        )
        try:
            await self.real(name)
        except TicketMoveNotPossibleError:
            assert not is_possible, name
        else:
            assert is_possible, name

    def real(self, name: str) -> Awaitable[Any]:
        """Return the use case of a step."""
        who, use_case, given = REAL[name]
        if name == "SCHEDULE":
            given = {"until": self.clock.at + timedelta(days=1)}
        return use_case(self.people[who], ticket_id=self.ticket.id, **given)

    async def time(self) -> None:
        """Let the jobs run."""
        known, job = self.known, self.people["job"]
        is_due = (
            known.status is TicketStatus.SCHEDULED
            and known.snoozed_until is not None
            and known.snoozed_until <= self.clock.at
        )
        assert await wake_due_tickets(job) == int(is_due)
        if is_due:
            known.status, known.snoozed_until = TicketStatus.OPEN, None
        before = self.clock.at - timedelta(days=7)
        row = await stored(self.ticket)
        closes = (
            known.status is TicketStatus.RESOLVED
            and row.resolved_at is not None
            and row.resolved_at < before
        )
        assert await close_resolved(job, before=before) == int(closes)
        if closes:
            known.status, known.ended_at = TicketStatus.CLOSED, self.clock.at

    async def compare(self) -> None:
        """Compare the row with the model, and the history with the row."""
        row, known = await stored(self.ticket), self.known
        assert (row.status, row.line, row.status_before, row.snoozed_until) == (
            known.status,
            known.line,
            known.status_before,
            known.snoozed_until,
        )
        assert (row.reopen_count, row.bounce_count) == (known.reopened, known.bounced)
        assert await TicketLink.filter(ticket_id=row.id).count() == known.followed
        if row.status is not TicketStatus.SPAM:
            assert (row.resolved_at is not None) is (row.status in ENDED)
            assert (row.closed_at is not None) is (row.status is TicketStatus.CLOSED)
            assert (row.resolution is not None) is (row.status in ENDED)
        told = [
            event.values_after["status"]
            for event in await TicketEvent.filter(ticket_id=row.id).order_by("id")
            if "status" in event.values_after
        ]
        assert (told or ["NEW"])[-1] == row.status


THEIRS = {"CUSTOMER_CLOSE", "CUSTOMER_REOPEN"}
WHY = {"reason": "because"}
REAL: dict[str, tuple[str, Callable[..., Awaitable[Any]], dict[str, Any]]] = {
    "OPEN": ("agent", open_ticket, {}),
    "WAIT_FOR_CUSTOMER": ("agent", wait_for_customer, {}),
    "WAIT_INTERNAL": ("agent", wait_internal, {}),
    "SCHEDULE": ("agent", schedule_ticket, {}),
    "RESOLVE": ("agent", resolve_ticket, {"resolution": TicketResolution.SOLVED}),
    "CLOSE": ("agent", close_ticket, {}),
    "CUSTOMER_CLOSE": ("customer", close_ticket, {}),
    "REOPEN": ("agent", reopen_ticket, WHY),
    "CUSTOMER_REOPEN": ("customer", reopen_ticket, WHY),
    "CUSTOMER_REPLY": ("customer", reply_to_ticket, {"body": "And?"}),
    "DESK_REPLY": ("agent", reply_to_ticket, {"body": "So."}),
    "ESCALATE": ("agent", escalate_ticket, {**WHY, "checklist": ["x"]}),
    "RETURN": ("second", return_ticket, {"note": "because"}),
    "MARK_SPAM": ("agent", mark_spam, {}),
    "UNMARK_SPAM": ("agent", unmark_spam, {}),
}
STEPS = [*REAL, "wait", "wait", "time"]


@given(script=st.lists(st.sampled_from(STEPS), min_size=6, max_size=24))
@settings(
    max_examples=15,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_tickets_are_where_their_model_is(
    database: None, ports: Ports, clock: FixedClock, script: list[str]
) -> None:
    """A new ticket for each script; the others are out of the jobs' way."""
    await Ticket.all().update(deleted_at=clock.at)
    people = {
        "customer": await customer_of(ports),
        "agent": await agent_of(ports),
        "second": await agent_of(ports, SECOND_LINE),
        "job": as_command(ports),
    }
    machine = Machine(clock, await make_classified(ports, people["customer"]), people)

    for name in script:
        await machine.step(name)
        await machine.compare()
