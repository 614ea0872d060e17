"""Policies of the service terms: administrators make, change and archive them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import (
    NameTakenError,
    NotFoundError,
    RevisionConflictError,
    ValueInvalidError,
)
from models.organizations import Organization
from models.orm import reader
from models.rules.audit_actions import AuditAction
from models.rules.plain_text import check_name
from models.rules.policy_format import (
    budgets_to_json,
    conditions_to_json,
    percents_to_json,
)
from models.rules.service_clocks import ClockKind
from models.rules.service_policies import (
    CONDITION_FIELDS,
    USUAL_WARNINGS,
    PolicyField,
    check_budgets,
    check_conditions,
    check_reachable,
    check_warnings,
)
from models.rules.severities import TicketSeverity
from models.rules.ticket_states import TicketKind, TicketLine
from models.service_policies import (
    MAX_POLICY_NAME_LENGTH,
    ServicePolicy,
    ServicePolicyVersion,
)
from resolvers.audit import log_action
from resolvers.context import RequestContext
from resolvers.link_filters import MAX_ID
from resolvers.service_book import load_times, newest_version, renew_generation, seconds_of
from resolvers.ticket_filters import is_desk, require_desk, require_desk_administrator

_FIRST: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConditions:
    """Which tickets a policy serves. None sets no condition; an empty set is refused."""

    organization_ids: frozenset[int] | None = None
    severities: frozenset[TicketSeverity] | None = None
    kinds: frozenset[TicketKind] | None = None
    lines: frozenset[TicketLine] | None = None

    def by_field(self) -> dict[PolicyField, frozenset[str]]:
        """Return the conditions that are set, as the rules want them."""
        organizations = self.organization_ids
        stated: dict[PolicyField, frozenset[str] | None] = {
            PolicyField.ORGANIZATION: (
                None if organizations is None else frozenset(str(each) for each in organizations)
            ),
            PolicyField.SEVERITY: _values(self.severities),
            PolicyField.KIND: _values(self.kinds),
            PolicyField.LINE: _values(self.lines),
        }
        return {field: values for field, values in stated.items() if values is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDraft:
    """What somebody wants a policy to say.

    Attributes:
        calendar_id: of the calendar that counts the working time.
        conditions: none at all only for the default.
        budgets: working seconds by kind; a kind that is absent is not promised.
        warn_at: percents of each budget, ascending.
    """

    calendar_id: int
    conditions: PolicyConditions
    budgets: Mapping[ClockKind, int]
    warn_at: tuple[int, ...] = USUAL_WARNINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePolicyView:
    """A policy with its newest version, which is the one that counts."""

    row: ServicePolicy
    version: ServicePolicyVersion


async def list_policies(
    context: RequestContext, *, with_archived: bool = False
) -> list[ServicePolicyView]:
    """Return the policies, the default first, then by name. For the desk."""
    require_desk(context.viewer, writes=False)
    rows = ServicePolicy.all() if with_archived else ServicePolicy.filter(archived_at=None)
    found = await rows.using_db(reader()).order_by("-is_default", "name")
    versions = ServicePolicyVersion.all().using_db(reader()).order_by("number")
    newest = {version.policy_id: version for version in await versions}
    return [ServicePolicyView(row=row, version=newest[row.id]) for row in found if row.id in newest]


async def policies_by_ids(
    context: RequestContext, ids: Sequence[int]
) -> list[ServicePolicyView | None]:
    """Return policies by id in the order of `ids`, archived ones, too; None but for the desk."""
    found: dict[int, ServicePolicyView] = {}
    if is_desk(context.viewer):
        views = await list_policies(context, with_archived=True)
        found = {view.row.id: view for view in views}
    return [found.get(each) for each in ids]


async def create_policy(
    context: RequestContext, *, name: str, draft: PolicyDraft, is_default: bool = False
) -> ServicePolicyView:
    """Make a policy; tickets that it serves are promised what it says, soon after this.

    Args:
        context: of who tends the desk.
        name: that no other policy has, in force or archived.
        draft: what it says.
        is_default: it serves whatever no other policy does; there is one such in force.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NameTakenError: another policy has the name.
        NotFoundError: no such calendar, or organization.
        ValueInvalidError: there is a default already, or another policy has the same
            conditions; a promise would never fall due.
        ValueRequiredError, TextTooLongError, ValueInvalidError, InputInvalidError: the rest.
    """
    require_desk_administrator(context.viewer)
    name = check_name(name, length=MAX_POLICY_NAME_LENGTH)
    row = ServicePolicy(name=name, is_default=is_default)
    version = _version(context, row, draft, number=_FIRST)
    try:
        async with in_transaction("default") as connection:
            await renew_generation(connection)
            await _check_places(context, connection, row, version, draft)
            await row.save(using_db=connection)
            await version.save(using_db=connection)
            await log_action(
                context,
                connection,
                AuditAction.SERVICE_POLICY_CREATE,
                subject_id=row.id,
                after={"name": name, "is_default": is_default, **_told(version)},
            )
    except IntegrityError:
        raise NameTakenError(name=name) from None
    return ServicePolicyView(row=row, version=version)


async def publish_policy(
    context: RequestContext,
    *,
    policy_id: int,
    draft: PolicyDraft,
    if_revision: int | None = None,
) -> ServicePolicyView:
    """Let a policy say something else. What clocks have used stays used.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such policy, or it is archived.
        RevisionConflictError: somebody published since `if_revision`.
        DomainError: the same as create_policy, for the same values.
    """
    require_desk_administrator(context.viewer)
    async with in_transaction("default") as connection:
        await renew_generation(connection)
        row = await _locked(connection, policy_id, if_revision)
        if row.archived_at is not None:
            raise NotFoundError
        before = await newest_version(connection, row)
        row.revision += 1
        version = _version(context, row, draft, number=row.revision)
        await _check_places(context, connection, row, version, draft)
        await row.save(using_db=connection)
        await version.save(using_db=connection)
        await log_action(
            context,
            connection,
            AuditAction.SERVICE_POLICY_UPDATE,
            subject_id=row.id,
            before=_told(before),
            after=_told(version),
        )
    return ServicePolicyView(row=row, version=version)


async def archive_policy(
    context: RequestContext, *, policy_id: int, if_revision: int | None = None
) -> ServicePolicy:
    """Take a policy out of force; its tickets are served by the next one that fits.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such policy.
        RevisionConflictError: somebody published since `if_revision`.
    """
    require_desk_administrator(context.viewer)
    async with in_transaction("default") as connection:
        await renew_generation(connection)
        row = await _locked(connection, policy_id, if_revision)
        if row.archived_at is None:
            row.archived_at = context.ports.clock.now()
            await row.save(using_db=connection)
            await log_action(
                context,
                connection,
                AuditAction.SERVICE_POLICY_ARCHIVE,
                subject_id=row.id,
                before={"archived_at": None},
                after={"archived_at": row.archived_at},
            )
    return row


def _values(
    chosen: frozenset[TicketSeverity | TicketKind | TicketLine] | None,
) -> frozenset[str] | None:
    return None if chosen is None else frozenset(each.value for each in chosen)


def _version(
    context: RequestContext, row: ServicePolicy, draft: PolicyDraft, *, number: int
) -> ServicePolicyVersion:
    """Return the version of a draft whose values were checked one by one."""
    conditions = check_conditions(draft.conditions.by_field(), is_default=row.is_default)
    return ServicePolicyVersion(
        created_at=context.ports.clock.now(),
        policy_id=row.id,
        number=number,
        calendar_id=draft.calendar_id,
        conditions=conditions_to_json(conditions),
        budgets=budgets_to_json(check_budgets(draft.budgets)),
        warn_at=percents_to_json(check_warnings(draft.warn_at)),
        author_id=context.viewer.user_id,
    )


def _told(version: ServicePolicyVersion) -> dict[str, object]:
    return {
        "number": version.number,
        "calendar_id": version.calendar_id,
        "conditions": orjson.loads(version.conditions),
        "budgets": orjson.loads(version.budgets),
        "warn_at": orjson.loads(version.warn_at),
    }


async def _check_places(
    context: RequestContext,
    connection: BaseDBAsyncClient,
    row: ServicePolicy,
    version: ServicePolicyVersion,
    draft: PolicyDraft,
) -> None:
    """Check a version against calendars, organizations and the other policies in force."""
    time = (await load_times(connection)).get(draft.calendar_id)
    if time is None:
        raise NotFoundError(path=("calendarId",))
    check_reachable(draft.budgets, time, seconds_of(context.ports.clock.now()))
    wanted = draft.conditions.organization_ids or frozenset()
    known = Organization.filter(id__in=[each for each in wanted if 0 <= each <= MAX_ID])
    if wanted and await known.using_db(connection).count() != len(wanted):
        raise NotFoundError(path=("conditions", CONDITION_FIELDS[PolicyField.ORGANIZATION]))
    others = ServicePolicy.filter(archived_at=None).exclude(id=row.id).using_db(connection)
    for other in await others.order_by("id"):
        if row.is_default and other.is_default:
            raise ValueInvalidError(path=("default",), reason="default_taken", name=other.name)
        theirs = await newest_version(connection, other)
        if row.is_default is other.is_default and theirs.conditions == version.conditions:
            raise ValueInvalidError(
                path=("conditions",), reason="conditions_taken", name=other.name
            )


async def _locked(
    connection: BaseDBAsyncClient, policy_id: int, if_revision: int | None
) -> ServicePolicy:
    rows = ServicePolicy.filter(id=policy_id if 0 <= policy_id <= MAX_ID else -1)
    row = await rows.using_db(connection).select_for_update(no_key=True).first()
    if row is None:
        raise NotFoundError
    if if_revision is not None and if_revision != row.revision:
        raise RevisionConflictError(current_revision=row.revision)
    return row
