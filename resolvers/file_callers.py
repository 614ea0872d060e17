"""Who is at the other end of a signed address: whoever asked for it, as they are now.

An address is worth as much as the session or the key it was asked for with: it opens
nothing once those have ended, or their person may not any more.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from resolvers.api_keys import find_key_by_id
from resolvers.context import RequestContext, Viewer
from resolvers.session_lookup import find_session_by_id

_SESSION: Final = "session"
_KEY: Final = "key"


def caller_of(viewer: Viewer) -> Mapping[str, object]:
    """Return by what a viewer is found again, for renewed."""
    return {_SESSION: viewer.session_id, _KEY: viewer.api_key_id}


async def renewed(context: RequestContext, caller: Mapping[str, object]) -> RequestContext | None:
    """Return the context of whoever an address was given to, as they are now.

    Args:
        context: of the request that came by the address, by nobody.
        caller: from caller_of.

    Returns:
        None when the session or the key opens nothing any more.
    """
    ports, found = context.ports, None
    now = ports.clock.now()
    session_id, key_id = caller[_SESSION], caller[_KEY]
    if isinstance(session_id, int):
        span = ports.access.sessions
        found = await find_session_by_id(session_id, span=span, now=now, is_use=False)
    elif isinstance(key_id, int):
        found = await find_key_by_id(key_id, now=now)
    return None if found is None else replace(context, viewer=found)
