"""What people change of themselves."""

from dataclasses import dataclass
from typing import Any

from tortoise.transactions import in_transaction

from models.errors import NotFoundError, ValueInvalidError
from models.rules.audit_actions import MASK, AuditAction
from models.rules.periods import load_zone
from models.rules.scopes import Scope
from models.texts import LOCALES
from models.users import Role, User
from resolvers.audit import log_action
from resolvers.changes import UNSET, Change
from resolvers.context import NotPermittedError, RequestContext
from resolvers.users import check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChanges:
    """What an update sets.

    Attributes:
        locale: one of models.texts.LOCALES.
        time_zone: a name of the IANA database.
    """

    name: Change[str] = UNSET
    locale: Change[str] = UNSET
    time_zone: Change[str] = UNSET


async def update_viewer(context: RequestContext, *, changes: ProfileChanges) -> User:
    """Change the viewer's own profile.

    Args:
        context: of a person; a key must hold every right of its owner.
        changes: nothing set is no change.

    Returns:
        The person, with their role loaded.

    Raises:
        NotFoundError: nobody is signed in.
        NotPermittedError: a key with fewer rights than its owner.
        ValueRequiredError, TextTooLongError, ValueInvalidError: a field.
    """
    values = _checked(changes)
    async with in_transaction("default") as connection:
        found = User.filter(id=context.viewer.user_id or 0).using_db(connection)
        user = await found.select_for_update(no_key=True).first()
        if user is None:
            raise NotFoundError
        user.role = await Role.filter(id=user.role_id).using_db(connection).get()
        require_whole(context, user)
        before = {name: getattr(user, name) for name in values}
        if before == values:
            return user
        for field, value in values.items():
            setattr(user, field, value)
        user.revision += 1
        await user.save(using_db=connection)
        changed = [name for name in values if values[name] != before[name]]
        await log_action(
            context,
            connection,
            AuditAction.USER_UPDATE,
            subject_id=user.id,
            before=_told(before, changed),
            after=_told(values, changed),
        )
    return user


def require_whole(context: RequestContext, user: User) -> None:
    """Refuse a key that holds less than its owner's role: it is not the owner.

    Raises:
        NotPermittedError: names the first scope that the key lacks.
    """
    for scope in Scope:
        if scope in user.scopes() - context.viewer.scopes:
            raise NotPermittedError(scope)


def _checked(changes: ProfileChanges) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if changes.name is not UNSET:
        values["name"] = check_name(changes.name)
    if changes.locale is not UNSET:
        if changes.locale not in LOCALES:
            raise ValueInvalidError(path=("locale",), reason="locale")
        values["locale"] = changes.locale
    if changes.time_zone is not UNSET:
        try:
            load_zone(changes.time_zone)
        except ValueInvalidError:
            raise ValueInvalidError(path=("timeZone",), reason="time_zone") from None
        values["time_zone"] = changes.time_zone
    return values


def _told(values: dict[str, Any], changed: list[str]) -> dict[str, Any]:
    """Return what the log tells: it knows people by id, never by name."""
    return {name: MASK if name == "name" else values[name] for name in changed}
