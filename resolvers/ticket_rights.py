"""What somebody may do with a ticket: asked before a button is shown; use cases ask again."""

from dataclasses import dataclass

from models.rules.scopes import Scope
from models.rules.ticket_lifecycle import TicketMove, possible_moves
from models.rules.ticket_states import TicketLine, TicketStatus
from models.ticket_messages import TicketMessage
from models.tickets import Ticket
from resolvers.context import RequestContext
from resolvers.ticket_filters import is_desk, is_desk_administrator
from resolvers.ticket_steps import may_go_on


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRights:
    """What rights and the table of steps allow; what is typed may still be refused."""

    reply: bool = False
    note: bool = False
    edit: bool = False
    assign: bool = False
    follow: bool = False
    open: bool = False
    wait_for_customer: bool = False
    wait_internal: bool = False
    schedule: bool = False
    resolve: bool = False
    close: bool = False
    reopen: bool = False
    escalate: bool = False
    hand_back: bool = False
    mark_spam: bool = False
    unmark_spam: bool = False
    merge: bool = False
    unmerge: bool = False
    split: bool = False
    link: bool = False
    delete: bool = False
    restore: bool = False


def rights_on_ticket(context: RequestContext, ticket: Ticket) -> TicketRights:
    """Return what the viewer may do with a ticket that they see."""
    viewer = context.viewer
    writes = Scope.TICKET_WRITE in viewer.scopes
    works = is_desk(viewer) and writes
    tends = is_desk_administrator(viewer) and writes
    if ticket.deleted_at is not None:
        return TicketRights(restore=tends)
    moves = _moves(ticket)
    return TicketRights(
        reply=writes and _may_reply(context, ticket, moves),
        note=is_desk(viewer),
        edit=works,
        assign=works,
        follow=viewer.user_id is not None,
        open=works and TicketMove.OPEN in moves,
        wait_for_customer=works and TicketMove.WAIT_FOR_CUSTOMER in moves,
        wait_internal=works and TicketMove.WAIT_INTERNAL in moves,
        schedule=works and TicketMove.SCHEDULE in moves,
        resolve=works and TicketMove.RESOLVE in moves,
        # The desk says why first: it resolves, then closes.
        close=writes
        and TicketMove.CLOSE in moves
        and (not is_desk(viewer) or ticket.status is TicketStatus.RESOLVED),
        reopen=writes and TicketMove.REOPEN in moves and (works or may_go_on(context, ticket)),
        escalate=works and TicketMove.ESCALATE in moves,
        hand_back=works and TicketMove.RETURN in moves,
        mark_spam=works and TicketMove.MARK_SPAM in moves,
        unmark_spam=works and TicketMove.UNMARK_SPAM in moves,
        merge=works and TicketMove.MERGE in moves,
        unmerge=works and TicketMove.UNMERGE in moves,
        split=works,
        link=works,
        delete=tends,
    )


def may_take_back(context: RequestContext, message: TicketMessage) -> bool:
    """Tell whether the viewer can still take a message back."""
    return (
        is_desk(context.viewer)
        and Scope.TICKET_WRITE in context.viewer.scopes
        and message.is_from_staff
        and message.author_id == context.viewer.user_id
        and message.taken_back_at is None
        and message.due_at > context.ports.clock.now()
    )


def _may_reply(context: RequestContext, ticket: Ticket, moves: frozenset[TicketMove]) -> bool:
    """Tell whether the viewer may write: as the desk, or as a customer in their own ticket."""
    if is_desk(context.viewer) and ticket.requester_id != context.viewer.user_id:
        return TicketMove.DESK_REPLY in moves
    return TicketMove.CUSTOMER_REPLY in moves or ticket.status is TicketStatus.MERGED


def _moves(ticket: Ticket) -> frozenset[TicketMove]:
    """Return the steps that the ticket's status and line allow."""
    other_line = TicketMove.RETURN if ticket.line is TicketLine.FIRST else TicketMove.ESCALATE
    return frozenset(possible_moves(ticket.status)) - {other_line}
