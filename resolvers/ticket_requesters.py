"""Whose matter a ticket is: a person with an account, or a stranger with an address."""

from dataclasses import dataclass

from tortoise.backends.base.client import BaseDBAsyncClient

from models.errors import NotFoundError, ValueInvalidError, ValueRequiredError
from models.organizations import Organization
from models.rules.mail_addresses import normal_address
from models.rules.plain_text import check_text
from models.tickets import MAX_REQUESTER_NAME_LENGTH
from models.users import User
from resolvers.context import Viewer
from resolvers.users import check_email


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Somebody, as the desk names them; either `user_id` or `email`.

    Attributes:
        user_id: of an account that is in use.
        email: of anybody; the account that has it counts if there is one.
        name: of a stranger.
        organization_id: of a stranger; an account has its own.
    """

    user_id: int | None = None
    email: str | None = None
    name: str | None = None
    organization_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRequester:
    """Somebody who was found; either `user_id` or `email`."""

    user_id: int | None = None
    email: str | None = None
    name: str | None = None
    organization_id: int | None = None
    locale: str = "en"


async def known_requester(connection: BaseDBAsyncClient, requester: Requester) -> KnownRequester:
    """Find whom the desk named.

    Raises:
        ValueRequiredError: neither a person nor an address.
        ValueInvalidError: both, or the address is none.
        NotFoundError: no such person in use, or no such organization.
        TextTooLongError: the name.
    """
    if requester.user_id is not None and requester.email is not None:
        raise ValueInvalidError(path=("requester",), reason="requester")
    if requester.user_id is not None:
        found = await _person(connection, id=requester.user_id)
        if found is None:
            raise NotFoundError(path=("requester", "userId"))
        return found
    if not requester.email:
        raise ValueRequiredError(path=("requester",))
    email = check_email(requester.email)
    return await _person(connection, email=normal_address(email)) or KnownRequester(
        email=normal_address(email),
        name=check_text(requester.name, field="name", length=MAX_REQUESTER_NAME_LENGTH),
        organization_id=await _organization(connection, requester.organization_id),
    )


async def viewer_as_requester(connection: BaseDBAsyncClient, viewer: Viewer) -> KnownRequester:
    """Return the viewer as the one whose matter it is; the command line must name somebody.

    Raises:
        ValueRequiredError: the viewer is nobody.
    """
    if viewer.user_id is None:
        raise ValueRequiredError(path=("requester",))
    # Their own row decides about the organization: the viewer may be some minutes old.
    found = await _person(connection, id=viewer.user_id)
    if found is None:
        raise NotFoundError(path=("requester",))
    return found


async def _person(connection: BaseDBAsyncClient, **key: object) -> KnownRequester | None:
    rows = User.filter(deactivated_at=None, erased_at=None, **key)
    user = await rows.using_db(connection).first()
    if user is None:
        return None
    return KnownRequester(
        user_id=user.id,
        name=None,
        organization_id=user.organization_id,
        locale=user.locale,
    )


async def _organization(connection: BaseDBAsyncClient, row_id: int | None) -> int | None:
    if row_id is None:
        return None
    if not await Organization.filter(id=row_id).using_db(connection).exists():
        raise NotFoundError(path=("requester", "organizationId"))
    return row_id
