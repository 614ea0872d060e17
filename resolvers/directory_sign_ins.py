"""Passwords that the organization's directory knows (LDAP), for those that we do not."""

from typing import Final

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from models.rules.identities import ProvedIdentity
from models.second_factors import Identity
from models.users import User
from resolvers.context import RequestContext
from resolvers.identity_accounts import ProviderSignInError, account_of, note_refusal
from resolvers.ports import DirectoryUnavailableError

DIRECTORY: Final = "directory"  # the name of a factor


async def person_of_directory(context: RequestContext, *, name: str, password: str) -> User | None:
    """Return the account of whose name and password the directory knows, None for nobody.

    A directory that is away is nobody's fault and nobody's way in: accounts with a
    password of their own go on, and the audit log says why others do not.

    Args:
        context: of nobody yet.
        name: as the directory knows people, without spaces around it.
        password: as it was typed.
    """
    if context.ports.directory is None:
        return None
    try:
        identity = await context.ports.directory.identify(name=name, password=password)
    except DirectoryUnavailableError as error:
        await note_refusal(context, reason="unavailable", detail=str(error)[:300])
        return None
    if identity is None:
        return None
    try:
        return await _account(context, identity, name=name)
    except IntegrityError:  # the same person came twice at once: now the row is there
        return await _account(context, identity, name=name)


async def knows_password(context: RequestContext, *, user_id: int, password: str) -> bool:
    """Tell whether the directory knows the password of a person who has come by it before.

    It is asked for the name that they typed then, and must answer with the same person.
    """
    directory = context.ports.directory
    known = await Identity.filter(user_id=user_id).exclude(login="").order_by("-last_used_at")
    if directory is None:
        return False
    for each in known:
        try:
            found = await directory.identify(name=each.login, password=password)
        except DirectoryUnavailableError as error:
            await note_refusal(context, reason="unavailable", detail=str(error)[:300])
            return False
        if found is not None and (found.issuer, found.subject) == (each.issuer, each.subject):
            return True
    return False


async def _account(context: RequestContext, identity: ProvedIdentity, *, name: str) -> User | None:
    may_create = context.ports.access.adds_directory_people
    try:
        async with in_transaction("default") as connection:
            user = await account_of(context, connection, identity, may_create=may_create)
            known = Identity.filter(issuer=identity.issuer, subject=identity.subject)
            await known.using_db(connection).update(login=name)
            return user
    except ProviderSignInError as error:
        await note_refusal(context, reason=error.reason)
        return None
