"""How many sockets one session, key or address has open in this process."""

from collections import Counter
from typing import Final, TypeAlias

from schema.context import GraphQLContext

MAX_SOCKETS: Final = 5  # of one session or key: as many as pages anyone looks at
MAX_ANONYMOUS: Final = 50  # of one address: whole offices share one
Owner: TypeAlias = tuple[str, int | str]


class SocketCounts:
    """Counts sockets from their acknowledgement to their end."""

    def __init__(self) -> None:
        self._owners: dict[object, Owner] = {}
        self._counts: Counter[Owner] = Counter()

    def enter(self, socket: object, context: GraphQLContext) -> bool:
        """Count a socket for whoever opened it; False when they have as many as they may."""
        owner = _owner(context)
        most = MAX_ANONYMOUS if owner[0] == "address" else MAX_SOCKETS
        if self._counts[owner] >= most:
            return False
        self._owners[socket] = owner
        self._counts[owner] += 1
        return True

    def leave(self, socket: object) -> None:
        """Count a socket no longer; one that never entered changes nothing."""
        owner = self._owners.pop(socket, None)
        if owner is None:
            return
        self._counts[owner] -= 1
        if not self._counts[owner]:
            del self._counts[owner]


def _owner(context: GraphQLContext) -> Owner:
    viewer = context.viewer
    if viewer.session_id is not None:
        return "session", viewer.session_id
    if viewer.api_key_id is not None:
        return "key", viewer.api_key_id
    if viewer.user_id is not None:
        return "user", viewer.user_id
    return "address", context.origin.address
