"""Nobody gives what they do not have, and nobody changes those who have more."""

from models.errors import ReachNotHeldError, ScopeNotHeldError
from models.rules.reach import Reach
from models.rules.scopes import Scope, parse_scopes
from models.users import Role
from resolvers.context import Viewer


def check_grant(
    viewer: Viewer, *, scopes: frozenset[Scope], reach: Reach, path: tuple[str, ...]
) -> None:
    """Refuse scopes or a reach beyond those of the viewer.

    Raises:
        ScopeNotHeldError, ReachNotHeldError: see there.
    """
    for scope in Scope:
        if scope in scopes - viewer.scopes:
            raise ScopeNotHeldError(scope=scope.value, path=path)
    require_reach(viewer, reach, path=path)


def check_role(viewer: Viewer, role: Role, *, path: tuple[str, ...]) -> None:
    """Refuse to give a role, or to change somebody who has it; see check_grant."""
    check_grant(viewer, scopes=parse_scopes(role.scopes), reach=role.reach, path=path)


def require_everything(viewer: Viewer) -> None:
    """Refuse who does not manage everybody: for roles, organizations and moves between them.

    Raises:
        NotPermittedError, ReachNotHeldError: see there.
    """
    viewer.require(Scope.USER_ADMIN)
    require_reach(viewer, Reach.ALL, path=())


def require_reach(viewer: Viewer, reach: Reach, *, path: tuple[str, ...]) -> None:
    """Refuse what needs a reach that the viewer does not have.

    Raises:
        ReachNotHeldError: see there.
    """
    if not viewer.reach.covers(reach):
        raise ReachNotHeldError(reach=reach.value, path=path)
