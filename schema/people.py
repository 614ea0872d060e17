"""People that something of another kind leads to."""

import asyncio
from collections.abc import Sequence

from schema.context import Info
from schema.users import UserType


async def person_of(row_id: int | None, info: Info) -> UserType | None:
    """Return the person of a row id; None for none, and when the account is gone."""
    if row_id is None:
        return None
    try:
        return UserType.of(await info.context.loaders.user.load(row_id), info)
    except LookupError:
        return None


async def people_of(ids: Sequence[int], info: Info) -> list[UserType]:
    """Return the people of row ids, without those whose account is gone."""
    found = await asyncio.gather(*(person_of(row_id, info) for row_id in ids))
    return [each for each in found if each is not None]
