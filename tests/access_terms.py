"""The service terms' part of the access matrix, see tests.access_desk."""

from collections.abc import Mapping
from typing import Any, Final

from models.rules.scopes import Scope
from tests.access_probes import Probe, Sees, about, node, plain

_STAFF: Final = Scope.TICKET_STAFF
_TENDS: Final[dict[str, Any]] = {
    "scope": Scope.USER_ADMIN,
    "also": frozenset({_STAFF, Scope.TICKET_WRITE}),
    "needs_all": True,
}
_HOURS: Final = 'timeZone: "Europe/Moscow", week: {monday: [{start: "09:00", end: "18:00"}]}'

TERMS_PROBES: Final[Mapping[str, Probe]] = {
    "Query.serviceCalendars": Probe(
        "{ serviceCalendars { id } }",
        "ServiceCalendar",
        _STAFF,
        sees=Sees.EVERYBODY,
        needs_all=True,
    ),
    "Query.servicePolicies": Probe(
        "{ servicePolicies { id } }",
        "ServicePolicy",
        _STAFF,
        sees=Sees.EVERYBODY,
        needs_all=True,
    ),
    "Query.serviceCalendarPreview": Probe(
        f"{{ serviceCalendarPreview(draft: {{{_HOURS}}}, year: 2026) {{ __typename }} }}", **_TENDS
    ),
    "Query.node of ServiceCalendar": node(
        "ServiceCalendar", scope=_STAFF, sees=Sees.DESK, hides=True
    ),
    "Query.node of ServicePolicy": node("ServicePolicy", scope=_STAFF, sees=Sees.DESK, hides=True),
    "Mutation.serviceCalendarCreate": Probe(
        f"mutation ($word: String!) {{ serviceCalendarCreate(input: {{name: $word, {_HOURS}}}) "
        "{ __typename } }",
        **_TENDS,
    ),
    "Mutation.serviceCalendarPublish": Probe(
        f"mutation ($id: ID!) {{ serviceCalendarPublish(input: {{id: $id, {_HOURS}}}) "
        "{ __typename } }",
        "ServiceCalendar",
        **_TENDS,
    ),
    "Mutation.serviceCalendarRename": Probe(
        "mutation ($id: ID!, $word: String!) { serviceCalendarRename(input: {id: $id, "
        "name: $word}) { __typename } }",
        "ServiceCalendar",
        **_TENDS,
    ),
    # A policy that promises nothing is refused to those who could make or change one.
    "Mutation.servicePolicyCreate": plain(
        "servicePolicyCreate",
        'name: "x", calendarId: "x", budgets: {}',
        refusals=frozenset({"ValidationProblem"}),
        **_TENDS,
    ),
    "Mutation.servicePolicyPublish": Probe(
        "mutation ($id: ID!) { servicePolicyPublish(input: {id: $id, calendarId: $id, "
        "budgets: {}}) { __typename } }",
        "ServicePolicy",
        refusals=frozenset({"ValidationProblem"}),
        **_TENDS,
    ),
    "Mutation.servicePolicyArchive": about("servicePolicyArchive", "ServicePolicy", **_TENDS),
}
