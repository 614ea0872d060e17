"""Organizations: made, changed, deactivated."""

from dataclasses import dataclass
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.errors import (
    NameTakenError,
    NotFoundError,
    RevisionConflictError,
    ValueInvalidError,
)
from models.organizations import MAX_ORGANIZATION_NAME_LENGTH, Organization, OrganizationKind
from models.orm import is_sqlite, placeholders
from models.raw_sql import execute
from models.rules.audit_actions import AuditAction
from models.rules.moments import to_sql
from models.rules.plain_text import check_name
from resolvers.administrators import keep_administrator
from resolvers.audit import log_action
from resolvers.changes import UNSET, Change
from resolvers.context import RequestContext
from resolvers.grants import require_everything
from resolvers.organization_lists import sees_organization
from resolvers.quotas import check_quota
from resolvers.sessions import require_fresh


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationChanges:
    """What an update sets; quotas of None bound nothing."""

    name: Change[str] = UNSET
    kind: Change[OrganizationKind] = UNSET
    max_links: Change[int | None] = UNSET
    max_users: Change[int | None] = UNSET


async def create_organization(
    context: RequestContext,
    *,
    name: str,
    kind: OrganizationKind,
    max_links: int | None = None,
    max_users: int | None = None,
) -> Organization:
    """Make an organization without people.

    Args:
        context: needs USER_ADMIN and the reach ALL.
        name: 1 to 200 characters that no other organization has.
        kind: what it is to us.
        max_links: of all its people together; None for no bound.
        max_users: active ones; None for no bound.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NameTakenError: another one has the name.
        ValueRequiredError, TextTooLongError, ValueInvalidError: name or quotas.
    """
    require_everything(context.viewer)
    organization = Organization(
        name=check_name(name, length=MAX_ORGANIZATION_NAME_LENGTH),
        kind=kind,
        max_links=check_quota(max_links, field="maxLinks"),
        max_users=check_quota(max_users, field="maxUsers"),
    )
    try:
        async with in_transaction("default") as connection:
            await organization.save(using_db=connection)
            await log_action(
                context,
                connection,
                AuditAction.ORGANIZATION_CREATE,
                subject_id=organization.id,
                after=_told(organization),
            )
    except IntegrityError:
        raise NameTakenError(name=organization.name) from None
    return organization


async def update_organization(
    context: RequestContext,
    *,
    organization_id: int,
    if_revision: int | None = None,
    changes: OrganizationChanges,
) -> Organization:
    """Change an organization; a quota below what is in use only stops what would be added.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        NotFoundError: no such organization.
        RevisionConflictError: someone saved since `if_revision`.
        NameTakenError, ValueRequiredError, TextTooLongError, ValueInvalidError: see
            create_organization.
    """
    require_everything(context.viewer)
    values: dict[str, Any] = {}
    if changes.name is not UNSET:
        values["name"] = check_name(changes.name, length=MAX_ORGANIZATION_NAME_LENGTH)
    if changes.kind is not UNSET:
        values["kind"] = changes.kind
    if changes.max_links is not UNSET:
        values["max_links"] = check_quota(changes.max_links, field="maxLinks")
    if changes.max_users is not UNSET:
        values["max_users"] = check_quota(changes.max_users, field="maxUsers")
    try:
        async with in_transaction("default") as connection:
            organization = await _locked(connection, organization_id)
            if if_revision is not None and if_revision != organization.revision:
                raise RevisionConflictError(current_revision=organization.revision)
            before = _told(organization)
            for field, value in values.items():
                setattr(organization, field, value)
            if _told(organization) == before:
                return organization
            organization.revision += 1
            await organization.save(using_db=connection)
            await log_action(
                context,
                connection,
                AuditAction.ORGANIZATION_UPDATE,
                subject_id=organization.id,
                before=before,
                after=_told(organization),
            )
    except IntegrityError:
        raise NameTakenError(name=str(values.get("name", ""))) from None
    return organization


async def deactivate_organization(context: RequestContext, *, organization_id: int) -> Organization:
    """Let none of its people in: sessions end, and keys open nothing until it is active again.

    Its links go on leading. Doing it twice is no error.

    Raises:
        NotPermittedError, ReachNotHeldError: beyond the viewer's rights.
        StepUpRequiredError: the session's proof of identity is too old.
        NotFoundError: no such organization.
        LastAdministratorError: nobody would be an administrator.
    """
    require_everything(context.viewer)
    await require_fresh(context)
    now = context.ports.clock.now()
    async with in_transaction("default") as connection:
        organization = await _locked(connection, organization_id)
        if organization.deactivated_at is not None:
            return organization
        organization.deactivated_at = now
        organization.revision += 1
        await organization.save(using_db=connection)
        marks = placeholders(connection, 2).split(", ")
        await execute(
            connection,
            f"UPDATE session SET revoked_at = {marks[0]} WHERE revoked_at IS NULL AND user_id IN"
            f" (SELECT id FROM app_user WHERE organization_id = {marks[1]})",
            [to_sql(now, sqlite=is_sqlite(connection)), organization.id],
        )
        await keep_administrator(connection)
        await log_action(
            context,
            connection,
            AuditAction.ORGANIZATION_DEACTIVATE,
            subject_id=organization.id,
        )
    return organization


async def activate_organization(context: RequestContext, *, organization_id: int) -> Organization:
    """Let its people in again.

    Raises:
        NotPermittedError, ReachNotHeldError, StepUpRequiredError, NotFoundError: see
            deactivate_organization.
    """
    require_everything(context.viewer)
    await require_fresh(context)
    async with in_transaction("default") as connection:
        organization = await _locked(connection, organization_id)
        if organization.deactivated_at is None:
            return organization
        organization.deactivated_at = None
        organization.revision += 1
        await organization.save(using_db=connection)
        await log_action(
            context, connection, AuditAction.ORGANIZATION_ACTIVATE, subject_id=organization.id
        )
    return organization


async def placeable_organization(
    context: RequestContext, connection: BaseDBAsyncClient, organization_id: int
) -> Organization:
    """Return an organization that people may be put into.

    Raises:
        NotFoundError: absent, or not in the viewer's reach.
        ValueInvalidError: it is deactivated.
    """
    organization = await Organization.filter(id=organization_id).using_db(connection).first()
    if organization is None or not sees_organization(context.viewer, organization_id):
        raise NotFoundError(path=("organizationId",))
    if organization.deactivated_at is not None:
        raise ValueInvalidError(path=("organizationId",), reason="organization_deactivated")
    return organization


async def _locked(connection: BaseDBAsyncClient, organization_id: int) -> Organization:
    found = Organization.filter(id=organization_id).using_db(connection)
    organization = await found.select_for_update(no_key=True).first()
    if organization is None:
        raise NotFoundError
    return organization


def _told(organization: Organization) -> dict[str, object]:
    return {
        "name": organization.name,
        "kind": organization.kind.value,
        "max_links": organization.max_links,
        "max_users": organization.max_users,
    }
