"""What happened to a ticket, in a sentence: in words for customers, and in the desk's."""

from typing import Final

from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_labels import status_label_id
from models.rules.ticket_states import TicketStatus
from models.texts import text
from models.ticket_messages import TicketEvent

# What customers may know of a change; the rest of an event is the desk's.
CUSTOMER_FIELDS: Final = frozenset({"status", "subject", "number", "channel"})


def event_text(event: TicketEvent, locale: str, *, is_for_desk: bool) -> str:
    """Return one sentence about an event, without names of people: those stand beside it.

    Args:
        event: of a timeline.
        locale: language of the sentence.
        is_for_desk: customers are told where their ticket stands, and no more.
    """
    after = event.values_after
    who = "DESK" if is_for_desk else "TICKET"
    if event.kind is TicketEventKind.STATUS_CHANGED and "status" not in after:
        return text(locale, f"{who}_EVENT_RESCHEDULED")
    if event.kind is TicketEventKind.STATUS_CHANGED:
        label = status_label_id(TicketStatus(after["status"]), is_for_desk=is_for_desk)
        return text(locale, f"{who}_EVENT_STATUS_CHANGED", status=text(locale, label))
    if event.kind is TicketEventKind.SUBJECT_CHANGED:
        return text(locale, f"{who}_EVENT_RENAMED", subject=str(after.get("subject", "")))
    if event.kind is TicketEventKind.ASSIGNED and after.get("assignee_id") is None:
        return text(locale, "DESK_EVENT_UNASSIGNED")
    if event.kind in {TicketEventKind.TERM_WARNED, TicketEventKind.TERM_BROKEN}:
        msgid = f"DESK_EVENT_{event.kind}_{after['clock']}"
        return text(locale, msgid, percent=str(after.get("percent", "")))
    is_other_side = event.kind in {TicketEventKind.MERGED, TicketEventKind.UNMERGED} and (
        "from" in after or "from" in event.values_before
    )
    return text(locale, f"{who}_EVENT_{event.kind}{'_HERE' if is_other_side else ''}")
