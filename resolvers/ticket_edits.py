"""Say what a ticket is: kind, severity, category, subject, tags, whose matter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.errors import DomainError, InputInvalidError
from models.ids import new_id
from models.rules.audit_actions import AuditAction
from models.rules.plain_text import check_text
from models.rules.severities import SeverityInputs
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_states import TicketKind
from models.rules.ticket_tags import check_tags
from models.ticket_rows import insert_records
from models.tickets import (
    MAX_INSTALLATION_LENGTH,
    MAX_MODULE_LENGTH,
    MAX_SUBJECT_LENGTH,
    Ticket,
    TicketTag,
)
from resolvers.changes import UNSET, Change
from resolvers.context import RequestContext
from resolvers.ticket_changes import TicketChange, ticket_change
from resolvers.ticket_field_values import check_fields, write_fields
from resolvers.ticket_filters import require_desk
from resolvers.ticket_requesters import Requester, known_requester
from resolvers.tickets import check_category

__all__ = (
    "Requester",
    "SeverityInputs",
    "TicketClassification",
    "change_subject",
    "classify_ticket",
    "set_requester",
    "set_tags",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketClassification:
    """What a classification sets; None clears. `fields` has the keys that change alone."""

    kind: Change[TicketKind] = UNSET
    severity_inputs: Change[SeverityInputs | None] = UNSET
    category_id: Change[int | None] = UNSET
    module: Change[str | None] = UNSET
    installation: Change[str | None] = UNSET
    fields: Change[Mapping[str, object]] = UNSET


async def classify_ticket(
    context: RequestContext,
    *,
    ticket_id: int,
    changes: TicketClassification,
    if_revision: int | None = None,
) -> Ticket:
    """Say what a ticket is about and how severe it is; the table of severities decides.

    Args:
        context: needs the desk's rights.
        ticket_id: of any ticket.
        changes: nothing set is no change.
        if_revision: None lets the last writer win; a number must be the present revision.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such ticket, or no such category in use.
        RevisionConflictError: somebody saved since `if_revision`.
        TextTooLongError, ValueInvalidError, InputInvalidError: texts and fields.
    """
    require_desk(context.viewer)
    texts = _texts(changes)
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        ticket = change.ticket
        for name, value in texts.items():
            setattr(ticket, name, value)
        if changes.kind is not UNSET:
            ticket.kind = changes.kind
        if changes.category_id is not UNSET and changes.category_id != ticket.category_id:
            await check_category(change.connection, changes.category_id)
            ticket.category_id = changes.category_id
        if changes.severity_inputs is not UNSET:
            _rate(ticket, changes.severity_inputs)
        was, said = await _fill(change, changes)
        await change.save(TicketEventKind.CLASSIFIED, was=was, said=said)
    return ticket


async def change_subject(
    context: RequestContext, *, ticket_id: int, subject: str, if_revision: int | None = None
) -> Ticket:
    """Give a ticket a subject that says more.

    Raises:
        DomainError: see classify_ticket; ValueRequiredError for an empty subject.
    """
    require_desk(context.viewer)
    text = check_text(subject, field="subject", length=MAX_SUBJECT_LENGTH, required=True)
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        change.ticket.subject = text or ""
        await change.save(TicketEventKind.SUBJECT_CHANGED)
    return change.ticket


async def set_tags(
    context: RequestContext,
    *,
    ticket_id: int,
    tags: Sequence[str],
    if_revision: int | None = None,
) -> Ticket:
    """Give a ticket these tags, and no others.

    Raises:
        DomainError: see classify_ticket; the tags: see check_tags.
    """
    require_desk(context.viewer)
    wanted = check_tags(tags)
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        rows = TicketTag.filter(ticket_id=change.ticket.id).using_db(change.connection)
        held = sorted([row.name for row in await rows])
        if tuple(held) == wanted:
            return change.ticket
        await rows.filter(name__not_in=wanted or [""]).delete()
        added = [
            TicketTag(id=new_id(), ticket_id=change.ticket.id, name=name)
            for name in wanted
            if name not in held
        ]
        await insert_records(change.connection, added)
        await change.save(
            TicketEventKind.TAGS_CHANGED, was={"tags": held}, said={"tags": list(wanted)}
        )
    return change.ticket


async def set_requester(
    context: RequestContext,
    *,
    ticket_id: int,
    requester: Requester,
    if_revision: int | None = None,
) -> Ticket:
    """Say whose matter a ticket is: who sees it from now on follows from that.

    Raises:
        DomainError: see classify_ticket; the requester: see known_requester.
    """
    require_desk(context.viewer)
    async with ticket_change(context, ticket_id=ticket_id, if_revision=if_revision) as change:
        known = await known_requester(change.connection, requester)
        ticket = change.ticket
        ticket.requester_id = known.user_id
        ticket.requester_email, ticket.requester_name = known.email, known.name
        ticket.organization_id = known.organization_id
        await change.save(TicketEventKind.REQUESTER_CHANGED, action=AuditAction.TICKET_UPDATE)
    return ticket


def _texts(changes: TicketClassification) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    problems: list[DomainError] = []
    for name, path, text, length in (
        ("module", "productModule", changes.module, MAX_MODULE_LENGTH),
        ("installation", "installation", changes.installation, MAX_INSTALLATION_LENGTH),
    ):
        if text is UNSET:
            continue
        try:
            found[name] = check_text(text, field=path, length=length)
        except DomainError as problem:
            problems.append(problem)
    InputInvalidError.raise_for(problems)
    return found


def _rate(ticket: Ticket, inputs: SeverityInputs | None) -> None:
    ticket.severity = None if inputs is None else inputs.severity
    ticket.effect = None if inputs is None else inputs.effect
    ticket.impact = None if inputs is None else inputs.impact
    ticket.workaround = None if inputs is None else inputs.workaround


async def _fill(
    change: TicketChange, changes: TicketClassification
) -> tuple[dict[str, object], dict[str, object]]:
    """Set the fields; return what the event says of them."""
    if changes.fields is UNSET:
        return {}, {}
    ticket = change.ticket
    values = await check_fields(change.context.viewer, ticket.kind, changes.fields)
    was, said = await write_fields(change.connection, ticket.id, values)
    return ({"fields": was}, {"fields": said}) if said else ({}, {})
