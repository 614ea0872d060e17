"""Roles: what sets of scopes there are. Those of the program are only listed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q
from tortoise.transactions import in_transaction

from models.errors import (
    NameTakenError,
    NotFoundError,
    RevisionConflictError,
    RoleBuiltInError,
    RoleInUseError,
    ValueRequiredError,
)
from models.invitations import Invitation
from models.rules.audit_actions import AuditAction
from models.rules.plain_text import check_name
from models.rules.reach import Reach
from models.rules.scopes import Scope, format_scopes, parse_scopes
from models.users import Role
from resolvers.audit import log_action
from resolvers.changes import UNSET, Change
from resolvers.context import RequestContext
from resolvers.grants import check_grant, check_role, require_everything
from resolvers.link_filters import MAX_ID
from resolvers.sessions import require_fresh

MAX_ROLE_NAME_LENGTH: Final = 64  # characters, also the column width


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChanges:
    """What an update sets."""

    name: Change[str] = UNSET
    scopes: Change[frozenset[Scope]] = UNSET
    reach: Change[Reach] = UNSET


async def roles(context: RequestContext) -> list[Role]:
    """Return every role, the built-in ones first, by name. Needs USER_ADMIN."""
    context.viewer.require(Scope.USER_ADMIN)
    return await Role.all().order_by("-is_built_in", "name")


async def roles_by_ids(context: RequestContext, ids: Sequence[int]) -> list[Role]:
    """Return those of the roles that there are, nothing without USER_ADMIN."""
    wanted = [each for each in dict.fromkeys(ids) if 0 <= each <= MAX_ID]
    if Scope.USER_ADMIN not in context.viewer.scopes or not wanted:
        return []
    return await Role.filter(id__in=wanted)


async def create_role(
    context: RequestContext, *, name: str, scopes: frozenset[Scope], reach: Reach
) -> Role:
    """Define a role of the installation's own.

    Args:
        context: needs USER_ADMIN, the reach ALL and a fresh proof of identity.
        name: 1 to 64 characters that no other role has.
        scopes: at least one, all held by the viewer.
        reach: not beyond the viewer's, which is ALL.

    Raises:
        NotPermittedError, ReachNotHeldError, ScopeNotHeldError: beyond the viewer's rights.
        StepUpRequiredError: the session's proof of identity is too old.
        NameTakenError: another role has the name.
        ValueRequiredError, TextTooLongError, ValueInvalidError: name or scopes.
    """
    await _require_admin(context)
    check_grant(context.viewer, scopes=scopes, reach=reach, path=("scopes",))
    role = Role(
        name=check_name(name, length=MAX_ROLE_NAME_LENGTH),
        scopes=_checked_scopes(scopes),
        reach=reach,
    )
    try:
        async with in_transaction("default") as connection:
            await role.save(using_db=connection)
            await log_action(
                context, connection, AuditAction.ROLE_CREATE, subject_id=role.id, after=_told(role)
            )
    except IntegrityError:
        raise NameTakenError(name=role.name) from None
    return role


async def update_role(
    context: RequestContext,
    *,
    role_id: int,
    if_revision: int | None = None,
    changes: RoleChanges,
) -> Role:
    """Change a role of the installation's own; everybody who has it has the new rights at once.

    Raises:
        NotPermittedError, ReachNotHeldError, ScopeNotHeldError: the role as it is, or as
            it would be, is beyond the viewer's rights.
        StepUpRequiredError: the session's proof of identity is too old.
        NotFoundError: no such role.
        RoleBuiltInError: nobody changes those.
        RevisionConflictError: someone saved since `if_revision`.
        NameTakenError, ValueRequiredError, TextTooLongError, ValueInvalidError: see create_role.
    """
    await _require_admin(context)
    values: dict[str, Any] = {}
    if changes.name is not UNSET:
        values["name"] = check_name(changes.name, length=MAX_ROLE_NAME_LENGTH)
    if changes.scopes is not UNSET:
        values["scopes"] = _checked_scopes(changes.scopes)
    if changes.reach is not UNSET:
        values["reach"] = changes.reach
    try:
        async with in_transaction("default") as connection:
            role = await _locked_own(context, connection, role_id)
            if if_revision is not None and if_revision != role.revision:
                raise RevisionConflictError(current_revision=role.revision)
            before = _told(role)
            for field, value in values.items():
                setattr(role, field, value)
            check_role(context.viewer, role, path=("scopes",))
            if _told(role) == before:
                return role
            role.revision += 1
            await role.save(using_db=connection)
            await log_action(
                context,
                connection,
                AuditAction.ROLE_UPDATE,
                subject_id=role.id,
                before=before,
                after=_told(role),
            )
    except IntegrityError:
        raise NameTakenError(name=str(values.get("name", ""))) from None
    return role


async def delete_role(context: RequestContext, *, role_id: int) -> None:
    """Delete a role that nobody has. Closed invitations to it go with it.

    Raises:
        NotPermittedError, ReachNotHeldError, ScopeNotHeldError, StepUpRequiredError: see
            update_role.
        NotFoundError: no such role.
        RoleBuiltInError: nobody deletes those.
        RoleInUseError: a person or an open invitation has it; the constraint decides.
    """
    await _require_admin(context)
    now = context.ports.clock.now()
    try:
        async with in_transaction("default") as connection:
            role = await _locked_own(context, connection, role_id)
            closed = Q(expires_at__lte=now) | ~Q(accepted_at=None) | ~Q(revoked_at=None)
            await Invitation.filter(closed, role_id=role.id).using_db(connection).delete()
            await role.delete(using_db=connection)
            await log_action(
                context,
                connection,
                AuditAction.ROLE_DELETE,
                subject_id=role.id,
                before=_told(role),
            )
    except IntegrityError:
        raise RoleInUseError from None


async def role_named(name: str) -> Role | None:
    """Return a role by its name, None if there is none."""
    checked = name.strip()
    if "\0" in checked or len(checked) > MAX_ROLE_NAME_LENGTH:
        return None
    return await Role.get_or_none(name=checked)


async def _require_admin(context: RequestContext) -> None:
    require_everything(context.viewer)
    await require_fresh(context)


async def _locked_own(context: RequestContext, connection: BaseDBAsyncClient, role_id: int) -> Role:
    """Return a role that is not built in, which nobody changes before the transaction ends."""
    found = Role.filter(id=role_id).using_db(connection).select_for_update(no_key=True)
    role = await found.first()
    if role is None:
        raise NotFoundError
    if role.is_built_in:
        raise RoleBuiltInError
    check_role(context.viewer, role, path=("id",))
    return role


def _checked_scopes(scopes: frozenset[Scope]) -> str:
    if not scopes:
        raise ValueRequiredError(path=("scopes",))
    return format_scopes(scopes)


def _told(role: Role) -> dict[str, object]:
    scopes = sorted(scope.value for scope in parse_scopes(role.scopes))
    return {"name": role.name, "scopes": scopes, "reach": role.reach.value}
