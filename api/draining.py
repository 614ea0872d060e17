"""How a web process ends without cutting anybody off."""

import asyncio
import socket
from typing import Final

from api.listeners import has_waiting_connections

_POLL_S: Final = 0.01
_QUEUE_S: Final = 2.0  # longest wait for the queue of new connections to become empty


async def accept_the_queue(listener: socket.socket) -> None:
    """Return when nobody waits to be accepted any more.

    Only at the end of the service: the supervisor has stopped new handshakes, and
    closing the socket would reset those who finished theirs.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _QUEUE_S
    while has_waiting_connections(listener) and loop.time() < deadline:  # noqa: ASYNC110 - the kernel sets no event
        await asyncio.sleep(_POLL_S)
