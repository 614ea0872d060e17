"""docs/TICKETS.md shows the tables by which tickets really go."""

from pathlib import Path

from models.rules.severities import (
    TicketEffect,
    TicketImpact,
    TicketWorkaround,
    severity_of,
)
from models.rules.ticket_lifecycle import TRANSITIONS, TicketMove
from models.rules.ticket_states import TicketStatus

PAGE = Path("docs/TICKETS.md").read_text()


def steps() -> str:
    """Return the table of steps: a row for each, a column for each status it is taken from."""
    lines = ["| step | " + " | ".join(f"`{status}`" for status in TicketStatus) + " |"]
    lines.append("|---" * (len(TicketStatus) + 1) + "|")
    for move in TicketMove:
        cells = [_cell(status, move) for status in TicketStatus]
        lines.append(f"| `{move}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(status: TicketStatus, move: TicketMove) -> str:
    cell = TRANSITIONS[status].get(move)
    if cell is None:
        return "-"
    target, _ = cell
    return "as before" if target is None else "stays" if target is status else target.value


def severities() -> str:
    """Return the table of severities: a row for effect and workaround, a column for impact."""
    lines = ["| what happens | another way | " + " | ".join(f"`{i}`" for i in TicketImpact) + " |"]
    lines.append("|---" * (len(TicketImpact) + 2) + "|")
    for effect in TicketEffect:
        for workaround in TicketWorkaround:
            found = [severity_of(effect, impact, workaround).value for impact in TicketImpact]
            lines.append(f"| `{effect}` | `{workaround}` | " + " | ".join(found) + " |")
    return "\n".join(lines)


def test_the_page_shows_the_steps_that_tickets_can_take() -> None:
    assert steps() in PAGE


def test_the_page_shows_how_severe_what_is() -> None:
    assert severities() in PAGE
