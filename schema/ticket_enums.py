"""The desk's enums, with descriptions for the reader of the SDL: import them from here."""

from models.rules.severities import TicketEffect, TicketImpact, TicketSeverity, TicketWorkaround
from models.rules.ticket_events import TicketEventKind
from models.rules.ticket_fields import FieldType
from models.rules.ticket_states import (
    MessageVisibility,
    TicketChannel,
    TicketKind,
    TicketLine,
    TicketLinkKind,
    TicketResolution,
    TicketStatus,
)
from resolvers.ticket_filters import TicketOrderField
from schema.enums import describe_enum

__all__ = (
    "FieldType",
    "MessageVisibility",
    "TicketChannel",
    "TicketEffect",
    "TicketEventKind",
    "TicketImpact",
    "TicketKind",
    "TicketLine",
    "TicketLinkKind",
    "TicketOrderField",
    "TicketResolution",
    "TicketSeverity",
    "TicketStatus",
    "TicketWorkaround",
)

describe_enum(
    TicketKind,
    {
        TicketKind.QUESTION: "How something is done.",
        TicketKind.FAULT: "Something does not work as it should.",
        TicketKind.INSTALLATION: "A new installation, or one that moves.",
        TicketKind.UPDATE_FAILURE: "An update did not go through.",
        TicketKind.DATA_RESTORE: "Data is lost and wanted back.",
        TicketKind.CHANGE_REQUEST: "Something shall be different from now on.",
    },
    description="What the customer wants of us.",
)
describe_enum(
    TicketStatus,
    {
        TicketStatus.NEW: "Nobody of the desk has looked at it.",
        TicketStatus.OPEN: "The desk has to act.",
        TicketStatus.WAITING_FOR_CUSTOMER: "The customer has to answer.",
        TicketStatus.WAITING_INTERNAL: "Somebody outside the desk has to act.",
        TicketStatus.SCHEDULED: "It comes back at `snoozedUntil`.",
        TicketStatus.RESOLVED: "The desk has answered; the customer may still disagree.",
        TicketStatus.CLOSED: "Over.",
        TicketStatus.MERGED: "It goes on in `mergedInto`.",
        TicketStatus.SPAM: "Nobody's request.",
    },
    description="Who has to act. Show `statusLabel`, which has other words for customers.",
)
describe_enum(
    TicketLine,
    {
        TicketLine.FIRST: "Takes, classifies and answers.",
        TicketLine.SECOND: "Works on data and with developers.",
    },
    description="Which line of the desk has the ticket, whatever its status.",
)
describe_enum(
    TicketChannel,
    {
        TicketChannel.PORTAL: "Written in the portal.",
        TicketChannel.EMAIL: "Written as a letter.",
        TicketChannel.PHONE: "Said on the phone, and written down by the desk.",
        TicketChannel.API: "Sent by a program of the customer's.",
    },
    description="The way a ticket or a message came.",
)
describe_enum(
    MessageVisibility,
    {
        MessageVisibility.PUBLIC: "Everybody who sees the ticket reads it.",
        MessageVisibility.INTERNAL: "The desk alone reads it.",
    },
    description="Who reads a message.",
)
describe_enum(
    TicketResolution,
    {
        TicketResolution.SOLVED: "The cause is gone.",
        TicketResolution.ANSWERED: "The question has its answer.",
        TicketResolution.WORKAROUND: "There is a way round, the cause stays.",
        TicketResolution.NOT_REPRODUCED: "Nobody could see it again.",
        TicketResolution.AS_DESIGNED: "It is meant to be so.",
        TicketResolution.NO_REPLY: "The customer did not answer.",
        TicketResolution.WITHDRAWN: "The customer wants it no more.",
        TicketResolution.DUPLICATE: "Another ticket is about the same.",
        TicketResolution.DECLINED: "It will not be done.",
    },
    description="Why a ticket needs nothing more.",
)
describe_enum(
    TicketLinkKind,
    {
        TicketLinkKind.FOLLOW_UP: "The later one began with an answer to the earlier, closed one.",
        TicketLinkKind.SPLIT: "The later one was a part of the earlier one.",
        TicketLinkKind.RELATED: "One helps to understand the other.",
        TicketLinkKind.INCIDENT: "One cause made both.",
    },
    description="What two tickets are to each other.",
)
describe_enum(
    TicketSeverity,
    {
        TicketSeverity.CRITICAL: "The work stands still, or data is in danger.",
        TicketSeverity.MAJOR: "A good part of the work cannot be done.",
        TicketSeverity.MINOR: "The work goes on, with effort.",
        TicketSeverity.USABILITY: "It is only harder, or uglier, than it need be.",
    },
    description="How bad it is, by a table of effect, impact and workaround. Nobody picks it.",
)
describe_enum(
    TicketEffect,
    {
        TicketEffect.DATA_AT_RISK: "Data is lost, wrong or in danger.",
        TicketEffect.STOPPED: "The work cannot be done.",
        TicketEffect.HINDERED: "The work can be done, with trouble.",
        TicketEffect.COSMETIC: "The work is not touched.",
    },
    description="What happens to the customer's work.",
)
describe_enum(
    TicketImpact,
    {
        TicketImpact.EVERYBODY: "All who use the installation.",
        TicketImpact.SEVERAL: "Some of them.",
        TicketImpact.ONE: "One person.",
    },
    description="How many people it happens to.",
)
describe_enum(
    TicketWorkaround,
    {
        TicketWorkaround.NONE: "There is none.",
        TicketWorkaround.HARD: "There is one, and it costs a lot.",
        TicketWorkaround.EASY: "There is one that hardly costs anything.",
    },
    description="Whether the work can be done in another way.",
)
describe_enum(
    TicketEventKind,
    {
        TicketEventKind.CREATED: "The ticket came.",
        TicketEventKind.STATUS_CHANGED: "It has another status.",
        TicketEventKind.CLASSIFIED: "Kind, severity, category, module or installation changed.",
        TicketEventKind.SUBJECT_CHANGED: "It has another subject.",
        TicketEventKind.REQUESTER_CHANGED: "It is somebody else's.",
        TicketEventKind.ASSIGNED: "Somebody else, or nobody, works on it.",
        TicketEventKind.QUEUE_CHANGED: "It waits in another queue, or in none.",
        TicketEventKind.TAGS_CHANGED: "It has other tags.",
        TicketEventKind.FIELDS_CHANGED: "Its custom fields say something else.",
        TicketEventKind.ESCALATED: "The first line handed it to the second.",
        TicketEventKind.RETURNED: "The second line handed it back.",
        TicketEventKind.REOPENED: "It was over, and is not any more.",
        TicketEventKind.DELETED: "It was deleted.",
        TicketEventKind.RESTORED: "It came back.",
        TicketEventKind.MERGED: "It goes on in another ticket, or another one goes on in it.",
        TicketEventKind.UNMERGED: "It goes on by itself again.",
        TicketEventKind.LINKED: "Another ticket has to do with it.",
        TicketEventKind.SPLIT: "Messages of it began a ticket of their own.",
        TicketEventKind.TERM_WARNED: "A share of a term of service is used up.",
        TicketEventKind.TERM_BROKEN: "A term of service is over, and not met.",
    },
    description="What happened to a ticket.",
)
describe_enum(
    FieldType,
    {
        FieldType.TEXT: "A text of at most 2,000 characters, in `text`.",
        FieldType.NUMBER: "A number, in `number`.",
        FieldType.DATE: "A day as 2026-11-22, in `text`.",
        FieldType.MOMENT: "A moment as 2026-11-22T03:04:05Z, in `text`.",
        FieldType.BOOLEAN: "Yes or no, in `boolean`.",
        FieldType.CHOICE: "One of the field's `choices`, in `text`.",
    },
    description="What a custom field takes, and where it is written.",
    name="TicketFieldType",
)
describe_enum(
    TicketOrderField,
    {
        TicketOrderField.CREATED_AT: "When the ticket came.",
        TicketOrderField.UPDATED_AT: "When something last happened to it.",
        TicketOrderField.NUMBER: "Its number.",
    },
    description="What tickets can be sorted by. Ties are broken by the time of creation.",
)
