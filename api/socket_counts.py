"""How many sockets one session, key, person or address has open in this process."""

from collections import Counter
from typing import Final, TypeAlias

from resolvers.context import RequestContext

MAX_SOCKETS: Final = 5  # of one session or key: as many as pages anyone looks at
MAX_PERSONAL: Final = 50  # of one person, through all sessions and keys together
MAX_ANONYMOUS: Final = 50  # of one address: whole offices share one
Owner: TypeAlias = tuple[str, int | str]
_MOST: Final = {
    "session": MAX_SOCKETS,
    "key": MAX_SOCKETS,
    "person": MAX_PERSONAL,
    "address": MAX_ANONYMOUS,
}


class SocketCounts:
    """Counts sockets from their acknowledgement to their end."""

    def __init__(self) -> None:
        self._owners: dict[object, tuple[Owner, ...]] = {}
        self._counts: Counter[Owner] = Counter()

    def enter(self, socket: object, context: RequestContext) -> bool:
        """Count a socket for whoever opened it; False when they have as many as they may."""
        owners = _owners(context)
        if any(self._counts[owner] >= _MOST[owner[0]] for owner in owners):
            return False
        self._owners[socket] = owners
        self._counts.update(owners)
        return True

    def leave(self, socket: object) -> None:
        """Count a socket no longer; one that never entered changes nothing."""
        for owner in self._owners.pop(socket, ()):
            self._counts[owner] -= 1
            if not self._counts[owner]:
                del self._counts[owner]


def _owners(context: RequestContext) -> tuple[Owner, ...]:
    """Return whom a socket counts for: many sessions of one person are one person still."""
    viewer = context.viewer
    found: list[Owner] = []
    if viewer.session_id is not None:
        found.append(("session", viewer.session_id))
    if viewer.api_key_id is not None:
        found.append(("key", viewer.api_key_id))
    if viewer.user_id is not None:
        found.append(("person", viewer.user_id))
    return tuple(found) or (("address", context.origin.address),)
