"""Every field of the SDL says who may read it, or is written down here.

A field owns `@access(scope:)`, or it stands in one of these tables. So a new field needs a
decision: the failing test prints the line that is missing. What the fields answer to whom is
asked for real by tests/e2e/test_access_matrix.py.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
    is_interface_type,
    is_object_type,
    is_union_type,
)

from schema.access import Access, RequireScope
from schema.root import served_schema

Table: TypeAlias = Mapping[str, str]
SCHEMA = served_schema()._schema
ROOTS = ("Query", "Mutation", "Subscription")
PROBLEM = {"code", "message", "path"}  # a problem that says no more needs no line

# What anybody may ask without a key or a session, and all that can be reached from there.
OPEN: Final[Table] = {
    "Query": "viewer portal",
    "Mutation": (
        "sessionCreate passwordResetRequest passwordReset emailChange signUpRequest signUp "
        "sessionConfirm passkeySignInBegin sessionCreateByPasskey invitationAccept"
    ),
    "EmailChangeSuccess": "email",
    "InvitationAcceptSuccess": "email",
    "PasskeyRequestOptions": "challenge rpId timeout userVerification",
    "PasskeySignInBeginSuccess": "token options",
    "PasswordResetRequestSuccess": "email",
    "PasswordResetSuccess": "isReset",
    "Portal": (
        "name version url locales signInProvider signUp signInMethods shortDomains maxFileBytes"
    ),
    "QuotaExceededProblem": "code message path limit used",
    "RateLimitedProblem": "code message path retryAfter",
    "SecondFactorRequiredProblem": "code message path token factors",
    "SessionStartSuccess": "expiresAt",
    "SignInProvider": "label url",
    "SignUpRequestSuccess": "email",
    "SignUpSuccess": "email",
    "ValidationProblem": "code message path fieldProblems",
}
# What a key without any scope, or any session, may ask.
SIGNED_IN: Final[Table] = {
    "Query": "node nodes",
    "Mutation": (
        "apiKeyCreate apiKeyRevoke sessionDelete sessionRenew sessionsRevoke "
        "passwordChange emailChangeRequest totpCreate totpConfirm totpDelete recoveryCodesCreate "
        "passkeyCreateBegin passkeyCreate passkeyDelete passkeyRenewBegin "
        "sessionRenewByPasskey viewerUpdate"
    ),
}
# What is reached only through fields that are guarded, and shows what those let through.
BEHIND: Final[Table] = {
    "ApiKey": "id label prefix scopes createdAt lastUsedAt expiresAt perMinute",
    "ApiKeyCreateSuccess": "apiKey secret",
    "ApiKeyLimitProblem": "code message path limit",
    "ApiKeyRevokeSuccess": "revokedId",
    "AuditChange": "field before after",
    "AuditEntry": "id at action via address requestId subjectType changes seq actor subject",
    "AuditEntryConnection": "nodes edges pageInfo",
    "AuditEntryEdge": "cursor node",
    "Click": "id at class reason referrerHost browser os device address link",
    "ClickCounts": "human preview prefetch scanner monitor bot",
    "EmailChangeRequestSuccess": "email",
    "FileDeleteSuccess": "deletedId",
    "FileTooLargeProblem": "code message path limit",
    "FileUploadBeginSuccess": "url expiresAt",
    "ForbiddenProblem": "code message path scope",
    "Invitation": "id email role createdAt expiresAt acceptedAt revokedAt organization",
    "InvitationConnection": "nodes edges pageInfo totalCount",
    "InvitationCreateSuccess": "invitation",
    "InvitationEdge": "cursor node",
    "InvitationResendSuccess": "invitation",
    "InvitationRevokeSuccess": "invitation",
    "Link": (
        "id createdAt updatedAt revision slug domain shortUrl url title state startsAt "
        "expiresAt clickCount lastClickedAt clickCounts owner viewerCan passwordProtected"
    ),
    "LinkConnection": "nodes edges pageInfo totalCount",
    "LinkCreateSuccess": "link",
    "LinkDeleteSuccess": "deletedId",
    "LinkEdge": "cursor node",
    "LinkPermissions": "update delete",
    "LinkUpdateSuccess": "link",
    "LinksTransferSuccess": "transferred",
    "Node": "id",
    "Organization": "id name kind maxLinks maxUsers revision createdAt updatedAt deactivatedAt",
    "OrganizationActivateSuccess": "organization",
    "OrganizationConnection": "nodes edges pageInfo totalCount",
    "OrganizationCreateSuccess": "organization",
    "OrganizationDeactivateSuccess": "organization",
    "OrganizationEdge": "cursor node",
    "OrganizationUpdateSuccess": "organization",
    "PageInfo": "hasNextPage hasPreviousPage startCursor endCursor",
    "Passkey": "id label createdAt lastUsedAt",
    "PasskeyCreateBeginSuccess": "token options",
    "PasskeyCreateSuccess": "passkey",
    "PasskeyCreationOptions": (
        "challenge rp user pubKeyCredParams timeout excludeCredentials "
        "authenticatorSelection attestation"
    ),
    "PasskeyDeleteSuccess": "deletedId",
    "PasskeyDescriptor": "id type transports",
    "PasskeyLimitProblem": "code message path limit",
    "PasskeyParameter": "type alg",
    "PasskeyParty": "id name",
    "PasskeySelection": "residentKey requireResidentKey userVerification",
    "PasskeyUser": "id name displayName",
    "Queue": "id name line archivedAt revision members",
    "QueueArchiveSuccess": "queue",
    "QueueCreateSuccess": "queue",
    "QueueRestoreSuccess": "queue",
    "QueueUpdateSuccess": "queue",
    "ReachNotHeldProblem": "code message path reach",
    "RecoveryCodesCreateSuccess": "recoveryCodes",
    "RevisionConflictProblem": "code message path currentRevision",
    "Role": "id name scopes reach isBuiltIn revision createdAt updatedAt",
    "RoleCreateSuccess": "role",
    "RoleDeleteSuccess": "deletedId",
    "RoleUpdateSuccess": "role",
    "ScopeNotHeldProblem": "code message path scope",
    "ServiceBudget": "kind minutes",
    "ServiceCalendar": "id name revision validFrom timeZone holidays week ownDays preview",
    "ServiceCalendarCreateSuccess": "calendar",
    "ServiceCalendarDay": "day reason name hours",
    "ServiceCalendarPublishSuccess": "calendar",
    "ServiceCalendarRenameSuccess": "calendarId name",
    "ServiceCalendarYear": "year official decree workingDays workingMinutes differingDays",
    "ServiceClock": (
        "kind round state pausedFor budgetSeconds usedSeconds deadlineAt deadlineOfficial "
        "metAt breachedAt lateBySeconds policy log"
    ),
    "ServiceClockEntry": (
        "kind at usedSeconds budgetSeconds formerBudgetSeconds percent pausedFor lateBySeconds"
    ),
    "ServiceOwnDay": "day name off shortenedByMinutes likeWeekday hours",
    "ServicePolicy": "id name revision default archivedAt conditions budgets warnAt calendar",
    "ServicePolicyArchiveSuccess": "policyId",
    "ServicePolicyCondition": "field values",
    "ServicePolicyCreateSuccess": "policy",
    "ServicePolicyPublishSuccess": "policy",
    "ServiceWeekday": "weekday hours",
    "WorkSpan": "start end",
    "Session": (
        "id isCurrent address userAgent factors createdAt authenticatedAt lastSeenAt expiresAt"
    ),
    "SessionDeleteSuccess": "deletedId",
    "SessionsRevokeSuccess": "revokedIds",
    "SlugTakenProblem": "code message path suggestions",
    "StepUpRequiredProblem": "code message path ways",
    "StoredFile": (
        "id name mediaType bytes sha256 scanStatus isShown mayRun createdAt expiresAt uploader"
    ),
    "StatsBreakdown": "dimension rows rest distinct",
    "StatsBucket": "start end clicks human automated visitors",
    "StatsReport": "from to timeZone asOf totals series breakdown",
    "StatsRow": "key label clicks share visitors link",
    "StatsSeries": "interval buckets",
    "StatsTotals": "clicks human preview prefetch scanner monitor bot visitors",
    "TargetLoopProblem": "code message path host",
    "TargetTooLongProblem": "code message path limit",
    "Ticket": (
        "id number subject kind kindLabel status statusLabel severity severityLabel "
        "effect impact workaround line channel requesterName installation productModule "
        "resolution resolutionNote revision reopenCount bounceCount createdAt updatedAt "
        "resolvedAt closedAt snoozedUntil deletedAt requester requesterAddress "
        "organization assignee queue category tags followers customFields mergedInto "
        "links clocks timeline viewerCan"
    ),
    "TicketAssignSuccess": "ticket",
    "TicketCategory": "id name nameRu nameEn position archivedAt revision parent",
    "TicketCategoryArchiveSuccess": "category",
    "TicketCategoryCreateSuccess": "category",
    "TicketCategoryRestoreSuccess": "category",
    "TicketCategoryUpdateSuccess": "category",
    "TicketChange": "id at kind isFromStaff text author changes",
    "TicketClassifySuccess": "ticket",
    "TicketCloseSuccess": "ticket",
    "TicketConnection": "nodes edges pageInfo totalCount",
    "TicketCounts": "mine unassigned byStatus",
    "TicketCreateSuccess": "ticket",
    "TicketDeleteSuccess": "deletedId",
    "TicketEdge": "cursor node",
    "TicketEscalateSuccess": "ticket",
    "TicketField": "key label kind type choices isRequired isForCustomers",
    "TicketFieldArchiveSuccess": "field",
    "TicketFieldChange": "field before after",
    "TicketFieldCreateSuccess": "field",
    "TicketFieldDefinition": (
        "id key kind type labelRu labelEn choices isRequired isForCustomers position "
        "archivedAt revision"
    ),
    "TicketFieldRestoreSuccess": "field",
    "TicketFieldUpdateSuccess": "field",
    "TicketFieldValue": "key label text number boolean",
    "TicketFollowSuccess": "ticket",
    "TicketIncidentAnswerSuccess": "replies",
    "TicketIncidentReply": "ticket ticketMessage problem",
    "TicketLink": "kind isLater ticket",
    "TicketLinkSuccess": "ticket",
    "TicketMarkSpamSuccess": "ticket",
    "TicketMergeSuccess": "ticket",
    "TicketSplitSuccess": "ticket",
    "TicketUnlinkSuccess": "ticket",
    "TicketUnmergeSuccess": "ticket",
    "TicketMessage": (
        "id at visibility channel authorName authorAddress isFromStaff isAutomatic "
        "bodyMarkdown sentAt takenBackAt bodyHtml author attachments "
        "attachmentCount viewerCanTakeBack"
    ),
    "TicketMessageTakeBackSuccess": "ticket ticketMessage",
    "TicketMoveNotPossibleProblem": "code message path status missing",
    "TicketTransferNotPossibleProblem": "code message path tickets",
    "TicketsTransferSuccess": "requested assigned followed",
    "TicketNoteSuccess": "ticket ticketMessage",
    "TicketOpenSuccess": "ticket",
    "TicketPermissions": (
        "reply note edit assign follow open waitForCustomer waitInternal schedule resolve "
        "close reopen escalate return markSpam unmarkSpam merge unmerge split link delete restore"
    ),
    "TicketQueueSetSuccess": "ticket",
    "TicketRenameSuccess": "ticket",
    "TicketReopenSuccess": "ticket",
    "TicketReplySuccess": "ticket ticketMessage",
    "TicketRequesterSetSuccess": "ticket",
    "TicketResolveSuccess": "ticket",
    "TicketRestoreSuccess": "ticket",
    "TicketReturnSuccess": "ticket",
    "TicketScheduleSuccess": "ticket",
    "TicketStatusCount": "status label count",
    "TicketTagSuccess": "ticket",
    "TicketTakeSuccess": "ticket",
    "TicketTimelineConnection": "nodes edges pageInfo totalCount",
    "TicketTimelineEdge": "cursor node",
    "TicketUnassignSuccess": "ticket",
    "TicketUnfollowSuccess": "ticket",
    "TicketUnmarkSpamSuccess": "ticket",
    "TicketWaitForCustomerSuccess": "ticket",
    "TicketWaitInternalSuccess": "ticket",
    "TotpConfirmSuccess": "recoveryCodes",
    "TotpCreateSuccess": "secret uri",
    "TotpDeleteSuccess": "hasTotp",
    "User": (
        "id name email role isStaff createdAt updatedAt deactivatedAt erasedAt reach "
        "revision maxLinks lastSeenAt organization state apiKeys sessions"
    ),
    "UserActivateSuccess": "user",
    "UserConnection": "nodes edges pageInfo totalCount",
    "UserDeactivateSuccess": "user",
    "UserEdge": "cursor node",
    "UserEraseSuccess": "user",
    "UserSecondFactorResetSuccess": "user",
    "UserUpdateSuccess": "user",
    "Viewer": (
        "user scopes reach locale timeZone apiKeys sessions passkeys hasTotp recoveryCodesLeft"
    ),
    "ViewerUpdateSuccess": "user locale timeZone",
}


def objects() -> list[GraphQLObjectType | GraphQLInterfaceType]:
    return [
        each
        for each in SCHEMA.type_map.values()
        if isinstance(each, GraphQLObjectType | GraphQLInterfaceType)
        and not each.name.startswith("__")
    ]


def access_of(field: GraphQLField) -> Access | None:
    definition = field.extensions["strawberry-definition"]
    return next((each for each in definition.directives if isinstance(each, Access)), None)


def guard_of(field: GraphQLField) -> RequireScope | None:
    definition = field.extensions["strawberry-definition"]
    return next((each for each in definition.extensions if isinstance(each, RequireScope)), None)


def declared(name: str) -> set[str]:
    return set(" ".join(table.get(name, "") for table in (OPEN, SIGNED_IN, BEHIND)).split())


def is_plain_problem(each: GraphQLNamedType) -> bool:
    return (
        isinstance(each, GraphQLObjectType | GraphQLInterfaceType)
        and each.name.endswith("Problem")
        and set(each.fields) == PROBLEM
    )


def test_every_field_owns_a_scope_or_a_line_of_these_tables() -> None:
    missing = {
        each.name: " ".join(names)
        for each in objects()
        if not is_plain_problem(each)
        and (
            names := [
                name
                for name, field in each.fields.items()
                if access_of(field) is None and name not in declared(each.name)
            ]
        )
    }

    assert missing == {}


def test_no_line_speaks_of_a_field_that_is_not_there_or_owns_a_scope() -> None:
    open_fields = {
        each.name: {name for name, field in each.fields.items() if access_of(field) is None}
        for each in objects()
    }
    stale = {
        name: " ".join(sorted(left))
        for table in (OPEN, SIGNED_IN, BEHIND)
        for name, fields in table.items()
        if (left := set(fields.split()) - open_fields.get(name, set()))
    }

    assert stale == {}


def test_no_field_is_declared_twice() -> None:
    for each in objects():
        lines = [set(t.get(each.name, "").split()) for t in (OPEN, SIGNED_IN, BEHIND)]
        assert sum(map(len, lines)) == len(set().union(*lines)), each.name


def test_scope_in_the_sdl_is_the_one_that_the_guard_asks_for() -> None:
    for each in objects():
        for name, field in each.fields.items():
            access, guard = access_of(field), guard_of(field)
            if access is not None and each.name != "Subscription":  # it checks for each event
                assert guard is not None, f"{each.name}.{name}"
                assert guard.scope is access.scope, f"{each.name}.{name}"


def test_fields_for_signed_in_people_are_guarded_and_open_ones_are_not() -> None:
    for root in ROOTS:
        fields = SCHEMA.type_map[root].fields  # type: ignore[attr-defined]
        for name in SIGNED_IN.get(root, "").split():
            guard = guard_of(fields[name])
            assert guard is not None, name
            assert guard.scope is None, name
        for name in OPEN.get(root, "").split():
            assert guard_of(fields[name]) is None, name


def test_nothing_else_can_be_reached_without_a_key_or_a_session() -> None:
    """`viewer` is left out: it is null for nobody, and everything else is its own caller's."""
    seen: set[str] = set()
    for root in ROOTS:
        fields = SCHEMA.type_map[root].fields  # type: ignore[attr-defined]
        for name in OPEN.get(root, "").split():
            if name != "viewer":
                walk(get_named_type(fields[name].type), seen)
    reached = {
        name
        for name in seen
        if not is_union_type(SCHEMA.type_map[name])
        and name != "FieldProblem"
        and not is_plain_problem(SCHEMA.type_map[name])
    }

    assert reached == set(OPEN) - set(ROOTS)


def walk(each: GraphQLNamedType, seen: set[str]) -> None:
    if each.name in seen:
        return
    if is_union_type(each):
        seen.add(each.name)
        for member in each.types:
            walk(member, seen)
    elif is_object_type(each) or is_interface_type(each):
        seen.add(each.name)
        for field in each.fields.values():
            walk(get_named_type(field.type), seen)
