"""The desk's part of the access matrix, see tests.access_matrix."""

from collections.abc import Mapping
from typing import Any, Final

from models.rules.scopes import Scope
from tests.access_probes import Probe, Sees, about, node, plain
from tests.access_terms import TERMS_PROBES

_READ: Final = Scope.TICKET_READ
_WRITE: Final = Scope.TICKET_WRITE
_STAFF: Final = Scope.TICKET_STAFF
# The status of a ticket does not allow every step; who is told so has reached it.
_MOVES: Final = frozenset({"TicketMoveNotPossibleProblem"})


def _on(field: str, more: str = "", *, scope: Scope, **other: Any) -> Probe:  # noqa: ANN401
    """Return the probe of a mutation on one ticket."""
    document = f"mutation ($id: ID!) {{ {field}(input: {{id: $id {more}}}) {{ __typename }} }}"
    return Probe(document, "Ticket", scope, refusals=_MOVES, **{"uses_up": False, **other})


def _desk(field: str, more: str = "", **other: Any) -> Probe:  # noqa: ANN401
    """Return the probe of what the desk alone does with a ticket."""
    return _on(field, more, scope=_STAFF, also=frozenset({_WRITE}), needs_all=True, **other)


def _of_two(field: str) -> Probe:
    """Return the probe of what the desk says of two tickets."""
    document = (
        f"mutation ($id: ID!, $ticket: ID!) {{ {field}(input: {{id: $id, otherId: $ticket, "
        "kind: RELATED}) { __typename } }"
    )
    return Probe(
        document, "Ticket", _STAFF, also=frozenset({_WRITE}), needs_all=True, uses_up=False
    )


def _shown(field: str, selection: str = "") -> Probe:
    """Return the probe of a field of a ticket that is shown to the desk alone."""
    document = f"query ($id: ID!) {{ node(id: $id) {{ ... on Ticket {{ {field} {selection} }} }} }}"
    return Probe(
        document,
        "WorkedTicket",
        _READ,
        sees=Sees.DESK,
        hides=True,
        reads=field,
        reads_owner=False,
    )


# Those who tend the desk: administrators who work on it.
_TENDS: Final[dict[str, Any]] = {
    "scope": Scope.USER_ADMIN,
    "also": frozenset({_STAFF, _WRITE}),
    "needs_all": True,
}
_SEVERITY: Final = "severity: {effect: STOPPED, impact: ONE, workaround: NONE}"

DESK_PROBES: Final[Mapping[str, Probe]] = {
    # Tickets, and what is said about them
    "Query.ticket": Probe(
        "query ($number: Count!) { ticket(number: $number) { id } }", "Ticket", _READ
    ),
    "Query.tickets": Probe("{ tickets(first: 100) { nodes { id } } }", "Ticket", _READ),
    "Query.ticketCounts": Probe("{ ticketCounts { mine } }", scope=_READ),
    "Query.node of Ticket": node("Ticket", scope=_READ, hides=True),
    "Query.node of TicketMessage": node("TicketMessage", scope=_READ, hides=True),
    "Ticket.timeline": Probe(
        "query ($id: ID!) { node(id: $id) { ... on Ticket { timeline { nodes "
        "{ ... on TicketMessage { id } } } } } }",
        "Ticket",
        _READ,
        hides=True,
        reads="timeline",
        reads_owner=False,
    ),
    # What of a ticket is the desk's business
    "Ticket.requesterAddress": _shown("requesterAddress"),
    "Ticket.bounceCount": _shown("bounceCount"),
    "Ticket.resolutionNote": _shown("resolutionNote"),
    "Ticket.assignee": _shown("assignee", "{ id }"),
    "Ticket.queue": _shown("queue", "{ id }"),
    "Ticket.tags": _shown("tags"),
    "Ticket.followers": _shown("followers", "{ id }"),
    "Ticket.clocks": _shown("clocks", "{ kind }"),
    # Asking and answering
    "Mutation.ticketCreate": plain("ticketCreate", 'subject: "x", bodyMarkdown: "x"', scope=_WRITE),
    "Mutation.ticketReply": _on("ticketReply", 'bodyMarkdown: "x"', scope=_WRITE),
    "Mutation.ticketNote": _on("ticketNote", 'bodyMarkdown: "x"', scope=_STAFF, needs_all=True),
    "Mutation.ticketMessageTakeBack": about(
        "ticketMessageTakeBack",
        "FreshAnswer",
        _STAFF,
        also=frozenset({_WRITE}),
        sees=Sees.SELF,
        needs_all=True,
    ),
    "Mutation.ticketFollow": _on("ticketFollow", scope=_READ),
    "Mutation.ticketUnfollow": _on("ticketUnfollow", scope=_READ),
    # Steps
    "Mutation.ticketClose": _on("ticketClose", scope=_WRITE),
    "Mutation.ticketReopen": _on("ticketReopen", 'reason: "x"', scope=_WRITE),
    "Mutation.ticketOpen": _desk("ticketOpen"),
    "Mutation.ticketWaitForCustomer": _desk("ticketWaitForCustomer"),
    "Mutation.ticketWaitInternal": _desk("ticketWaitInternal"),
    "Mutation.ticketSchedule": _desk("ticketSchedule", 'until: "2100-01-01T00:00:00Z"'),
    "Mutation.ticketResolve": _desk("ticketResolve", "resolution: SOLVED"),
    "Mutation.ticketMarkSpam": _desk("ticketMarkSpam"),
    "Mutation.ticketUnmarkSpam": _desk("ticketUnmarkSpam"),
    "Mutation.ticketEscalate": _desk("ticketEscalate", 'reason: "x", checklist: ["x"]'),
    "Mutation.ticketReturn": _desk("ticketReturn", 'note: "x"'),
    # The desk's work
    "Mutation.ticketClassify": _desk("ticketClassify", _SEVERITY),
    "Mutation.ticketRename": _desk("ticketRename", 'subject: "y"'),
    "Mutation.ticketTag": _desk("ticketTag", 'tags: ["x"]'),
    "Mutation.ticketRequesterSet": _desk(
        "ticketRequesterSet", 'requester: {email: "who@people.test"}', uses_up=True
    ),
    "Mutation.ticketAssign": Probe(
        "mutation ($id: ID!, $me: ID!) { ticketAssign(input: {id: $id, assigneeId: $me}) "
        "{ __typename } }",
        "Ticket",
        _STAFF,
        also=frozenset({_WRITE}),
        needs_all=True,
        uses_up=False,
    ),
    "Query.ticketAssignees": Probe("{ ticketAssignees { id } }", scope=_STAFF, needs_all=True),
    "Mutation.ticketTake": _desk("ticketTake"),
    "Mutation.ticketUnassign": _desk("ticketUnassign"),
    "Mutation.ticketQueueSet": _desk("ticketQueueSet", "queueId: null"),
    "Mutation.ticketMerge": Probe(
        "mutation ($id: ID!, $ticket: ID!) { ticketMerge(input: {id: $id, intoId: $ticket}) "
        "{ __typename } }",
        "Ticket",
        _STAFF,
        also=frozenset({_WRITE}),
        needs_all=True,
        uses_up=False,
        refusals=_MOVES,
    ),
    "Mutation.ticketUnmerge": _desk("ticketUnmerge"),
    "Mutation.ticketSplit": Probe(
        'mutation ($id: ID!) { ticketSplit(input: {id: $id, messageIds: ["x"], subject: "x"}) '
        "{ __typename } }",
        "Ticket",
        _STAFF,
        also=frozenset({_WRITE}),
        needs_all=True,
        uses_up=False,
        refusals=frozenset({"ValidationProblem"}),  # there is no such message
    ),
    "Mutation.ticketLink": _of_two("ticketLink"),
    "Mutation.ticketUnlink": _of_two("ticketUnlink"),
    "Mutation.ticketIncidentAnswer": _desk("ticketIncidentAnswer", 'bodyMarkdown: "x"'),
    "Mutation.ticketDelete": about("ticketDelete", "Ticket", **_TENDS),
    "Mutation.ticketRestore": about("ticketRestore", "DeletedTicket", keeps_deleted=True, **_TENDS),
    # What the desk is made of
    "Query.ticketCategories": Probe(
        "{ ticketCategories { id } }", "TicketCategory", _READ, sees=Sees.EVERYBODY
    ),
    "Query.ticketFields": Probe("{ ticketFields { key } }", scope=_READ),
    "Query.queues": Probe(
        "{ queues { id } }", "Queue", _STAFF, sees=Sees.EVERYBODY, needs_all=True
    ),
    "Query.node of TicketCategory": node(
        "TicketCategory", scope=_READ, sees=Sees.EVERYBODY, hides=True
    ),
    "Query.node of Queue": node("Queue", scope=_STAFF, sees=Sees.DESK, hides=True),
    "Mutation.ticketCategoryCreate": plain(
        "ticketCategoryCreate", 'nameRu: "x", nameEn: "x"', **_TENDS
    ),
    "Mutation.ticketCategoryUpdate": Probe(
        "mutation ($id: ID!) { ticketCategoryUpdate(input: {id: $id, position: 2}) "
        "{ __typename } }",
        "TicketCategory",
        **_TENDS,
    ),
    "Mutation.ticketCategoryArchive": about("ticketCategoryArchive", "TicketCategory", **_TENDS),
    "Mutation.ticketCategoryRestore": about("ticketCategoryRestore", "TicketCategory", **_TENDS),
    "Query.ticketFieldDefinitions": Probe(
        "{ ticketFieldDefinitions { id } }",
        "TicketFieldDefinition",
        sees=Sees.EVERYBODY,
        **_TENDS,
    ),
    "Query.node of TicketFieldDefinition": node(
        "TicketFieldDefinition", sees=Sees.TENDS, hides=True, scope=Scope.USER_ADMIN
    ),
    "Mutation.ticketFieldCreate": Probe(
        "mutation ($word: String!) { ticketFieldCreate(input: {key: $word, type: TEXT, "
        'labelRu: "x", labelEn: "x"}) { __typename } }',
        **_TENDS,
    ),
    "Mutation.ticketFieldUpdate": Probe(
        "mutation ($id: ID!) { ticketFieldUpdate(input: {id: $id, position: 2}) { __typename } }",
        "TicketFieldDefinition",
        **_TENDS,
    ),
    "Mutation.ticketFieldArchive": about("ticketFieldArchive", "TicketFieldDefinition", **_TENDS),
    "Mutation.ticketFieldRestore": about("ticketFieldRestore", "TicketFieldDefinition", **_TENDS),
    "Mutation.queueCreate": Probe(
        "mutation ($word: String!) { queueCreate(input: {name: $word, line: FIRST}) "
        "{ __typename } }",
        **_TENDS,
    ),
    "Mutation.queueUpdate": Probe(
        "mutation ($id: ID!, $word: String!) { queueUpdate(input: {id: $id, name: $word}) "
        "{ __typename } }",
        "Queue",
        **_TENDS,
    ),
    "Mutation.queueArchive": about("queueArchive", "Queue", **_TENDS),
    "Mutation.queueRestore": about("queueRestore", "Queue", **_TENDS),
    **TERMS_PROBES,
}
# Asked in other ways than by one request.
DESK_ELSEWHERE: Final[Mapping[str, str]] = {
    "Subscription.ticketChanged": "tests/e2e/test_ticket_subscription.py",
}
