"""Who may do what with whose things: every root field x every role x every relation.

`PROBES` declares each field of Query, Mutation and Subscription once: how it is asked
about a thing, which scope it needs, and whose things it reaches. What has to come of
each cell follows from that and from models.rules.roles. A field without a probe fails
the tests, so that no new one slips in. `python -m tests.access_matrix` prints the page
docs/ACCESS.md.
"""

import sys
from collections.abc import Mapping
from typing import Any, Final

from models.rules.reach import Reach
from models.rules.roles import ROLES, BuiltInRole
from models.rules.scopes import Scope
from tests.access_desk import DESK_ELSEWHERE, DESK_PROBES
from tests.access_probes import Outcome, Probe, Relation, Sees, about, node, plain

NOBODY: Final = "nobody"
COMPANY_ADMINISTRATOR: Final = "company administrator"
# The built-in roles, and one of those that an administrator can define.
ASKING: Final[Mapping[str, BuiltInRole]] = {
    **ROLES,
    COMPANY_ADMINISTRATOR: BuiltInRole(Reach.ORGANIZATION, frozenset(Scope)),
}
WHO: Final = (NOBODY, *ASKING)


RANGE: Final = '{period: {preset: LAST_7_DAYS}, timeZone: "UTC"}'


def _of_owner(field: str, **more: Any) -> Probe:  # noqa: ANN401
    """Return the probe of a field of a person, met as the owner of a link."""
    inner = f"{field} {{ id }}" if field == "organization" else field
    document = f"query ($id: ID!) {{ link(by: {{id: $id}}) {{ owner {{ {inner} }} }} }}"
    return Probe(document, "Link", Scope.LINK_READ, reads=field, **more)


_ADMIN: Final[dict[str, Any]] = {"scope": Scope.USER_ADMIN}
_NONE_YET: Final = frozenset({"NotFoundProblem"})  # the person has no such factor
_NO_SUCH_WAY: Final = frozenset({"StepUpRequiredProblem"})  # the person has no password
_WRONG: Final = frozenset({"PasswordWrongProblem"})
_OPEN: Final[dict[str, Any]] = {"is_public": True}

PROBES: Final[Mapping[str, Probe]] = {
    # What everybody reads
    "Query.portal": Probe("{ portal { name } }", is_public=True),
    "Query.viewer": Probe("{ viewer { scopes } }", is_public=True),
    # Links and statistics
    "Query.node": node("Link"),
    "Query.node of User": node("User", sees=Sees.SELF_OR_ADMIN),
    "Query.node of ApiKey": node("ApiKey", sees=Sees.SELF),
    "Query.node of Session": node("Session", sees=Sees.SELF),
    "Query.node of Passkey": node("Passkey", sees=Sees.SELF),
    "Query.node of Organization": node("Organization", sees=Sees.ORGANIZATION_OR_ADMIN),
    "Query.node of Role": node("Role", scope=Scope.USER_ADMIN, sees=Sees.EVERYBODY, hides=True),
    "Query.node of Invitation": node(
        "Invitation", scope=Scope.USER_ADMIN, hides=True, keeps_deleted=True
    ),
    "Query.nodes": Probe("query ($id: ID!) { nodes(ids: [$id]) { id } }", "Link"),
    "Query.link": Probe("query ($id: ID!) { link(by: {id: $id}) { id } }", "Link", Scope.LINK_READ),
    "Query.node of StoredFile": node(
        "StoredFile", scope=Scope.FILE_READ, sees=Sees.SELF, hides=True
    ),
    "StoredFile.name of a ticket": node(
        "AttachedFile",
        scope=Scope.FILE_READ,
        also=frozenset({Scope.TICKET_READ}),
        hides=True,
    ),
    "Query.links": Probe("{ links(first: 100) { nodes { id } } }", "Link", Scope.LINK_READ),
    "Query.stats": Probe(
        f"{{ stats(range: {RANGE}) {{ breakdown(by: LINK, top: 50) "
        "{ rows { link { id } } } } }",
        "ClickedLink",
        Scope.STATS_READ,
    ),
    "Mutation.linkCreate": plain(
        "linkCreate", 'url: "https://example.org/"', scope=Scope.LINK_WRITE
    ),
    "Mutation.linkUpdate": Probe(
        'mutation ($id: ID!) { linkUpdate(input: {id: $id, title: "x"}) { __typename } }',
        "Link",
        Scope.LINK_WRITE,
    ),
    "Mutation.linkDelete": about("linkDelete", "Link", Scope.LINK_WRITE),
    "Mutation.linksTransfer": Probe(
        "mutation ($id: ID!, $other: ID!) { linksTransfer(input: "
        "{fromUserId: $id, toUserId: $other}) { __typename } }",
        "User",
        **_ADMIN,
    ),
    "Mutation.ticketsTransfer": Probe(
        "mutation ($id: ID!, $other: ID!) { ticketsTransfer(input: "
        "{fromId: $id, toId: $other}) { __typename } }",
        "User",
        **_ADMIN,
    ),
    # Keys, sessions, factors: one's own
    "Mutation.apiKeyCreate": plain("apiKeyCreate", 'label: "x"'),
    "Mutation.apiKeyRevoke": about(
        "apiKeyRevoke", "ApiKey", sees=Sees.SELF_OR_ADMIN, keeps_deleted=True
    ),
    "Mutation.sessionsRevoke": Probe(
        "mutation ($id: ID!) { sessionsRevoke(input: {ids: [$id]}) "
        "{ ... on SessionsRevokeSuccess { revokedIds } } }",
        "Session",
        sees=Sees.SELF_OR_ADMIN,
    ),
    "Mutation.sessionDelete": plain("sessionDelete"),
    "Mutation.sessionRenew": plain("sessionRenew", 'password: "x"', refusals=_NO_SUCH_WAY),
    "Mutation.passkeyRenewBegin": plain("passkeyRenewBegin"),
    "Mutation.sessionRenewByPasskey": plain(
        "sessionRenewByPasskey",
        'token: "x", credential: {id: "x", clientDataJSON: "x", authenticatorData: "x", '
        'signature: "x", userHandle: "x"}',
        refusals=frozenset({"PasskeyRefusedProblem"}),
    ),
    "Mutation.passwordChange": plain(
        "passwordChange", 'newPassword: "a long new password"', refusals=_WRONG
    ),
    "Mutation.emailChangeRequest": plain(
        "emailChangeRequest",
        'email: "new@people.test"',
        refusals=frozenset({"RateLimitedProblem"}),  # all of them want one address
    ),
    "Mutation.totpCreate": plain("totpCreate"),
    "Mutation.totpConfirm": plain("totpConfirm", 'code: "000000"', refusals=_NONE_YET),
    "Mutation.totpDelete": plain("totpDelete", refusals=_NONE_YET),
    "Mutation.recoveryCodesCreate": plain("recoveryCodesCreate", refusals=_NONE_YET),
    "Mutation.passkeyCreateBegin": plain("passkeyCreateBegin"),
    "Mutation.passkeyCreate": plain(
        "passkeyCreate",
        'token: "x", label: "x", credential: '
        '{id: "x", clientDataJSON: "x", attestationObject: "x", transports: []}',
        refusals=frozenset({"PasskeyRefusedProblem"}),
    ),
    "Mutation.passkeyDelete": about("passkeyDelete", "Passkey", sees=Sees.SELF),
    "Mutation.viewerUpdate": plain("viewerUpdate", 'name: "x"'),
    # Ways in
    "Mutation.sessionCreate": Probe(
        "mutation ($word: String!) { sessionCreate(input: {email: $word, password: $word}) "
        "{ __typename } }",
        is_public=True,
    ),
    "Mutation.sessionConfirm": plain("sessionConfirm", 'token: "x", code: "x"', **_OPEN),
    "Mutation.passkeySignInBegin": plain("passkeySignInBegin", **_OPEN),
    "Mutation.sessionCreateByPasskey": plain(
        "sessionCreateByPasskey",
        'token: "x", credential: {id: "x", clientDataJSON: "x", authenticatorData: "x", '
        'signature: "x", userHandle: "x"}',
        **_OPEN,
    ),
    "Mutation.passwordResetRequest": plain(
        "passwordResetRequest", 'email: "a@people.test"', **_OPEN
    ),
    "Mutation.passwordReset": plain(
        "passwordReset", 'token: "x", newPassword: "a long new password"', **_OPEN
    ),
    "Mutation.emailChange": plain("emailChange", 'token: "x"', **_OPEN),
    "Mutation.signUpRequest": plain("signUpRequest", 'email: "a@people.test"', **_OPEN),
    "Mutation.signUp": plain(
        "signUp", 'token: "x", name: "x", password: "a long new password"', **_OPEN
    ),
    "Mutation.invitationAccept": plain(
        "invitationAccept", 'token: "x", name: "x", password: "a long new password"', **_OPEN
    ),
    # What of people is not for everybody who meets them
    "User.email": _of_owner("email", sees=Sees.SELF_OR_ADMIN),
    "User.lastSeenAt": _of_owner("lastSeenAt", sees=Sees.SELF_OR_ADMIN),
    "User.maxLinks": _of_owner("maxLinks", sees=Sees.SELF_OR_ADMIN),
    "User.organization": _of_owner("organization", sees=Sees.ORGANIZATION_OR_ADMIN),
    # People, roles, organizations
    "Query.users": Probe("{ users(first: 100) { nodes { id } } }", "User", **_ADMIN),
    "Mutation.userUpdate": Probe(
        'mutation ($id: ID!) { userUpdate(input: {id: $id, name: "x"}) { __typename } }',
        "User",
        **_ADMIN,
    ),
    "Mutation.userDeactivate": about("userDeactivate", "User", **_ADMIN),
    "Mutation.userActivate": about("userActivate", "User", **_ADMIN),
    "Mutation.userErase": about(
        "userErase", "User", refusals=frozenset({"UserActiveProblem"}), **_ADMIN
    ),
    "Mutation.userSecondFactorReset": about("userSecondFactorReset", "User", **_ADMIN),
    "Query.roles": Probe("{ roles { id } }", "Role", sees=Sees.EVERYBODY, **_ADMIN),
    "Mutation.roleCreate": plain(
        "roleCreate",
        'name: "x", reach: OWN, scopes: [LINK_READ]',
        needs_all=True,
        scope=Scope.USER_ADMIN,
    ),
    "Mutation.roleUpdate": Probe(
        "mutation ($id: ID!, $word: String!) { roleUpdate(input: {id: $id, name: $word}) "
        "{ __typename } }",
        "Role",
        needs_all=True,
        **_ADMIN,
    ),
    "Mutation.roleDelete": about("roleDelete", "Role", needs_all=True, **_ADMIN),
    "Query.organizations": Probe(
        "{ organizations(first: 100) { nodes { id } } }", "Organization", **_ADMIN
    ),
    "Mutation.organizationCreate": plain(
        "organizationCreate", 'name: "x", kind: CUSTOMER', needs_all=True, scope=Scope.USER_ADMIN
    ),
    "Mutation.organizationUpdate": Probe(
        "mutation ($id: ID!, $word: String!) { organizationUpdate(input: "
        "{id: $id, name: $word}) { __typename } }",
        "Organization",
        needs_all=True,
        **_ADMIN,
    ),
    "Mutation.organizationDeactivate": about(
        "organizationDeactivate", "Organization", needs_all=True, **_ADMIN
    ),
    "Mutation.organizationActivate": about(
        "organizationActivate", "Organization", needs_all=True, **_ADMIN
    ),
    "Query.invitations": Probe(
        "{ invitations(first: 100, onlyOpen: true) { nodes { id } } }", "Invitation", **_ADMIN
    ),
    "Mutation.invitationCreate": plain(
        "invitationCreate",
        'email: "b@people.test", role: "customer", locale: "en"',
        scope=Scope.USER_ADMIN,
    ),
    "Mutation.invitationResend": about("invitationResend", "Invitation", **_ADMIN),
    "Mutation.invitationRevoke": about("invitationRevoke", "Invitation", **_ADMIN),
    # Files: one's own until something refers to them
    "Mutation.fileUploadBegin": plain(
        "fileUploadBegin", 'name: "x.txt", bytes: 3', scope=Scope.FILE_WRITE
    ),
    "Mutation.fileDelete": about("fileDelete", "StoredFile", Scope.FILE_WRITE, sees=Sees.SELF),
    # The log
    "Query.auditEntries": Probe(
        "{ auditEntries(first: 100) { nodes { subject { id } } } }", "LoggedLink", Scope.AUDIT_READ
    ),
    # The desk
    **DESK_PROBES,
}
# Asked in other ways than by one request; each by tests of its own.
ELSEWHERE: Final[Mapping[str, str]] = {
    "Subscription.clickRecorded": "tests/e2e/test_graphql_subscription.py",
    **DESK_ELSEWHERE,
}


def expected(who: str, relation: Relation, probe: Probe) -> Outcome:
    """Return what has to come of a cell of the matrix."""
    if probe.is_public:
        return Outcome.REACHED
    if who == NOBODY:
        return Outcome.UNAUTHENTICATED
    role = ASKING[who]
    if probe.scope is not None and not {probe.scope, *probe.also} <= role.scopes:
        return Outcome.ABSENT if probe.hides else Outcome.FORBIDDEN
    if probe.needs_all and role.reach is not Reach.ALL:
        return Outcome.FORBIDDEN
    if not probe.noun:
        return Outcome.REACHED
    reached = _reached(role.reach, probe, role.scopes)
    if probe.keeps_deleted:
        reached |= {Relation.DELETED}
    return Outcome.REACHED if relation in reached else Outcome.ABSENT


_LIVING: Final = (Relation.OWN, Relation.ORGANIZATION, Relation.FOREIGN)
_BY_REACH: Final[Mapping[Reach, frozenset[Relation]]] = {
    Reach.OWN: frozenset({Relation.OWN}),
    Reach.ORGANIZATION: frozenset({Relation.OWN, Relation.ORGANIZATION}),
    Reach.ALL: frozenset({Relation.OWN, Relation.ORGANIZATION, Relation.FOREIGN}),
}


def _reached(reach: Reach, probe: Probe, role_scopes: frozenset[Scope]) -> frozenset[Relation]:
    seen = _BY_REACH[reach]
    if probe.sees is Sees.REACH:
        return seen
    if probe.sees is Sees.EVERYBODY:
        return _BY_REACH[Reach.ALL]
    if probe.sees in {Sees.DESK, Sees.TENDS}:
        needed = {Scope.TICKET_STAFF} | ({Scope.USER_ADMIN} if probe.sees is Sees.TENDS else set())
        return seen if reach is Reach.ALL and needed <= role_scopes else frozenset()
    if probe.sees is not Sees.SELF and Scope.USER_ADMIN in role_scopes:
        return seen
    if probe.sees is Sees.ORGANIZATION_OR_ADMIN:
        ours = _BY_REACH[Reach.ORGANIZATION]
        return ours & seen if probe.reads else ours  # where they are met, they must be seen
    return _BY_REACH[Reach.OWN]


def outcome(probe: Probe, thing: str, answer: Mapping[str, Any]) -> Outcome:
    """Tell what an answer to a probe says.

    Args:
        probe: what was asked.
        thing: global id of what it was asked about, "" for nothing.
        answer: `data` and `errors` as a client gets them.
    """
    codes = {error["extensions"]["code"] for error in answer.get("errors") or []}
    if codes:
        told = {
            "UNAUTHENTICATED": Outcome.UNAUTHENTICATED,
            "FORBIDDEN": Outcome.FORBIDDEN,
            "REACH_NOT_HELD": Outcome.FORBIDDEN,
        }
        assert codes <= set(told), answer
        return told[codes.pop()] if len(codes) == 1 else Outcome(repr(answer))
    [found] = answer["data"].values()
    if probe.reads:
        read_of = found["owner"] if found and probe.reads_owner else found
        is_there = bool(read_of) and read_of[probe.reads] not in (None, [])
        return Outcome.REACHED if is_there else Outcome.ABSENT
    kind = found.get("__typename", "") if isinstance(found, dict) else ""
    if kind in {"ForbiddenProblem", "ReachNotHeldProblem"}:
        return Outcome.FORBIDDEN
    if kind == "NotFoundProblem" and thing:
        return Outcome.ABSENT
    if kind.endswith("Problem") and not (probe.is_public or kind in probe.refusals):
        raise AssertionError(f"{probe.document}: {kind}")
    if kind or not thing:
        return Outcome.REACHED
    return Outcome.REACHED if thing in repr(found) else Outcome.ABSENT


def page() -> str:
    """Return docs/ACCESS.md: what each role reaches of each field."""
    lines = [
        "| field | scope | " + " | ".join(WHO) + " |",
        "|" + "---|" * (len(WHO) + 2),
    ]
    for field, probe in PROBES.items():
        scope = "everybody" if probe.is_public else probe.scope or "signed in"
        cells = " | ".join(_cell(who, probe) for who in WHO)
        lines.append(f"| `{field}` | {scope} | {cells} |")
    return _INTRODUCTION + "\n".join(lines) + "\n"


def _cell(who: str, probe: Probe) -> str:
    reached = [each for each in _LIVING if expected(who, each, probe) is Outcome.REACHED]
    if not reached:
        return "–"
    if not probe.noun or probe.is_public:
        return "yes"
    return {1: "own", 2: "organization", 3: "all"}[len(reached)]


_INTRODUCTION: Final = """\
# Access

Written by `python -m tests.access_matrix`; every cell is asked for real by
tests/e2e/test_access_matrix.py, about things that are one's own, of the same
organization, foreign, deleted and absent. What is deleted, absent or not one's own
is answered alike. An API key holds some of its owner's scopes, never more.

`own`: one's own things. `organization`: those of one's organization, too. `all`:
everybody's. `–`: refused.

"""

if __name__ == "__main__":
    sys.stdout.write(page())
