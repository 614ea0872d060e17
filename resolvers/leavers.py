"""Who leaves things to whom: what every transfer between two people asks first."""

from models.errors import NotFoundError, ValueInvalidError
from models.users import Role, User
from resolvers.context import RequestContext
from resolvers.grants import check_role
from resolvers.user_lists import sees_person


async def both_people(
    context: RequestContext, ids: tuple[int, int], *, fields: tuple[str, str]
) -> tuple[User, User]:
    """Return who has the things and who is to get them, with their roles.

    Args:
        context: of somebody with USER_ADMIN and every right of both people.
        ids: of the one in the viewer's reach, also deactivated or erased, and of the other,
            who is in reach and active.
        fields: how the input names the two.

    Raises:
        ReachNotHeldError, ScopeNotHeldError: beyond the viewer's rights.
        NotFoundError: no such person, or not in the viewer's reach.
        ValueInvalidError: the same person twice, or a deactivated one as the new owner.
    """
    if ids[0] == ids[1]:
        raise ValueInvalidError(path=(fields[1],), reason="same_user")
    giver = await _person(context, ids[0], field=fields[0])
    taker = await _person(context, ids[1], field=fields[1])
    if taker.deactivated_at is not None:
        raise ValueInvalidError(path=(fields[1],), reason="user_deactivated")
    return giver, taker


async def _person(context: RequestContext, user_id: int, *, field: str) -> User:
    user = await User.filter(id=user_id).first()
    if user is None or not sees_person(context.viewer, user):
        raise NotFoundError(path=(field,))
    user.role = await Role.get(id=user.role_id)
    check_role(context.viewer, user.role, path=(field,))
    return user
